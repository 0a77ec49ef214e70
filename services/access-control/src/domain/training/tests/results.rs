//! Attempts, corrections and skills.

use proptest::prelude::*;

use super::*;
use crate::domain::training::{
    Refusal,
    result::{Outcome, Skill, is_last, judge, may_correct, next_attempt, passed_since, skills_at},
};

fn outcome(attempt: i32, passed: bool, taken: i64) -> Outcome {
    Outcome {
        id: Uuid::from_u128(u128::from(attempt.unsigned_abs())),
        employee: Uuid::from_u128(100),
        course: Uuid::from_u128(1),
        course_revision: 1,
        session: None,
        attempt,
        marks: 0,
        passed,
        taken_at: hour(taken),
        valid_until: None,
        examiner: Uuid::from_u128(200),
        recorded_at: hour(taken),
        evidence: String::new(),
        corrects: None,
        reason: String::new(),
        qualification: None,
        held_until: None,
        superseded: false,
    }
}

/// Clause OP-4.1: passed by the pass mark, and for as long as the course says.
#[test]
fn marks_are_judged_by_the_pass_mark() {
    let lasting = Definition {
        validity_months: 6,
        ..definition()
    };
    for (marks, passed) in [(0, false), (79, false), (80, true), (100, true)] {
        let judged = judge(&lasting, marks, "2026-01-31T00:00:00Z".parse().unwrap());
        assert_eq!(judged.passed, passed);
        let until = passed.then(|| "2026-07-31T00:00:00Z".parse().unwrap());
        assert_eq!(judged.valid_until, until);
    }
    assert_eq!(judge(&definition(), 80, hour(0)).valid_until, None);
}

/// Clause OP-4.1: attempts are counted; the exam alone is taken again only after failing.
#[test]
fn who_failed_may_take_the_exam_alone() {
    assert_eq!(next_attempt(&[], false), Ok(1));
    assert_eq!(next_attempt(&[], true), Err(Refusal::NotFailed));
    let failed = [outcome(1, true, 0), outcome(2, false, 9)];
    assert_eq!(next_attempt(&failed, true), Ok(3));
    let passed = [outcome(2, true, 9), outcome(1, false, 0)];
    assert_eq!(next_attempt(&passed, true), Err(Refusal::NotFailed));
    assert_eq!(next_attempt(&passed, false), Ok(3));
}

/// Clause OP-4.1: a correction takes a second person, who is not the one it is about.
#[test]
fn a_correction_takes_a_second_person() {
    let result = outcome(1, true, 0);
    let by = |id| may_correct(&result, Uuid::from_u128(id));
    assert_eq!(by(300), Ok(()));
    assert_eq!(by(100), Err(Refusal::TheirOwn));
    assert_eq!(by(200), Err(Refusal::SecondPerson));
    let superseded = Outcome {
        superseded: true,
        ..result.clone()
    };
    let refused = may_correct(&superseded, Uuid::from_u128(300));
    assert_eq!(refused, Err(Refusal::Superseded));
    assert!(!passed_since(std::slice::from_ref(&result), &result));
    assert!(passed_since(&[outcome(2, true, 5)], &result));
    assert!(!passed_since(&[outcome(2, false, 5)], &result));
    assert!(is_last(std::slice::from_ref(&result), &result));
    let later = [outcome(1, true, 0), outcome(2, false, 0)];
    assert_eq!(
        later.each_ref().map(|one| is_last(&later, one)),
        [false, true]
    );
}

proptest! {
    /// Clause SG-6: the skills of a moment are what looking at each result gives.
    #[test]
    fn skills_are_what_looking_at_each_gives(
        shown in proptest::collection::vec((0..3_u8, 1..=5_i32, proptest::option::of(1..9_i64)), 0..12),
        now in 0..10_i64,
    ) {
        let all: Vec<Skill> = shown.iter()
            .map(|(key, level, until)| Skill {
                key: key.to_string(),
                level: *level,
                valid_until: until.map(hour),
            })
            .collect();
        let mut expected = Vec::new();
        for key in 0..3_u8 {
            for level in (1..=5).rev() {
                let holds: Vec<Option<i64>> = shown.iter()
                    .filter(|one| one.0 == key && one.1 == level && one.2.is_none_or(|until| until > now))
                    .map(|one| one.2)
                    .collect();
                if holds.is_empty() {
                    continue;
                }
                let for_ever = holds.contains(&None);
                let valid_until = holds.into_iter().flatten().max().filter(|_| !for_ever).map(hour);
                expected.push(Skill { key: key.to_string(), level, valid_until });
                break;
            }
        }
        prop_assert_eq!(skills_at(&all, hour(now)), expected);
    }
}
