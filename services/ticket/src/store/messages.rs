//! What was said about a ticket.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::ticket::Direction;
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
    /// Who is mentioned in it.
    pub(crate) mentions: Vec<Uuid>,
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
             (id, ticket_id, customer_id, direction, author_id, occurred_at, sealed, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        message.id,
        message.ticket_id,
        message.customer_id,
        message.direction as i16,
        message.author_id,
        message.occurred_at.to_sqlx() as _,
        message.sealed,
        message.revision
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
        r#"SELECT id, direction, author_id, occurred_at, sealed,
                  ARRAY(SELECT employee_id FROM ticket.mention WHERE message_id = m.id ORDER BY id) AS "mentions!"
           FROM ticket.message m
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
        mentions: row.mentions,
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
