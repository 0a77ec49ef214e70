//! What tickets are to each other.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::{DutySql, ScopeColumns};
use kefu_contracts::ticket::{LinkKind, TicketLink};
use kefu_service::{error::Fault, fields::name, scope::RecordSpec, time::to_proto};
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::records;

/// Collection of the resource names.
pub(crate) const LINKS: &str = "links";

/// Under which every look at links is taken: that of both tickets.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "l.id, l.kind, l.from_id, l.to_id, l.author, l.created_at, l.customer_id,
              t.number AS from_number, o.number AS to_number",
    from: "ticket.link l
           JOIN ticket.ticket t ON t.id = l.from_id JOIN ticket.customer_key k ON k.customer_id = t.customer_id
           JOIN ticket.ticket o ON o.id = l.to_id JOIN ticket.customer_key q ON q.customer_id = o.customer_id",
    id: "l.id",
    scope: records::RECORD.scope,
    also: Some(ScopeColumns {
        department: Some("o.department_id"),
        owner: Some("o.assignee_id"),
        customer: Some("o.customer_id"),
        duty: Some(DutySql {
            before: "o.assignee_id IS NOT NULL AND o.state <> 5 AND o.assignee_id = ",
            after: "",
        }),
        consent: None,
    }),
    ..RecordSpec::PLAIN
};

/// A link about to be made.
pub(crate) struct NewLink {
    pub(crate) id: Uuid,
    pub(crate) kind: LinkKind,
    pub(crate) from: Uuid,
    pub(crate) to: Uuid,
    /// Of the first ticket.
    pub(crate) customer: Uuid,
    pub(crate) author: String,
    pub(crate) now: Timestamp,
}

impl NewLink {
    /// As it is answered.
    pub(crate) fn to_proto(&self, from_number: &str, to_number: &str) -> TicketLink {
        TicketLink {
            name: name(LINKS, self.id),
            kind: self.kind.into(),
            from: name("tickets", self.from),
            from_number: from_number.to_owned(),
            to: name("tickets", self.to),
            to_number: to_number.to_owned(),
            author: self.author.clone(),
            create_time: Some(to_proto(self.now)),
        }
    }
}

/// A row as it was read.
pub(crate) struct StoredLink {
    pub(crate) from: Uuid,
    pub(crate) to: Uuid,
    /// Of the first ticket.
    pub(crate) customer: Uuid,
    pub(crate) link: TicketLink,
}

impl StoredLink {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let id = row.try_get("id")?;
        let (from, to) = (row.try_get("from_id")?, row.try_get("to_id")?);
        let created_at: jiff_sqlx::Timestamp = row.try_get("created_at")?;
        Ok(Self {
            from,
            to,
            customer: row.try_get("customer_id")?,
            link: TicketLink {
                name: name(LINKS, id),
                kind: row.try_get::<i16, _>("kind")?.into(),
                from: name("tickets", from),
                from_number: row.try_get("from_number")?,
                to: name("tickets", to),
                to_number: row.try_get("to_number")?,
                author: row.try_get("author")?,
                create_time: Some(to_proto(created_at.to_jiff())),
            },
        })
    }
}

/// Lets nobody else make a link until the transaction ends: of two that are made at once each
/// may be right, and both a circle.
pub(crate) async fn lock(connection: &mut PgConnection) -> Result<(), Fault> {
    sqlx::query("LOCK TABLE ticket.link IN SHARE ROW EXCLUSIVE MODE")
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether links of this kind lead from one ticket to another.
pub(crate) async fn leads(
    connection: &mut PgConnection,
    kind: LinkKind,
    from: Uuid,
    to: Uuid,
) -> Result<bool, Fault> {
    let leads = sqlx::query_scalar!(
        r#"WITH RECURSIVE onward (id) AS (
               SELECT $1::uuid
               UNION
               SELECT l.to_id FROM onward o JOIN ticket.link l ON l.from_id = o.id AND l.kind = $3
           )
           SELECT EXISTS (SELECT FROM onward WHERE id = $2) AS "leads!""#,
        from,
        to,
        kind as i16
    )
    .fetch_one(connection)
    .await?;
    Ok(leads)
}

/// Makes a link; `false` when there is the same.
pub(crate) async fn insert(connection: &mut PgConnection, new: &NewLink) -> Result<bool, Fault> {
    let written = sqlx::query!(
        "INSERT INTO ticket.link (id, kind, from_id, to_id, customer_id, author, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (from_id, to_id, kind) DO NOTHING",
        new.id,
        new.kind as i16,
        new.from,
        new.to,
        new.customer,
        new.author,
        new.now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Takes a link away.
pub(crate) async fn delete(connection: &mut PgConnection, id: Uuid) -> Result<(), Fault> {
    sqlx::query!("DELETE FROM ticket.link WHERE id = $1", id)
        .execute(connection)
        .await?;
    Ok(())
}
