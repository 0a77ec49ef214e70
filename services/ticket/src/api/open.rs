use std::sync::Arc;

use jiff::Timestamp;
use kefu_access::{Clearance, RowFacts};
use kefu_contracts::{
    common::Reason,
    journal::EntryKind,
    ticket::{HandlingVersion, OpenTicketRequest, StateChange, Ticket, TicketState, WaitingFor},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag, name},
    idempotency::{self, Claim},
    present::{disclose, entry},
    time::to_proto,
};
use kefu_vault::WrappedKey;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Tickets,
    present::{actor, changed},
    replay::Written,
};
use crate::{
    domain::{
        complaint::stage,
        entry::{Entry, check},
        handling::{ensure_category, in_force, prioritise},
        talk::seconds,
    },
    store::{
        customers,
        opening::{self, Opened, Opening},
        texts, versions,
    },
};

/// A ticket that passed every check.
struct New {
    id: Uuid,
    ticket: Ticket,
    entry: Entry,
    claim: Option<Claim>,
    clearance: Clearance,
}

/// A ticket as the rules class it, and the number of their last version.
struct Classed {
    ticket: Ticket,
    rules: i32,
}

impl New {
    /// Puts it under the rules in force.
    fn classed(&self, versions: &[HandlingVersion], now: Timestamp) -> Result<Classed, Fault> {
        let (_, definition) = in_force(versions, now);
        let mut ticket = self.ticket.clone();
        ensure_category(&definition, &ticket.category, ticket.kind())?;
        prioritise(&definition, &mut ticket);
        let rules = versions.last().map_or(0, |version| version.number);
        Ok(Classed { ticket, rules })
    }
}

impl Tickets {
    /// Clauses OP-3.1, OP-3.2, SG-2.1, IH-3.1. One statement where all is as
    /// usual; step by step where the request or the key is not new.
    pub(super) async fn open(
        &self,
        call: Call,
        request: OpenTicketRequest,
    ) -> Result<Answer<Ticket>, Fault> {
        let new = match self.checked(&call, request) {
            Ok(new) => Arc::new(new),
            Err(fault) if fault.reason == Reason::PermissionMissing => {
                return Err(self
                    .core
                    .views
                    .refuse(&call, "ticket.refused", "", fault)
                    .await);
            }
            Err(fault) => return Err(fault),
        };
        let Written {
            mut ticket,
            position,
        } = match self.open_at_once(&call, &new).await? {
            Some(written) => written,
            None => self.open_by_steps(&call, &new).await?,
        };
        disclose(&mut ticket, &new.clearance, Default::default());
        Ok(Answer::written(ticket, position))
    }

