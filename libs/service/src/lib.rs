//! What every service of kefu is stood on: configuration, telemetry, database,
//! the server stack, errors, paging, sealing, journaled answers and feeds.
//!
//! A service crate brings its rules and its SQL; everything that must be the
//! same in all of them is here, once.

pub mod bulk;
pub mod calendar;
pub mod call;
pub mod clock;
pub mod config;
pub mod connector;
pub mod consumer;
pub mod core;
pub mod database;
pub mod destroyed;
pub mod dynamic;
pub mod entitlements;
pub mod error;
pub mod facts;
pub mod feed;
pub mod fields;
pub mod files;
pub mod filter;
mod held_back;
pub mod host;
pub mod idempotency;
pub mod ids;
pub mod listing;
pub mod lunar;
pub mod notice;
pub mod own_journal;
pub mod page;
pub mod peer;
pub mod phrase;
pub mod position;
pub mod present;
pub mod rewrap;
pub mod scope;
pub mod sealed;
pub mod server;
pub mod stack;
pub mod telemetry;
pub mod time;
pub mod tls;
pub mod versions;
pub mod watch;
pub mod written;
