//! Files of the conversation, their parts, and objects that are to go.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::{policy::DataClass, ticket::TicketState};
use kefu_service::{error::Fault, scope::RecordSpec};
use kefu_vault::WrappedKey;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{history::Actor, records};

/// Collection of the resource names.
pub(crate) const ATTACHMENTS: &str = "attachments";

/// Under which every look at attachments is taken: they are where their ticket is, as far as
/// what its customer said is cleared.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns:
        "a.id, a.ticket_id, a.customer_id, a.state, a.author_id, a.author_is_system, a.sealed, a.started_at,
              a.finished_at, t.state AS ticket_state, t.revision AS ticket_revision, k.kek_id, k.wrapped",
    from: "ticket.attachment a JOIN ticket.ticket t ON t.id = a.ticket_id
           JOIN ticket.customer_key k ON k.customer_id = a.customer_id",
    id: "a.id",
    scope: records::RECORD.scope,
    class: Some(SERVICE),
    ..RecordSpec::PLAIN
};

/// The number of the class, as SQL.
const SERVICE: &str = "6";
const _: () = assert!(DataClass::Service as i32 == 6);

/// It is coming in.
const COMING: i16 = 1;
/// It is whole.
const WHOLE: i16 = 2;

/// A row as it was read.
pub(crate) struct StoredAttachment {
    pub(crate) id: Uuid,
    pub(crate) ticket_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) whole: bool,
    /// Who began it.
    pub(crate) author: Actor,
    pub(crate) sealed: Vec<u8>,
    pub(crate) started_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) ticket_closed: bool,
    pub(crate) ticket_revision: i64,
    pub(crate) wrapped: WrappedKey,
    /// Rules of the call that let it through.
    pub(crate) matched: i64,
}

impl StoredAttachment {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let started_at = row.try_get::<jiff_sqlx::Timestamp, _>("started_at")?;
        let finished_at = row.try_get::<Option<jiff_sqlx::Timestamp>, _>("finished_at")?;
        Ok(Self {
            id: row.try_get("id")?,
            ticket_id: row.try_get("ticket_id")?,
            customer_id: row.try_get("customer_id")?,
            whole: row.try_get::<i16, _>("state")? == WHOLE,
            author: Actor {
                id: row.try_get("author_id")?,
                is_system: row.try_get("author_is_system")?,
            },
            sealed: row.try_get("sealed")?,
            started_at: started_at.to_jiff(),
            finished_at: finished_at.map(|at| at.to_jiff()),
            ticket_closed: row.try_get::<i16, _>("ticket_state")? == TicketState::Closed as i16,
            ticket_revision: row.try_get("ticket_revision")?,
            wrapped: WrappedKey {
                kek_id: row.try_get("kek_id")?,
                bytes: row.try_get("wrapped")?,
            },
            matched: row.try_get("matched")?,
        })
    }
}

/// An attachment about to come in.
pub(crate) struct NewAttachment<'a> {
    pub(crate) id: Uuid,
    pub(crate) ticket_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) author: Actor,
    pub(crate) sealed: &'a [u8],
    pub(crate) now: Timestamp,
}

/// Begins an attachment.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    new: &NewAttachment<'_>,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.attachment
             (id, ticket_id, customer_id, state, author_id, author_is_system, sealed, started_at, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)",
        new.id,
        new.ticket_id,
        new.customer_id,
        COMING,
        new.author.id,
        new.author.is_system,
        new.sealed,
        new.now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// One that is whole, as its ticket shows it.
pub(crate) struct ShownAttachment {
    pub(crate) id: Uuid,
    pub(crate) author: Actor,
    pub(crate) message_id: Option<Uuid>,
    pub(crate) sealed: Vec<u8>,
    pub(crate) finished_at: Option<Timestamp>,
}

