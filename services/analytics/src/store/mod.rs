//! SQL of facts and figures. Facts come in stretches of a journal, hundreds at
//! once, and go in with one statement each.

pub(crate) mod freshness;
pub(crate) mod orders;
pub(crate) mod query;
pub(crate) mod reviews;
pub(crate) mod tickets;

/// One column of many rows, for UNNEST.
fn column<R, T>(rows: &[R], value: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
