//! What tickets are found by though it is sealed (CC-2.4, SG-5): the marks of what was written of them, a row a text.

use kefu_contracts::ticket::Ticket;
use kefu_service::{error::Fault, filter::Texts};
use kefu_vault::{IndexKey, TextMarks, WrappedKey};
use sqlx::PgConnection;
use uuid::Uuid;

/// Whatever was written.
pub(crate) const TEXT: Texts = of("text");
/// What the ticket is about, in short.
pub(crate) const SUBJECT: Texts = of("subject");
/// What solved it.
pub(crate) const RESOLUTION: Texts = of("resolution");

const fn of(column: &'static str) -> Texts {
    Texts {
        of: ("ticket.text_mark", column),
        from: "ticket.text_mark m",
        record: "m.ticket_id",
    }
}

/// Which text of a ticket a row is of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// Subject and description.
    Opening = 1,
    Resolution = 2,
    Message = 3,
}

/// What the texts of a ticket itself say: their marks follow where they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Own {
    subject: String,
    description: String,
    resolution: String,
}

impl Own {
    pub(crate) fn of(ticket: &Ticket) -> Self {
        Self {
            subject: ticket.subject.clone(),
            description: ticket.description.clone(),
            resolution: ticket.resolution.clone(),
        }
    }

    /// What it is found by.
    pub(crate) fn marks(&self, index: &IndexKey) -> [(Part, TextMarks); 2] {
        let resolution = marks(index, &TEXT, &self.resolution);
        let resolution = resolution.and(marks(index, &RESOLUTION, &self.resolution));
        [
            (
                Part::Opening,
                opening(index, &self.subject, &self.description),
            ),
            (Part::Resolution, resolution),
        ]
    }
}

/// What a ticket is found by when it is opened.
pub(crate) fn opening(index: &IndexKey, subject: &str, description: &str) -> TextMarks {
    marks(index, &TEXT, subject)
        .and(marks(index, &TEXT, description))
        .and(marks(index, &SUBJECT, subject))
}

/// What a message is found by.
pub(crate) fn message(index: &IndexKey, body: &str) -> TextMarks {
    marks(index, &TEXT, body)
}

fn marks(index: &IndexKey, texts: &Texts, text: &str) -> TextMarks {
    index.text_marks(texts.of.0, texts.of.1, text)
}

/// Adds what a text is found by.
pub(crate) async fn add(
    connection: &mut PgConnection,
    (ticket, customer): (Uuid, Uuid),
    part: Part,
    marks: &TextMarks,
) -> Result<(), Fault> {
    if marks.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO ticket.text_mark (ticket_id, customer_id, part, pairs, longer) VALUES ($1, $2, $3, $4, $5)",
        ticket,
        customer,
        part as i16,
        &marks.pairs,
        &marks.longer
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts what the ticket's own texts are found by in the place of what was.
pub(crate) async fn replace_own(
    connection: &mut PgConnection,
    ids: (Uuid, Uuid),
    marks: &[(Part, TextMarks)],
) -> Result<(), Fault> {
    let message = Part::Message as i16;
    sqlx::query!(
        "DELETE FROM ticket.text_mark WHERE ticket_id = $1 AND part <> $2",
        ids.0,
        message
    )
    .execute(&mut *connection)
    .await?;
    for (part, marks) in marks {
        add(connection, ids, *part, marks).await?;
    }
    Ok(())
}

/// A ticket whose texts are to be marked.
pub(crate) struct ToMark {
    pub(crate) ticket_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) sealed: Vec<u8>,
    pub(crate) revision: i64,
    pub(crate) kek_id: String,
    pub(crate) wrapped: Vec<u8>,
}

impl ToMark {
    /// The customer's key.
    pub(crate) fn key(&self) -> WrappedKey {
        WrappedKey {
            kek_id: self.kek_id.clone(),
            bytes: self.wrapped.clone(),
        }
    }
}

/// Takes some of the tickets whose texts are to be marked; nobody writes of them until the transaction ends, and
/// nobody else takes them.
pub(crate) async fn to_mark(
    connection: &mut PgConnection,
    most: i64,
) -> Result<Vec<ToMark>, Fault> {
    let tickets = sqlx::query_as!(
        ToMark,
        "SELECT u.ticket_id, t.customer_id, t.sealed, t.revision, k.kek_id, k.wrapped
         FROM ticket.text_to_mark u
         JOIN ticket.ticket t ON t.id = u.ticket_id
         JOIN ticket.customer_key k ON k.customer_id = t.customer_id
         ORDER BY u.ticket_id LIMIT $1
         FOR UPDATE OF u, t SKIP LOCKED",
        most
    )
    .fetch_all(connection)
    .await?;
    Ok(tickets)
}

/// Waits for whoever writes of one that is to be marked; whether there is any.
pub(crate) async fn wait_for_one(connection: &mut PgConnection) -> Result<bool, Fault> {
    let one = sqlx::query_scalar!(
        "SELECT t.id FROM ticket.ticket t
         WHERE t.id = (SELECT u.ticket_id FROM ticket.text_to_mark u
                       JOIN ticket.ticket o ON o.id = u.ticket_id
                       JOIN ticket.customer_key k ON k.customer_id = o.customer_id
                       ORDER BY u.ticket_id LIMIT 1)
         FOR UPDATE OF t"
    )
    .fetch_optional(connection)
    .await?;
    Ok(one.is_some())
}

/// Takes away what a ticket was found by, and that it is to be marked.
pub(crate) async fn clear(connection: &mut PgConnection, ticket: Uuid) -> Result<(), Fault> {
    sqlx::query!("DELETE FROM ticket.text_mark WHERE ticket_id = $1", ticket)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        "DELETE FROM ticket.text_to_mark WHERE ticket_id = $1",
        ticket
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes away whatever the tickets of a customer were found by (CF-10.2).
pub(crate) async fn scrub(connection: &mut PgConnection, customer: Uuid) -> Result<(), Fault> {
    sqlx::query!(
        "DELETE FROM ticket.text_mark
         WHERE ticket_id IN (SELECT id FROM ticket.ticket WHERE customer_id = $1) AND customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM ticket.text_to_mark WHERE customer_id = $1",
        customer
    )
    .execute(connection)
    .await?;
    Ok(())
}
