//! What other services' journals and time do to tickets.

mod clocks;
mod customers;
mod inspections;
mod routing;

pub(crate) use clocks::job as clocks;
pub(crate) use customers::KnownCustomers;
pub(crate) use inspections::job as inspections;
pub(crate) use routing::job as routing;
