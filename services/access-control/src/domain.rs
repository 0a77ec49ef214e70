//! Types and rules of the register; pure.

pub mod alert;
pub mod approval;
pub mod audit;
pub mod binding;
pub mod borrowing;
pub mod cases;
pub mod company;
pub mod delegation;
pub mod destruction;
pub mod device;
pub mod export;
pub mod history;
pub mod incident;
pub mod lapse;
pub mod package;
pub mod qualification;
pub mod question;
pub mod register;
pub mod roles;
mod roles_file;
pub mod selection;
pub mod share;
pub mod training;
pub mod transfer;
pub mod tree;
pub mod webhook;
pub mod words;
