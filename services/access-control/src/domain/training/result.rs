//! How somebody did: each attempt is kept, one result of it counts, and what was passed holds
//! for its time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::{Refusal, course::Definition, months_after};

/// A result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its key.
    pub id: Uuid,
    /// Who took it.
    pub employee: Uuid,
    /// What.
    pub course: Uuid,
    /// By the pass mark of which revision.
    pub course_revision: i32,
    /// Where; nowhere when the exam alone was taken again.
    pub session: Option<Uuid>,
    /// Counts the attempts, from 1.
    pub attempt: i32,
    /// How many marks.
    pub marks: i32,
    /// Whether that was enough.
    pub passed: bool,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// First moment at which it no longer holds.
    pub valid_until: Option<Timestamp>,
    /// Who recorded it.
    pub examiner: Uuid,
    /// When.
    pub recorded_at: Timestamp,
    /// Where the evidence is found.
    pub evidence: String,
    /// Which one it takes the place of.
    pub corrects: Option<Uuid>,
    /// Why it does.
    pub reason: String,
    /// What was recorded with it.
    pub qualification: Option<Uuid>,
    /// Until when the secrecy training held before it.
    pub held_until: Option<Timestamp>,
    /// Whether another took its place.
    pub superseded: bool,
}

/// What so many marks come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// Whether that was enough.
    pub passed: bool,
    /// First moment at which it no longer holds.
    pub valid_until: Option<Timestamp>,
}

/// Judges marks by a revision of the course.
pub fn judge(definition: &Definition, marks: i32, taken_at: Timestamp) -> Judged {
    let passed = definition.passes(marks);
    let months = definition.validity_months;
    Judged {
        passed,
        valid_until: (passed && months > 0).then(|| months_after(taken_at, months)),
    }
}

/// The attempt that comes next, of the results that count. The exam alone is taken again only
/// after failing it.
///
/// # Errors
/// The last attempt did not fail, or there was none.
pub fn next_attempt(counting: &[Outcome], exam_alone: bool) -> Result<i32, Refusal> {
    let last = counting.iter().max_by_key(|one| one.attempt);
    if exam_alone && last.is_none_or(|last| last.passed) {
        return Err(Refusal::NotFailed);
    }
    Ok(last.map_or(0, |last| last.attempt) + 1)
}

/// Whether this person may correct a result.
///
/// # Errors
/// It is about them, they recorded it, or it does not count any more.
pub fn may_correct(result: &Outcome, by: Uuid) -> Result<(), Refusal> {
    if result.superseded {
        return Err(Refusal::Superseded);
    }
    if by == result.employee {
        return Err(Refusal::TheirOwn);
    }
    if by == result.examiner {
        return Err(Refusal::SecondPerson);
    }
    Ok(())
}

/// Whether the course still is passed by another result than this one, taken no earlier.
pub fn passed_since(counting: &[Outcome], but: &Outcome) -> bool {
    let mut others = counting.iter().filter(|one| one.attempt != but.attempt);
    others.any(|one| one.passed && one.taken_at >= but.taken_at)
}

/// Whether no attempt that counts came after this one's.
pub fn is_last(counting: &[Outcome], one: &Outcome) -> bool {
    counting.iter().all(|other| other.attempt <= one.attempt)
}

/// A skill that was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skill {
    /// `repairs`
    pub key: String,
    /// 1–5.
    pub level: i32,
    /// First moment at which it no longer holds at this level.
    pub valid_until: Option<Timestamp>,
}

/// Of each skill the highest level that holds now, for as long as it does; by key.
pub fn skills_at(shown: &[Skill], now: Timestamp) -> Vec<Skill> {
    let mut best: BTreeMap<&str, &Skill> = BTreeMap::new();
    let until = |one: &Skill| one.valid_until.unwrap_or(Timestamp::MAX);
    for one in shown.iter().filter(|one| until(one) > now) {
        let held = best.entry(&one.key).or_insert(one);
        if (one.level, until(one)) > (held.level, until(held)) {
            *held = one;
        }
    }
    best.into_values().cloned().collect()
}
