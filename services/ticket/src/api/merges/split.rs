//! Messages of a ticket become one of their own.

use std::sync::Arc;

use jiff::Timestamp;
use kefu_contracts::{
    access::SubjectKind,
    common::Reason,
    journal::{EntryKind, TicketSplit, event},
    ticket::{LinkKind, SplitTicketRequest, Ticket, TicketKind},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag, parse_name},
    idempotency::{self, Claim},
    present::entry,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{ensure_seen, merged, told};
use crate::{
    api::{
        Tickets,
        open::{New, clearance, opened},
        successor::Origin,
    },
    domain::{
        entry::{Entry, check_category},
        state::Event,
    },
    store::{
        messages,
        records::{RECORD, StoredTicket},
        splits::{self, NewSplit},
        tickets,
    },
};

/// Most messages of one split.
const MOST: usize = 200;

/// A split to be made, read and checked.
struct Wanted {
    id: Uuid,
    revision: i64,
    messages: Vec<Uuid>,
    request: SplitTicketRequest,
    claim: Option<Claim>,
    new_id: Uuid,
    link_id: Uuid,
}

impl Tickets {
    /// Clauses SG-5, OP-3.2.
    pub(super) async fn split(
        &self,
        call: Call,
        request: SplitTicketRequest,
    ) -> Result<Answer<Ticket>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let id = fields.name("name", &request.name, "tickets");
        let revision = fields.etag("etag", &request.etag);
        let messages = chosen(&mut fields, &request.messages);
        fields.required_text("subject", &request.subject, 200);
        fields.optional_enum::<TicketKind>("kind", request.kind);
        check_category(&mut fields, &request.category);
        fields.finish()?;
        let resource = request.name.clone();
        let ids = &self.core.deps.ids;
        let wanted = Arc::new(Wanted {
            id: id.unwrap_or_default(),
            revision: revision.unwrap_or_default(),
            messages,
            claim: Claim::of(&call, request_id, &request),
            request,
            new_id: ids.next()?,
            link_id: ids.next()?,
        });
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.split_off(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let written = views
            .or_not_allowed(&call, "ticket.refused", &resource, outcome)
            .await?;
        self.answer_written(&call, written).await
    }

    async fn split_off(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Written<Ticket>, Fault> {
        let mut query = RECORD.get(call, wanted.id);
        query.push(" FOR UPDATE OF t");
        let row = query.build().fetch_optional(&mut *connection).await?;
        let row = row.as_ref().map(StoredTicket::read).transpose()?;
        let row = row.ok_or_else(|| Fault::not_found(&wanted.request.name))?;
        ensure_seen(&call.context.clearance(row.matched, call.now))?;
        if let Some(claim) = &wanted.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            let clearance = clearance(call, &entry_of(call, &row, call.now)?)?;
            return self.replay(connection, call, &kept, clearance).await;
        }
        if row.is_merged() {
            return Err(merged(connection, call, row.id, Event::Split).await?);
        }
        if row.revision != wanted.revision {
            return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
        }
        let stands = row.standing();
        stands.after(row.columns().kind(), Event::Split)?;
        let first = first_said(connection, &row, &wanted.messages).await?;
        let new = new(call, wanted, &row, first)?;
        let columns = row.columns();
        tickets::update(
            connection,
            row.id,
            row.revision,
            columns,
            &row.sealed,
            call.now,
        )
        .await?;
        let moved = NewSplit {
            messages: &wanted.messages,
            customer: row.customer_id,
            from: row.id,
            revision: row.revision + 1,
            to: new.id,
        };
        splits::insert(connection, &moved).await?;
        let entries = vec![
            told(connection, call, "ticket.split", &row, columns, stands).await?,
            split(call, wanted, &row),
        ];
        let origin = Origin {
            kind: LinkKind::SplitFrom,
            ticket: row.id,
            link_id: wanted.link_id,
        };
        let successor = self
            .open_successor(connection, call, &new, &origin, entries)
            .await?;
        self.answer_successor(connection, call, (new.id, successor))
            .await
    }
}

