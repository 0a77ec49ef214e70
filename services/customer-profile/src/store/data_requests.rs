//! What customers ask for about their own data, and where it stands.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::profile::{DataRequest, DataRequestKind, DataRequestState};
use kefu_service::{
    error::Fault,
    fields::{etag, name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time,
};
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    hanging::{Hanging, Kept},
    records::SCOPE,
};
use crate::domain::data_request::Asked;

/// Type of the journal entry that says that a copy was made for a request.
pub(crate) const COPIED: &str = "data_request.copied";

/// Under which every look at requests is taken: that of their customer's file.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "q.id, q.customer_id, q.kind, q.state, q.channel, q.identity_proof, q.received_at, q.due_at,
              q.assignee_id, q.proposer_id, q.recorder, q.recorded_at, q.closed_at, q.revision, q.sealed,
              k.kek_id, k.wrapped",
    from: "profile.data_request q
           JOIN profile.customer c ON c.id = q.customer_id AND c.state IN (2, 3, 4)
           JOIN profile.customer_key k ON k.customer_id = q.customer_id",
    id: "q.id",
    scope: SCOPE,
    fields: &[
        FilterField::system("customer", "q.customer_id", FilterKind::Name("customers")),
        FilterField::system(
            "kind",
            "q.kind",
            FilterKind::Enum {
                prefix: "DATA_REQUEST_KIND_",
                parse: |name| DataRequestKind::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system(
            "state",
            "q.state",
            FilterKind::Enum {
                prefix: "DATA_REQUEST_STATE_",
                parse: |name| DataRequestState::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system("assignee", "q.assignee_id", FilterKind::Name("employees")),
        FilterField::system("due_time", "q.due_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// A row as it was read.
pub(crate) struct StoredRequest {
    pub(crate) kept: Kept,
    pub(crate) assignee: Option<Uuid>,
    pub(crate) proposer: Option<Uuid>,
    pub(crate) revision: i64,
    columns: DataRequest,
}

impl Hanging for StoredRequest {
    type Record = DataRequest;

    fn read(row: &PgRow) -> Result<Self, Fault> {
        let kept = Kept::read(row)?;
        let at = |column| {
            let at = row.try_get::<jiff_sqlx::Timestamp, _>(column);
            at.map(|at| at.to_jiff())
        };
        let small = |column| row.try_get::<i16, _>(column).map(i32::from);
        let closed: Option<jiff_sqlx::Timestamp> = row.try_get("closed_at")?;
        let assignee: Option<Uuid> = row.try_get("assignee_id")?;
        let revision = row.try_get("revision")?;
        let columns = DataRequest {
            name: name("data-requests", kept.id),
            customer: name("customers", kept.customer),
            kind: small("kind")?,
            state: small("state")?,
            channel: small("channel")?,
            receive_time: Some(time::to_proto(at("received_at")?)),
            identity_proof: small("identity_proof")?,
            due_time: Some(time::to_proto(at("due_at")?)),
            assignee: assignee.map(|id| name("employees", id)).unwrap_or_default(),
            recorder: row.try_get("recorder")?,
            record_time: Some(time::to_proto(kept.recorded_at)),
            close_time: closed.map(|at| time::to_proto(at.to_jiff())),
            etag: etag(revision),
            ..DataRequest::default()
        };
        Ok(Self {
            kept,
            assignee,
            proposer: row.try_get("proposer_id")?,
            revision,
            columns,
        })
    }

    fn kept(&self) -> &Kept {
        &self.kept
    }

    fn with_columns(&self, opened: Self::Record) -> Self::Record {
        DataRequest {
            asker: opened.asker,
            identity_evidence: opened.identity_evidence,
            wish: opened.wish,
            answer: opened.answer,
            reference: opened.reference,
            ..self.columns.clone()
        }
    }

    fn name(record: &DataRequest) -> &String {
        &record.name
    }
}

impl StoredRequest {
    pub(crate) fn kind(&self) -> DataRequestKind {
        self.columns.kind()
    }

    /// Whether it is answered by a copy.
    pub(crate) fn asks_for_a_copy(&self) -> bool {
        matches!(
            self.kind(),
            DataRequestKind::Access | DataRequestKind::Portability
        )
    }

    pub(crate) fn state(&self) -> DataRequestState {
        self.columns.state()
    }
}

/// A request about to be entered.
pub(crate) struct NewRow<'a> {
    pub(crate) id: Uuid,
    pub(crate) asked: &'a Asked,
    pub(crate) due_at: Timestamp,
    pub(crate) recorder: &'a str,
    pub(crate) sealed: &'a [u8],
    pub(crate) now: Timestamp,
}

/// Enters a request, open, at revision 1.
pub(crate) async fn insert(connection: &mut PgConnection, row: &NewRow<'_>) -> Result<(), Fault> {
    let asked = row.asked;
    sqlx::query!(
        "INSERT INTO profile.data_request
             (id, customer_id, kind, state, channel, identity_proof, received_at, due_at, recorder, recorded_at,
              revision, sealed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11)",
        row.id,
        asked.customer,
        asked.kind as i16,
        DataRequestState::Open as i16,
        asked.channel as i16,
        asked.proof as i16,
        asked.received_at.to_sqlx() as _,
        row.due_at.to_sqlx() as _,
        row.recorder,
        row.now.to_sqlx() as _,
        row.sealed,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What of a request changes.
pub(crate) struct Standing<'a> {
    pub(crate) state: DataRequestState,
    pub(crate) assignee: Option<Uuid>,
    pub(crate) proposer: Option<Uuid>,
    pub(crate) closed_at: Option<Timestamp>,
    pub(crate) sealed: &'a [u8],
}

/// Puts a changed request in the place of the revision it was decided upon.
pub(crate) async fn update(
    connection: &mut PgConnection,
    (id, revision): (Uuid, i64),
    standing: &Standing<'_>,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE profile.data_request
         SET state = $3, assignee_id = $4, proposer_id = $5, closed_at = $6, sealed = $7, revision = revision + 1
         WHERE id = $1 AND revision = $2",
        id,
        revision,
        standing.state as i16,
        standing.assignee,
        standing.proposer,
        standing.closed_at.map(|at| at.to_sqlx()) as _,
        standing.sealed,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether a copy was made for the request.
pub(crate) async fn was_copied(
    connection: &mut PgConnection,
    request: &StoredRequest,
) -> Result<bool, Fault> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM profile.journal
                          WHERE customer_id = $1 AND resource = $2 AND type = $3) AS "found!""#,
        request.kept.customer,
        name("data-requests", request.kept.id),
        COPIED,
    )
    .fetch_one(connection)
    .await?;
    Ok(found)
}

/// A request that is overdue.
pub(crate) struct Overdue {
    pub(crate) id: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) kind: i16,
    pub(crate) state: i16,
    pub(crate) assignee: Option<Uuid>,
    pub(crate) due_at: Timestamp,
    pub(crate) revision: i64,
}

/// The requests that became overdue and of which that was not noted yet; it is now. At most
/// a hundred at once.
pub(crate) async fn note_overdue(
    connection: &mut PgConnection,
    now: Timestamp,
) -> Result<Vec<Overdue>, Fault> {
    let rows = sqlx::query!(
        "UPDATE profile.data_request SET overdue_noted = true
         WHERE id IN (SELECT id FROM profile.data_request
                      WHERE closed_at IS NULL AND NOT overdue_noted AND due_at < $1
                      ORDER BY due_at LIMIT 100 FOR UPDATE SKIP LOCKED)
         RETURNING id, customer_id, kind, state, assignee_id, due_at, revision",
        now.to_sqlx() as _
    )
    .fetch_all(connection)
    .await?;
    let overdue = rows.into_iter().map(|row| Overdue {
        id: row.id,
        customer: row.customer_id,
        kind: row.kind,
        state: row.state,
        assignee: row.assignee_id,
        due_at: row.due_at.to_jiff(),
        revision: row.revision,
    });
    Ok(overdue.collect())
}
