//! What was said about a ticket.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::{common::Channel, ticket::Direction};
use kefu_service::error::Fault;
use kefu_vault::TextMarks;
use sqlx::PgConnection;
use uuid::Uuid;

use super::texts::Part;

/// A message, its body sealed.
pub(crate) struct StoredMessage {
    pub(crate) id: Uuid,
    /// Where it was said.
    pub(crate) ticket_id: Uuid,
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
    /// The ticket that it became part of, outside of this conversation.
    pub(crate) moved_to: Option<Uuid>,
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
    pub(crate) channel: Channel,
    pub(crate) call: (Option<Timestamp>, Option<Timestamp>),
    pub(crate) recording: Option<&'a [u8]>,
    /// What it is found by.
    pub(crate) marks: &'a TextMarks,
    /// Revision of the ticket that it makes.
    pub(crate) revision: i64,
}

/// Writes a message, and what it is found by.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    message: &NewMessage<'_>,
) -> Result<(), Fault> {
    sqlx::query!(
        "WITH said AS (
             INSERT INTO ticket.message
                 (id, ticket_id, customer_id, direction, author_id, occurred_at, sealed, revision, channel,
                  call_started_at, call_ended_at, recording)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $12, $13, $14, $15)
         )
         INSERT INTO ticket.text_mark (ticket_id, customer_id, part, pairs, longer)
         SELECT $2, $3, $9::int2, $10::int8[], $11::int4[] WHERE cardinality($10::int8[]) > 0",
        message.id,
        message.ticket_id,
        message.customer_id,
        message.direction as i16,
        message.author_id,
        message.occurred_at.to_sqlx() as _,
        message.sealed,
        message.revision,
        Part::Message as i16,
        &message.marks.pairs,
        &message.marks.longer,
        message.channel as i16,
        message.call.0.map(ToSqlx::to_sqlx) as _,
        message.call.1.map(ToSqlx::to_sqlx) as _,
        message.recording
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The conversation of a ticket as of a revision of it, oldest first: its own messages, those
/// of tickets that are part of it, and those that were moved into any of these.
pub(crate) async fn list(
    connection: &mut PgConnection,
    ticket: Uuid,
    revision: i64,
) -> Result<Vec<StoredMessage>, Fault> {
    let rows = sqlx::query!(
        r#"WITH RECURSIVE part (id, last) AS (
               SELECT $1::uuid, $2::bigint
               UNION
               SELECT m.source_id, 9223372036854775807
               FROM part p JOIN ticket.merge m
                    ON m.target_id = p.id AND m.undone_at IS NULL AND m.target_revision <= p.last
           ), said (id) AS (
               SELECT m.id FROM part p JOIN ticket.message m ON m.ticket_id = p.id AND m.revision <= p.last
               UNION
               SELECT v.message_id FROM part p JOIN ticket.moved_message v ON v.to_id = p.id
           )
           SELECT m.id, m.ticket_id, m.direction, m.author_id,
                  m.occurred_at AS "occurred_at: jiff_sqlx::Timestamp", m.sealed, m.channel,
                  m.call_started_at AS "call_started_at: jiff_sqlx::Timestamp",
                  m.call_ended_at AS "call_ended_at: jiff_sqlx::Timestamp", m.recording, v.to_id AS "moved_to?",
                  ARRAY(SELECT employee_id FROM ticket.mention WHERE message_id = m.id ORDER BY id) AS "mentions!"
           FROM said s JOIN ticket.message m ON m.id = s.id
           LEFT JOIN ticket.moved_message v
                ON v.message_id = m.id AND (v.from_id <> $1 OR v.revision <= $2)
                   AND v.to_id NOT IN (SELECT id FROM part)
           ORDER BY m.occurred_at, m.revision, m.id"#,
        ticket,
        revision
    )
    .fetch_all(connection)
    .await?;
    let messages = rows.into_iter().map(|row| StoredMessage {
        id: row.id,
        ticket_id: row.ticket_id,
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
        moved_to: row.moved_to,
        mentions: row.mentions,
    });
    Ok(messages.collect())
}

/// How many messages of the customer there are in the conversation of a ticket after what it was
/// opened with, until a moment; without one, all. What was split off is not of it any more, and
/// is what the other one was opened with; what a part of it was opened with is a message here.
pub(crate) async fn inbound(
    connection: &mut PgConnection,
    ticket: Uuid,
    until: Option<Timestamp>,
) -> Result<i32, Fault> {
    let inbound = sqlx::query_scalar!(
        r#"WITH RECURSIVE part (id) AS (
               SELECT $1::uuid
               UNION
               SELECT m.source_id FROM part p JOIN ticket.merge m ON m.target_id = p.id AND m.undone_at IS NULL
           )
           SELECT (SELECT count(*) FROM part p JOIN ticket.message m ON m.ticket_id = p.id
                   WHERE m.direction = $2::int2 AND ($3::timestamptz IS NULL OR m.occurred_at <= $3)
                     AND NOT EXISTS (SELECT FROM ticket.moved_message v
                                     WHERE v.message_id = m.id AND v.to_id NOT IN (SELECT id FROM part)))
                + (SELECT count(*) FROM part p JOIN ticket.ticket t ON t.id = p.id
                   WHERE p.id <> $1 AND ($3::timestamptz IS NULL OR t.received_at <= $3)) AS "inbound!""#,
        ticket,
        Direction::In as i16,
        until.map(ToSqlx::to_sqlx) as _
    )
    .fetch_one(connection)
    .await?;
    Ok(i32::try_from(inbound).unwrap_or(i32::MAX))
}

/// Whether there is anything in the conversation of a ticket as of a revision of it, for those
/// who may not read it.
pub(crate) async fn any(
    connection: &mut PgConnection,
    ticket: Uuid,
    revision: i64,
) -> Result<bool, Fault> {
    let any = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM ticket.message WHERE ticket_id = $1 AND revision <= $2)
               OR EXISTS (SELECT FROM ticket.moved_message WHERE to_id = $1)
               OR EXISTS (SELECT FROM ticket.merge
                          WHERE target_id = $1 AND target_revision <= $2 AND undone_at IS NULL) AS "any!""#,
        ticket,
        revision
    )
    .fetch_one(connection)
    .await?;
    Ok(any)
}
