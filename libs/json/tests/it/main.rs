//! Requests and answers in JSON, over the contracts of the suite.

#![allow(missing_docs, clippy::unwrap_used)]

mod bindings;
mod openapi;
mod requests;
