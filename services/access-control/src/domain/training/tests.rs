mod course;
mod owed;
mod page;
mod results;

use jiff::Timestamp;
use kefu_contracts::access::{CourseKind, ResultMeans};
use uuid::Uuid;

use super::course::{Course, Definition};

/// So many hours into the time of the tests.
fn hour(hours: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + hours * 3600).unwrap()
}

fn definition() -> Definition {
    Definition {
        title_zh: "保密培训".into(),
        title_en: "Secrecy".into(),
        kind: CourseKind::SpecialTopic,
        means: ResultMeans::Exam,
        full_marks: 100,
        pass_marks: 80,
        secrecy: false,
        validity_months: 0,
        repeat_months: 0,
        departments: Vec::new(),
        roles: Vec::new(),
        due_days: 30,
        notice_days: 0,
        retake_days: 7,
        skill: None,
    }
}

fn course(definition: Definition) -> Course {
    Course {
        id: Uuid::from_u128(1),
        revision: 1,
        definition,
        reviser: Uuid::from_u128(2),
        created_at: hour(0),
        revised_at: hour(0),
        retired_at: None,
    }
}
