//! What has come about by time and by changes of the register: who now has to take what, whose
//! time is over, and who need not any more. What it finds is found once: carried out, it is
//! found no more.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use kefu_contracts::access::{
    TrainingObligationCause as Cause, TrainingObligationEnd as End,
    TrainingObligationState as State,
};
use uuid::Uuid;

use super::{
    course::Course,
    obligation::{Obligation, Pass, is_open, need, stays},
};

/// Somebody of the company, as training looks at them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Their key.
    pub id: Uuid,
    /// Where they belong.
    pub department: Option<Uuid>,
    /// Roles that count now, and since when.
    pub roles: Vec<(String, Timestamp)>,
    /// Since when they belong to the company.
    pub joined_at: Timestamp,
    /// First moment at which they no longer do.
    pub leaves_at: Option<Timestamp>,
    /// When they came to their department, if that was later.
    pub moved_at: Option<Timestamp>,
    /// Until when their secrecy training holds.
    pub secrecy_until: Option<Timestamp>,
}

impl Person {
    fn left(&self, now: Timestamp) -> bool {
        self.leaves_at.is_some_and(|end| end <= now)
    }

    fn is_here(&self, now: Timestamp) -> bool {
        self.joined_at <= now && !self.left(now)
    }
}

/// All that it depends on.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Every course as it is now, retired ones too.
    pub courses: Vec<Course>,
    /// Everybody, also who has left.
    pub people: Vec<Person>,
    /// The department above each.
    pub above: HashMap<Uuid, Option<Uuid>>,
    /// What was passed last, by course and person.
    pub passes: HashMap<(Uuid, Uuid), Pass>,
    /// Obligations that are neither met nor ended.
    pub open: Vec<Obligation>,
}

/// Something that came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Somebody now has to take a course.
    Arise {
        /// What.
        course: Uuid,
        /// Who.
        employee: Uuid,
        /// Why.
        cause: Cause,
        /// Since when.
        at: Timestamp,
        /// By when.
        due_at: Timestamp,
    },
    /// An obligation is overdue.
    FallDue(Uuid),
    /// It is no longer one.
    End(Uuid, End),
}

/// All that came about by a moment.
pub fn reconcile(facts: &Facts, now: Timestamp) -> Vec<Change> {
    let people: HashMap<Uuid, &Person> = facts.people.iter().map(|one| (one.id, one)).collect();
    let courses: HashMap<Uuid, &Course> = facts.courses.iter().map(|one| (one.id, one)).collect();
    let mut changes = Vec::new();
    let mut obliged = HashSet::new();
    for one in facts.open.iter().filter(|one| is_open(one.state)) {
        obliged.insert((one.course, one.employee));
        let known = courses.get(&one.course).zip(people.get(&one.employee));
        let Some((course, person)) = known else {
            continue;
        };
        if let Some(end) = end(facts, course, person, one, now) {
            changes.push(Change::End(one.id, end));
        } else if one.state == State::Due && one.due_at <= now {
            changes.push(Change::FallDue(one.id));
        }
    }
    for course in facts.courses.iter().filter(|one| one.retired_at.is_none()) {
        for person in &facts.people {
            if obliged.contains(&(course.id, person.id)) {
                continue;
            }
            let Some(since) = concerned_since(facts, course, person, now) else {
                continue;
            };
            let last = facts.passes.get(&(course.id, person.id)).copied();
            let need = need(course, person.secrecy_until, last, since);
            if let Some(need) = need.filter(|need| need.arises_at <= now) {
                changes.push(Change::Arise {
                    course: course.id,
                    employee: person.id,
                    cause: need.cause,
                    at: need.arises_at,
                    due_at: need.due_at,
                });
            }
        }
    }
    changes
}

/// Why an open obligation ends, if it does.
fn end(
    facts: &Facts,
    course: &Course,
    person: &Person,
    one: &Obligation,
    now: Timestamp,
) -> Option<End> {
    if person.left(now) {
        return Some(End::Left);
    }
    if course.retired_at.is_some() {
        return Some(End::Retired);
    }
    if stays(one.cause) {
        return None;
    }
    let Some(since) = concerned_since(facts, course, person, now) else {
        return Some(End::Released);
    };
    let last = facts.passes.get(&(course.id, person.id)).copied();
    let need = need(course, person.secrecy_until, last, since);
    let there = need.is_none_or(|need| need.arises_at > now);
    there.then_some(End::NotNeeded)
}

/// Since when somebody has to take a course; `None` when it does not concern them now.
pub fn concerned_since(
    facts: &Facts,
    course: &Course,
    person: &Person,
    now: Timestamp,
) -> Option<Timestamp> {
    if !person.is_here(now) {
        return None;
    }
    let definition = &course.definition;
    let belongs = is_below(&facts.above, person.department, &definition.departments);
    let by_department = belongs.then(|| {
        let moved = person.moved_at.unwrap_or(person.joined_at);
        moved.max(person.joined_at)
    });
    let held = person.roles.iter();
    let by_role = held
        .filter(|(role, since)| definition.roles.contains(role) && *since <= now)
        .map(|(_, since)| (*since).max(person.joined_at))
        .min();
    let since = by_department.into_iter().chain(by_role).min()?;
    Some(since.max(course.revised_at))
}

/// Whether a department is one of these, or below one of them.
fn is_below(above: &HashMap<Uuid, Option<Uuid>>, from: Option<Uuid>, these: &[Uuid]) -> bool {
    let mut at = from;
    // No tree is deeper than it has departments.
    for _ in 0..=above.len() {
        let Some(id) = at else { return false };
        if these.contains(&id) {
            return true;
        }
        at = above.get(&id).copied().flatten();
    }
    false
}
