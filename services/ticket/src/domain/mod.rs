//! Rules of tickets; pure.

pub(crate) mod action;
pub(crate) mod article;
pub(crate) mod calendar;
pub(crate) mod change;
pub(crate) mod clock;
pub(crate) mod compensation;
pub(crate) mod complaint;
pub(crate) mod entry;
pub(crate) mod file;
pub(crate) mod handling;
pub(crate) mod handover;
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
pub(crate) mod timing;
pub(crate) mod view;

/// A key that people give: lower-case letters, digits and `_`, 2–40.
pub(crate) fn is_code(code: &str) -> bool {
    (2..=40).contains(&code.len())
        && code
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
