//! SQL of tickets.

pub(crate) mod agents;
pub(crate) mod articles;
pub(crate) mod assignments;
pub(crate) mod attachments;
pub(crate) mod calendars;
pub(crate) mod clocks;
pub(crate) mod customers;
pub(crate) mod history;
pub(crate) mod inspection_draws;
pub(crate) mod inspection_tasks;
pub(crate) mod inspections;
pub(crate) mod links;
pub(crate) mod macros;
pub(crate) mod merges;
pub(crate) mod messages;
pub(crate) mod notices;
pub(crate) mod opening;
pub(crate) mod own_cursor;
pub(crate) mod queues;
pub(crate) mod records;
pub(crate) mod routing;
pub(crate) mod scrub;
pub(crate) mod splits;
pub(crate) mod surveys;
pub(crate) mod tickets;
pub(crate) mod versions;
