//! Tests of the whole suite: each starts one of its own, with a database of its
//! own, and calls through the gateway.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod clauses;
mod contexts;
mod exports;
mod faults;
mod figures;
mod five_views;
mod lists;
mod migrations;
mod records;
mod refusals;
mod scopes;
mod writes;
