//! Courses and their revisions.

use jiff_sqlx::ToSqlx;
use kefu_access::ScopeColumns;
use kefu_contracts::access::{CourseKind, ResultMeans};
use kefu_service::{
    error::Fault,
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Listing, Stored, number};
use crate::domain::training::course::{Course, Definition};

/// A course is the company's, and no department's.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "c.id, c.created_at",
    from: "access.course c JOIN access.course_revision r ON r.course_id = c.id AND r.revision = c.revision",
    id: "c.id",
    scope: ScopeColumns {
        department: None,
        owner: None,
        customer: None,
        duty: None,
        consent: None,
    },
    fields: &[
        FilterField::system(
            "kind",
            "r.kind",
            FilterKind::Enum {
                prefix: "COURSE_KIND_",
                parse: |name| CourseKind::from_str_name(name).map(i32::from),
            },
        ),
        FilterField::system("create_time", "c.created_at", FilterKind::Time),
        FilterField::system("retire_time", "c.retired_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

impl Stored for Course {
    fn id(&self) -> Uuid {
        self.id
    }

    fn list<'c>(connection: &'c mut PgConnection, ids: &'c [Uuid]) -> Listing<'c, Self> {
        Box::pin(list(connection, Some(ids), None))
    }
}

/// All courses, or only these, as they are now or as the revision of this number had them.
pub(crate) async fn list(
    connection: &mut PgConnection,
    only: Option<&[Uuid]>,
    revision: Option<i32>,
) -> Result<Vec<Course>, Fault> {
    let rows = sqlx::query!(
        "SELECT c.id, c.created_at, c.retired_at, r.revision, title_zh, title_en, kind, means, full_marks, pass_marks,
                secrecy, validity_months, repeat_months, department_ids, role_ids, due_days, notice_days, retake_days,
                skill, skill_level, revised_by, revised_at
         FROM access.course c JOIN access.course_revision r ON r.course_id = c.id
         WHERE ($1::uuid[] IS NULL OR c.id = ANY($1)) AND r.revision = COALESCE($2, c.revision)
         ORDER BY c.created_at, c.id",
        only as Option<&[Uuid]>,
        revision,
    )
    .fetch_all(connection)
    .await?;
    let courses = rows.into_iter().map(|row| Course {
        id: row.id,
        revision: row.revision,
        definition: Definition {
            title_zh: row.title_zh,
            title_en: row.title_en,
            kind: CourseKind::try_from(i32::from(row.kind)).unwrap_or_default(),
            means: ResultMeans::try_from(i32::from(row.means)).unwrap_or_default(),
            full_marks: row.full_marks,
            pass_marks: row.pass_marks,
            secrecy: row.secrecy,
            validity_months: row.validity_months,
            repeat_months: row.repeat_months,
            departments: row.department_ids,
            roles: row.role_ids,
            due_days: row.due_days,
            notice_days: row.notice_days,
            retake_days: row.retake_days,
            skill: row.skill.map(|key| (key, row.skill_level)),
        },
        reviser: row.revised_by,
        created_at: row.created_at.to_jiff(),
        revised_at: row.revised_at.to_jiff(),
        retired_at: row.retired_at.map(jiff_sqlx::Timestamp::to_jiff),
    });
    Ok(courses.collect())
}

/// The course of this id as this revision had it, or as it is now.
pub(crate) async fn at(
    connection: &mut PgConnection,
    id: Uuid,
    revision: Option<i32>,
) -> Result<Option<Course>, Fault> {
    Ok(list(connection, Some(&[id]), revision).await?.pop())
}

/// Enters a new course, or a new revision of one.
pub(crate) async fn put(connection: &mut PgConnection, course: &Course) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO access.course (id, revision, created_at) VALUES ($1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET revision = EXCLUDED.revision",
        course.id,
        course.revision,
        course.created_at.to_sqlx(),
    )
    .execute(&mut *connection)
    .await?;
    let definition = &course.definition;
    sqlx::query!(
        "INSERT INTO access.course_revision
             (course_id, revision, title_zh, title_en, kind, means, full_marks, pass_marks, secrecy, validity_months,
              repeat_months, department_ids, role_ids, due_days, notice_days, retake_days, skill, skill_level,
              revised_by, revised_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
        course.id,
        course.revision,
        definition.title_zh,
        definition.title_en,
        number(definition.kind),
        number(definition.means),
        definition.full_marks,
        definition.pass_marks,
        definition.secrecy,
        definition.validity_months,
        definition.repeat_months,
        &definition.departments,
        &definition.roles,
        definition.due_days,
        definition.notice_days,
        definition.retake_days,
        definition.skill.as_ref().map(|(key, _)| key.as_str()),
        definition.skill.as_ref().map_or(0, |(_, level)| *level),
        course.reviser,
        course.revised_at.to_sqlx(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Retires one.
pub(crate) async fn retire(connection: &mut PgConnection, course: &Course) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE access.course SET retired_at = $2 WHERE id = $1",
        course.id,
        course.retired_at.map(ToSqlx::to_sqlx),
    )
    .execute(connection)
    .await?;
    Ok(())
}
