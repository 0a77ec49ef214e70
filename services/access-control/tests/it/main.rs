//! access-control against a real database, through its whole stack.

#![allow(clippy::unwrap_used, reason = "tests unwrap freely")]

mod bindings;
mod borrowings;
mod departments;
mod employees;
mod explain;
mod house;
mod journal;
mod policy;
mod refusals;
mod roles;
mod schema;
mod seed;
mod shares;
mod snapshot;
