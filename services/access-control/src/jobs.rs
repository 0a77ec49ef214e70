//! What runs on its own.

pub(crate) mod alerts;
pub(crate) mod approvals;
pub(crate) mod audit;
mod each;
pub(crate) mod exports;
pub(crate) mod incidents;
pub(crate) mod recalls;
pub(crate) mod revisions;
pub(crate) mod trainings;
pub(crate) mod transfers;
pub(crate) mod webhooks;
