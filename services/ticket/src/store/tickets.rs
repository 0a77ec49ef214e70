//! Writing tickets that are there.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::ticket::Ticket;
use kefu_service::{
    error::Fault,
    fields::{name, parse_name},
    time,
};
use kefu_vault::WrappedKey;
use sqlx::PgConnection;
use uuid::Uuid;

/// Puts a changed ticket in the place of the revision it was decided upon.
pub(crate) async fn update(
    connection: &mut PgConnection,
    id: Uuid,
    revision: i64,
    ticket: &Ticket,
    sealed: &[u8],
    now: Timestamp,
) -> Result<(), Fault> {
    let unreadable = || Fault::internal("a ticket without a department");
    let department = parse_name(&ticket.department, "departments").ok_or_else(unreadable)?;
    sqlx::query!(
        "UPDATE ticket.ticket
         SET kind = $3, category = $4, impact = $5, urgency = $6, priority = $7, state = $8,
             waiting_for = $9, department_id = $10, assignee_id = $11, reopen_count = $12, sealed = $13,
             resolved_at = $14, closed_at = $15, revision = revision + 1, updated_at = $16,
             call_started_at = $17, call_ended_at = $18, legitimacy = $19, nature = $20, gravity = $21, stage = $22,
             result_answer = $23, escalated_at = $24, closing_asked_by = $25, closing_approved_by = $26,
             merged_at = $27, tags = $28
         WHERE id = $1 AND revision = $2",
        id,
        revision,
        ticket.kind() as i16,
        ticket.category,
        ticket.impact() as i16,
        ticket.urgency() as i16,
        ticket.priority() as i16,
        ticket.state() as i16,
        ticket.waiting_for() as i16,
        department,
        parse_name(&ticket.assignee, "employees"),
        ticket.reopen_count,
        sealed,
        at(ticket.resolved_time.as_ref()) as _,
        at(ticket.closed_time.as_ref()) as _,
        now.to_sqlx() as _,
        at(ticket.call_start_time.as_ref()) as _,
        at(ticket.call_end_time.as_ref()) as _,
        ticket.legitimacy() as i16,
        ticket.nature() as i16,
        ticket.gravity() as i16,
        ticket.stage() as i16,
        ticket.result_answer() as i16,
        at(ticket.escalated_time.as_ref()) as _,
        ticket.closing_asked_by,
        ticket.closing_approved_by,
        at(ticket.merged_time.as_ref()) as _,
        &ticket.tags
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A point in time that may be left out.
pub(super) fn at(time: Option<&prost_types::Timestamp>) -> Option<jiff_sqlx::Timestamp> {
    time.and_then(time::from_proto).map(ToSqlx::to_sqlx)
}

/// What of a ticket a kept answer needs to be opened and completed.
pub(crate) struct Known {
    pub(crate) number: String,
    pub(crate) customer_id: Uuid,
    pub(crate) wrapped: WrappedKey,
}

/// Finds it whatever the scope: for answers that were given before.
pub(crate) async fn known(connection: &mut PgConnection, id: Uuid) -> Result<Known, Fault> {
    let row = sqlx::query!(
        "SELECT t.number, t.customer_id, k.kek_id, k.wrapped
         FROM ticket.ticket t JOIN ticket.customer_key k ON k.customer_id = t.customer_id
         WHERE t.id = $1",
        id
    )
    .fetch_optional(connection)
    .await?
    .ok_or_else(|| Fault::not_found(&name("tickets", id)))?;
    let wrapped = WrappedKey {
        kek_id: row.kek_id,
        bytes: row.wrapped,
    };
    Ok(Known {
        number: row.number,
        customer_id: row.customer_id,
        wrapped,
    })
}
