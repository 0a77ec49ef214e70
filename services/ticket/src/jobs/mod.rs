//! What other services' journals and time do to tickets.

mod clocks;
mod customers;

pub(crate) use clocks::job as clocks;
pub(crate) use customers::KnownCustomers;
