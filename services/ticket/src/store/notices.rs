//! Notices to customers in the database.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::ticket::{Language, NoticeEvent, NoticeState, TicketNotice};
use kefu_service::{
    error::Fault,
    fields::name,
    filter::{FilterField, FilterKind},
    notice::Outcome,
    scope::RecordSpec,
    time::to_proto,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::records::{self, number};

/// Collection of the resource names.
pub(crate) const NOTICES: &str = "notices";

/// Under which every look at notices is taken: they are seen where their ticket is.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "n.id, n.ticket_id AS about_id, n.customer_id, n.event, n.rules_version, n.rule, n.language, n.channels, n.state,
              n.sealed, n.created_at, n.attempts, n.next_attempt_at, n.outcome_at, n.channel, n.marked_by,
              n.revision, t.number, k.kek_id, k.wrapped",
    from: "ticket.notice n JOIN ticket.ticket t ON t.id = n.ticket_id
           JOIN ticket.customer_key k ON k.customer_id = n.customer_id",
    id: "n.id",
    scope: records::RECORD.scope,
    fields: &[
        FilterField::system("ticket", "n.ticket_id", FilterKind::Name("tickets")),
        FilterField::system("customer", "n.customer_id", FilterKind::Name("customers")),
        FilterField::system(
            "state",
            "n.state",
            FilterKind::Enum {
                prefix: "NOTICE_STATE_",
                parse: |name| number(NoticeState::from_str_name(name)),
            },
        ),
        FilterField::system(
            "event",
            "n.event",
            FilterKind::Enum {
                prefix: "NOTICE_EVENT_",
                parse: |name| number(NoticeEvent::from_str_name(name)),
            },
        ),
        FilterField::system("create_time", "n.created_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// A notice about to be written.
pub(crate) struct NewNotice<'a> {
    pub(crate) id: Uuid,
    pub(crate) ticket_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) event: NoticeEvent,
    pub(crate) rules_version: i32,
    pub(crate) rule: &'a str,
    pub(crate) language: Language,
    pub(crate) channels: &'a [i16],
    pub(crate) sealed: &'a [u8],
    pub(crate) now: Timestamp,
    /// When the connector is asked; `None`: somebody tells the customer.
    pub(crate) first_attempt: Option<Timestamp>,
}

/// Writes a notice.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    new: &NewNotice<'_>,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.notice
             (id, ticket_id, customer_id, event, rules_version, rule, language, channels, state, sealed,
              created_at, attempts, next_attempt_at, channel, marked_by, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, 0, $11, 0, '', 1)",
        new.id,
        new.ticket_id,
        new.customer_id,
        new.event as i16,
        new.rules_version,
        new.rule,
        new.language as i16,
        new.channels,
        new.sealed,
        new.now.to_sqlx() as _,
        new.first_attempt.map(ToSqlx::to_sqlx) as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notices of a ticket without what they say, oldest first.
pub(crate) async fn of_ticket(
    connection: &mut PgConnection,
    ticket: Uuid,
) -> Result<Vec<TicketNotice>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT id, event, state, channel, created_at AS "created_at: jiff_sqlx::Timestamp",
                  outcome_at AS "outcome_at: jiff_sqlx::Timestamp"
           FROM ticket.notice WHERE ticket_id = $1 ORDER BY created_at, id"#,
        ticket
    )
    .fetch_all(connection)
    .await?;
    let notices = rows.into_iter().map(|row| TicketNotice {
        name: name(NOTICES, row.id),
        event: row.event.into(),
        state: row.state.into(),
        create_time: Some(to_proto(row.created_at.to_jiff())),
        outcome_time: row.outcome_at.map(|at| to_proto(at.to_jiff())),
        channel: row.channel.into(),
    });
    Ok(notices.collect())
}

/// Keeps what became of it.
pub(crate) async fn end(
    connection: &mut PgConnection,
    id: Uuid,
    outcome: &Outcome<'_>,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.notice
         SET state = $2, outcome_at = $3, channel = $4, marked_by = $5, sealed = $6, next_attempt_at = NULL,
             revision = revision + 1
         WHERE id = $1",
        id,
        outcome.state as i16,
        outcome.at.to_sqlx() as _,
        outcome.channel as i16,
        outcome.marked_by,
        outcome.sealed
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes some that the connector is to be asked for, none of which anybody else takes until
/// then, and counts the attempt.
pub(crate) async fn take(
    connection: &mut PgConnection,
    now: Timestamp,
    until: Timestamp,
    most: i64,
) -> Result<Vec<Uuid>, Fault> {
    let ids = sqlx::query_scalar!(
        "UPDATE ticket.notice SET attempts = attempts + 1, next_attempt_at = $2
         WHERE id IN (SELECT id FROM ticket.notice WHERE state = 1 AND next_attempt_at <= $1
                      ORDER BY next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED)
         RETURNING id",
        now.to_sqlx() as _,
        until.to_sqlx() as _,
        most
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// The connector is asked again then.
pub(crate) async fn postpone(
    connection: &mut PgConnection,
    id: Uuid,
    until: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.notice SET next_attempt_at = $2 WHERE id = $1",
        id,
        until.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Nothing is left of what a customer was told.
pub(crate) async fn scrub(connection: &mut PgConnection, customer: Uuid) -> Result<(), Fault> {
    sqlx::query!("DELETE FROM ticket.notice WHERE customer_id = $1", customer)
        .execute(connection)
        .await?;
    Ok(())
}
