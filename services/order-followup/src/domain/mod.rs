//! Types and rules of orders; pure.

pub(crate) mod amendment;
pub(crate) mod campaign;
pub(crate) mod case;
pub(crate) mod completion;
pub(crate) mod composition;
pub(crate) mod entry;
pub(crate) mod finding;
pub(crate) mod follow_up;
pub(crate) mod greeting;
pub(crate) mod loyalty;
pub(crate) mod money;
pub(crate) mod notice;
pub(crate) mod points;
pub(crate) mod promise;
pub(crate) mod relation;
pub(crate) mod review;
pub(crate) mod stage;
pub(crate) mod stock;
pub(crate) mod submission;
pub(crate) mod visit;