/// Reads the names of messages.
fn chosen(fields: &mut Fields, names: &[String]) -> Vec<Uuid> {
    fields.ensure(!names.is_empty(), "messages", Violation::Required);
    fields.ensure(names.len() <= MOST, "messages", Violation::TooMany(MOST));
    let mut chosen = Vec::with_capacity(names.len().min(MOST));
    for (at, one) in names.iter().enumerate().take(MOST) {
        let field = format_args!("messages[{at}]");
        let Some(id) = fields.name(field, one, "messages") else {
            continue;
        };
        fields.ensure(!chosen.contains(&id), field, Violation::Duplicate);
        chosen.push(id);
    }
    chosen
}

/// When the first of these messages was said, all of which are in the ticket's conversation
/// and were not moved before.
async fn first_said(
    connection: &mut PgConnection,
    row: &StoredTicket,
    chosen: &[Uuid],
) -> Result<Timestamp, Fault> {
    let all = messages::list(connection, row.id, row.revision).await?;
    let moved = splits::moved(connection, chosen).await?;
    let mut fields = Fields::new();
    let mut first = None;
    for (at, id) in chosen.iter().enumerate() {
        let field = format_args!("messages[{at}]");
        let Some(message) = all.iter().find(|one| one.id == *id) else {
            fields.refuse(field, Violation::Unknown);
            continue;
        };
        fields.ensure(!moved.contains(id), field, Violation::NotApplicable);
        let said = message.occurred_at;
        first = Some(first.map_or(said, |first: Timestamp| first.min(said)));
    }
    fields.finish()?;
    first.ok_or_else(|| Fault::internal("a split of no messages"))
}

fn entry_of(call: &Call, row: &StoredTicket, received_at: Timestamp) -> Result<Entry, Fault> {
    let department = parse_name(&row.columns().department, "departments");
    let subject = &call.context.subject;
    Ok(Entry {
        customer: row.customer_id,
        department: department.ok_or_else(|| Fault::internal("a ticket without a department"))?,
        assignee: (subject.kind == SubjectKind::Employee).then_some(subject.id),
        order: parse_name(&row.columns().order, "orders"),
        received_at,
    })
}

/// The ticket to be opened: what is not said is as in the one that is split.
fn new(call: &Call, wanted: &Wanted, row: &StoredTicket, first: Timestamp) -> Result<New, Fault> {
    let (request, before) = (&wanted.request, row.columns());
    let entry = entry_of(call, row, first)?;
    let given = Ticket {
        customer: before.customer.clone(),
        kind: match request.kind {
            0 => before.kind,
            kind => kind,
        },
        channel: before.channel,
        category: match request.category.as_str() {
            "" => before.category.clone(),
            category => category.to_owned(),
        },
        impact: before.impact,
        urgency: before.urgency,
        order: before.order.clone(),
        subject: request.subject.clone(),
        ..Default::default()
    };
    Ok(New {
        id: wanted.new_id,
        ticket: opened(wanted.new_id, given, &entry, call),
        clearance: clearance(call, &entry)?,
        entry,
        claim: wanted.claim.clone(),
    })
}

fn split(call: &Call, wanted: &Wanted, row: &StoredTicket) -> kefu_journal::Entry {
    let event = event::Event::TicketSplit(TicketSplit {
        ticket_id: row.id.as_bytes().to_vec(),
        new_ticket_id: wanted.new_id.as_bytes().to_vec(),
        customer_id: row.customer_id.as_bytes().to_vec(),
        message_count: i32::try_from(wanted.messages.len()).unwrap_or(i32::MAX),
    });
    let (resource, customer) = (row.columns().name.clone(), Some(row.customer_id));
    let kind = "split.made";
    entry(call, EntryKind::Change, kind, resource, customer, event)
}
