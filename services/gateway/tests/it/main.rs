//! The gateway in one process: its real stack and jobs, a clock to turn, and
//! stand-ins for what is around it.

#![allow(missing_docs, clippy::unwrap_used)]

mod access;
mod configuration;
mod contexts;
mod decisions;
mod issuer;
mod journal;
mod json;
mod keys;
mod limits;
mod mutual_tls;
mod passing;
mod policy;
mod resilience;
mod sizes;
mod standing;
mod tcp;
mod tokens;
mod upstream;
mod web;
mod world;
