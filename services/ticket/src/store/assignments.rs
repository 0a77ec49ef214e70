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
    .execute(connection)
    .await?;
    Ok(())
}

/// All of a ticket, oldest first.
pub(crate) async fn list(
    connection: &mut PgConnection,
    ticket: Uuid,
) -> Result<Vec<Assignment>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT from_id, to_id, cause, recorded_at AS "recorded_at: jiff_sqlx::Timestamp", actor_id,
                  actor_is_system, queue_id
           FROM ticket.assignment WHERE ticket_id = $1 ORDER BY id"#,
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
            actor: row
                .actor_id
                .map(|id| Actor { id, is_system }.name())
                .unwrap_or_default(),
            queue: named("queues", row.queue_id).unwrap_or_default(),
        }
    });
    Ok(assignments.collect())
}