/// Those of these tickets that were whole before each came to a revision, oldest first.
pub(crate) async fn list(
    connection: &mut PgConnection,
    tickets: &[(Uuid, i64)],
) -> Result<Vec<ShownAttachment>, Fault> {
    let (ids, revisions): (Vec<Uuid>, Vec<i64>) = tickets.iter().copied().unzip();
    let rows = sqlx::query!(
        r#"SELECT a.id, a.author_id, a.author_is_system, a.message_id, a.sealed,
                  a.finished_at AS "finished_at: jiff_sqlx::Timestamp"
           FROM unnest($1::uuid[], $2::int8[]) AS asked(ticket_id, revision)
           JOIN ticket.attachment a ON a.ticket_id = asked.ticket_id AND a.revision < asked.revision
           WHERE a.state = $3
           ORDER BY a.finished_at, a.id"#,
        &ids,
        &revisions,
        WHOLE
    )
    .fetch_all(connection)
    .await?;
    let all = rows.into_iter().map(|row| ShownAttachment {
        id: row.id,
        author: Actor {
            id: row.author_id,
            is_system: row.author_is_system,
        },
        message_id: row.message_id,
        sealed: row.sealed,
        finished_at: row.finished_at.map(|at| at.to_jiff()),
    });
    Ok(all.collect())
}

/// Whether there are any of a ticket before a revision, or of what was part of it as of another,
/// for those who may not see them.
pub(crate) async fn any(
    connection: &mut PgConnection,
    (ticket, before): (Uuid, i64),
    revision: i64,
) -> Result<bool, Fault> {
    let any = sqlx::query_scalar!(
        r#"WITH RECURSIVE part (id) AS (
               SELECT m.source_id FROM ticket.merge m
               WHERE m.target_id = $1 AND m.undone_at IS NULL AND m.target_revision <= $3
               UNION
               SELECT m.source_id FROM part p JOIN ticket.merge m ON m.target_id = p.id AND m.undone_at IS NULL
           )
           SELECT EXISTS (SELECT FROM ticket.attachment WHERE ticket_id = $1 AND revision < $2 AND state = $4)
               OR EXISTS (SELECT FROM part p JOIN ticket.attachment a ON a.ticket_id = p.id
                          WHERE a.state = $4) AS "any!""#,
        ticket,
        before,
        revision,
        WHOLE
    )
    .fetch_one(connection)
    .await?;
    Ok(any)
}

/// Gives attachments to a reply; how many there were to give.
pub(crate) async fn bind(
    connection: &mut PgConnection,
    ticket: Uuid,
    ids: &[Uuid],
    message: Uuid,
) -> Result<u64, Fault> {
    let bound = sqlx::query!(
        "UPDATE ticket.attachment SET message_id = $3
         WHERE ticket_id = $1 AND id = ANY ($2) AND state = $4 AND message_id IS NULL",
        ticket,
        ids,
        message,
        WHOLE
    )
    .execute(connection)
    .await?;
    Ok(bound.rows_affected())
}

/// A part as it lies in the store of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) seq: i32,
    pub(crate) object: String,
    pub(crate) size: i64,
}

/// The parts that are there, in order.
pub(crate) async fn parts(
    connection: &mut PgConnection,
    attachment: Uuid,
) -> Result<Vec<Part>, Fault> {
    let rows = sqlx::query!(
        "SELECT seq, object, size_bytes FROM ticket.attachment_part WHERE attachment_id = $1 ORDER BY seq",
        attachment
    )
    .fetch_all(connection)
    .await?;
    let parts = rows.into_iter().map(|row| Part {
        seq: row.seq,
        object: row.object,
        size: row.size_bytes.into(),
    });
    Ok(parts.collect())
}

/// Keeps an attachment as it is until the transaction ends; whether it is still coming in.
pub(crate) async fn lock_coming(
    connection: &mut PgConnection,
    attachment: Uuid,
) -> Result<bool, Fault> {
    let state = sqlx::query_scalar!(
        "SELECT state FROM ticket.attachment WHERE id = $1 FOR UPDATE",
        attachment
    )
    .fetch_optional(connection)
    .await?;
    Ok(state == Some(COMING))
}