    fn checked(&self, call: &Call, request: OpenTicketRequest) -> Result<New, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(call, request_id, &request);
        let given = request.ticket.unwrap_or_else(|| {
            fields.refuse("ticket", Violation::Required);
            Ticket::default()
        });
        let entry = check(&mut fields, &given, &call.context.subject, call.now);
        fields.finish()?;
        let id = self.core.deps.ids.next()?;
        let facts = RowFacts {
            department: Some(entry.department),
            owner: entry.assignee,
            customer: Some(entry.customer),
            duty: entry.assignee.into_iter().collect(),
            consents: Vec::new(),
        };
        // A rule that lets a ticket be opened lets it be opened where it reaches.
        let clearance = call.context.clearance_of(&facts, call.now).ok_or_else(|| {
            let rule = "the ticket would lie outside of your scope";
            Fault::new(Reason::PermissionMissing).with("rule", rule)
        })?;
        let ticket = opened(id, given, &entry, call);
        Ok(New {
            id,
            ticket,
            entry,
            claim,
            clearance,
        })
    }

    /// Opens it under a key that is known; `None` when something is not as usual.
    async fn open_at_once(&self, call: &Call, new: &New) -> Result<Option<Written>, Fault> {
        let customer = new.entry.customer;
        let Some(wrapped) = self.remembered(customer).await? else {
            return Ok(None);
        };
        // What is known of the rules may be old: then it is found out step by step.
        let Ok(classed) = new.classed(&self.rules.known(), call.now) else {
            return Ok(None);
        };
        let opening = self.sealed(call, new, &classed, &wrapped).await?;
        let write = self.core.deps.db.run(move |connection| {
            Box::pin(async move { opening::write(connection, &opening).await })
        });
        let Some(opened) = write.await? else {
            self.keys.forget(customer);
            return Ok(None);
        };
        Ok(Some(written(call, classed.ticket, opened)))
    }

    /// The customer's wrapped key: from memory, else from the database.
    async fn remembered(&self, customer: Uuid) -> Result<Option<Arc<WrappedKey>>, Fault> {
        if let Some(wrapped) = self.keys.get(customer) {
            return Ok(Some(wrapped));
        }
        let read = self.core.deps.db.run(move |connection| {
            Box::pin(async move { customers::key(connection, customer).await })
        });
        Ok(read.await?.map(|wrapped| self.keys.put(customer, wrapped)))
    }

    /// Finds out what is not as usual: the request was answered before, the
    /// customer has no file, or no key yet.
    async fn open_by_steps(&self, call: &Call, new: &Arc<New>) -> Result<Written, Fault> {
        let (service, call, new) = (self.clone(), call.clone(), new.clone());
        self.core
            .deps
            .db
            .transaction(move |connection| {
                let (service, call, new) = (service.clone(), call.clone(), new.clone());
                Box::pin(async move { service.open_step_by_step(connection, &call, &new).await })
            })
            .await
    }

    async fn open_step_by_step(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        new: &New,
    ) -> Result<Written, Fault> {
        if let Some(claim) = &new.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            return self.replay(connection, &kept, new.clearance.classes).await;
        }
        let customer = new.entry.customer;
        if !customers::is_known(connection, customer).await? {
            return Err(Fault::fields(vec![(
                "ticket.customer".to_owned(),
                Violation::Unknown,
            )]));
        }
        let (_, wrapped) = self.sealer.key(connection, customer, call.now).await?;
        let versions = versions::all(connection).await?;
        let classed = new.classed(&versions, call.now)?;
        self.rules.put(versions);
        let opening = self.sealed(call, new, &classed, &wrapped).await?;
        // Something changed since it was looked at just now: the transaction is tried again.
        let opened = opening::write(connection, &opening)
            .await?
            .ok_or_else(|| Fault::new(Reason::Conflict))?;
        Ok(written(call, classed.ticket, opened))
    }

    /// All that is written, under this key.
    async fn sealed(
        &self,
        call: &Call,
        new: &New,
        classed: &Classed,
        wrapped: &WrappedKey,
    ) -> Result<Opening, Fault> {
        let ticket = &classed.ticket;
        let key = self.sealer.open_key(new.entry.customer, wrapped).await?;
        let sealed = self.sealer.seal(&key, new.id, ticket)?;
        let claim = match &new.claim {
            Some(claim) => Some((
                claim.clone(),
                self.sealer.seal_answer(&key, new.id, ticket)?,
            )),
            None => None,
        };
        let event = changed(ticket, TicketState::Unspecified, new.entry.received_at, 1);
        let customer = Some(new.entry.customer);
        let resource = ticket.name.clone();
        Ok(Opening {
            id: new.id,
            ticket: ticket.clone(),
            rules: classed.rules,
            entry: new.entry.clone(),
            actor: actor(call),
            wrapped: wrapped.bytes.clone(),
            sealed,
            claim,
            marks: texts::opening(self.index(), &ticket.subject, &ticket.description),
            journal: entry(
                call,
                EntryKind::Change,
                "ticket.opened",
                resource,
                customer,
                event,
            ),
            now: call.now,
        })
    }
}

/// The ticket as it will be, but for its number; what only we say of it is not
/// taken from the request.
fn opened(id: Uuid, given: Ticket, entry: &Entry, call: &Call) -> Ticket {
    let mut ticket = Ticket {
        name: name("tickets", id),
        department: name("departments", entry.department),
        assignee: entry
            .assignee
            .map(|id| name("employees", id))
            .unwrap_or_default(),
        received_time: Some(to_proto(entry.received_at)),
        etag: etag(1),
        create_time: Some(to_proto(call.now)),
        update_time: Some(to_proto(call.now)),
        customer: given.customer,
        kind: given.kind,
        channel: given.channel,
        category: given.category,
        impact: given.impact,
        urgency: given.urgency,
        external_ref: given.external_ref,
        subject: given.subject,
        description: given.description,
        call_start_time: given.call_start_time,
        call_end_time: given.call_end_time,
        attempt_count: 1,
        ..Default::default()
    };
    ticket.set_state(TicketState::New);
    ticket.call_seconds = seconds(&ticket);
    ticket.set_stage(stage(&ticket));
    ticket
}

/// The answer about a ticket that was opened.
fn written(call: &Call, ticket: Ticket, opened: Opened) -> Written {
    let first = StateChange {
        from: TicketState::Unspecified as i32,
        to: TicketState::New as i32,
        waiting_for: WaitingFor::Unspecified as i32,
        occurred_time: ticket.received_time,
        recorded_time: Some(to_proto(call.now)),
        actor: actor(call).name(),
    };
    let ticket = Ticket {
        number: opened.number,
        history: vec![first],
        ..ticket
    };
    Written {
        ticket,
        position: opened.position,
    }
}
