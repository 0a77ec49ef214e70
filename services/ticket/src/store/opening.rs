//! Opening a ticket: claim, ticket, first change of state, marks and journal entry in
//! one statement, which is one round trip and a transaction of its own.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::ticket::{Ticket, TicketState};
use kefu_journal::{Cursor, Entry};
use kefu_service::{error::Fault, idempotency::Claim};
use kefu_vault::TextMarks;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{history::Actor, texts::Part, tickets::at};
use crate::{domain::entry::Entry as Checked, error::from_insert};

/// A ticket about to be opened.
pub(crate) struct Opening {
    pub(crate) id: Uuid,
    pub(crate) ticket: Ticket,
    pub(crate) entry: Checked,
    pub(crate) actor: Actor,
    /// The wrapped key under which `sealed` and `answer` were sealed.
    pub(crate) wrapped: Vec<u8>,
    pub(crate) sealed: Vec<u8>,
    /// The request id and the answer to be kept for it.
    pub(crate) claim: Option<(Claim, Vec<u8>)>,
    pub(crate) journal: Entry,
    /// What it is found by.
    pub(crate) marks: TextMarks,
    /// Number of the last version of the rules that it was classed by.
    pub(crate) rules: i32,
    /// The same of the rules about notices.
    pub(crate) notice_rules: i32,
    pub(crate) now: Timestamp,
}

/// A ticket that was opened.
pub(crate) struct Opened {
    pub(crate) number: String,
    pub(crate) position: Cursor,
}

/// Opens a ticket at revision 1. `None`, and nothing written, when the customer
/// has no file or no longer this key, the rules have another version, or the request id is taken.
///
/// The claim comes first, as a twin of the request must wait for it rather than
/// run into the external reference; it carries the place of the journal entry,
/// which is therefore drawn before.
pub(crate) async fn write(
    connection: &mut PgConnection,
    new: &Opening,
) -> Result<Option<Opened>, Fault> {
    let claim = new.claim.as_ref().map(|(claim, _)| claim);
    let ticket = &new.ticket;
    let external_ref = Some(ticket.external_ref.as_str()).filter(|written| !written.is_empty());
    let trace = kefu_journal::trace_parent();
    let row = sqlx::query!(
        r#"WITH place AS MATERIALIZED (
             SELECT nextval('ticket.journal_position_seq') AS position
             FROM ticket.customer_key k JOIN ticket.known_customer c ON c.customer_id = k.customer_id
             WHERE k.customer_id = $1 AND k.wrapped = $2
               AND coalesce((SELECT max(number) FROM ticket.handling_version), 0) = $29
               AND coalesce((SELECT max(number) FROM ticket.notice_version), 0) = $33
         ), claim AS (
             INSERT INTO ticket.request (subject_id, request_id, method, digest, resource_id, customer_id,
                                         answer, transaction_id, position, recorded_at)
             SELECT $3, $4::uuid, $5::text, $6::bytea, $7, $1, $8::bytea,
                    pg_current_xact_id()::text::bigint + ticket.journal_lead(), position, $9
             FROM place WHERE $4::uuid IS NOT NULL
             ON CONFLICT DO NOTHING
             RETURNING position
         ), go AS (
             SELECT position FROM claim
             UNION ALL
             SELECT position FROM place WHERE $4::uuid IS NULL
         ), opened AS (
             INSERT INTO ticket.ticket
                 (id, number, customer_id, kind, channel, category, impact, urgency, priority, state,
                  waiting_for, department_id, assignee_id, reopen_count, external_ref, sealed,
                  received_at, revision, created_at, updated_at, call_started_at, call_ended_at, stage, order_id)
             SELECT $7, 'T' || nextval('ticket.ticket_number'), $1, $10::int2, $11::int2, $12::text,
                    $13::int2, $14::int2, $15::int2, $16::int2, 0, $17::uuid, $18::uuid, 0, $19::text,
                    $20::bytea, $21, 1, $9, $9, $30, $31, $32::int2, $37::uuid
             FROM go
             RETURNING number
         ), changed AS (
             INSERT INTO ticket.state_change
                 (ticket_id, customer_id, from_state, to_state, waiting_for, occurred_at, recorded_at,
                  actor_id, actor_is_system, revision)
             SELECT $7, $1, 0, $16::int2, 0, $21, $9, $3, $22::bool, 1 FROM go
         ), marked AS (
             INSERT INTO ticket.text_mark (ticket_id, customer_id, part, pairs, longer)
             SELECT $7, $1, $34::int2, $35::int8[], $36::int4[] FROM go WHERE cardinality($35::int8[]) > 0
         ), written AS (
             INSERT INTO ticket.journal
                 (position, recorded_at, actor_id, purpose, request_id, kind, resource, customer_id, type, event,
                  trace_parent)
             OVERRIDING SYSTEM VALUE
             SELECT position, $9, $3, $23::int2, $24::text, $25::int2, $26::text, $1, $27::text, $28::bytea,
                    $38::text
             FROM go
             RETURNING transaction_id, position
         )
         SELECT opened.number AS "number!", written.transaction_id AS "transaction_id!",
                written.position AS "position!"
         FROM opened CROSS JOIN written"#,
        new.entry.customer,
        new.wrapped,
        new.actor.id,
        claim.map(|claim| claim.request_id),
        claim.map(|claim| claim.method),
        claim.map(|claim| claim.digest.as_slice()),
        new.id,
        new.claim.as_ref().map(|(_, answer)| answer.as_slice()),
        new.now.to_sqlx() as _,
        ticket.kind() as i16,
        ticket.channel() as i16,
        ticket.category,
        ticket.impact() as i16,
        ticket.urgency() as i16,
        ticket.priority() as i16,
        TicketState::New as i16,
        new.entry.department,
        new.entry.assignee,
        external_ref,
        new.sealed,
        new.entry.received_at.to_sqlx() as _,
        new.actor.is_system,
        new.journal.purpose as i16,
        new.journal.request_id,
        new.journal.kind as i16,
        new.journal.resource,
        new.journal.r#type,
        new.journal.encoded_event(),
        new.rules,
        at(ticket.call_start_time.as_ref()) as _,
        at(ticket.call_end_time.as_ref()) as _,
        ticket.stage() as i16,
        new.notice_rules,
        Part::Opening as i16,
        &new.marks.pairs,
        &new.marks.longer,
        new.entry.order,
        trace.as_deref()
    )
    .fetch_optional(connection)
    .await
    .map_err(from_insert)?;
    Ok(row.map(|row| Opened {
        number: row.number,
        position: Cursor {
            transaction_id: row.transaction_id,
            position: row.position,
        },
    }))
}
