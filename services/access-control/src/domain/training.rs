//! Training of staff (OP-4.1, SG-6): courses, sessions, results, and who has to take what.
//! What can happen when is in docs/training.md.

pub mod course;
pub mod obligation;
pub mod reconcile;
pub mod result;
pub mod steps;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};
use kefu_contracts::access::{EnrolmentState, TrainingSessionState};
use uuid::Uuid;

/// Collection of courses in resource names.
pub const COURSES: &str = "courses";
/// Collection of sessions.
pub const SESSIONS: &str = "training-sessions";
/// Collection of enrolments.
pub const ENROLMENTS: &str = "enrolments";
/// Collection of results.
pub const RESULTS: &str = "training-results";
/// Collection of obligations.
pub const OBLIGATIONS: &str = "training-obligations";
/// Most characters of a place, or of where the evidence is found.
pub const MOST_PLACE: usize = 200;
/// Most characters of a reason.
pub const MOST_REASON: usize = 500;
/// Most seats of a session.
pub const MOST_SEATS: i32 = 1000;

/// A session of a course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its key.
    pub id: Uuid,
    /// Of which course.
    pub course: Uuid,
    /// The revision it was planned by.
    pub course_revision: i32,
    /// Who holds it.
    pub trainer: Uuid,
    /// When.
    pub begins_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// Where.
    pub place: String,
    /// How many can come.
    pub seats: i32,
    /// Where it stands.
    pub state: TrainingSessionState,
    /// Why it does not take place.
    pub cancel_reason: String,
}

/// Somebody in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// Its key.
    pub id: Uuid,
    /// Which session.
    pub session: Uuid,
    /// Who.
    pub employee: Uuid,
    /// Whether they have a seat, and whether they came.
    pub state: EnrolmentState,
    /// Who enrolled them.
    pub by: Uuid,
    /// When.
    pub at: Timestamp,
    /// Why they were absent, or there for a part.
    pub reason: String,
    /// Who recorded whether they came.
    pub recorder: Option<Uuid>,
}

/// Why something in training is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The session does not stand there.
    Session(TrainingSessionState, &'static str),
    /// The enrolment does not.
    Enrolment(EnrolmentState, &'static str),
    /// The session begins later.
    NotYet(Timestamp),
    /// Of these enrolments it is not known whether they came, or how they did.
    Unsettled(Vec<Uuid>),
    /// Nobody examines, corrects or records the attendance of themselves.
    TheirOwn,
    /// Whoever recorded a result does not correct it.
    SecondPerson,
    /// Who was not there has no result.
    NotAttended(EnrolmentState),
    /// The exam alone is taken again only after failing it.
    NotFailed,
    /// Another result took its place.
    Superseded,
    /// The course is retired.
    Retired,
    /// They are in the session already.
    EnrolledTwice(Uuid),
    /// They have a result of that session.
    ResultThere(Uuid),
}

/// So many months later, by the calendar in UTC: the last day of a month stays one where the
/// month is shorter.
pub fn months_after(at: Timestamp, months: i32) -> Timestamp {
    let later = at.to_zoned(TimeZone::UTC).checked_add(months.months());
    later.map_or(Timestamp::MAX, |later| later.timestamp())
}

/// So many days later, each of 24 hours.
pub fn days_after(at: Timestamp, days: i32) -> Timestamp {
    let days = SignedDuration::from_hours(i64::from(days) * 24);
    at.checked_add(days).unwrap_or(Timestamp::MAX)
}
