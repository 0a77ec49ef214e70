//! What other services' journals and time do to tickets.

mod clocks;
mod customers;
mod offers;
mod routing;

pub(crate) use clocks::job as clocks;
pub(crate) use customers::KnownCustomers;
pub(crate) use offers::job as offers;
pub(crate) use routing::job as routing;
