//! Quality inspection (OP-5, SG-7): what is drawn, how it is scored, who does it, and what
//! comes of it.

pub(crate) mod giving;
pub(crate) mod period;
pub(crate) mod rules;
pub(crate) mod sampling;
pub(crate) mod score;
pub(crate) mod state;
