//! A ticket is offered.

use kefu_contracts::{
    common::Reason,
    ticket::{Offer, OfferState, OfferTicketRequest, TicketState},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag},
    idempotency::{self, Claim, Kept},
    present::Shown,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{HandOvers, REFUSED, VIEWED, journaled};
use crate::{
    api::present::actor,
    domain::entry::MEDIUM,
    store::{
        offers::{self, NewOffer},
        records::{RECORD, StoredTicket},
    },
};

/// An offer that can be made, if the ticket allows it.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    ticket: (Uuid, String),
    revision: i64,
    department: Uuid,
    reason: String,
    claim: Option<Claim>,
}

impl HandOvers {
    /// Clauses SG-3, CC-1.2.
    pub(super) async fn offer(
        &self,
        call: Call,
        request: OfferTicketRequest,
    ) -> Result<Answer<Offer>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let ticket = fields.name("name", &request.name, "tickets");
        let revision = fields.etag("etag", &request.etag);
        let department = fields.name("department", &request.department, "departments");
        fields.required_text("reason", &request.reason, MEDIUM);
        fields.finish()?;
        let wanted = Wanted {
            id: self.core.deps.ids.next()?,
            ticket: (ticket.unwrap_or_default(), request.name.clone()),
            revision: revision.unwrap_or_default(),
            department: department.unwrap_or_default(),
            reason: request.reason,
            claim,
        };
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.make(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let outcome = views.or_not_allowed(&call, REFUSED, &request.name, outcome);
        let written = outcome.await?.disclosed();
        written.into_answer(views, &call, VIEWED).await
    }

    async fn make(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Written<Offer>, Fault> {
        let (ticket, ticket_name) = &wanted.ticket;
        let mut query = RECORD.get(call, *ticket);
        query.push(" FOR UPDATE OF t");
        let row = query.build().fetch_optional(&mut *connection).await?;
        let row = row.as_ref().map(StoredTicket::read).transpose()?;
        let row = row.ok_or_else(|| Fault::not_found(ticket_name))?;
        let shown = |offer: &Offer| Shown {
            resource: offer.name.clone(),
            customer_id: Some(row.customer_id),
            clearance: call.context.clearance(row.matched, call.now),
        };
        let key = self
            .sealer
            .standing_key(connection, row.customer_id)
            .await?;
        if let Some(claim) = &wanted.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            let answer = kept.answer.as_slice();
            let offer: Offer = self.sealer.open_answer(&key, kept.resource_id, answer)?;
            let shown = shown(&offer);
            return Ok(Written::before(offer, shown, kept.position));
        }
        if row.revision != wanted.revision {
            return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
        }
        if row.standing().state == TicketState::Closed {
            return Err(Fault::state("CLOSED", "offer"));
        }
        let from = row.facts().department;
        let from = from.ok_or_else(|| Fault::internal("a ticket without a department"))?;
        if from == wanted.department {
            let field = "department".to_owned();
            return Err(Fault::fields(vec![(field, Violation::Contradiction)]));
        }
        let reasons = Offer {
            reason: wanted.reason.clone(),
            ..Offer::default()
        };
        let sealed = self.sealer.seal(&key, wanted.id, &reasons)?;
        let far = |_| Fault::internal("a moment out of range");
        let new = NewOffer {
            id: wanted.id,
            ticket_id: row.id,
            customer_id: row.customer_id,
            from,
            to: wanted.department,
            offerer: actor(call),
            now: call.now,
            expires_at: call.now.checked_add(self.open).map_err(far)?,
            sealed: &sealed,
        };
        offers::insert(connection, &new).await?;
        let made = offers::lock(connection, wanted.id).await?;
        let made = made.ok_or_else(|| Fault::internal("an offer that was not kept"))?;
        let entry = journaled(call, "offer.made", &made, OfferState::Pending);
        let position = kefu_journal::append(connection, &[entry]).await?;
        let offer = made.with_opened(reasons);
        if let Some(claim) = &wanted.claim {
            let kept = Kept {
                resource_id: made.id,
                answer: self.sealer.seal_answer(&key, made.id, &offer)?,
                position,
            };
            idempotency::keep(connection, call, claim, Some(row.customer_id), &kept).await?;
        }
        let shown = shown(&offer);
        Ok(Written::now(offer, shown, position))
    }
}
