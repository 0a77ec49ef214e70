//! What a course is, and what is wrong with one.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kefu_contracts::access::{CourseDefinition, CourseKind, ResultMeans};
use kefu_service::{
    error::Violation,
    fields::{Fields, is_code, parse_name},
};
use uuid::Uuid;

use crate::domain::{
    binding::ROLES,
    register::{DEPARTMENTS, MOST_TITLE},
};

/// Most marks.
pub const MOST_MARKS: i32 = 1000;
/// Longest validity and repetition, in months.
pub const MOST_MONTHS: i32 = 120;
/// Longest of its times in days.
pub const MOST_DAYS: i32 = 366;
/// Highest level of a skill.
pub const MOST_LEVEL: i32 = 5;
/// Most departments, and most roles, that a course is compulsory for.
pub const MOST_CONCERNED: usize = 50;

/// A course as one of its revisions has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    /// Its key.
    pub id: Uuid,
    /// Counts the revisions, from 1.
    pub revision: i32,
    /// What it is.
    pub definition: Definition,
    /// Who made the revision.
    pub reviser: Uuid,
    /// When the course was created.
    pub created_at: Timestamp,
    /// Since when the revision counts.
    pub revised_at: Timestamp,
    /// Since when nobody takes it any more.
    pub retired_at: Option<Timestamp>,
}

/// What a course is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Name for people, in Chinese.
    pub title_zh: String,
    /// In English.
    pub title_en: String,
    /// New staff, monthly, special topic.
    pub kind: CourseKind,
    /// By what it is told how somebody did.
    pub means: ResultMeans,
    /// Most marks.
    pub full_marks: i32,
    /// Passed with so many.
    pub pass_marks: i32,
    /// Whether access to sensitive data depends on it (CF-8.1).
    pub secrecy: bool,
    /// How long passing it holds; 0: for ever.
    pub validity_months: i32,
    /// After how long it is taken again; 0: not.
    pub repeat_months: i32,
    /// Whose people have to take it, with all below.
    pub departments: Vec<Uuid>,
    /// Whose holders have to.
    pub roles: Vec<String>,
    /// Within so many days.
    pub due_days: i32,
    /// Told so many days ahead.
    pub notice_days: i32,
    /// Taken again within so many days.
    pub retake_days: i32,
    /// Which skill it shows, and how well.
    pub skill: Option<(String, i32)>,
}

impl Definition {
    /// Whether so many marks pass.
    pub fn passes(&self, marks: i32) -> bool {
        marks >= self.pass_marks
    }
}

/// Reads a definition and notes all that is wrong with it. Whether there are such departments
/// and roles is for the register to say.
pub fn read(fields: &mut Fields, wanted: &CourseDefinition) -> Definition {
    let path = |name: &str| format!("definition.{name}");
    for (name, text) in [
        ("title_zh", &wanted.title_zh),
        ("title_en", &wanted.title_en),
    ] {
        fields.required_text(path(name), text.trim(), MOST_TITLE);
    }
    let kind = fields.required_enum(path("kind"), wanted.kind);
    let means = fields.required_enum(path("means"), wanted.means);
    for (name, value, least, most) in [
        ("full_marks", wanted.full_marks, 1, MOST_MARKS),
        (
            "pass_marks",
            wanted.pass_marks,
            1,
            wanted.full_marks.clamp(1, MOST_MARKS),
        ),
        ("validity_months", wanted.validity_months, 0, MOST_MONTHS),
        ("repeat_months", wanted.repeat_months, 0, MOST_MONTHS),
        ("due_days", wanted.due_days, 1, MOST_DAYS),
        ("notice_days", wanted.notice_days, 0, MOST_DAYS),
        ("retake_days", wanted.retake_days, 1, MOST_DAYS),
    ] {
        let range = Violation::OutOfRange(least.into(), most.into());
        fields.ensure((least..=most).contains(&value), path(name), range);
    }
    // Access ends with what it depends on.
    let holds = !wanted.secrecy || wanted.validity_months != 0;
    fields.ensure(holds, path("validity_months"), Violation::Required);
    let monthly = kind != Some(CourseKind::Monthly) || wanted.repeat_months == 1;
    fields.ensure(monthly, path("repeat_months"), Violation::Contradiction);
    // Or whoever passed would have to take it again at once.
    let shortest = [wanted.validity_months, wanted.repeat_months];
    let shortest = shortest.into_iter().filter(|months| *months > 0).min();
    let later = shortest.is_none_or(|months| wanted.notice_days < 28 * months.min(MOST_MONTHS));
    fields.ensure(later, path("notice_days"), Violation::Contradiction);
    if !wanted.skill.is_empty() {
        fields.ensure(is_code(&wanted.skill), path("skill"), Violation::Format);
        let level = (1..=MOST_LEVEL).contains(&wanted.skill_level);
        let range = Violation::OutOfRange(1, MOST_LEVEL.into());
        fields.ensure(level, path("skill_level"), range);
    } else {
        let none = wanted.skill_level == 0;
        fields.ensure(none, path("skill_level"), Violation::NotApplicable);
    }
    Definition {
        title_zh: wanted.title_zh.trim().to_owned(),
        title_en: wanted.title_en.trim().to_owned(),
        kind: kind.unwrap_or_default(),
        means: means.unwrap_or_default(),
        full_marks: wanted.full_marks,
        pass_marks: wanted.pass_marks,
        secrecy: wanted.secrecy,
        validity_months: wanted.validity_months,
        repeat_months: wanted.repeat_months,
        departments: distinct(fields, &path("departments"), &wanted.departments, |name| {
            parse_name(name, DEPARTMENTS)
        }),
        roles: distinct(fields, &path("roles"), &wanted.roles, |name| {
            let id = name.strip_prefix(ROLES)?.strip_prefix('/')?;
            (!id.is_empty()).then(|| id.to_owned())
        }),
        due_days: wanted.due_days,
        notice_days: wanted.notice_days,
        retake_days: wanted.retake_days,
        skill: (!wanted.skill.is_empty()).then(|| (wanted.skill.clone(), wanted.skill_level)),
    }
}

fn distinct<T: Ord + Clone>(
    fields: &mut Fields,
    field: &str,
    names: &[String],
    read: impl Fn(&str) -> Option<T>,
) -> Vec<T> {
    let few = names.len() <= MOST_CONCERNED;
    fields.ensure(few, field, Violation::TooMany(MOST_CONCERNED));
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for (place, name) in names.iter().take(MOST_CONCERNED).enumerate() {
        let field = format!("{field}[{place}]");
        let Some(one) = fields.named(&field, name, read(name)) else {
            continue;
        };
        fields.ensure(seen.insert(one.clone()), &field, Violation::Duplicate);
        all.push(one);
    }
    all
}
