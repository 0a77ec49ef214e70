//! Rules of tickets; pure.

pub(crate) mod action;
pub(crate) mod article;
pub(crate) mod change;
pub(crate) mod clock;
pub(crate) mod compensation;
pub(crate) mod complaint;
pub(crate) mod entry;
pub(crate) mod file;
pub(crate) mod handling;
pub(crate) mod handover;
pub(crate) mod holidays;
pub(crate) mod inspection;
pub(crate) mod link;
pub(crate) mod macros;
pub(crate) mod merge;
pub(crate) mod moment;
pub(crate) mod notice;
pub(crate) mod phrase;
pub(crate) mod priority;
pub(crate) mod queue;
pub(crate) mod routing;
pub(crate) mod state;
pub(crate) mod survey;
pub(crate) mod tag;
pub(crate) mod talk;
pub(crate) mod targets;
pub(crate) mod theme;
pub(crate) mod timing;
pub(crate) mod view;

pub(crate) use kefu_service::fields::is_code;
