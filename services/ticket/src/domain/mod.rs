//! Rules of tickets; pure.

pub(crate) mod action;
pub(crate) mod calendar;
pub(crate) mod change;
pub(crate) mod entry;
pub(crate) mod moment;
pub(crate) mod priority;
pub(crate) mod state;
