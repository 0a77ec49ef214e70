//! Improvement: as it stands, and what of it is due.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::{DutySql, ScopeColumns};
use kefu_contracts::analytics::{Improvement, ImprovementState};
use kefu_service::{
    error::Fault,
    fields::{etag, parse_name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time::from_proto,
};
use prost::Message;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use crate::domain::report::DEPARTMENTS;

/// Collection of the resource names.
pub(crate) const IMPROVEMENTS: &str = "improvements";

/// Under which every look at improvement is taken: a suggestion is its proposer's, and whoever
/// carries it out has duty on it.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "i.id, i.revision, i.created_at, i.content",
    from: "analytics.improvement i",
    id: "i.id",
    scope: ScopeColumns {
        department: Some("i.department_id"),
        owner: Some("i.proposer_id"),
        customer: None,
        duty: Some(DutySql {
            before: "coalesce(i.owner_id = ",
            after: ", FALSE)",
        }),
        consent: None,
    },
    fields: &[
        FilterField::system(
            "state",
            "i.state",
            FilterKind::Enum {
                prefix: "IMPROVEMENT_STATE_",
                parse: |name| ImprovementState::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system(
            "department",
            "i.department_id",
            FilterKind::Name(DEPARTMENTS),
        ),
        FilterField::system("proposer", "i.proposer_id", FilterKind::Name("employees")),
        FilterField::system("owner", "i.owner_id", FilterKind::Name("employees")),
        FilterField::system("due_time", "i.due_at", FilterKind::Time),
        FilterField::system("create_time", "i.created_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// A row as it was read.
#[derive(Clone)]
pub(crate) struct StoredImprovement {
    pub(crate) id: Uuid,
    pub(crate) revision: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) record: Improvement,
}

impl StoredImprovement {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let created_at: jiff_sqlx::Timestamp = row.try_get("created_at")?;
        Self::of(
            row.try_get("id")?,
            row.try_get("revision")?,
            created_at.to_jiff(),
            row.try_get("content")?,
        )
    }

    fn of(id: Uuid, revision: i64, created_at: Timestamp, content: &[u8]) -> Result<Self, Fault> {
        let unreadable = |_| Fault::internal("improvement that is not of the contracts");
        let record = Improvement::decode(content).map_err(unreadable)?;
        Ok(Self {
            id,
            revision,
            created_at,
            record: Improvement {
                etag: etag(revision),
                ..record
            },
        })
    }

    /// None: of the whole company.
    pub(crate) fn department(&self) -> Option<Uuid> {
        parse_name(&self.record.department, DEPARTMENTS)
    }

    pub(crate) fn proposer(&self) -> Option<Uuid> {
        parse_name(&self.record.proposer, "employees")
    }

    /// Who carries it out.
    pub(crate) fn owner(&self) -> Option<Uuid> {
        parse_name(&self.record.owner, "employees")
    }

    fn due_at(&self) -> Option<Timestamp> {
        self.record.due_time.as_ref().and_then(from_proto)
    }

    /// From when on the figure afterwards is to be counted, while it is not.
    fn look_at(&self) -> Option<Timestamp> {
        let at = self.record.measure_time.as_ref().and_then(from_proto);
        at.filter(|_| self.record.afterwards.is_none())
    }

    fn state(&self) -> Result<i16, Fault> {
        i16::try_from(self.record.state).map_err(|_| Fault::internal("a state of no number"))
    }
}

/// Keeps a suggestion.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    new: &StoredImprovement,
) -> Result<(), Fault> {
    let proposer = new
        .proposer()
        .ok_or_else(|| Fault::internal("a suggestion of nobody"))?;
    sqlx::query!(
        "INSERT INTO analytics.improvement
             (id, department_id, proposer_id, owner_id, state, due_at, look_at, revision, created_at, content)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        new.id,
        new.department(),
        proposer,
        new.owner(),
        new.state()?,
        new.due_at().map(ToSqlx::to_sqlx) as _,
        new.look_at().map(ToSqlx::to_sqlx) as _,
        new.revision,
        new.created_at.to_sqlx() as _,
        new.record.encode_to_vec(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts it in the place of the revision before, which is locked.
pub(crate) async fn update(
    connection: &mut PgConnection,
    after: &StoredImprovement,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE analytics.improvement
         SET owner_id = $2, state = $3, due_at = $4, look_at = $5, revision = $6, content = $7
         WHERE id = $1",
        after.id,
        after.owner(),
        after.state()?,
        after.due_at().map(ToSqlx::to_sqlx) as _,
        after.look_at().map(ToSqlx::to_sqlx) as _,
        after.revision,
        after.record.encode_to_vec(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Those that became overdue and of which that was not noted yet; it is now. Locked.
pub(crate) async fn note_overdue(
    connection: &mut PgConnection,
    now: Timestamp,
    most: i64,
) -> Result<Vec<StoredImprovement>, Fault> {
    let rows = sqlx::query!(
        r#"UPDATE analytics.improvement SET overdue_noted = true
           WHERE id IN (SELECT id FROM analytics.improvement
                        WHERE state IN (2, 3) AND NOT overdue_noted AND due_at < $1
                        ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
           RETURNING id, revision, created_at AS "created_at: jiff_sqlx::Timestamp", content"#,
        now.to_sqlx() as _,
        most,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            StoredImprovement::of(row.id, row.revision, row.created_at.to_jiff(), &row.content)
        })
        .collect()
}

/// Those whose figure afterwards is to be counted.
pub(crate) async fn to_measure(
    connection: &mut PgConnection,
    now: Timestamp,
    most: i64,
) -> Result<Vec<StoredImprovement>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT id, revision, created_at AS "created_at: jiff_sqlx::Timestamp", content
           FROM analytics.improvement WHERE look_at <= $1 ORDER BY look_at, id LIMIT $2"#,
        now.to_sqlx() as _,
        most,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            StoredImprovement::of(row.id, row.revision, row.created_at.to_jiff(), &row.content)
        })
        .collect()
}

/// One whose figure afterwards is still to be counted, whatever the scope; locked.
pub(crate) async fn lock_to_measure(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<StoredImprovement>, Fault> {
    let row = sqlx::query!(
        r#"SELECT id, revision, created_at AS "created_at: jiff_sqlx::Timestamp", content
           FROM analytics.improvement WHERE id = $1 AND look_at IS NOT NULL FOR UPDATE"#,
        id,
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| {
        StoredImprovement::of(row.id, row.revision, row.created_at.to_jiff(), &row.content)
    })
    .transpose()
}

/// Says not to try again before then.
pub(crate) async fn put_off(
    connection: &mut PgConnection,
    id: Uuid,
    until: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE analytics.improvement SET look_at = $2 WHERE id = $1 AND look_at IS NOT NULL",
        id,
        until.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}