/// Says that an object may be left behind from then on, before it is written.
pub(crate) async fn announce(
    connection: &mut PgConnection,
    object: &str,
    due: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.object_due (object, due_at) VALUES ($1, $2)",
        object,
        due.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes an object that was written as a part; what was there before is to go. `false` where
/// it took so long that the object is gone by now.
pub(crate) async fn keep_part(
    connection: &mut PgConnection,
    (attachment, customer): (Uuid, Uuid),
    part: &Part,
    now: Timestamp,
) -> Result<bool, Fault> {
    let announced = sqlx::query!(
        "DELETE FROM ticket.object_due WHERE object = $1",
        part.object
    )
    .execute(&mut *connection)
    .await?;
    if announced.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!(
        "INSERT INTO ticket.object_due (object, due_at)
         SELECT object, $3 FROM ticket.attachment_part WHERE attachment_id = $1 AND seq = $2",
        attachment,
        part.seq,
        now.to_sqlx() as _
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO ticket.attachment_part (attachment_id, customer_id, seq, object, size_bytes)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (attachment_id, seq) DO UPDATE
         SET object = EXCLUDED.object, size_bytes = EXCLUDED.size_bytes",
        attachment,
        customer,
        part.seq,
        part.object,
        i32::try_from(part.size).unwrap_or(i32::MAX)
    )
    .execute(connection)
    .await?;
    Ok(true)
}

/// It is whole.
pub(crate) async fn finish(
    connection: &mut PgConnection,
    attachment: Uuid,
    revision: i64,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.attachment SET state = $2, revision = $3, finished_at = $4 WHERE id = $1",
        attachment,
        WHOLE,
        revision,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// An attachment that did not become whole.
pub(crate) struct Swept {
    pub(crate) id: Uuid,
    pub(crate) ticket_id: Uuid,
    pub(crate) customer_id: Uuid,
}

/// Takes away some that began before then and are not whole; their objects are to go.
pub(crate) async fn sweep(
    connection: &mut PgConnection,
    before: Timestamp,
    now: Timestamp,
    most: i64,
) -> Result<Vec<Swept>, Fault> {
    // COMING, as the index of these has it.
    let rows = sqlx::query!(
        "DELETE FROM ticket.attachment WHERE id IN
             (SELECT id FROM ticket.attachment WHERE state = 1 AND started_at <= $1
              LIMIT $2 FOR UPDATE SKIP LOCKED)
         RETURNING id, ticket_id, customer_id",
        before.to_sqlx() as _,
        most
    )
    .fetch_all(&mut *connection)
    .await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    sqlx::query!(
        "WITH gone AS (DELETE FROM ticket.attachment_part WHERE attachment_id = ANY ($1) RETURNING object)
         INSERT INTO ticket.object_due (object, due_at) SELECT object, $2 FROM gone",
        &ids,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    let swept = rows.into_iter().map(|row| Swept {
        id: row.id,
        ticket_id: row.ticket_id,
        customer_id: row.customer_id,
    });
    Ok(swept.collect())
}

/// Some objects that are to go. A call that still writes one is over long before.
pub(crate) async fn due(
    connection: &mut PgConnection,
    now: Timestamp,
    most: i64,
) -> Result<Vec<String>, Fault> {
    let rows = sqlx::query_scalar!(
        "SELECT object FROM ticket.object_due WHERE due_at <= $1 ORDER BY due_at LIMIT $2",
        now.to_sqlx() as _,
        most
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// An object stays until then.
pub(crate) async fn postpone(
    connection: &mut PgConnection,
    object: &str,
    until: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.object_due SET due_at = $2 WHERE object = $1",
        object,
        until.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// An object is gone.
pub(crate) async fn gone(connection: &mut PgConnection, object: &str) -> Result<(), Fault> {
    sqlx::query!("DELETE FROM ticket.object_due WHERE object = $1", object)
        .execute(connection)
        .await?;
    Ok(())
}

/// Nothing of a customer's files is left here; the objects go as soon as they can.
pub(crate) async fn scrub(connection: &mut PgConnection, customer: Uuid) -> Result<(), Fault> {
    sqlx::query!(
        "DELETE FROM ticket.attachment WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "WITH gone AS (DELETE FROM ticket.attachment_part WHERE customer_id = $1 RETURNING object)
         INSERT INTO ticket.object_due (object, due_at) SELECT object, '-infinity'::timestamptz FROM gone",
        customer
    )
    .execute(connection)
    .await?;
    Ok(())
}
