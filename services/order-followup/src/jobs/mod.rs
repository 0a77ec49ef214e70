//! What other services' journals do to orders.

mod campaigns;
mod complaints;
mod customers;
mod greetings;
mod missed;
mod points;
mod relations;

pub(crate) use campaigns::job as campaigns;
pub(crate) use complaints::Complaints;
pub(crate) use customers::KnownCustomers;
pub(crate) use greetings::job as greetings;
pub(crate) use missed::job as missed;
pub(crate) use points::job as points;
pub(crate) use relations::job as relations;
