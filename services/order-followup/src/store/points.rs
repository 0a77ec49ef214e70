//! Accounts of points, their postings, and corrections that wait (OP-3.3).

pub(crate) mod accounts;
pub(crate) mod corrections;
pub(crate) mod merges;
pub(crate) mod postings;
