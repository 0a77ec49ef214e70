//! What other services' journals do to orders.

mod customers;

pub(crate) use customers::KnownCustomers;
