//! A closed ticket is followed up by another.

use std::sync::Arc;

use kefu_contracts::{
    access::SubjectKind,
    common::Channel,
    ticket::{Direction, FollowUpTicketRequest, Level, LinkKind, Ticket, TicketKind},
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{Fields, parse_name},
    idempotency::{self, Claim},
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    api::{
        Tickets,
        details::body_place,
        merges::merged,
        open::{New, clearance, opened},
        successor::Origin,
    },
    domain::{
        entry::{Entry, LONG, check_category},
        state::Event,
    },
    store::{
        messages::{self, NewMessage},
        records::{RECORD, StoredTicket},
        texts,
    },
};

/// What follows up a ticket, read and checked.
struct Wanted {
    /// The closed ticket.
    id: Uuid,
    request: FollowUpTicketRequest,
    claim: Option<Claim>,
    new_id: Uuid,
    link_id: Uuid,
    message_id: Uuid,
}

impl Tickets {
    /// Clauses OP-3.2, SG-5.
    pub(super) async fn follow_up(
        &self,
        call: Call,
        request: FollowUpTicketRequest,
    ) -> Result<Answer<Ticket>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let id = fields.name("name", &request.name, "tickets");
        fields.required_enum::<Channel>("channel", request.channel);
        fields.required_text("subject", &request.subject, 200);
        fields.required_text("body", &request.body, LONG);
        fields.optional_enum::<TicketKind>("kind", request.kind);
        check_category(&mut fields, &request.category);
        fields.optional_enum::<Level>("impact", request.impact);
        fields.optional_enum::<Level>("urgency", request.urgency);
        fields.finish()?;
        let ids = &self.core.deps.ids;
        let resource = request.name.clone();
        let wanted = Arc::new(Wanted {
            id: id.unwrap_or_default(),
            claim: Claim::of(&call, request_id, &request),
            request,
            new_id: ids.next()?,
            link_id: ids.next()?,
            message_id: ids.next()?,
        });
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.open_follow_up(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let written = views
            .or_not_allowed(&call, "ticket.refused", &resource, outcome)
            .await?;
        self.answer_written(&call, written).await
    }

    async fn open_follow_up(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Written<Ticket>, Fault> {
        let mut query = RECORD.get(call, wanted.id);
        query.push(" FOR SHARE OF t");
        let row = query.build().fetch_optional(&mut *connection).await?;
        let row = row.as_ref().map(StoredTicket::read).transpose()?;
        let row = row.ok_or_else(|| Fault::not_found(&wanted.request.name))?;
        let new = new(call, wanted, &row)?;
        if let Some(claim) = &new.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            return self.replay(connection, call, &kept, new.clearance).await;
        }
        if row.is_merged() {
            return Err(merged(connection, call, row.id, Event::FollowUp).await?);
        }
        row.standing()
            .after(row.columns().kind(), Event::FollowUp)?;
        let origin = Origin {
            kind: LinkKind::FollowUpOf,
            ticket: row.id,
            link_id: wanted.link_id,
        };
        let successor = self
            .open_successor(connection, call, &new, &origin, Vec::new())
            .await?;
        let subject = &call.context.subject;
        let (id, body) = (wanted.message_id, wanted.request.body.as_bytes());
        let vault = self.sealer.vault();
        let message = NewMessage {
            id,
            ticket_id: new.id,
            customer_id: row.customer_id,
            direction: Direction::In,
            author_id: (subject.kind == SubjectKind::Employee).then_some(subject.id),
            occurred_at: call.now,
            sealed: &vault.seal(&successor.key, &body_place(id), body)?,
            channel: new.ticket.channel(),
            call: (None, None),
            recording: None,
            marks: &texts::message(self.index(), &wanted.request.body),
            revision: 1,
        };
        messages::insert(connection, &message).await?;
        self.answer_successor(connection, call, (new.id, successor))
            .await
    }
}

/// The ticket to be opened: what is not said is as it was there.
fn new(call: &Call, wanted: &Wanted, row: &StoredTicket) -> Result<New, Fault> {
    let (request, before) = (&wanted.request, row.columns());
    let department = parse_name(&before.department, "departments");
    let subject = &call.context.subject;
    let entry = Entry {
        customer: row.customer_id,
        department: department.ok_or_else(|| Fault::internal("a ticket without a department"))?,
        assignee: (subject.kind == SubjectKind::Employee).then_some(subject.id),
        order: parse_name(&before.order, "orders"),
        received_at: call.now,
    };
    let given = Ticket {
        customer: before.customer.clone(),
        kind: match request.kind {
            0 => before.kind,
            kind => kind,
        },
        channel: request.channel,
        category: match request.category.as_str() {
            "" => before.category.clone(),
            category => category.to_owned(),
        },
        impact: request.impact,
        urgency: request.urgency,
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
