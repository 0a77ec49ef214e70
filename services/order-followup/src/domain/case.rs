//! After-sales cases (OP-3.4.6, IH-6, IH-4); pure.

pub(crate) mod account;
pub(crate) mod action;
pub(crate) mod cover;
pub(crate) mod due;
pub(crate) mod entry;
pub(crate) mod payment;
pub(crate) mod rules;
pub(crate) mod state;

/// Characters of what is said or done.
pub(crate) const MEDIUM: usize = 2000;
/// Characters of a place.
pub(crate) const PLACE: usize = 500;
/// Characters of a reference.
pub(crate) const REFERENCE: usize = 120;
