//! Submissions of orders in the database.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::order::{Submission, SubmissionState};
use kefu_service::{
    error::Fault,
    fields::{etag, name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time::to_proto,
};
use kefu_vault::WrappedKey;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::records;

/// Collection of the resource names.
pub(crate) const SUBMISSIONS: &str = "submissions";

/// Under which every look at submissions is taken: they are seen where their order is.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "s.id, s.order_id, s.customer_id, s.state, s.sealed, s.created_at, s.asked_since, s.attempts,
              s.next_attempt_at, s.outcome_at, s.marked_by, s.revision, k.kek_id, k.wrapped",
    from: "orders.submission s JOIN orders.purchase_order o ON o.id = s.order_id
           JOIN orders.customer_key k ON k.customer_id = s.customer_id",
    id: "s.id",
    scope: records::RECORD.scope,
    fields: &[
        FilterField::system("order", "s.order_id", FilterKind::Name("orders")),
        FilterField::system("customer", "s.customer_id", FilterKind::Name("customers")),
        FilterField::system(
            "state",
            "s.state",
            FilterKind::Enum {
                prefix: "SUBMISSION_STATE_",
                parse: |name| SubmissionState::from_str_name(name).map(|state| state as i32),
            },
        ),
        FilterField::system("create_time", "s.created_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// A row as it was read, its classified fields still sealed.
pub(crate) struct StoredSubmission {
    pub(crate) id: Uuid,
    pub(crate) order_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) created_at: Timestamp,
    pub(crate) asked_since: Timestamp,
    pub(crate) attempts: i32,
    pub(crate) revision: i64,
    pub(crate) sealed: Vec<u8>,
    pub(crate) wrapped: WrappedKey,
    /// Rules of the call that let the row through; of a look of our own there are none.
    pub(crate) matched: i64,
    columns: Submission,
}

impl StoredSubmission {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let time = |column| {
            let at = row.try_get::<jiff_sqlx::Timestamp, _>(column);
            at.map(|at| at.to_jiff())
        };
        let perhaps = |column| {
            let at = row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column);
            at.map(|at| at.map(|at| to_proto(at.to_jiff())))
        };
        let (id, order_id) = (row.try_get("id")?, row.try_get("order_id")?);
        let customer_id = row.try_get("customer_id")?;
        let (attempts, revision) = (row.try_get("attempts")?, row.try_get("revision")?);
        let created_at = time("created_at")?;
        Ok(Self {
            id,
            order_id,
            customer_id,
            created_at,
            asked_since: time("asked_since")?,
            attempts,
            revision,
            sealed: row.try_get("sealed")?,
            wrapped: WrappedKey {
                kek_id: row.try_get("kek_id")?,
                bytes: row.try_get("wrapped")?,
            },
            matched: row.try_get("matched")?,
            columns: Submission {
                name: name(SUBMISSIONS, id),
                order: name("orders", order_id),
                customer: name("customers", customer_id),
                state: row.try_get::<i16, _>("state")?.into(),
                create_time: Some(to_proto(created_at)),
                attempt_count: attempts,
                next_attempt_time: perhaps("next_attempt_at")?,
                outcome_time: perhaps("outcome_at")?,
                marked_by: row.try_get("marked_by")?,
                etag: etag(revision),
                ..Submission::default()
            },
        })
    }

    pub(crate) fn state(&self) -> SubmissionState {
        self.columns.state()
    }

    /// The record: its columns with the opened fields.
    pub(crate) fn with_opened(&self, opened: Submission) -> Submission {
        Submission {
            reference: opened.reference,
            note: opened.note,
            ..self.columns.clone()
        }
    }
}

