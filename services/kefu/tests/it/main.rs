//! The binary as its users have it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod backups;
mod deployed;
mod keys;
mod kills;
mod order_kills;
mod pairs;
mod policy;
mod processes;
mod production;
mod traces;
