//! What runs on its own.

pub(crate) mod revisions;
pub(crate) mod transfers;
