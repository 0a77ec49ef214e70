//! Changes of state; the opening one is written with its ticket.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::{
    journal::EntryKind,
    ticket::{StateChange, TicketState},
};
use kefu_service::{error::Fault, fields::subject_name, time::to_proto};
use sqlx::PgConnection;
use uuid::Uuid;

use super::records::StoredTicket;
use crate::domain::state::Standing;

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Actor {
    pub(crate) id: Uuid,
    pub(crate) is_system: bool,
}

impl Actor {
    /// `employees/…` or `system-accounts/…`
    pub(crate) fn name(self) -> String {
        subject_name(self.id, self.is_system)
    }
}

/// A change about to be written.
pub(crate) struct NewChange {
    pub(crate) ticket_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) from: TicketState,
    pub(crate) to: Standing,
    pub(crate) occurred_at: Timestamp,
    pub(crate) recorded_at: Timestamp,
    pub(crate) actor: Actor,
    /// Revision of the ticket that it makes.
    pub(crate) revision: i64,
}

/// Writes a change.
pub(crate) async fn insert(connection: &mut PgConnection, change: &NewChange) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.state_change
             (ticket_id, customer_id, from_state, to_state, waiting_for, occurred_at, recorded_at,
              actor_id, actor_is_system, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        change.ticket_id,
        change.customer_id,
        change.from as i16,
        change.to.state as i16,
        change.to.waiting_for as i16,
        change.occurred_at.to_sqlx() as _,
        change.recorded_at.to_sqlx() as _,
        change.actor.id,
        change.actor.is_system,
        change.revision
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// When the ticket last changed its state.
pub(crate) async fn last(
    connection: &mut PgConnection,
    ticket: Uuid,
) -> Result<Option<Timestamp>, Fault> {
    let last = sqlx::query_scalar!(
        "SELECT max(occurred_at) FROM ticket.state_change WHERE ticket_id = $1",
        ticket
    )
    .fetch_one(connection)
    .await?;
    Ok(last.map(|at| at.to_jiff()))
}

/// Whether somebody had a hand in a ticket or in what is part of it: had it, or did anything to it but give it to
/// somebody, follow it, or decide on its closing (CC-2.3).
pub(crate) async fn had_a_hand(
    connection: &mut PgConnection,
    ticket: &StoredTicket,
    who: Uuid,
) -> Result<bool, Fault> {
    let had = sqlx::query_scalar!(
        r#"WITH RECURSIVE part (id) AS (
               SELECT $1::uuid
               UNION
               SELECT m.source_id FROM part p JOIN ticket.merge m ON m.target_id = p.id AND m.undone_at IS NULL
           )
           SELECT EXISTS (SELECT FROM part p JOIN ticket.assignment a ON a.ticket_id = p.id WHERE a.to_id = $2)
               OR EXISTS (SELECT FROM ticket.journal
                          WHERE customer_id = $3 AND resource IN (SELECT 'tickets/' || id FROM part)
                            AND actor_id = $2 AND kind = $4
                            AND type NOT IN ('ticket.assigned', 'complaint.closing_agreed', 'complaint.kept_open',
                                             'complaint.compensation_decided', 'compensation.granted',
                                             'compensation.refused', 'ticket.watched', 'ticket.unwatched',
                                             'ticket.handed_over', 'ticket.transferred'))
               AS "had!""#,
        ticket.id,
        who,
        ticket.customer_id,
        EntryKind::Change as i16,
    )
    .fetch_one(connection)
    .await?;
    Ok(had || ticket.assignee() == Some(who))
}

/// The changes of a ticket up to a revision, oldest first.
pub(crate) async fn list(
    connection: &mut PgConnection,
    ticket: Uuid,
    revision: i64,
) -> Result<Vec<StateChange>, Fault> {
    let rows = sqlx::query!(
        "SELECT from_state, to_state, waiting_for, occurred_at, recorded_at, actor_id, actor_is_system
         FROM ticket.state_change WHERE ticket_id = $1 AND revision <= $2 ORDER BY id",
        ticket,
        revision
    )
    .fetch_all(connection)
    .await?;
    let changes = rows.into_iter().map(|row| StateChange {
        from: row.from_state.into(),
        to: row.to_state.into(),
        waiting_for: row.waiting_for.into(),
        occurred_time: Some(to_proto(row.occurred_at.to_jiff())),
        recorded_time: Some(to_proto(row.recorded_at.to_jiff())),
        actor: Actor {
            id: row.actor_id,
            is_system: row.actor_is_system,
        }
        .name(),
    });
    Ok(changes.collect())
}
