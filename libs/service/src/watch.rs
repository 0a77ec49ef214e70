//! What every open answer that follows a list is stood on: where it goes on after a break,
//! what wakes it, how many of them somebody may have.

mod seats;
mod token;
mod wake;

pub use seats::{Seat, Seats};
pub use token::ResumeTokens;
pub use wake::Wake;
