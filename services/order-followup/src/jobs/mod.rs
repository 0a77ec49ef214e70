//! What other services' journals and time itself do to orders.

mod customers;
mod judgement;
mod missed;

pub(crate) use customers::KnownCustomers;
pub(crate) use judgement::job as judgement;
pub(crate) use missed::job as missed;
