//! The one engine of approvals: ordered stages, distinct people, deadlines, narrowing
//! and never widening (CF-6.2, CF-6.3, CF-9.2, CF-10.2). Pure: shares, borrowings and destructions are kinds
//! of it, and so is whatever else needs two people's word.
//!
//! | file    | subject                                                       |
//! |---------|---------------------------------------------------------------|
//! | `state` | the states, and the one table of what leads where             |
//! | `flow`  | which stages a kind of request passes (`approvals.toml`)      |
//! | `chart` | who may decide a stage, from the organisation as it is        |
//! | `case`  | one request on its way: what people do to it, and what time does |

pub mod case;
pub mod chart;
pub mod flow;
pub mod state;

#[cfg(test)]
mod tests;

pub use case::{Act, Case, Decision, Refusal, Timed};
pub use chart::{Chart, Hat, Seat, Stand};
pub use flow::{ExportRule, Finder, Flow, Flows, FlowsProblem, StageRule};
pub use state::State;
