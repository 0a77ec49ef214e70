//! SQL of facts, figures, reports, assessments, exceptions and improvement.

pub(crate) mod assessments;
pub(crate) mod calendars;
pub(crate) mod days;
pub(crate) mod exceptions;
pub(crate) mod facts;
pub(crate) mod generations;
pub(crate) mod improvements;
pub(crate) mod merges;
pub(crate) mod population;
pub(crate) mod query;
pub(crate) mod ratings;
pub(crate) mod reads;
pub(crate) mod reports;
pub(crate) mod tables;
pub(crate) mod versions;

/// One column of many rows, for UNNEST.
fn column<R, T>(rows: &[R], value: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
