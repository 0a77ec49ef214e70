//! Who has to take what.

use std::collections::HashMap;

use kefu_contracts::access::{
    TrainingObligationCause as Cause, TrainingObligationEnd as End,
    TrainingObligationState as State,
};
use proptest::prelude::*;

use super::*;
use crate::domain::training::{
    days_after, months_after,
    obligation::{Need, Obligation, Pass, is_open, need, retake_due, stays},
    reconcile::{Change, Facts, Person, concerned_since, reconcile},
    steps::{ObligationStep, obligation},
};

const DAY: i64 = 24;

/// Who never passed has to since they joined; who passed for ever never again; what lapses is
/// due so many days after, and told of ahead.
#[test]
fn what_is_due_says_why_and_by_when() {
    let of = |definition, until, last, since| need(&course(definition), until, last, since);
    let new = Need {
        cause: Cause::New,
        arises_at: hour(5),
        due_at: hour(5 + 30 * DAY),
    };
    assert_eq!(of(definition(), None, None, hour(5)), Some(new));
    let passed = Some(Pass {
        at: hour(0),
        valid_until: None,
    });
    assert_eq!(of(definition(), None, passed, hour(5)), None);
    let lapsing = Definition {
        notice_days: 10,
        ..definition()
    };
    let passed = Some(Pass {
        at: hour(0),
        valid_until: Some(hour(100 * DAY)),
    });
    let lapse = Need {
        cause: Cause::Lapse,
        arises_at: hour(90 * DAY),
        due_at: hour(130 * DAY),
    };
    assert_eq!(of(lapsing.clone(), None, passed, hour(5)), Some(lapse));
    // Secrecy training holds as long as it holds for access, however it came about (CF-8.1).
    let secrecy = Definition {
        secrecy: true,
        validity_months: 12,
        ..lapsing
    };
    let until = Some(hour(100 * DAY));
    assert_eq!(of(secrecy.clone(), until, None, hour(5)), Some(lapse));
    let long_ago = of(secrecy, Some(hour(-5)), None, hour(5)).unwrap();
    assert_eq!(
        (long_ago.arises_at, long_ago.due_at),
        (new.arises_at, new.due_at)
    );
}

/// Clause OP-4.1: a retake is due in its days; failing again does not make what is overdue due
/// later.
#[test]
fn failing_is_no_way_to_be_less_late() {
    assert_eq!(retake_due(None, hour(3), 7), hour(3 + 7 * DAY));
    let open = |due| Obligation {
        id: Uuid::from_u128(5),
        employee: Uuid::from_u128(6),
        course: Uuid::from_u128(1),
        cause: Cause::New,
        state: State::Due,
        arose_at: hour(0),
        due_at: hour(due),
        settled_at: None,
        end: End::Unspecified,
        result: None,
    };
    assert_eq!(retake_due(Some(&open(2)), hour(3), 7), hour(2));
    assert_eq!(retake_due(Some(&open(4)), hour(3), 7), hour(3 + 7 * DAY));
}

proptest! {
    /// Clause OP-4.1: what is to be taken next is what going through each hour finds.
    #[test]
    fn the_next_need_is_what_each_hour_shows(
        until in proptest::option::of(-50..2000_i64),
        last in proptest::option::of((-100..500_i64, proptest::option::of(-50..2000_i64))),
        since in 0..600_i64,
        secrecy in any::<bool>(),
        repeat_months in 0..3,
        notice_days in 0..20,
    ) {
        let definition = Definition { secrecy, repeat_months, notice_days, ..definition() };
        let last = last.map(|(at, until)| Pass { at: hour(at), valid_until: until.map(hour) });
        let lapse = if secrecy { until.map(hour) } else { last.and_then(|last| last.valid_until) };
        let repeat = last.filter(|_| repeat_months > 0).map(|last| months_after(last.at, repeat_months));
        let never = lapse.is_none() && last.is_none();
        // No month has more than 31 days.
        let found = (since..since + 3000).map(hour).find(|now| {
            never || lapse.is_some_and(|at| at <= *now) || repeat.is_some_and(|at| at <= *now)
        });
        let expected = found.map(|at| {
            let arises_at = days_after(at, -notice_days).max(hour(since));
            (arises_at, days_after(at, 30))
        });
        let need = need(&course(definition), until.map(hour), last, hour(since));
        prop_assert_eq!(need.map(|need| (need.arises_at, need.due_at)), expected);
        prop_assert_eq!(need.is_some_and(|need| need.cause == Cause::New), found.is_some() && never);
    }
}

/// Something that happens to the company of the property below.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Hours(i64),
    Pass(usize, usize),
    Fail(usize, usize),
    Move(usize, u128),
    Leave(usize),
    Agent(usize),
    Retire(usize),
    Paper(usize, i64),
}

fn happening() -> impl Strategy<Value = Happening> {
    let (course, person) = (0..3_usize, 0..4_usize);
    prop_oneof![
        4 => (1..1500_i64).prop_map(Happening::Hours),
        3 => (course.clone(), person.clone()).prop_map(|(course, person)| Happening::Pass(course, person)),
        2 => (course.clone(), person.clone()).prop_map(|(course, person)| Happening::Fail(course, person)),
        1 => (person.clone(), 10..13_u128).prop_map(|(person, to)| Happening::Move(person, to)),
        1 => person.clone().prop_map(Happening::Leave),
        1 => person.clone().prop_map(Happening::Agent),
        1 => course.prop_map(Happening::Retire),
        1 => (person, 1..900_i64).prop_map(|(person, hours)| Happening::Paper(person, hours)),
    ]
}

