//! Results: every attempt and every correction.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_service::{
    error::Fault,
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Listing, OF_EMPLOYEE, Stored};
use crate::domain::{
    register::EMPLOYEES,
    training::{
        COURSES, SESSIONS,
        result::{Outcome, Skill},
    },
};

/// A result is of whoever took it.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "t.id, t.recorded_at",
    from: "access.training_result t JOIN access.employee e ON e.id = t.employee_id",
    id: "t.id",
    scope: OF_EMPLOYEE,
    fields: &[
        FilterField::system("employee", "t.employee_id", FilterKind::Name(EMPLOYEES)),
        FilterField::system("course", "t.course_id", FilterKind::Name(COURSES)),
        FilterField::system("session", "t.session_id", FilterKind::Name(SESSIONS)),
        FilterField::system("record_time", "t.recorded_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

impl Stored for Outcome {
    fn id(&self) -> Uuid {
        self.id
    }

    fn list<'c>(connection: &'c mut PgConnection, ids: &'c [Uuid]) -> Listing<'c, Self> {
        Box::pin(find(connection, Which::These(ids)))
    }
}

/// Which results.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which<'a> {
    These(&'a [Uuid]),
    /// Those that count, of one person in one course.
    Counting(Uuid, Uuid),
    /// Those that count, of one session.
    OfSession(Uuid),
}

/// In the order they were recorded.
pub(crate) async fn find(
    connection: &mut PgConnection,
    which: Which<'_>,
) -> Result<Vec<Outcome>, Fault> {
    let (ids, person, session) = match which {
        Which::These(ids) => (Some(ids), None, None),
        Which::Counting(employee, course) => (None, Some((employee, course)), None),
        Which::OfSession(session) => (None, None, Some(session)),
    };
    let rows = sqlx::query!(
        "SELECT id, employee_id, course_id, course_revision, session_id, attempt, marks, passed, taken_at, valid_until,
                examiner_id, recorded_at, evidence, corrects_id, reason, qualification_id, held_until, superseded
         FROM access.training_result
         WHERE id = ANY($1) OR (NOT superseded AND (session_id = $4 OR (employee_id = $2 AND course_id = $3)))
         ORDER BY recorded_at, id",
        ids as Option<&[Uuid]>,
        person.map(|(employee, _)| employee),
        person.map(|(_, course)| course),
        session,
    )
    .fetch_all(connection)
    .await?;
    let results = rows.into_iter().map(|row| Outcome {
        id: row.id,
        employee: row.employee_id,
        course: row.course_id,
        course_revision: row.course_revision,
        session: row.session_id,
        attempt: row.attempt,
        marks: row.marks,
        passed: row.passed,
        taken_at: row.taken_at.to_jiff(),
        valid_until: row.valid_until.map(jiff_sqlx::Timestamp::to_jiff),
        examiner: row.examiner_id,
        recorded_at: row.recorded_at.to_jiff(),
        evidence: row.evidence,
        corrects: row.corrects_id,
        reason: row.reason,
        qualification: row.qualification_id,
        held_until: row.held_until.map(jiff_sqlx::Timestamp::to_jiff),
        superseded: row.superseded,
    });
    Ok(results.collect())
}

/// Keeps a result; the one it takes the place of counts no more.
pub(crate) async fn insert(connection: &mut PgConnection, result: &Outcome) -> Result<(), Fault> {
    if let Some(corrected) = result.corrects {
        sqlx::query!(
            "UPDATE access.training_result SET superseded = true WHERE id = $1",
            corrected
        )
        .execute(&mut *connection)
        .await?;
    }
    sqlx::query!(
        "INSERT INTO access.training_result
             (id, employee_id, course_id, course_revision, session_id, attempt, marks, passed, taken_at, valid_until,
              examiner_id, recorded_at, evidence, corrects_id, reason, qualification_id, held_until)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        result.id,
        result.employee,
        result.course,
        result.course_revision,
        result.session,
        result.attempt,
        result.marks,
        result.passed,
        result.taken_at.to_sqlx(),
        result.valid_until.map(ToSqlx::to_sqlx),
        result.examiner,
        result.recorded_at.to_sqlx(),
        result.evidence,
        result.corrects,
        result.reason,
        result.qualification,
        result.held_until.map(ToSqlx::to_sqlx),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What somebody passed last, by course and person.
pub(crate) async fn passes(
    connection: &mut PgConnection,
) -> Result<Vec<(Uuid, Uuid, Timestamp, Option<Timestamp>)>, Fault> {
    let rows = sqlx::query!(
        "SELECT DISTINCT ON (course_id, employee_id) course_id, employee_id, taken_at, valid_until
         FROM access.training_result
         WHERE passed AND NOT superseded
         ORDER BY course_id, employee_id, taken_at DESC, attempt DESC",
    )
    .fetch_all(connection)
    .await?;
    let passes = rows.into_iter().map(|row| {
        let until = row.valid_until.map(jiff_sqlx::Timestamp::to_jiff);
        (
            row.course_id,
            row.employee_id,
            row.taken_at.to_jiff(),
            until,
        )
    });
    Ok(passes.collect())
}

/// Every skill that somebody ever showed by a result that counts.
pub(crate) async fn skills(
    connection: &mut PgConnection,
    employee: Uuid,
) -> Result<Vec<Skill>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT r.skill AS "skill!", r.skill_level, t.valid_until
           FROM access.training_result t
           JOIN access.course_revision r ON r.course_id = t.course_id AND r.revision = t.course_revision
           WHERE t.employee_id = $1 AND t.passed AND NOT t.superseded AND r.skill IS NOT NULL"#,
        employee
    )
    .fetch_all(connection)
    .await?;
    let skills = rows.into_iter().map(|row| Skill {
        key: row.skill,
        level: row.skill_level,
        valid_until: row.valid_until.map(jiff_sqlx::Timestamp::to_jiff),
    });
    Ok(skills.collect())
}
