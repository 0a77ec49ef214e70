//! Who follows a ticket, and who is mentioned in one.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::ticket::Mention;
use kefu_service::{
    error::Fault,
    fields::name,
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time::to_proto,
};
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::records::RECORD;

/// Collection of the resource names.
pub(crate) const MENTION_NAMES: &str = "mentions";

/// Under which mentions are looked at: as their tickets are.
pub(crate) const MENTIONS: RecordSpec = RecordSpec {
    columns: "m.id, m.ticket_id, m.customer_id, m.author_id, m.mentioned_at, m.read_at",
    from: "ticket.mention m
           JOIN ticket.ticket t ON t.id = m.ticket_id
           JOIN ticket.customer_key k ON k.customer_id = t.customer_id",
    id: "m.id",
    fields: &[
        FilterField::system(
            "employee",
            "m.id",
            FilterKind::Mine {
                of: "SELECT id FROM ticket.mention WHERE employee_id",
            },
        ),
        FilterField::system(
            "unread",
            "(m.read_at IS NULL)::int::int2",
            FilterKind::Number,
        ),
        FilterField::system("ticket", "m.ticket_id", FilterKind::Name("tickets")),
        FilterField::system("mention_time", "m.mentioned_at", FilterKind::Time),
    ],
    ..RECORD
};

/// A mention as it was read.
pub(crate) struct StoredMention {
    pub(crate) id: Uuid,
    pub(crate) ticket_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) mentioned_at: Timestamp,
    /// Rules of the call that let its ticket through.
    pub(crate) matched: i64,
    pub(crate) message: Mention,
}

impl StoredMention {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let time = |column| {
            let at = row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column);
            at.map(|at| at.map(|at| at.to_jiff()))
        };
        let (id, ticket_id) = (row.try_get("id")?, row.try_get("ticket_id")?);
        let author: Option<Uuid> = row.try_get("author_id")?;
        let mentioned_at = time("mentioned_at")?.unwrap_or_default();
        Ok(Self {
            id,
            ticket_id,
            customer_id: row.try_get("customer_id")?,
            mentioned_at,
            matched: row.try_get("matched")?,
            message: Mention {
                name: name(MENTION_NAMES, id),
                ticket: name("tickets", ticket_id),
                author: author.map(|id| name("employees", id)).unwrap_or_default(),
                mention_time: Some(to_proto(mentioned_at)),
                read_time: time("read_at")?.map(to_proto),
            },
        })
    }
}

/// Somebody follows a ticket; `false` when they did already.
pub(crate) async fn watch(
    connection: &mut PgConnection,
    employee: Uuid,
    ticket: Uuid,
    customer: Uuid,
    now: Timestamp,
) -> Result<bool, Fault> {
    let written = sqlx::query!(
        "INSERT INTO ticket.watcher (employee_id, ticket_id, customer_id, watched_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
        employee,
        ticket,
        customer,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(written.rows_affected() > 0)
}

/// Somebody follows a ticket no longer; its customer, where they did.
pub(crate) async fn unwatch(
    connection: &mut PgConnection,
    employee: Uuid,
    ticket: Uuid,
) -> Result<Option<Uuid>, Fault> {
    let gone = sqlx::query_scalar!(
        "DELETE FROM ticket.watcher WHERE employee_id = $1 AND ticket_id = $2 RETURNING customer_id",
        employee,
        ticket
    )
    .fetch_optional(connection)
    .await?;
    Ok(gone)
}

/// A mention about to be written.
pub(crate) struct NewMention {
    pub(crate) id: Uuid,
    pub(crate) ticket_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) message_id: Uuid,
    pub(crate) employee_id: Uuid,
    pub(crate) author_id: Option<Uuid>,
    pub(crate) at: Timestamp,
}

/// Writes a mention.
pub(crate) async fn mention(connection: &mut PgConnection, new: &NewMention) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.mention
             (id, ticket_id, customer_id, message_id, employee_id, author_id, mentioned_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        new.id,
        new.ticket_id,
        new.customer_id,
        new.message_id,
        new.employee_id,
        new.author_id,
        new.at.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A mention was read.
pub(crate) async fn read(
    connection: &mut PgConnection,
    mention: Uuid,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.mention SET read_at = $2 WHERE id = $1",
        mention,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}
