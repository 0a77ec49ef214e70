//! SQL of the register, one file an aggregate.

pub(crate) mod approval;
pub(crate) mod binding;
pub(crate) mod changes;
pub(crate) mod chart;
pub(crate) mod department;
pub(crate) mod employee;
pub(crate) mod export;
pub(crate) mod policy;
pub(crate) mod refusal;
pub(crate) mod role;
pub(crate) mod share;
