//! The vault as other crates see it.
#![allow(
    clippy::unwrap_used,
    reason = "fixtures are test code, though outside #[test]"
)]

mod cached_keys;
mod fixture;
mod format;
mod index;
#[cfg(unix)]
mod key_file;
mod sealing;
mod texts;
mod transit;
mod wrapping;
