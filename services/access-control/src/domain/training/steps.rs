//! What can happen to a session, an enrolment and an obligation, and where it leads: a table
//! each. The page about them is docs/training.md.

use kefu_contracts::access::{
    EnrolmentState as E, TrainingObligationState as O, TrainingSessionState as S,
};

use super::{Enrolment, Refusal};

/// What can happen to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionStep {
    /// Somebody enrols.
    Enrol,
    /// Somebody withdraws.
    Withdraw,
    /// It takes place.
    Hold,
    /// Whether somebody came is recorded.
    Attend,
    /// How somebody did is recorded.
    Result,
    /// It is settled.
    Close,
    /// It does not take place.
    Cancel,
}

/// What can happen to an enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrolmentStep {
    /// A seat got free.
    MoveUp,
    /// They will not come, or the session does not take place.
    Withdraw,
    /// They came.
    Present,
    /// They came for a part.
    Part,
    /// They did not come.
    Absent,
}

/// What can happen to an obligation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObligationStep {
    /// They fail, or are absent.
    Miss,
    /// Its time is over.
    FallDue,
    /// They pass.
    Pass,
    /// They need not any more.
    End,
}

/// States of a session, as its table has them.
pub const SESSION_STATES: [S; 4] = [S::Open, S::Held, S::Closed, S::Cancelled];
/// States of an enrolment.
pub const ENROLMENT_STATES: [E; 6] = [
    E::Waiting,
    E::Enrolled,
    E::Present,
    E::Part,
    E::Absent,
    E::Withdrawn,
];
/// States of an obligation.
pub const OBLIGATION_STATES: [O; 4] = [O::Due, O::Overdue, O::Met, O::Ended];

/// Where each step leads from each state.
pub type Table<Step, State, const STATES: usize, const STEPS: usize> =
    [(Step, &'static str, [Option<State>; STATES]); STEPS];

/// Of a session.
#[rustfmt::skip]
pub const SESSION: Table<SessionStep, S, 4, 7> = [
    // from:                               OPEN              HELD             CLOSED CANCELLED
    (SessionStep::Enrol,    "enrol",    [Some(S::Open),      None,            None,  None]),
    (SessionStep::Withdraw, "withdraw", [Some(S::Open),      None,            None,  None]),
    (SessionStep::Hold,     "hold",     [Some(S::Held),      None,            None,  None]),
    (SessionStep::Attend,   "attend",   [None,               Some(S::Held),   None,  None]),
    (SessionStep::Result,   "result",   [None,               Some(S::Held),   None,  None]),
    (SessionStep::Close,    "close",    [None,               Some(S::Closed), None,  None]),
    (SessionStep::Cancel,   "cancel",   [Some(S::Cancelled), None,            None,  None]),
];

/// Of an enrolment. Who waited to the end and came all the same was there.
#[rustfmt::skip]
pub const ENROLMENT: Table<EnrolmentStep, E, 6, 5> = [
    // from:                                 WAITING             ENROLLED            PRESENT            PART               ABSENT             WITHDRAWN
    (EnrolmentStep::MoveUp,   "move up",  [Some(E::Enrolled),  None,               None,              None,              None,              None]),
    (EnrolmentStep::Withdraw, "withdraw", [Some(E::Withdrawn), Some(E::Withdrawn), None,              None,              None,              None]),
    (EnrolmentStep::Present,  "present",  [Some(E::Present),   Some(E::Present),   Some(E::Present),  Some(E::Present),  Some(E::Present),  None]),
    (EnrolmentStep::Part,     "part",     [Some(E::Part),      Some(E::Part),      Some(E::Part),     Some(E::Part),     Some(E::Part),     None]),
    (EnrolmentStep::Absent,   "absent",   [None,               Some(E::Absent),    Some(E::Absent),   Some(E::Absent),   Some(E::Absent),   None]),
];

/// Of an obligation: what is overdue stays so until it is met or ended.
#[rustfmt::skip]
pub const OBLIGATION: Table<ObligationStep, O, 4, 4> = [
    // from:                                DUE               OVERDUE           MET   ENDED
    (ObligationStep::Miss,    "miss",     [Some(O::Due),     Some(O::Overdue), None, None]),
    (ObligationStep::FallDue, "fall due", [Some(O::Overdue), None,             None, None]),
    (ObligationStep::Pass,    "pass",     [Some(O::Met),     Some(O::Met),     None, None]),
    (ObligationStep::End,     "end",      [Some(O::Ended),   Some(O::Ended),   None, None]),
];

/// Where a step leads; `None` where it cannot be taken. With it what it is called.
fn after<Step, State, const STATES: usize, const STEPS: usize>(
    states: &[State; STATES],
    table: &Table<Step, State, STATES, STEPS>,
    state: State,
    step: Step,
) -> (&'static str, Option<State>)
where
    Step: PartialEq,
    State: PartialEq + Copy,
{
    let Some((_, name, ways)) = table.iter().find(|(of, ..)| *of == step) else {
        return ("", None);
    };
    let column = states.iter().position(|one| *one == state);
    (name, column.and_then(|column| ways[column]))
}

/// Where a session stands after a step.
///
/// # Errors
/// The table has no way.
pub fn session(state: S, step: SessionStep) -> Result<S, Refusal> {
    let (name, to) = after(&SESSION_STATES, &SESSION, state, step);
    to.ok_or(Refusal::Session(state, name))
}

/// Where an enrolment stands after a step.
///
/// # Errors
/// The table has no way.
pub fn enrolment(state: E, step: EnrolmentStep) -> Result<E, Refusal> {
    let (name, to) = after(&ENROLMENT_STATES, &ENROLMENT, state, step);
    to.ok_or(Refusal::Enrolment(state, name))
}

/// Where an obligation stands after a step; `None` where the table has no way.
pub fn obligation(state: O, step: ObligationStep) -> Option<O> {
    after(&OBLIGATION_STATES, &OBLIGATION, state, step).1
}

/// The step that attendance is, unless it is none.
pub fn attendance(state: E) -> Option<EnrolmentStep> {
    match state {
        E::Present => Some(EnrolmentStep::Present),
        E::Part => Some(EnrolmentStep::Part),
        E::Absent => Some(EnrolmentStep::Absent),
        _ => None,
    }
}

/// Who waits the longest for one of the seats, while one is free.
pub fn next_in_line(enrolments: &[Enrolment], seats: i32) -> Option<&Enrolment> {
    let taken = enrolments.iter().filter(|one| one.state == E::Enrolled);
    let free = usize::try_from(seats).is_ok_and(|seats| taken.count() < seats);
    let waiting = enrolments
        .iter()
        .filter(|one| free && one.state == E::Waiting);
    waiting.min_by_key(|one| (one.at, one.id))
}
