//! The contract test: what carries no annotation is refused, and what is
//! generated from the annotations does what they say.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../build/annotations.rs"]
mod annotations;
mod lint;
#[path = "../../build/lint.rs"]
mod lint_rules;
mod redaction;
mod table;
