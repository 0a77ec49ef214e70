//! A leak (IH-5): where its record stands, who may act on it and by when, and what is
//! suspected.
//!
//! | state    | assess   | report   | close  |
//! |----------|----------|----------|--------|
//! | open     | assessed | –        | –      |
//! | assessed | assessed | reported | closed |
//! | reported | reported | reported | closed |
//! | closed   | –        | –        | –      |
//!
//! Whoever opened it does not close it, and what is more than minor is reported before.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kefu_contracts::access::{IncidentAct, IncidentSeverity, IncidentState};
use uuid::Uuid;

/// Collection of incidents in resource names.
pub const INCIDENTS: &str = "incidents";
/// Most characters of what is said about one.
pub const MOST_TEXT: usize = 2000;
/// Most characters of who was told.
pub const MOST_RECIPIENT: usize = 200;
/// Most suspects named by hand.
pub const MOST_ACTORS: usize = 100;
/// Most customers named by hand.
pub const MOST_CUSTOMERS: usize = 1000;

/// The table above; what does not stand here cannot be done.
const STEPS: [(IncidentState, IncidentAct, IncidentState); 7] = {
    use IncidentAct::{Assess, Close, Report};
    use IncidentState::{Assessed, Closed, Open, Reported};
    [
        (Open, Assess, Assessed),
        (Assessed, Assess, Assessed),
        (Assessed, Report, Reported),
        (Assessed, Close, Closed),
        (Reported, Assess, Reported),
        (Reported, Report, Reported),
        (Reported, Close, Closed),
    ]
};

/// What is suspected. A dimension that names nothing bounds nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// First moment.
    pub from: Timestamp,
    /// First moment after.
    pub until: Timestamp,
    /// People: they have no part in the record.
    pub subjects: BTreeSet<Uuid>,
    /// Customers.
    pub customers: BTreeSet<Uuid>,
    /// The grant of a share.
    pub grant: Option<Uuid>,
}

/// A leak's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Its key.
    pub id: Uuid,
    /// What happened.
    pub description: String,
    /// What it was opened from.
    pub alert: Option<Uuid>,
    /// The export among its bounds, whose share and receiver they name.
    pub export: Option<Uuid>,
    /// What is suspected.
    pub bounds: Bounds,
    /// Which of the suspects are other company systems.
    pub machines: BTreeSet<Uuid>,
    /// Where it stands.
    pub state: IncidentState,
    /// As it was judged last.
    pub severity: IncidentSeverity,
    /// Who opened it.
    pub opener: Uuid,
    /// When.
    pub opened_at: Timestamp,
    /// By when it is to be judged and reported.
    pub deadlines: Deadlines,
    /// Acts of which it was told that they are overdue.
    pub told: Vec<IncidentAct>,
    /// How many entries the audit log had when it was closed.
    pub closed_size: Option<i64>,
    /// What was done.
    pub steps: Vec<Step>,
    /// Counts the changes, from 1.
    pub revision: i64,
}

/// By when what is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Judging it.
    pub assess: Timestamp,
    /// Telling somebody, unless it is minor.
    pub report: Timestamp,
}

/// Something that was done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub act: IncidentAct,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Uuid,
    /// Of an assessment.
    pub severity: IncidentSeverity,
    /// Of a report: who was told.
    pub recipient: String,
    /// What is said.
    pub text: String,
}

/// Why something is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its state does not allow it.
    State(IncidentState, IncidentAct),
    /// It is more than minor, and nobody was told.
    Unreported,
    /// They opened it.
    TheirOwn,
}

impl Incident {
    /// Does something about it.
    ///
    /// # Errors
    /// Says which rule refuses; nothing has changed then.
    pub fn take(&mut self, step: Step) -> Result<(), Refusal> {
        let state = STEPS
            .iter()
            .find(|(from, by, _)| (*from, *by) == (self.state, step.act))
            .map(|(.., to)| *to);
        let state = state.ok_or(Refusal::State(self.state, step.act))?;
        match step.act {
            IncidentAct::Close if step.by == self.opener => return Err(Refusal::TheirOwn),
            IncidentAct::Close if self.awaits_report() => return Err(Refusal::Unreported),
            IncidentAct::Assess => self.severity = step.severity,
            _ => {}
        }
        self.state = state;
        self.steps.push(step);
        Ok(())
    }

    fn awaits_report(&self) -> bool {
        self.state == IncidentState::Assessed && self.severity != IncidentSeverity::Minor
    }

    /// What is still to be done by when, the earliest first.
    fn outstanding(&self) -> impl Iterator<Item = (Timestamp, IncidentAct)> {
        let open = self.state == IncidentState::Open;
        let assess = open.then_some((self.deadlines.assess, IncidentAct::Assess));
        let report =
            (open || self.awaits_report()).then_some((self.deadlines.report, IncidentAct::Report));
        assess.into_iter().chain(report)
    }

    /// What should have been done by now.
    pub fn overdue(&self, now: Timestamp) -> Vec<IncidentAct> {
        let due = self.outstanding().filter(|(at, _)| *at <= now);
        due.map(|(_, act)| act).collect()
    }

    /// What it is to be told of next that it is overdue, and when.
    pub fn next(&self) -> Option<(Timestamp, IncidentAct)> {
        self.outstanding().find(|(_, act)| !self.told.contains(act))
    }
}

#[cfg(test)]
mod tests;
