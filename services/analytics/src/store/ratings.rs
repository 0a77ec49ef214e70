//! What people are asked to score, and what they gave.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::ScopeColumns;
use kefu_contracts::analytics::{
    AssessmentRating, AssessmentRatingKind, AssessmentState, GivenPoints,
};
use kefu_service::{
    error::Fault,
    fields::{etag, name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time::to_proto,
};
use prost::Message;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::column;
use crate::domain::{
    assessment::{EMPLOYEES, RATINGS},
    period::wire,
};

/// Under which every look at a rating is taken: it is its rater's, and in nobody else's scope.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "r.id, r.assessment_id, r.kind, r.rater_id, r.asked_at, r.given_at, r.given, r.revision,
              a.employee_id, a.scheme, a.rules_version, a.first_day, a.last_day, a.score_until, a.state",
    from: "analytics.assessment_rating r JOIN analytics.assessment a ON a.id = r.assessment_id",
    id: "r.id",
    scope: ScopeColumns {
        department: None,
        owner: Some("r.rater_id"),
        customer: None,
        duty: None,
        consent: None,
    },
    fields: &[
        FilterField::system("employee", "a.employee_id", FilterKind::Name(EMPLOYEES)),
        FilterField::system("ask_time", "r.asked_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// A row as it was read.
#[derive(Clone)]
pub(crate) struct StoredRating {
    pub(crate) id: Uuid,
    pub(crate) assessment: Uuid,
    pub(crate) asked_at: Timestamp,
    pub(crate) kind: AssessmentRatingKind,
    pub(crate) scheme: String,
    pub(crate) rules_version: i32,
    pub(crate) score_until: Timestamp,
    pub(crate) state: AssessmentState,
    pub(crate) revision: i64,
    pub(crate) matched: i64,
    /// As the contract carries it, without what is to be scored.
    pub(crate) record: AssessmentRating,
}

impl StoredRating {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let day = |column| {
            row.try_get::<jiff_sqlx::Date, _>(column)
                .map(|day| day.to_jiff())
        };
        let at = |column| {
            let at = row.try_get::<jiff_sqlx::Timestamp, _>(column);
            at.map(|at| at.to_jiff())
        };
        let id = row.try_get("id")?;
        let kind = i32::from(row.try_get::<i16, _>("kind")?);
        let state = i32::from(row.try_get::<i16, _>("state")?);
        let (revision, score_until) = (row.try_get("revision")?, at("score_until")?);
        let given_at: Option<jiff_sqlx::Timestamp> = row.try_get("given_at")?;
        let (scheme, rules_version): (String, i32) =
            (row.try_get("scheme")?, row.try_get("rules_version")?);
        let record = AssessmentRating {
            name: name(RATINGS, id),
            kind,
            employee: name(EMPLOYEES, row.try_get("employee_id")?),
            scheme: scheme.clone(),
            rules_version,
            first_day: Some(wire(day("first_day")?)),
            last_day: Some(wire(day("last_day")?)),
            score_until_time: Some(to_proto(score_until)),
            open: false,
            give_time: given_at.map(|at| to_proto(at.to_jiff())),
            points: decode(row.try_get("given")?)?,
            criteria: Vec::new(),
            etag: etag(revision),
        };
        Ok(Self {
            id,
            assessment: row.try_get("assessment_id")?,
            asked_at: at("asked_at")?,
            kind: AssessmentRatingKind::try_from(kind).unwrap_or_default(),
            scheme,
            rules_version,
            score_until,
            state: AssessmentState::try_from(state).unwrap_or_default(),
            revision,
            matched: row.try_get("matched")?,
            record,
        })
    }
}

fn decode(given: &[u8]) -> Result<Vec<GivenPoints>, Fault> {
    let given = AssessmentRating::decode(given);
    let given = given.map_err(|_| Fault::internal("points that are not of the contracts"))?;
    Ok(given.points)
}

/// Somebody to be asked.
#[derive(Debug, Clone)]
pub(crate) struct New {
    pub(crate) id: Uuid,
    pub(crate) assessment: Uuid,
    pub(crate) kind: AssessmentRatingKind,
    pub(crate) rater: Uuid,
}

/// Asks them.
pub(crate) async fn ask(
    connection: &mut PgConnection,
    all: &[New],
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO analytics.assessment_rating (id, assessment_id, kind, rater_id, asked_at)
         SELECT id, assessment, kind, rater, $5
         FROM unnest($1::uuid[], $2::uuid[], $3::int2[], $4::uuid[]) AS told (id, assessment, kind, rater)",
        &column(all, |one| one.id),
        &column(all, |one| one.assessment),
        &column(all, |one| one.kind as i16),
        &column(all, |one| one.rater),
        now.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps what somebody gave.
pub(crate) async fn give(
    connection: &mut PgConnection,
    id: Uuid,
    points: &[GivenPoints],
    now: Timestamp,
) -> Result<(), Fault> {
    let given = AssessmentRating {
        points: points.to_vec(),
        ..AssessmentRating::default()
    };
    sqlx::query!(
        "UPDATE analytics.assessment_rating SET given = $2, given_at = $3, revision = revision + 1 WHERE id = $1",
        id,
        given.encode_to_vec(),
        now.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What one of those who were asked gave.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Given {
    pub(crate) kind: AssessmentRatingKind,
    pub(crate) rater: Uuid,
    /// None yet.
    pub(crate) points: Option<Vec<GivenPoints>>,
}

/// All of an assessment.
pub(crate) async fn of(
    connection: &mut PgConnection,
    assessment: Uuid,
) -> Result<Vec<Given>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT kind, rater_id, given, given_at IS NOT NULL AS "was_given!"
           FROM analytics.assessment_rating WHERE assessment_id = $1 ORDER BY kind, id"#,
        assessment,
    )
    .fetch_all(connection)
    .await?;
    let all = rows.into_iter().map(|row| {
        let points = row.was_given.then(|| decode(&row.given)).transpose()?;
        Ok(Given {
            kind: AssessmentRatingKind::try_from(i32::from(row.kind)).unwrap_or_default(),
            rater: row.rater_id,
            points,
        })
    });
    all.collect()
}
