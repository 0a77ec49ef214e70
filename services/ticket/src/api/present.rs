//! From a stored row to what the caller may see of it.

use jiff::Timestamp;
use kefu_access::Clearance;
use kefu_contracts::{
    Account, ClassSet, Resource,
    access::SubjectKind,
    journal::{CompensationChanged, ComplaintEscalated, EntryKind, TicketChanged, event},
    ticket::{CompensationState, Ticket, TicketState},
};
use kefu_service::{
    call::Call,
    error::Fault,
    fields::parse_name,
    present::{Shown, disclose, entry},
    time::{from_proto, to_proto},
};
use kefu_vault::CustomerKey;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Tickets, details::Details};
use crate::store::{history::Actor, messages, records::StoredTicket};

impl Tickets {
    /// Opens what the call's rules clear of a row, and says how it is shown;
    /// `details` are those of one ticket, lists have none.
    pub(super) async fn present(
        &self,
        call: &Call,
        row: &StoredTicket,
        details: Option<Details>,
    ) -> Result<(Ticket, Shown), Fault> {
        let clearance = call.context.clearance(row.matched, call.now);
        let key = self.sealer.open_key(row.customer_id, &row.wrapped).await?;
        let (opened, account) =
            self.sealer
                .open::<Ticket>(&key, row.id, &row.sealed, clearance.classes)?;
        let mut ticket = row.with_opened(opened);
        if let Some(details) = details {
            self.attach(&key, details, &mut ticket)?;
        }
        disclose(&mut ticket, &clearance, account);
        let shown = shown(&ticket, row.customer_id, clearance);
        Ok((ticket, shown))
    }

    /// Opens a row whole, for rules and for sealing again; never for an answer.
    pub(super) fn open_whole(
        &self,
        key: &CustomerKey,
        row: &StoredTicket,
    ) -> Result<Ticket, Fault> {
        let everything = ClassSet::of(Ticket::CLASSES);
        let (opened, _): (_, Account) = self.sealer.open(key, row.id, &row.sealed, everything)?;
        Ok(row.with_opened(opened))
    }
}

/// A record about to be shown.
pub(super) fn shown(ticket: &Ticket, customer: Uuid, clearance: Clearance) -> Shown {
    Shown {
        resource: ticket.name.clone(),
        customer_id: Some(customer),
        clearance,
    }
}

/// Of the records that a request names, the one that it is refused for.
pub(super) fn refused_for<T>(outcome: &Result<T, Fault>) -> Option<String> {
    let fault = outcome.as_ref().err()?;
    let named = fault.metadata.iter().find(|(key, _)| *key == "resource")?;
    Some(named.1.clone())
}

/// Who calls.
pub(super) fn actor(call: &Call) -> Actor {
    let subject = &call.context.subject;
    Actor {
        id: subject.id,
        is_system: subject.kind != SubjectKind::Employee,
    }
}

/// What was heard of a ticket since it was opened, with what a change brings.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Heard {
    /// Messages of the customer until the solution that stands.
    pub(super) messages: i32,
    /// The call that the change tells of: when it began, and how many seconds it took.
    pub(super) call: Option<(Timestamp, i64)>,
}

impl Heard {
    /// What was heard of the ticket, which is as the change leaves it; in no call.
    pub(super) async fn of(
        connection: &mut PgConnection,
        id: Uuid,
        ticket: &Ticket,
    ) -> Result<Self, Fault> {
        let until = ticket.resolved_time.as_ref().and_then(from_proto);
        Ok(Self {
            messages: messages::inbound(connection, id, until).await?,
            call: None,
        })
    }
}

/// The facts of a change, for the journal: all of them as they are afterwards.
pub(super) fn changed(
    ticket: &Ticket,
    before: TicketState,
    occurred_at: Timestamp,
    revision: i64,
    heard: Heard,
) -> event::Event {
    event::Event::TicketChanged(TicketChanged {
        ticket_id: id(&ticket.name, "tickets"),
        customer_id: id(&ticket.customer, "customers"),
        kind: ticket.kind,
        channel: ticket.channel,
        state_before: before as i32,
        state: ticket.state,
        priority: ticket.priority,
        department_id: id(&ticket.department, "departments"),
        assignee_id: id(&ticket.assignee, "employees"),
        occurred_at: Some(to_proto(occurred_at)),
        received_at: ticket.received_time,
        satisfaction_score: ticket
            .satisfaction
            .as_ref()
            .map_or(0, |answer| answer.score),
        reopen_count: ticket.reopen_count,
        revision,
        category: ticket.category.clone(),
        nature: ticket.nature,
        gravity: ticket.gravity,
        legitimacy: ticket.legitimacy,
        result_answer: ticket.result_answer,
        call_seconds: ticket.call_seconds,
        merged: ticket.merged_time.is_some(),
        order_id: id(&ticket.order, "orders"),
        resolved_at: ticket.resolved_time,
        closed_at: ticket.closed_time,
        inbound_messages: Some(heard.messages),
        later_call_started_at: heard.call.map(|(began, _)| to_proto(began)),
        later_call_seconds: heard.call.map_or(0, |(_, seconds)| seconds),
    })
}

/// The head of the responsible department has to know.
pub(super) fn escalated(call: &Call, customer: Uuid, ticket: &Ticket) -> kefu_journal::Entry {
    let event = event::Event::ComplaintEscalated(ComplaintEscalated {
        ticket_id: id(&ticket.name, "tickets"),
        customer_id: customer.as_bytes().to_vec(),
        department_id: id(&ticket.department, "departments"),
        assignee_id: id(&ticket.assignee, "employees"),
        reopen_count: ticket.reopen_count,
        gravity: ticket.gravity,
    });
    let (kind, resource) = ("complaint.escalated", ticket.name.clone());
    entry(
        call,
        EntryKind::Change,
        kind,
        resource,
        Some(customer),
        event,
    )
}

/// What became of a compensation; the last one where it is new. Amounts are never journaled.
pub(super) fn compensated(
    call: &Call,
    customer: Uuid,
    ticket: &Ticket,
    number: i32,
) -> Option<kefu_journal::Entry> {
    let mut all = ticket.compensations.iter();
    let one = match number {
        0 => all.next_back(),
        number => all.find(|one| one.number == number),
    }?;
    let event = event::Event::CompensationChanged(CompensationChanged {
        ticket_id: id(&ticket.name, "tickets"),
        customer_id: customer.as_bytes().to_vec(),
        number: one.number,
        state: one.state,
        by_rule: one.by_rule,
    });
    let kind = match one.state() {
        CompensationState::Granted => "compensation.granted",
        CompensationState::Refused => "compensation.refused",
        CompensationState::Paid => "compensation.paid",
        CompensationState::Asked | CompensationState::Unspecified => "compensation.asked",
    };
    let resource = ticket.name.clone();
    Some(entry(
        call,
        EntryKind::Change,
        kind,
        resource,
        Some(customer),
        event,
    ))
}

fn id(name: &str, collection: &'static str) -> Vec<u8> {
    parse_name(name, collection)
        .map(|id| id.as_bytes().to_vec())
        .unwrap_or_default()
}
