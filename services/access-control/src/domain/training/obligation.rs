//! What somebody has to take, why and by when.

use jiff::Timestamp;
use kefu_contracts::access::{
    TrainingObligationCause as Cause, TrainingObligationEnd as End,
    TrainingObligationState as State,
};
use uuid::Uuid;

use super::{course::Course, days_after, months_after};

/// That somebody has to take a course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obligation {
    /// Its key.
    pub id: Uuid,
    /// Who.
    pub employee: Uuid,
    /// What.
    pub course: Uuid,
    /// Why.
    pub cause: Cause,
    /// Where it stands.
    pub state: State,
    /// Since when.
    pub arose_at: Timestamp,
    /// By when.
    pub due_at: Timestamp,
    /// When it was met or ended.
    pub settled_at: Option<Timestamp>,
    /// Why it ended.
    pub end: End,
    /// By what it was met.
    pub result: Option<Uuid>,
}

/// What somebody passed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// When it was taken.
    pub at: Timestamp,
    /// First moment at which it no longer holds.
    pub valid_until: Option<Timestamp>,
}

/// What is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Why.
    pub cause: Cause,
    /// Since when.
    pub arises_at: Timestamp,
    /// By when.
    pub due_at: Timestamp,
}

/// What somebody whom a course concerns since a moment has to take of it next; `None` when what
/// they passed holds for ever. Of secrecy training it counts until when that of the employee
/// holds, however it came about (CF-8.1). Nobody is late by what concerned them only later.
pub fn need(
    course: &Course,
    secrecy_until: Option<Timestamp>,
    last: Option<Pass>,
    since: Timestamp,
) -> Option<Need> {
    let definition = &course.definition;
    let lapse = match definition.secrecy {
        true => secrecy_until,
        false => last.and_then(|last| last.valid_until),
    };
    let repeat = last.filter(|_| definition.repeat_months > 0);
    let repeat = repeat.map(|last| months_after(last.at, definition.repeat_months));
    let ends = [(Cause::Lapse, lapse), (Cause::Repeat, repeat)];
    let first = ends
        .into_iter()
        .filter_map(|(cause, at)| Some((cause, at?)))
        .min_by_key(|(_, at)| *at);
    let (cause, at) = match first {
        Some((cause, at)) => (cause, at.max(since)),
        None if last.is_some() => return None,
        None => (Cause::New, since),
    };
    Some(Need {
        cause,
        arises_at: days_after(at, -definition.notice_days).max(since),
        due_at: days_after(at, definition.due_days),
    })
}

/// By when somebody who failed or was absent takes it again. What is overdue stays overdue since
/// when it was.
pub fn retake_due(open: Option<&Obligation>, at: Timestamp, retake_days: i32) -> Timestamp {
    match open {
        Some(open) if open.due_at <= at => open.due_at,
        _ => days_after(at, retake_days),
    }
}

/// Whether it stays until it is passed, whatever else changes.
pub fn stays(cause: Cause) -> bool {
    matches!(cause, Cause::Missed | Cause::Failed)
}

/// Whether somebody still has to.
pub fn is_open(state: State) -> bool {
    matches!(state, State::Due | State::Overdue)
}
