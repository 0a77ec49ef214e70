//! Assessments of staff: those that there are, and those that are opened.

mod changes;

use jiff::{Timestamp, civil::Date};
use jiff_sqlx::ToSqlx;
use kefu_access::{DutySql, ScopeColumns};
use kefu_contracts::analytics::{Assessment, AssessmentOrigin, AssessmentResult, AssessmentState};
use kefu_service::{
    error::Fault,
    fields::{etag, name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time::to_proto,
};
use prost::Message;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::column;
use crate::domain::{
    assessment::{ASSESSMENTS, EMPLOYEES},
    period::wire,
    report::DEPARTMENTS,
};

pub(crate) use changes::{NewResult, appeal, complete, decide, keep, publish, turn, withdraw};

macro_rules! columns {
    () => {
        "a.id, a.origin, a.rules_version, a.scheme, a.employee_id, a.department_id, a.superior_id,
         a.first_day, a.last_day, a.opened_at, a.opened_by, a.score_until, a.state, a.published_at,
         a.published_by, a.appeal_until, a.appealed_at, a.decided_at, a.decided_by, a.appeal_outcome,
         a.owner_id, a.due_day, a.completed_at, a.note, a.appeal_reason, a.decision_reason,
         a.completion_note, a.withdrawal_reason, a.revision,
         coalesce(changed.content, made.content) AS result,
         CASE WHEN changed.content IS NOT NULL THEN made.content END AS earlier"
    };
}

macro_rules! results {
    () => {
        "LEFT JOIN analytics.assessment_result made ON made.assessment_id = a.id AND made.number = 1
         LEFT JOIN analytics.assessment_result changed ON changed.assessment_id = a.id AND changed.number = 2"
    };
}

/// Under which every look at an assessment is taken: the line above by department and, where
/// that is not theirs, by being the one above; whom it is about once it is published, and until
/// then not even by a scope that would reach it.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: columns!(),
    from: "analytics.assessment a",
    joins: results!(),
    id: "a.id",
    scope: ScopeColumns {
        department: Some("a.department_id"),
        owner: Some("(CASE WHEN a.state BETWEEN 3 AND 5 THEN a.employee_id END)"),
        customer: None,
        duty: Some(DutySql {
            before: "a.superior_id = ",
            after: "",
        }),
        consent: None,
    },
    hidden_from: Some("CASE WHEN a.state NOT BETWEEN 3 AND 5 THEN a.employee_id END"),
    fields: &[
        FilterField::system("employee", "a.employee_id", FilterKind::Name(EMPLOYEES)),
        FilterField::system(
            "department",
            "a.department_id",
            FilterKind::Name(DEPARTMENTS),
        ),
        FilterField::system(
            "state",
            "a.state",
            FilterKind::Enum {
                prefix: "ASSESSMENT_STATE_",
                parse: |name| AssessmentState::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system("scheme", "a.scheme", FilterKind::Text),
        FilterField::system("open_time", "a.opened_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// Who sees to what follows from a result, and until when.
pub(crate) type Care = Option<(Uuid, Date)>;

/// A row as it was read.
#[derive(Clone)]
pub(crate) struct StoredAssessment {
    pub(crate) id: Uuid,
    pub(crate) employee: Uuid,
    pub(crate) superior: Uuid,
    pub(crate) department: Option<Uuid>,
    pub(crate) first_day: Date,
    pub(crate) last_day: Date,
    pub(crate) opened_at: Timestamp,
    pub(crate) score_until: Timestamp,
    pub(crate) appeal_until: Option<Timestamp>,
    pub(crate) published_by: Option<Uuid>,
    /// Who sees to what follows.
    pub(crate) care: Care,
    pub(crate) state: AssessmentState,
    pub(crate) revision: i64,
    /// Rules of the call that let the row through; of a look without a scope there are none.
    pub(crate) matched: i64,
    /// As the contract carries it, without comments.
    pub(crate) record: Assessment,
}

impl StoredAssessment {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let day = |column| {
            row.try_get::<jiff_sqlx::Date, _>(column)
                .map(|day| day.to_jiff())
        };
        let at = |column| {
            let at = row.try_get::<jiff_sqlx::Timestamp, _>(column);
            at.map(|at| at.to_jiff())
        };
        let perhaps = |column| {
            let at = row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column);
            at.map(|at| at.map(|at| at.to_jiff()))
        };
        let person = |column| {
            let id = row.try_get::<Option<Uuid>, _>(column);
            id.map(|id| id.map(|id| name(EMPLOYEES, id)).unwrap_or_default())
        };
        let small = |column| row.try_get::<i16, _>(column).map(i32::from);
        let result = |column| {
            let content: Option<&[u8]> = row.try_get(column)?;
            content.map(decode).transpose()
        };
        let (id, employee) = (row.try_get("id")?, row.try_get("employee_id")?);
        let department: Option<Uuid> = row.try_get("department_id")?;
        let (first_day, last_day) = (day("first_day")?, day("last_day")?);
        let (opened_at, score_until) = (at("opened_at")?, at("score_until")?);
        let (appeal_until, revision) = (perhaps("appeal_until")?, row.try_get("revision")?);
        let due_day: Option<jiff_sqlx::Date> = row.try_get("due_day")?;
        let (owner, state): (Option<Uuid>, _) = (row.try_get("owner_id")?, small("state")?);
        let due_day = due_day.map(|day| day.to_jiff());
        let record = Assessment {
            name: name(ASSESSMENTS, id),
            state,
            origin: small("origin")?,
            employee: name(EMPLOYEES, employee),
            department: department
                .map(|id| name(DEPARTMENTS, id))
                .unwrap_or_default(),
            superior: person("superior_id")?,
            scheme: row.try_get("scheme")?,
            rules_version: row.try_get("rules_version")?,
            first_day: Some(wire(first_day)),
            last_day: Some(wire(last_day)),
            open_time: Some(to_proto(opened_at)),
            opener: person("opened_by")?,
            score_until_time: Some(to_proto(score_until)),
            publish_time: perhaps("published_at")?.map(to_proto),
            publisher: person("published_by")?,
            appeal_until_time: appeal_until.map(to_proto),
            appeal_time: perhaps("appealed_at")?.map(to_proto),
            decide_time: perhaps("decided_at")?.map(to_proto),
            decider: person("decided_by")?,
            appeal_outcome: small("appeal_outcome")?,
            result: result("result")?,
            earlier_result: result("earlier")?,
            owner: person("owner_id")?,
            due_day: due_day.map(wire),
            complete_time: perhaps("completed_at")?.map(to_proto),
            comments: Vec::new(),
            note: row.try_get("note")?,
            appeal_reason: row.try_get("appeal_reason")?,
            decision_reason: row.try_get("decision_reason")?,
            completion_note: row.try_get("completion_note")?,
            withdrawal_reason: row.try_get("withdrawal_reason")?,
            etag: etag(revision),
        };
        Ok(Self {
            id,
            employee,
            superior: row.try_get("superior_id")?,
            department,
            first_day,
            last_day,
            opened_at,
            score_until,
            appeal_until,
            published_by: row.try_get("published_by")?,
            care: owner.zip(due_day),
            state: AssessmentState::try_from(state).unwrap_or_default(),
            revision,
            matched: row.try_get("matched")?,
            record,
        })
    }
}

fn decode(content: &[u8]) -> Result<AssessmentResult, Fault> {
    AssessmentResult::decode(content)
        .map_err(|_| Fault::internal("a result that is not of the contracts"))
}

/// The assessment of this key, whoever looks, as nobody else changes it until the transaction
/// ends.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<StoredAssessment>, Fault> {
    let mut query = QueryBuilder::<Postgres>::new(concat!(
        "SELECT ",
        columns!(),
        ", 0::int8 AS matched FROM analytics.assessment a ",
        results!(),
        " WHERE a.id = "
    ));
    query.push_bind(id).push(" FOR UPDATE OF a");
    let row = query.build().fetch_optional(connection).await?;
    row.as_ref().map(StoredAssessment::read).transpose()
}

/// What all assessments of a round have in common.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub(crate) id: Uuid,
    pub(crate) origin: AssessmentOrigin,
    pub(crate) rules_version: i32,
    pub(crate) first_day: Date,
    pub(crate) last_day: Date,
    pub(crate) opened_at: Timestamp,
    pub(crate) opened_by: Option<Uuid>,
}

/// An assessment of a round.
#[derive(Debug, Clone)]
pub(crate) struct New {
    pub(crate) id: Uuid,
    pub(crate) scheme: String,
    pub(crate) employee: Uuid,
    pub(crate) superior: Uuid,
    pub(crate) department: Option<Uuid>,
    pub(crate) score_until: Timestamp,
    /// Ready where nobody is asked to score.
    pub(crate) state: AssessmentState,
}

/// Opens assessments; the keys of those that were, in no order: of the others there is one
/// already.
pub(crate) async fn open(
    connection: &mut PgConnection,
    round: &Round,
    all: &[New],
) -> Result<Vec<Uuid>, Fault> {
    let opened = sqlx::query_scalar!(
        "INSERT INTO analytics.assessment
             (id, scheme, employee_id, superior_id, department_id, score_until, round_id, origin, rules_version,
              first_day, last_day, opened_at, opened_by, state)
         SELECT id, scheme, employee, superior, department, score_until, $8, $9, $10, $11, $12, $13, $14, state
         FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::uuid[], $6::timestamptz[], $7::int2[])
              AS told (id, scheme, employee, superior, department, score_until, state)
         ON CONFLICT (employee_id, scheme, first_day, last_day) WHERE state <> 6 DO NOTHING
         RETURNING id",
        &column(all, |one| one.id),
        &column(all, |one| one.scheme.clone()),
        &column(all, |one| one.employee),
        &column(all, |one| one.superior),
        &column(all, |one| one.department) as &[Option<Uuid>],
        &column(all, |one| one.score_until.to_sqlx()) as &[jiff_sqlx::Timestamp],
        &column(all, |one| one.state as i16),
        round.id,
        round.origin as i16,
        round.rules_version,
        round.first_day.to_sqlx() as _,
        round.last_day.to_sqlx() as _,
        round.opened_at.to_sqlx() as _,
        round.opened_by,
    )
    .fetch_all(connection)
    .await?;
    Ok(opened)
}

