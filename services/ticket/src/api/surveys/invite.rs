//! Who resolved a ticket has its customer asked.

use jiff::Timestamp;
use kefu_contracts::{
    access::SubjectKind,
    journal::{EntryKind, SurveyAct, SurveyChanged, event},
    ticket::Ticket,
};
use kefu_journal::Entry;
use kefu_service::{
    call::Call,
    error::Fault,
    fields::{name, parse_name},
    present::entry,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    domain::survey::Terms,
    store::surveys::{self, NewSurvey, SURVEYS},
};

/// Makes the survey of a resolution in the transaction of it; its journal entry, where there
/// is anybody to be asked. Clauses SG-4, OP-3.2.
pub(in crate::api) async fn invite(
    connection: &mut PgConnection,
    call: &Call,
    terms: &Terms,
    id: Uuid,
    ticket: &Ticket,
    resolved: Timestamp,
) -> Result<Option<Entry>, Fault> {
    let Some(expires_at) = terms.asked_until(resolved, call.now) else {
        return Ok(None);
    };
    let known = |value: &str, collection| parse_name(value, collection).unwrap_or_default();
    // It is whose the ticket is, whoever said for them that it is resolved.
    let subject = &call.context.subject;
    let own = (subject.kind == SubjectKind::Employee).then_some(subject.id);
    let new = NewSurvey {
        id,
        ticket_id: known(&ticket.name, "tickets"),
        customer_id: known(&ticket.customer, "customers"),
        attempt: ticket.reopen_count.saturating_add(1),
        agent_id: parse_name(&ticket.assignee, "employees").or(own),
        now: call.now,
        expires_at,
    };
    if !surveys::invite(connection, &new).await? {
        return Ok(None);
    }
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    let event = event::Event::SurveyChanged(SurveyChanged {
        survey_id: bytes(id),
        ticket_id: bytes(new.ticket_id),
        customer_id: bytes(new.customer_id),
        act: SurveyAct::Invited.into(),
        attempt: new.attempt,
        department_id: bytes(known(&ticket.department, "departments")),
        revision: 1,
        agent_id: new.agent_id.map(bytes).unwrap_or_default(),
        ..SurveyChanged::default()
    });
    Ok(Some(entry(
        call,
        EntryKind::Change,
        "survey.invited",
        name(SURVEYS, id),
        Some(new.customer_id),
        event,
    )))
}
