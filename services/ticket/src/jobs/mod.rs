//! What other services' journals and time do to tickets.

mod clocks;
mod customers;
mod routing;
mod texts;

pub(crate) use clocks::job as clocks;
pub(crate) use customers::KnownCustomers;
pub(crate) use routing::job as routing;
pub(crate) use texts::job as texts;
