//! What tests stand on: a database of their own, the whole suite in the test's
//! process, callers with tokens, and a clock that can be turned.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod apart;
mod caller;
mod clock;
mod database;
mod suite;
mod wait;

pub use caller::Caller;
pub use clock::TurnableClock;
pub use database::TestDatabase;
pub use kefu_access_control::seed::employee_id;
pub use suite::{COMPANY, TestSuite, Twin};
pub use wait::eventually;
