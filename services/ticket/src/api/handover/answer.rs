//! An offer is answered, or taken back.

use kefu_contracts::{
    common::Reason,
    journal::EntryKind,
    ticket::{
        AcceptOfferRequest, AssignmentCause, DeclineOfferRequest, Offer, OfferState, TicketState,
        WithdrawOfferRequest,
    },
};
use kefu_journal::Entry;
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{Fields, etag, name},
    idempotency::{self, Claim, Kept},
    present::{Shown, entry},
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{HandOvers, REFUSED, VIEWED, journaled};
use crate::{
    api::present::{Heard, actor, changed},
    domain::{entry::MEDIUM, handover::Step},
    store::{
        assignments::{self, NewAssignment},
        offers::{self, OFFERS, StoredOffer},
        tickets,
    },
};

/// What somebody says to an offer.
pub(super) struct Answering {
    step: Step,
    name: String,
    etag: String,
    reason: String,
    request_id: String,
    message: Vec<u8>,
}

/// A request that answers an offer.
pub(super) trait Says: prost::Message {
    fn parts(&self) -> (&str, &str, &str, &str);
}

macro_rules! says {
    ($request:ty) => {
        impl Says for $request {
            fn parts(&self) -> (&str, &str, &str, &str) {
                (&self.name, &self.etag, &self.reason, &self.request_id)
            }
        }
    };
}

says!(AcceptOfferRequest);
says!(DeclineOfferRequest);
says!(WithdrawOfferRequest);

impl Answering {
    pub(super) fn of<R: Says>(request: &R, step: Step) -> Self {
        let (name, etag, reason, request_id) = request.parts();
        Self {
            step,
            name: name.to_owned(),
            etag: etag.to_owned(),
            reason: reason.to_owned(),
            request_id: request_id.to_owned(),
            message: request.encode_to_vec(),
        }
    }
}

/// The same, read and checked.
#[derive(Clone)]
struct Wanted {
    step: Step,
    id: Uuid,
    revision: i64,
    reason: String,
    claim: Option<Claim>,
}

impl HandOvers {
    /// Clauses SG-3, CC-1.2.
    pub(super) async fn answer(&self, call: Call, said: Answering) -> Result<Answer<Offer>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&said.request_id);
        let claim = Claim::of(&call, request_id, &said.message);
        let id = fields.name("name", &said.name, OFFERS);
        let revision = fields.etag("etag", &said.etag);
        match said.step {
            Step::Decline => fields.required_text("reason", &said.reason, MEDIUM),
            _ => fields.text("reason", &said.reason, MEDIUM),
        }
        fields.finish()?;
        let wanted = Wanted {
            step: said.step,
            id: id.unwrap_or_default(),
            revision: revision.unwrap_or_default(),
            reason: said.reason,
            claim,
        };
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.take(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let outcome = views.or_not_allowed(&call, REFUSED, &said.name, outcome);
        let written = outcome.await?.disclosed();
        written.into_answer(views, &call, VIEWED).await
    }

    async fn take(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Written<Offer>, Fault> {
        let row = reached(connection, call, wanted).await?;
        let shown = Shown {
            resource: name(OFFERS, row.id),
            customer_id: Some(row.customer_id),
            clearance: call.context.clearance(row.matched, call.now),
        };
        let key = self.sealer.open_key(row.customer_id, &row.wrapped).await?;
        if let Some(claim) = &wanted.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            let answer = kept.answer.as_slice();
            let offer = self.sealer.open_answer(&key, kept.resource_id, answer)?;
            return Ok(Written::before(offer, shown, kept.position));
        }
        if row.revision != wanted.revision {
            return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
        }
        // Its time may be over though nobody has noted it yet.
        let over = row.state() == OfferState::Pending && call.now >= row.expires_at;
        let state = wanted.step.leads_from(match over {
            true => OfferState::Lapsed,
            false => row.state(),
        })?;
        let mut entries = Vec::new();
        if wanted.step == Step::Accept {
            entries.push(self.hand_over(connection, call, &row).await?);
        }
        let mut reasons = self.open_whole(&key, &row)?;
        reasons.answer_reason.clone_from(&wanted.reason);
        let sealed = Offer {
            reason: reasons.reason.clone(),
            answer_reason: reasons.answer_reason.clone(),
            ..Offer::default()
        };
        let sealed = self.sealer.seal(&key, row.id, &sealed)?;
        let subject = actor(call);
        let answerer = (!subject.is_system).then_some(subject.id);
        let sealed = Some(sealed.as_slice());
        offers::answer(connection, row.id, state, answerer, sealed, call.now).await?;
        entries.push(journaled(call, wanted.step.journaled_as(), &row, state));
        let position = kefu_journal::append(connection, &entries).await?;
        let after = offers::lock(connection, row.id).await?;
        let after = after.ok_or_else(|| offers::not_found(row.id))?;
        let offer = after.with_opened(reasons);
        if let Some(claim) = &wanted.claim {
            let kept = Kept {
                resource_id: row.id,
                answer: self.sealer.seal_answer(&key, row.id, &offer)?,
                position,
            };
            idempotency::keep(connection, call, claim, Some(row.customer_id), &kept).await?;
        }
        Ok(Written::now(offer, shown, position))
    }

    /// The ticket waits in the other department; duty on it ends with whoever had it.
    async fn hand_over(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        offer: &StoredOffer,
    ) -> Result<Entry, Fault> {
        let row = offers::ticket(connection, offer.ticket_id).await?;
        let row = row.ok_or_else(|| offers::not_found(offer.id))?;
        if row.facts().department != Some(offer.from_department) {
            return Err(Fault::state("MOVED", "accept"));
        }
        let before = row.standing().state;
        if before == TicketState::Closed {
            return Err(Fault::state("CLOSED", "accept"));
        }
        let key = self.sealer.open_key(row.customer_id, &row.wrapped).await?;
        let mut ticket = self.tickets.open_whole(&key, &row)?;
        ticket.department = name("departments", offer.to_department);
        ticket.assignee.clear();
        let (revision, now) = (row.revision + 1, call.now);
        tickets::update(connection, row.id, row.revision, &ticket, &row.sealed, now).await?;
        if row.assignee().is_some() {
            let assignment = NewAssignment {
                ticket_id: row.id,
                customer_id: row.customer_id,
                from: row.assignee(),
                to: None,
                cause: AssignmentCause::HandedOver,
                occurred_at: now,
                recorded_at: now,
                actor: Some(actor(call)),
                queue_id: None,
                revision,
            };
            assignments::insert(connection, &assignment).await?;
        }
        let (resource, customer) = (ticket.name.clone(), Some(row.customer_id));
        let heard = Heard::of(connection, row.id, &ticket).await?;
        let event = changed(&ticket, before, now, revision, heard);
        let kind = "ticket.handed_over";
        Ok(entry(
            call,
            EntryKind::Change,
            kind,
            resource,
            customer,
            event,
        ))
    }
}

/// The offer within reach, locked.
async fn reached(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted,
) -> Result<StoredOffer, Fault> {
    let mut query = offers::RECORD.get(call, wanted.id);
    query.push(" FOR UPDATE OF o");
    let row = query.build().fetch_optional(connection).await?;
    let row = row.as_ref().map(StoredOffer::read).transpose()?;
    row.ok_or_else(|| offers::not_found(wanted.id))
}
