//! SQL of tickets.

pub(crate) mod customers;
pub(crate) mod history;
pub(crate) mod messages;
pub(crate) mod opening;
pub(crate) mod records;
pub(crate) mod scrub;
pub(crate) mod tickets;
