//! Types and rules of orders; pure.

pub(crate) mod amendment;
pub(crate) mod entry;
pub(crate) mod finding;
pub(crate) mod follow_up;
pub(crate) mod money;
pub(crate) mod promise;
pub(crate) mod review;
pub(crate) mod stage;
pub(crate) mod stock;
pub(crate) mod submission;
