//! What other services' journals do to tickets.

mod customers;

pub(crate) use customers::KnownCustomers;
