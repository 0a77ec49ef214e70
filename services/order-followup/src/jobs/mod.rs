//! What other services' journals and time itself do to orders.

mod back_orders;
mod campaigns;
mod complaints;
mod customers;
mod greetings;
mod judgement;
mod missed;
mod points;
mod relations;
mod reservations;
mod submissions;

pub(crate) use back_orders::job as back_orders;
pub(crate) use campaigns::job as campaigns;
pub(crate) use complaints::Complaints;
pub(crate) use customers::KnownCustomers;
pub(crate) use greetings::job as greetings;
pub(crate) use judgement::job as judgement;
pub(crate) use missed::job as missed;
pub(crate) use points::job as points;
pub(crate) use relations::job as relations;
pub(crate) use reservations::job as reservations;
pub(crate) use submissions::job as submissions;
