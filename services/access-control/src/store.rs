//! SQL of the register, one file an aggregate.

pub(crate) mod about;
pub(crate) mod alert;
pub(crate) mod approval;
pub(crate) mod audit;
pub(crate) mod binding;
pub(crate) mod borrowing;
pub(crate) mod borrowing_line;
pub(crate) mod changes;
pub(crate) mod chart;
pub(crate) mod delegation;
pub(crate) mod department;
pub(crate) mod destruction;
pub(crate) mod device;
pub(crate) mod employee;
pub(crate) mod export;
pub(crate) mod history;
pub(crate) mod incident;
pub(crate) mod policy;
pub(crate) mod qualification;
pub(crate) mod refusal;
pub(crate) mod role;
pub(crate) mod share;
pub(crate) mod stored;
pub(crate) mod training;
pub(crate) mod transfer;
pub(crate) mod webhook;
