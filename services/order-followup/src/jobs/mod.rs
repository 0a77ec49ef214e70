//! What other services' journals do to orders.

mod customers;
mod missed;

pub(crate) use customers::KnownCustomers;
pub(crate) use missed::job as missed;