/// Writes a submission of an order that has none standing; `false` where it has one.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    (id, order, customer): (Uuid, Uuid, Uuid),
    sealed: &[u8],
    now: Timestamp,
    first_attempt: Option<Timestamp>,
) -> Result<bool, Fault> {
    let written = sqlx::query!(
        "INSERT INTO orders.submission
             (id, order_id, customer_id, state, sealed, created_at, asked_since, attempts, next_attempt_at, marked_by,
              revision)
         VALUES ($1, $2, $3, 1, $4, $5, $5, 0, $6, '', 1)
         ON CONFLICT (order_id) WHERE state IN (1, 2, 4) DO NOTHING",
        id,
        order,
        customer,
        sealed,
        now.to_sqlx() as _,
        first_attempt.map(ToSqlx::to_sqlx) as _
    )
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// The one of an order that stands, or was refused last, held until the transaction ends.
pub(crate) async fn of_order(
    connection: &mut PgConnection,
    order: Uuid,
) -> Result<Option<StoredSubmission>, Fault> {
    let mut query = plain();
    query.push("s.order_id = ").push_bind(order);
    query.push(" AND s.state IN (1, 2, 3, 4) ORDER BY s.state = 3, s.created_at DESC LIMIT 1 FOR UPDATE OF s");
    let row = query.build().fetch_optional(connection).await?;
    row.as_ref().map(StoredSubmission::read).transpose()
}

/// The same by its id.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<StoredSubmission>, Fault> {
    let mut query = plain();
    query.push("s.id = ").push_bind(id).push(" FOR UPDATE OF s");
    let row = query.build().fetch_optional(connection).await?;
    row.as_ref().map(StoredSubmission::read).transpose()
}

/// What a submission is from now on.
pub(crate) struct Turn<'a> {
    pub(crate) state: SubmissionState,
    pub(crate) now: Timestamp,
    /// When the connector is asked; `None`: it is not.
    pub(crate) next_attempt: Option<Timestamp>,
    /// Asked anew, and not once more.
    pub(crate) anew: bool,
    pub(crate) marked_by: &'a str,
    /// `None`: as it is.
    pub(crate) sealed: Option<&'a [u8]>,
}

/// Brings a locked one to a state.
pub(crate) async fn turn(
    connection: &mut PgConnection,
    id: Uuid,
    turn: &Turn<'_>,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.submission
         SET state = $2, outcome_at = $3, next_attempt_at = $4, marked_by = $5, sealed = coalesce($6, sealed),
             asked_since = CASE WHEN $7 THEN $3 ELSE asked_since END,
             attempts = CASE WHEN $7 THEN 0 ELSE attempts END, revision = revision + 1
         WHERE id = $1",
        id,
        turn.state as i16,
        turn.now.to_sqlx() as _,
        turn.next_attempt.map(ToSqlx::to_sqlx) as _,
        turn.marked_by,
        turn.sealed,
        turn.anew
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes some that the connector is to be asked about, none of which anybody else takes until
/// then, and counts the attempt.
pub(crate) async fn take(
    connection: &mut PgConnection,
    now: Timestamp,
    until: Timestamp,
    most: i64,
) -> Result<Vec<StoredSubmission>, Fault> {
    let ids = sqlx::query_scalar!(
        "UPDATE orders.submission SET attempts = attempts + 1, next_attempt_at = $2
         WHERE id IN (SELECT id FROM orders.submission WHERE next_attempt_at <= $1
                      ORDER BY next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED)
         RETURNING id",
        now.to_sqlx() as _,
        until.to_sqlx() as _,
        most
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut query = plain();
    query.push("s.id = ANY (").push_bind(ids).push(")");
    let rows = query.build().fetch_all(connection).await?;
    rows.iter().map(StoredSubmission::read).collect()
}

/// The connector is asked again then.
pub(crate) async fn postpone(
    connection: &mut PgConnection,
    id: Uuid,
    until: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.submission SET next_attempt_at = $2 WHERE id = $1",
        id,
        until.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The connector is asked no more.
pub(crate) async fn give_up(connection: &mut PgConnection, id: Uuid) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.submission SET next_attempt_at = NULL WHERE id = $1",
        id
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Submissions whatever the scope, up to ` WHERE `.
fn plain() -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT ");
    query
        .push(RECORD.columns)
        .push(", 0::int8 AS matched FROM ");
    query.push(RECORD.from).push(" WHERE ");
    query
}