/// Secrecy for a department and those below, monthly for agents, once for another department.
fn company() -> Facts {
    let place = |id| Uuid::from_u128(id);
    let secrecy = Definition {
        secrecy: true,
        validity_months: 2,
        notice_days: 10,
        departments: vec![place(10)],
        ..definition()
    };
    let monthly = Definition {
        repeat_months: 1,
        roles: vec!["agent".into()],
        ..definition()
    };
    let once = Definition {
        departments: vec![place(11)],
        ..definition()
    };
    let courses = [secrecy, monthly, once].into_iter().zip(1..);
    Facts {
        courses: courses
            .map(|(definition, id)| Course {
                id: place(id),
                ..course(definition)
            })
            .collect(),
        people: (0..4)
            .map(|id| Person {
                id: place(100 + id),
                department: Some(place(10 + id % 3)),
                roles: Vec::new(),
                joined_at: hour(id as i64 * 300),
                leaves_at: None,
                moved_at: None,
                secrecy_until: (id == 1).then(|| hour(500)),
            })
            .collect(),
        // 11 is below 10; 12 stands alone.
        above: HashMap::from([
            (place(10), None),
            (place(11), Some(place(10))),
            (place(12), None),
        ]),
        ..Facts::default()
    }
}

fn settle(facts: &mut Facts, course: usize, person: usize, step: ObligationStep, now: Timestamp) {
    let key = (facts.courses[course].id, facts.people[person].id);
    let of = |one: &&mut Obligation| (one.course, one.employee) == key && is_open(one.state);
    if let Some(one) = facts.open.iter_mut().find(of) {
        one.state = obligation(one.state, step).unwrap();
        if step == ObligationStep::Miss {
            one.cause = Cause::Failed;
            one.due_at = retake_due(Some(&one.clone()), now, 7);
        }
    } else if step == ObligationStep::Miss {
        facts.open.push(Obligation {
            id: Uuid::from_u128(facts.open.len() as u128),
            employee: key.1,
            course: key.0,
            cause: Cause::Failed,
            state: State::Due,
            arose_at: now,
            due_at: retake_due(None, now, 7),
            settled_at: None,
            end: End::Unspecified,
            result: None,
        });
    }
}

fn carry_out(facts: &mut Facts, changes: Vec<Change>) {
    for change in changes {
        match change {
            Change::Arise {
                course,
                employee,
                cause,
                at,
                due_at,
            } => {
                let id = Uuid::from_u128(facts.open.len() as u128);
                facts.open.push(Obligation {
                    id,
                    employee,
                    course,
                    cause,
                    state: State::Due,
                    arose_at: at,
                    due_at,
                    settled_at: None,
                    end: End::Unspecified,
                    result: None,
                });
            }
            Change::FallDue(id) | Change::End(id, _) => {
                let step = match change {
                    Change::End(..) => ObligationStep::End,
                    _ => ObligationStep::FallDue,
                };
                let one = facts.open.iter_mut().find(|one| one.id == id).unwrap();
                one.state = obligation(one.state, step).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Clause OP-4.1: whatever happens and however late it is looked, whoever has to take a course
    /// has exactly one open obligation, nobody else has one, and looking again finds nothing more.
    #[test]
    fn whoever_has_to_take_a_course_owes_it_once(happenings in proptest::collection::vec(happening(), 0..40)) {
        let mut facts = company();
        let mut now = hour(0);
        for one in happenings {
            match one {
                Happening::Hours(hours) => now += jiff::SignedDuration::from_hours(hours),
                Happening::Pass(course, person) => {
                    let definition = &facts.courses[course].definition;
                    let months = definition.validity_months;
                    let valid_until = (months > 0).then(|| months_after(now, months));
                    let secrecy = definition.secrecy;
                    let key = (facts.courses[course].id, facts.people[person].id);
                    facts.passes.insert(key, Pass { at: now, valid_until });
                    if secrecy {
                        facts.people[person].secrecy_until = valid_until;
                    }
                    settle(&mut facts, course, person, ObligationStep::Pass, now);
                }
                Happening::Fail(course, person) => settle(&mut facts, course, person, ObligationStep::Miss, now),
                Happening::Move(person, to) => {
                    facts.people[person].department = Some(Uuid::from_u128(to));
                    facts.people[person].moved_at = Some(now);
                }
                Happening::Leave(person) => facts.people[person].leaves_at = Some(now),
                Happening::Agent(person) => facts.people[person].roles = vec![("agent".into(), now)],
                Happening::Retire(course) => facts.courses[course].retired_at = Some(now),
                Happening::Paper(person, hours) => {
                    facts.people[person].secrecy_until = Some(now + jiff::SignedDuration::from_hours(hours));
                }
            }
            // What arose long ago is overdue at the second look.
            for _ in 0..2 {
                let changes = reconcile(&facts, now);
                carry_out(&mut facts, changes);
            }
            prop_assert_eq!(reconcile(&facts, now), []);
            for course in &facts.courses {
                for person in &facts.people {
                    let open: Vec<&Obligation> = facts.open.iter()
                        .filter(|one| (one.course, one.employee) == (course.id, person.id) && is_open(one.state))
                        .collect();
                    let here = person.leaves_at.is_none_or(|end| now < end);
                    let last = facts.passes.get(&(course.id, person.id)).copied();
                    let has_to = concerned_since(&facts, course, person, now)
                        .and_then(|since| need(course, person.secrecy_until, last, since))
                        .is_some_and(|need| need.arises_at <= now);
                    let failed = open.first().is_some_and(|one| stays(one.cause));
                    let expected = here && course.retired_at.is_none() && (has_to || failed);
                    prop_assert_eq!(open.len(), usize::from(expected));
                    for one in open {
                        prop_assert_eq!(one.state == State::Overdue, one.due_at <= now);
                    }
                }
            }
        }
    }
}
