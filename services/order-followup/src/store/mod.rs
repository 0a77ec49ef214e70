//! SQL of orders.

pub(crate) mod back_orders;
pub(crate) mod customers;
pub(crate) mod events;
pub(crate) mod follow_ups;
pub(crate) mod orders;
pub(crate) mod promises;
pub(crate) mod records;
pub(crate) mod reservations;
pub(crate) mod reviews;
pub(crate) mod scrub;
pub(crate) mod stock;
pub(crate) mod submissions;
pub(crate) mod versions;
