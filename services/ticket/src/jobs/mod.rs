//! What other services' journals and time do to tickets.

mod attachments;
mod calendars;
mod clocks;
mod customers;
mod inspections;
mod offers;
mod routing;
mod texts;

pub(crate) use attachments::job as attachments;
pub(crate) use calendars::job as calendars;
pub(crate) use clocks::job as clocks;
pub(crate) use customers::KnownCustomers;
pub(crate) use inspections::job as inspections;
pub(crate) use offers::job as offers;
pub(crate) use routing::job as routing;
pub(crate) use texts::job as texts;
