//! Types and rules of the register; pure.

pub mod approval;
pub mod binding;
pub mod borrowing;
pub mod cases;
pub mod company;
pub mod question;
pub mod register;
pub mod roles;
mod roles_file;
pub mod share;
pub mod tree;
pub mod words;
