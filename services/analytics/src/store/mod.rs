//! SQL of facts and figures.

pub(crate) mod facts;
pub(crate) mod generations;
pub(crate) mod population;
pub(crate) mod query;
pub(crate) mod reads;
pub(crate) mod tables;

/// One column of many rows, for UNNEST.
fn column<R, T>(rows: &[R], value: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
