//! What runs on its own.

pub(crate) mod approvals;
pub(crate) mod exports;
pub(crate) mod revisions;
