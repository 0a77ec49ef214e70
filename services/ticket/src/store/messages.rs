//! What was said about a ticket.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::{common::Channel, ticket::Direction};
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

/// A message, its body sealed.
pub(crate) struct StoredMessage {
    pub(crate) id: Uuid,
    /// A number of [`Direction`].
    pub(crate) direction: i32,
    pub(crate) author_id: Option<Uuid>,
    pub(crate) occurred_at: Timestamp,
    pub(crate) sealed: Vec<u8>,
    /// A number of [`Channel`].
    pub(crate) channel: i32,
    /// From when, and until when.
    pub(crate) call: (Option<Timestamp>, Option<Timestamp>),
    pub(crate) recording: Option<Vec<u8>>,
}

/// A message about to be written.
pub(crate) struct NewMessage<'a> {
    pub(crate) id: Uuid,
    pub(crate) ticket_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) direction: Direction,
    pub(crate) author_id: Option<Uuid>,
    pub(crate) occurred_at: Timestamp,
    pub(crate) sealed: &'a [u8],
    pub(crate) channel: Channel,
    pub(crate) call: (Option<Timestamp>, Option<Timestamp>),
    pub(crate) recording: Option<&'a [u8]>,
    /// Revision of the ticket that it makes.
    pub(crate) revision: i64,
}

/// Writes a message.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    message: &NewMessage<'_>,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.message
             (id, ticket_id, customer_id, direction, author_id, occurred_at, sealed, revision, channel,
              call_started_at, call_ended_at, recording)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        message.id,
        message.ticket_id,
        message.customer_id,
        message.direction as i16,
        message.author_id,
        message.occurred_at.to_sqlx() as _,
        message.sealed,
        message.revision,
        message.channel as i16,
        message.call.0.map(ToSqlx::to_sqlx) as _,
        message.call.1.map(ToSqlx::to_sqlx) as _,
        message.recording
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The messages of a ticket up to a revision, oldest first.
pub(crate) async fn list(
    connection: &mut PgConnection,
    ticket: Uuid,
    revision: i64,
) -> Result<Vec<StoredMessage>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT id, direction, author_id, occurred_at, sealed, channel,
                  call_started_at AS "call_started_at: jiff_sqlx::Timestamp",
                  call_ended_at AS "call_ended_at: jiff_sqlx::Timestamp", recording
           FROM ticket.message
           WHERE ticket_id = $1 AND revision <= $2 ORDER BY occurred_at, revision, id"#,
        ticket,
        revision
    )
    .fetch_all(connection)
    .await?;
    let messages = rows.into_iter().map(|row| StoredMessage {
        id: row.id,
        direction: row.direction.into(),
        author_id: row.author_id,
        occurred_at: row.occurred_at.to_jiff(),
        sealed: row.sealed,
        channel: row.channel.into(),
        call: (
            row.call_started_at.map(|at| at.to_jiff()),
            row.call_ended_at.map(|at| at.to_jiff()),
        ),
        recording: row.recording,
    });
    Ok(messages.collect())
}

/// Whether the ticket has messages up to a revision, for those who may not read them.
pub(crate) async fn any(
    connection: &mut PgConnection,
    ticket: Uuid,
    revision: i64,
) -> Result<bool, Fault> {
    let any = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM ticket.message WHERE ticket_id = $1 AND revision <= $2) AS "any!""#,
        ticket,
        revision
    )
    .fetch_one(connection)
    .await?;
    Ok(any)
}
