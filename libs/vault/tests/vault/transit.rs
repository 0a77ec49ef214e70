//! Transit's contract over HTTP: what is asked of it, what its answers come to, and what goes wrong on the way.

mod faults;
mod house;
mod start;
mod story;
mod takeover;
