//! SQL of orders, and of what is done after them.

pub(crate) mod back_orders;
pub(crate) mod campaigns;
pub(crate) mod cases;
pub(crate) mod completion;
pub(crate) mod customers;
pub(crate) mod events;
pub(crate) mod follow_ups;
pub(crate) mod greetings;
pub(crate) mod line_accounts;
pub(crate) mod notices;
pub(crate) mod orders;
pub(crate) mod points;
pub(crate) mod promises;
pub(crate) mod records;
pub(crate) mod relations;
pub(crate) mod reservations;
pub(crate) mod reviews;
pub(crate) mod scrub;
pub(crate) mod stock;
pub(crate) mod submissions;
pub(crate) mod versions;
pub(crate) mod visits;