/// First day of the month that is the next to be assessed, once one was noted.
pub(crate) async fn schedule(connection: &mut PgConnection) -> Result<Option<Date>, Fault> {
    let day = sqlx::query_scalar!(
        r#"SELECT first_day AS "first_day: jiff_sqlx::Date" FROM analytics.assessment_schedule"#
    )
    .fetch_optional(connection)
    .await?;
    Ok(day.map(|day| day.to_jiff()))
}

/// Begins with a month.
pub(crate) async fn begin(connection: &mut PgConnection, first_day: Date) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO analytics.assessment_schedule (first_day) VALUES ($1) ON CONFLICT DO NOTHING",
        first_day.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Goes on to another month; whether nobody else has.
pub(crate) async fn move_on(
    connection: &mut PgConnection,
    from: Date,
    to: Date,
) -> Result<bool, Fault> {
    let moved = sqlx::query!(
        "UPDATE analytics.assessment_schedule SET first_day = $2 WHERE first_day = $1",
        from.to_sqlx() as _,
        to.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(moved.rows_affected() == 1)
}

/// Keys of assessments whose time for scoring is over and that the one above has scored, or has
/// nothing to score of; and of those that nobody objected to in time.
pub(crate) async fn over(
    connection: &mut PgConnection,
    now: Timestamp,
    most: i64,
) -> Result<Vec<Uuid>, Fault> {
    let over = sqlx::query_scalar!(
        r#"(SELECT a.id AS "id!" FROM analytics.assessment a
            WHERE a.state = 1 AND a.score_until <= $1 AND NOT EXISTS (
                SELECT FROM analytics.assessment_rating r
                WHERE r.assessment_id = a.id AND r.kind = 1 AND r.given_at IS NULL)
            ORDER BY a.score_until LIMIT $2)
           UNION ALL
           (SELECT a.id FROM analytics.assessment a
            WHERE a.state = 3 AND a.appeal_until < $1
            ORDER BY a.appeal_until LIMIT $2)"#,
        now.to_sqlx() as _,
        most,
    )
    .fetch_all(connection)
    .await?;
    Ok(over)
}
