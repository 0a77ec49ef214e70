//! The binary as its users have it.

mod processes;
