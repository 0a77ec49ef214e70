//! SQL of tickets.

pub(crate) mod agents;
pub(crate) mod assignments;
pub(crate) mod attention;
pub(crate) mod calendars;
pub(crate) mod clocks;
pub(crate) mod customers;
pub(crate) mod history;
pub(crate) mod messages;
pub(crate) mod offers;
pub(crate) mod opening;
pub(crate) mod own_cursor;
pub(crate) mod queues;
pub(crate) mod records;
pub(crate) mod routing;
pub(crate) mod scrub;
pub(crate) mod surveys;
pub(crate) mod tags;
pub(crate) mod tickets;
pub(crate) mod versions;
pub(crate) mod views;
pub(crate) mod watching;
