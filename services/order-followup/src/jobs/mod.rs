//! What other services' journals do to orders.

mod complaints;
mod customers;
mod missed;

pub(crate) use complaints::Complaints;
pub(crate) use customers::KnownCustomers;
pub(crate) use missed::job as missed;
