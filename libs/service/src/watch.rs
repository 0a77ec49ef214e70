//! Open answers that follow a list: what is in them, where they go on after a break, what wakes
//! them, how many of them somebody may have.

mod follow;
mod list;
mod open;
mod seats;
mod token;
mod wake;

pub use list::{AskedToWatch, Told, Watchable};
pub use open::{Answers, Watch};
pub use seats::{Seat, Seats};
pub use token::ResumeTokens;
pub use wake::Wake;
