//! What other services' journals and time itself do to orders.

mod back_orders;
mod customers;
mod judgement;
mod missed;
mod reservations;
mod submissions;

pub(crate) use back_orders::job as back_orders;
pub(crate) use customers::KnownCustomers;
pub(crate) use judgement::job as judgement;
pub(crate) use missed::job as missed;
pub(crate) use reservations::job as reservations;
pub(crate) use submissions::job as submissions;
