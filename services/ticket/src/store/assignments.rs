//! Whose a ticket was.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::ticket::{Assignment, AssignmentCause};
use kefu_service::{error::Fault, fields::name, time::to_proto};
use sqlx::PgConnection;
use uuid::Uuid;

use super::history::Actor;

/// An assignment about to be written.
pub(crate) struct NewAssignment {
    pub(crate) ticket_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) from: Option<Uuid>,
    pub(crate) to: Option<Uuid>,
    pub(crate) cause: AssignmentCause,
    pub(crate) occurred_at: Timestamp,
    pub(crate) recorded_at: Timestamp,
    /// None: a queue.
    pub(crate) actor: Option<Actor>,
    pub(crate) queue_id: Option<Uuid>,
    /// Revision of the ticket that it makes.
    pub(crate) revision: i64,
}

/// Writes one.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    new: &NewAssignment,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.assignment
             (ticket_id, customer_id, from_id, to_id, cause, recorded_at, actor_id, actor_is_system, queue_id,
              revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        new.ticket_id,
        new.customer_id,
        new.from,
        new.to,
        new.cause as i16,
        new.recorded_at.to_sqlx() as _,
        new.actor.map(|actor| actor.id),
        new.actor.is_some_and(|actor| actor.is_system),
        new.queue_id,
        new.revision
    )
    .execute(&mut *connection)
    .await?;
    if new.occurred_at != new.recorded_at {
        sqlx::query!(
            "INSERT INTO ticket.assignment_time (ticket_id, revision, customer_id, occurred_at)
             VALUES ($1, $2, $3, $4)",
            new.ticket_id,
            new.revision,
            new.customer_id,
            new.occurred_at.to_sqlx() as _
        )
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// That a ticket changed hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handed {
    pub(crate) at: Timestamp,
    pub(crate) from: Option<Uuid>,
    pub(crate) to: Option<Uuid>,
}

/// Each time that a ticket changed hands, in the order in which that happened.
pub(crate) async fn handed(
    connection: &mut PgConnection,
    ticket: Uuid,
) -> Result<Vec<Handed>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT a.from_id, a.to_id,
                  coalesce(t.occurred_at, a.recorded_at) AS "occurred_at!: jiff_sqlx::Timestamp"
           FROM ticket.assignment a
           LEFT JOIN ticket.assignment_time t ON (t.ticket_id, t.revision) = (a.ticket_id, a.revision)
           WHERE a.ticket_id = $1 ORDER BY coalesce(t.occurred_at, a.recorded_at), a.id"#,
        ticket
    )
    .fetch_all(connection)
    .await?;
    let handed = rows.into_iter().map(|row| Handed {
        at: row.occurred_at.to_jiff(),
        from: row.from_id,
        to: row.to_id,
    });
    Ok(handed.collect())
}

/// All of a ticket, oldest first.
pub(crate) async fn list(
    connection: &mut PgConnection,
    ticket: Uuid,
) -> Result<Vec<Assignment>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT a.from_id, a.to_id, a.cause, a.recorded_at AS "recorded_at: jiff_sqlx::Timestamp",
                  coalesce(t.occurred_at, a.recorded_at) AS "occurred_at!: jiff_sqlx::Timestamp", a.actor_id,
                  a.actor_is_system, a.queue_id
           FROM ticket.assignment a
           LEFT JOIN ticket.assignment_time t ON (t.ticket_id, t.revision) = (a.ticket_id, a.revision)
           WHERE a.ticket_id = $1 ORDER BY a.id"#,
        ticket
    )
    .fetch_all(connection)
    .await?;
    let named = |collection: &str, id: Option<Uuid>| id.map(|id| name(collection, id));
    let assignments = rows.into_iter().map(|row| {
        let is_system = row.actor_is_system;
        Assignment {
            from: named("employees", row.from_id).unwrap_or_default(),
            to: named("employees", row.to_id).unwrap_or_default(),
            cause: row.cause.into(),
            record_time: Some(to_proto(row.recorded_at.to_jiff())),
            occurred_time: Some(to_proto(row.occurred_at.to_jiff())),
            actor: row
                .actor_id
                .map(|id| Actor { id, is_system }.name())
                .unwrap_or_default(),
            queue: named("queues", row.queue_id).unwrap_or_default(),
        }
    });
    Ok(assignments.collect())
}
