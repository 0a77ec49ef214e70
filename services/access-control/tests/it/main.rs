//! access-control against a real database, through its whole stack.

#![allow(clippy::unwrap_used, reason = "tests unwrap freely")]

mod alerts;
mod bindings;
mod borrowings;
mod delegations;
mod departments;
mod devices;
mod employees;
mod explain;
mod exports;
mod history;
mod house;
mod incidents;
mod journal;
mod keys;
mod policy;
mod records;
mod refusals;
mod roles;
mod schema;
mod seed;
mod shares;
mod snapshot;
mod staff;
mod training;
mod transfers;
mod webhooks;
