//! What is to be mended in files (CF-7.3).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::profile::{QualityFinding, QualityFindingKind, QualityFindingState};
use kefu_service::{
    error::Fault,
    fields::{etag, name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time,
};
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::records::SCOPE;
use crate::domain::quality::problems::Problem;

/// Collection of the resource names.
pub(crate) const COLLECTION: &str = "quality-findings";

/// Under which every look at findings is taken: where the file is, and where the class of
/// the field that they are about is cleared on it.
pub(crate) const FINDINGS: RecordSpec = RecordSpec {
    columns: "f.id, f.customer_id, c.file_number, c.department_id, f.kind, f.field, f.state, f.assignee_id, f.found_at,
              f.due_at, f.closed_at, f.closer_id, f.reason, f.dismissed_until, f.revision",
    from: "profile.quality_finding f JOIN profile.customer c ON c.id = f.customer_id AND c.state IN (2, 3, 4)",
    id: "f.id",
    scope: SCOPE,
    class: Some("f.class"),
    fields: &[
        FilterField::system("customer", "f.customer_id", FilterKind::Name("customers")),
        FilterField::system("department", "c.department_id", FilterKind::Name("departments")),
        FilterField::system(
            "kind",
            "f.kind",
            FilterKind::Enum {
                prefix: "QUALITY_FINDING_KIND_",
                parse: |name| QualityFindingKind::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system(
            "state",
            "f.state",
            FilterKind::Enum {
                prefix: "QUALITY_FINDING_STATE_",
                parse: |name| QualityFindingState::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system("assignee", "f.assignee_id", FilterKind::Name("employees")),
        FilterField::system("due_time", "f.due_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// Figures of findings; whether one is overdue is told by the moment that is asked for.
pub(crate) fn figures(now: Timestamp) -> String {
    format!(
        "c.department_id, count(*) FILTER (WHERE f.state = 1) AS open,
         count(*) FILTER (WHERE f.state = 1 AND f.due_at < '{now}') AS overdue"
    )
}

/// A finding as it was read.
pub(crate) struct StoredFinding {
    pub(crate) id: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) found_at: Timestamp,
    pub(crate) revision: i64,
    /// Rules of the call that let the file through.
    pub(crate) matched: i64,
    pub(crate) message: QualityFinding,
}

impl StoredFinding {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let at = |column| {
            let at = row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column);
            at.map(|at| at.map(jiff_sqlx::Timestamp::to_jiff))
        };
        let employee = |column| {
            let id = row.try_get::<Option<Uuid>, _>(column);
            id.map(|id| id.map(|id| name("employees", id)).unwrap_or_default())
        };
        let id = row.try_get("id")?;
        let customer = row.try_get("customer_id")?;
        let found_at = at("found_at")?.unwrap_or_default();
        let revision = row.try_get("revision")?;
        let number: Option<String> = row.try_get("file_number")?;
        Ok(Self {
            id,
            customer,
            found_at,
            revision,
            matched: row.try_get("matched")?,
            message: QualityFinding {
                name: name(COLLECTION, id),
                customer: name("customers", customer),
                file_number: number.unwrap_or_default(),
                department: name("departments", row.try_get("department_id")?),
                kind: row.try_get::<i16, _>("kind")?.into(),
                field: row.try_get("field")?,
                state: row.try_get::<i16, _>("state")?.into(),
                assignee: employee("assignee_id")?,
                find_time: Some(time::to_proto(found_at)),
                due_time: at("due_at")?.map(time::to_proto),
                close_time: at("closed_at")?.map(time::to_proto),
                closer: employee("closer_id")?,
                reason: row.try_get("reason")?,
                until_time: at("dismissed_until")?.map(time::to_proto),
                etag: etag(revision),
            },
        })
    }
}

/// A finding as its change left it, for the journal.
pub(crate) struct Changed {
    pub(crate) id: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) kind: i16,
    pub(crate) state: i16,
    pub(crate) assignee: Option<Uuid>,
    pub(crate) due_at: Timestamp,
    pub(crate) revision: i64,
}

macro_rules! changed {
    ($row:expr) => {{
        let row = $row;
        Changed {
            id: row.id,
            customer: row.customer_id,
            kind: row.kind,
            state: row.state,
            assignee: row.assignee_id,
            due_at: row.due_at.to_jiff(),
            revision: row.revision,
        }
    }};
}

/// Findings of a file that are open, and those left as they are, until when. The file is locked.
pub(crate) async fn standing(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<(Vec<Problem>, Vec<(Problem, Timestamp)>), Fault> {
    let rows = sqlx::query!(
        "SELECT kind, field, dismissed_until FROM profile.quality_finding
         WHERE customer_id = $1 AND state IN (1, 3) ORDER BY found_at, id",
        customer
    )
    .fetch_all(connection)
    .await?;
    let (mut open, mut dismissed) = (Vec::new(), Vec::new());
    for row in rows {
        let problem = Problem {
            kind: row.kind,
            field: row.field,
        };
        match row.dismissed_until {
            None => open.push(problem),
            Some(until) => dismissed.push((problem, until.to_jiff())),
        }
    }
    Ok((open, dismissed))
}

/// Opens a finding.
pub(crate) async fn open(
    connection: &mut PgConnection,
    (id, customer): (Uuid, Uuid),
    problem: &Problem,
    assignee: Option<Uuid>,
    (now, due_at): (Timestamp, Timestamp),
) -> Result<Changed, Fault> {
    sqlx::query!(
        "INSERT INTO profile.quality_finding
             (id, customer_id, kind, state, field, class, assignee_id, found_at, due_at, revision)
         VALUES ($1, $2, $3, 1, $4, $5, $6, $7, $8, 1)",
        id,
        customer,
        problem.kind,
        problem.field,
        problem.class() as i16,
        assignee,
        now.to_sqlx() as _,
        due_at.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(Changed {
        id,
        customer,
        kind: problem.kind,
        state: QualityFindingState::Open as i16,
        assignee,
        due_at,
        revision: 1,
    })
}

/// Closes the open finding of a file about this.
pub(crate) async fn resolve(
    connection: &mut PgConnection,
    customer: Uuid,
    problem: &Problem,
    now: Timestamp,
) -> Result<Option<Changed>, Fault> {
    let row = sqlx::query!(
        "UPDATE profile.quality_finding SET state = 2, closed_at = $4, revision = revision + 1
         WHERE customer_id = $1 AND kind = $2 AND field = $3 AND state = 1
         RETURNING id, customer_id, kind, state, assignee_id, due_at, revision",
        customer,
        problem.kind,
        problem.field,
        now.to_sqlx() as _
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| changed!(row)))
}

/// What nobody was handed belongs to whose the file is.
pub(crate) async fn follow_owner(
    connection: &mut PgConnection,
    customer: Uuid,
    owner: Option<Uuid>,
) -> Result<Vec<Changed>, Fault> {
    let rows = sqlx::query!(
        "UPDATE profile.quality_finding SET assignee_id = $2, revision = revision + 1
         WHERE customer_id = $1 AND state = 1 AND assigner_id IS NULL AND assignee_id IS DISTINCT FROM $2
         RETURNING id, customer_id, kind, state, assignee_id, due_at, revision",
        customer,
        owner
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| changed!(row)).collect())
}

/// Hands an open finding to somebody.
pub(crate) async fn assign(
    connection: &mut PgConnection,
    id: Uuid,
    assignee: Uuid,
    assigner: Uuid,
) -> Result<Changed, Fault> {
    let row = sqlx::query!(
        "UPDATE profile.quality_finding SET assignee_id = $2, assigner_id = $3, revision = revision + 1 WHERE id = $1
         RETURNING id, customer_id, kind, state, assignee_id, due_at, revision",
        id,
        assignee,
        assigner
    )
    .fetch_one(connection)
    .await?;
    Ok(changed!(row))
}

/// Leaves an open finding as it is until then.
pub(crate) async fn dismiss(
    connection: &mut PgConnection,
    id: Uuid,
    (closer, reason): (Uuid, &str),
    (now, until): (Timestamp, Timestamp),
) -> Result<Changed, Fault> {
    let row = sqlx::query!(
        "UPDATE profile.quality_finding
         SET state = 3, closed_at = $4, closer_id = $2, reason = $3, dismissed_until = $5, revision = revision + 1
         WHERE id = $1
         RETURNING id, customer_id, kind, state, assignee_id, due_at, revision",
        id,
        closer,
        reason,
        now.to_sqlx() as _,
        until.to_sqlx() as _,
    )
    .fetch_one(connection)
    .await?;
    Ok(changed!(row))
}

/// The findings whose time went by and of which that was not noted yet; it is now. At most a
/// hundred at once.
pub(crate) async fn note_overdue(
    connection: &mut PgConnection,
    now: Timestamp,
) -> Result<Vec<Changed>, Fault> {
    let rows = sqlx::query!(
        "UPDATE profile.quality_finding SET overdue_noted = true
         WHERE id IN (SELECT f.id FROM profile.quality_finding f
                      JOIN profile.customer c ON c.id = f.customer_id AND c.state IN (2, 3, 4)
                      WHERE f.state = 1 AND NOT f.overdue_noted AND f.due_at < $1
                      ORDER BY f.due_at LIMIT 100 FOR UPDATE OF f SKIP LOCKED)
         RETURNING id, customer_id, kind, state, assignee_id, due_at, revision",
        now.to_sqlx() as _
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| changed!(row)).collect())
}
