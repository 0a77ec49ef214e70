//! Types and rules of the register; pure.

pub mod approval;
pub mod binding;
pub mod company;
pub mod export;
pub mod package;
pub mod register;
pub mod roles;
mod roles_file;
pub mod share;
pub mod tree;
