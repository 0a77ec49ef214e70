//! Types and rules of figures; pure.

pub(crate) mod assessment;
pub(crate) mod catalogue;
pub(crate) mod company;
pub(crate) mod exception;
pub(crate) mod fact;
pub(crate) mod improvement;
pub(crate) mod merges;
pub(crate) mod only;
pub(crate) mod organisation;
pub(crate) mod period;
pub(crate) mod perturbation;
pub(crate) mod question;
pub(crate) mod reads;
pub(crate) mod report;
pub(crate) mod series;
pub(crate) mod working;
