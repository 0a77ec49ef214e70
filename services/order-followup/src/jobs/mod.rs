//! What other services' journals and time itself do to orders.

mod customers;
mod judgement;

pub(crate) use customers::KnownCustomers;
pub(crate) use judgement::job as judgement;
