//! What is wrong with a course.

use kefu_contracts::access::CourseDefinition;
use kefu_service::{error::Fault, fields::Fields};

use super::*;
use crate::domain::training::{course::read, days_after, months_after};

fn good() -> CourseDefinition {
    CourseDefinition {
        title_zh: "保密培训".into(),
        title_en: "Secrecy".into(),
        kind: CourseKind::NewStaff.into(),
        means: ResultMeans::Exam.into(),
        full_marks: 100,
        pass_marks: 80,
        secrecy: true,
        validity_months: 12,
        departments: vec![format!("departments/{}", Uuid::from_u128(7))],
        roles: vec!["roles/agent".into()],
        due_days: 14,
        notice_days: 30,
        retake_days: 7,
        skill: "secrecy".into(),
        skill_level: 1,
        ..CourseDefinition::default()
    }
}

fn check(definition: &CourseDefinition) -> Result<Definition, Fault> {
    let mut fields = Fields::new();
    let read = read(&mut fields, definition);
    fields.finish().map(|()| read)
}

#[test]
fn a_course_is_read_as_it_is_said() {
    let read = check(&good()).unwrap();
    assert_eq!(read.departments, [Uuid::from_u128(7)]);
    assert_eq!(read.roles, ["agent"]);
    assert_eq!(read.skill, Some(("secrecy".into(), 1)));
    assert!(read.passes(80) && !read.passes(79));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    type Spoil = fn(&mut CourseDefinition);
    let spoilt: [Spoil; 18] = [
        |one| one.title_zh = " ".into(),
        |one| one.title_en = "x".repeat(101),
        |one| one.kind = 0,
        |one| one.means = 9,
        |one| one.full_marks = 0,
        |one| one.full_marks = 1001,
        |one| one.pass_marks = 101,
        |one| one.pass_marks = 0,
        // Access would never end.
        |one| one.validity_months = 0,
        |one| one.validity_months = -1,
        |one| one.repeat_months = 121,
        |one| one.due_days = 0,
        |one| one.retake_days = 367,
        |one| one.notice_days = 28 * 12,
        |one| one.kind = CourseKind::Monthly.into(),
        |one| one.skill = "Secrecy".into(),
        |one| one.skill_level = 6,
        |one| one.roles.push("roles/agent".into()),
    ];
    for (place, spoil) in spoilt.into_iter().enumerate() {
        let mut one = good();
        spoil(&mut one);
        assert!(check(&one).is_err(), "{place}");
    }
}

#[test]
fn months_are_those_of_the_calendar() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    for (from, months, to) in [
        ("2026-01-31T08:00:00Z", 1, "2026-02-28T08:00:00Z"),
        ("2026-03-02T08:00:01Z", 12, "2027-03-02T08:00:01Z"),
        ("2024-02-29T00:00:00Z", 12, "2025-02-28T00:00:00Z"),
    ] {
        assert_eq!(months_after(at(from), months), at(to));
    }
    assert_eq!(days_after(hour(0), -2), hour(-48));
}
