use std::sync::Arc;

use jiff::Timestamp;
use kefu_access::{Clearance, RowFacts};
use kefu_contracts::{
    common::Reason,
    journal::EntryKind,
    ticket::{
        HandlingVersion, NoticeEvent, NoticeRulesVersion, OpenTicketRequest, StateChange, Ticket,
        TicketState, WaitingFor,
    },
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag, name},
    idempotency::{self, Claim},
    notice::is_news,
    present::entry,
    time::to_proto,
    written::Written,
};
use kefu_vault::{CustomerKey, WrappedKey};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Tickets,
    notices::{News, by_call},
    present::{Heard, actor, changed, shown},
};
use crate::{
    domain::{
        complaint::stage,
        entry::{Entry, check},
        handling::{ensure_category, in_force, prioritise},
        notice,
        talk::seconds,
    },
    store::{
        customers,
        opening::{self, Opened, Opening},
        texts, versions,
    },
};

/// A ticket that passed every check.
pub(super) struct New {
    pub(super) id: Uuid,
    pub(super) ticket: Ticket,
    pub(super) entry: Entry,
    pub(super) claim: Option<Claim>,
    pub(super) clearance: Clearance,
}

/// A ticket as the rules class it, and the number of their last version.
pub(super) struct Classed {
    pub(super) ticket: Ticket,
    rules: i32,
    /// Of the rules about notices.
    notice_rules: i32,
}

impl New {
    /// Puts it under the rules in force.
    pub(super) fn classed(
        &self,
        versions: &[HandlingVersion],
        notices: &[NoticeRulesVersion],
        now: Timestamp,
    ) -> Result<Classed, Fault> {
        let (_, definition) = in_force(versions, now);
        let mut ticket = self.ticket.clone();
        ensure_category(&definition, &ticket.category, ticket.kind())?;
        prioritise(&definition, &mut ticket);
        let rules = versions.last().map_or(0, |version| version.number);
        let notice_rules = notices.last().map_or(0, |version| version.number);
        Ok(Classed {
            ticket,
            rules,
            notice_rules,
        })
    }

    /// Whether the customer may be to be told that it was received.
    fn is_told(&self, notices: &[NoticeRulesVersion], now: Timestamp) -> bool {
        let rules = notice::in_force(notices, now);
        let event = NoticeEvent::Received;
        is_news(self.entry.received_at, now)
            && rules.is_some_and(|(_, definition)| {
                let mut rules = notice::rules(definition, event, self.ticket.kind);
                rules.next().is_some()
            })
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
        let written = match self.open_at_once(&call, &new).await? {
            Some(written) => written,
            None => self.open_by_steps(&call, &new).await?,
        };
        self.answer_written(&call, written).await
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
        let clearance = clearance(call, &entry)?;
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
    async fn open_at_once(&self, call: &Call, new: &New) -> Result<Option<Written<Ticket>>, Fault> {
        let customer = new.entry.customer;
        let Some(wrapped) = self.remembered(customer).await? else {
            return Ok(None);
        };
        // What is known of the rules may be old: then it is found out step by step.
        let notices = self.notice_rules.known();
        let Ok(classed) = new.classed(&self.rules.known(), &notices, call.now) else {
            return Ok(None);
        };
        // What the customer is told has the number in it, which is drawn first then.
        if new.is_told(&notices, call.now) {
            return Ok(None);
        }
        let opening = match self.sealed(call, new, &classed, &wrapped).await {
            Ok(opening) => opening,
            Err(fault) if fault.reason == Reason::StorageUnavailable => return Err(fault),
            // What wraps it may have ended since: it is wrapped anew by then.
            Err(_) => {
                self.keys.forget(customer);
                return Ok(None);
            }
        };
        let write = self.core.deps.db.run(move |connection| {
            Box::pin(async move { opening::write(connection, &opening).await })
        });
        let Some(opened) = write.await? else {
            self.keys.forget(customer);
            return Ok(None);
        };
        Ok(Some(written(call, new, classed.ticket, opened)))
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
    async fn open_by_steps(&self, call: &Call, new: &Arc<New>) -> Result<Written<Ticket>, Fault> {
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
    ) -> Result<Written<Ticket>, Fault> {
        if let Some(claim) = &new.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            let clearance = new.clearance.clone();
            return self.replay(connection, call, &kept, clearance).await;
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
        let notices: Vec<NoticeRulesVersion> = versions::all(connection).await?;
        let classed = new.classed(&versions, &notices, call.now)?;
        self.rules.put(versions);
        self.notice_rules.put(notices);
        let opening = self.sealed(call, new, &classed, &wrapped).await?;
        // Something changed since it was looked at just now: the transaction is tried again.
        let opened = opening::write(connection, &opening)
            .await?
            .ok_or_else(|| Fault::new(Reason::Conflict))?;
        let written = written(call, new, classed.ticket, opened);
        let key = self.sealer.open_key(customer, &wrapped).await?;
        self.tell_received(connection, call, new, (&written.record, &key))
            .await?;
        Ok(written)
    }

    /// Writes what the customer is told of a ticket that was opened just now.
    pub(super) async fn tell_received(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        new: &New,
        (ticket, key): (&Ticket, &CustomerKey),
    ) -> Result<(), Fault> {
        let news = News {
            ticket,
            key,
            events: &[NoticeEvent::Received],
            occurred_at: new.entry.received_at,
            now: call.now,
        };
        let told = self.tell(connection, &news).await?;
        if !told.is_empty() {
            let entries: Vec<_> = by_call(call, told).collect();
            kefu_journal::append(connection, &entries).await?;
        }
        Ok(())
    }

    /// All that is written, under this key.
    pub(super) async fn sealed(
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
        let before = TicketState::Unspecified;
        let heard = Heard::default();
        let event = changed(ticket, before, new.entry.received_at, 1, heard);
        let customer = Some(new.entry.customer);
        let resource = ticket.name.clone();
        Ok(Opening {
            id: new.id,
            ticket: ticket.clone(),
            rules: classed.rules,
            notice_rules: classed.notice_rules,
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

/// What the call clears of the ticket: a rule that lets a ticket be opened lets it be opened
/// where it reaches.
pub(super) fn clearance(call: &Call, entry: &Entry) -> Result<Clearance, Fault> {
    let facts = RowFacts {
        department: Some(entry.department),
        owner: entry.assignee,
        customer: Some(entry.customer),
        duty: entry.assignee.into_iter().collect(),
        consents: Vec::new(),
    };
    call.context.clearance_of(&facts, call.now).ok_or_else(|| {
        let rule = "the ticket would lie outside of your scope";
        Fault::new(Reason::PermissionMissing).with("rule", rule)
    })
}

/// The ticket as it will be, but for its number; what only we say of it is not
/// taken from the request.
pub(super) fn opened(id: Uuid, given: Ticket, entry: &Entry, call: &Call) -> Ticket {
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
        order: given.order,
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
pub(super) fn written(call: &Call, new: &New, ticket: Ticket, opened: Opened) -> Written<Ticket> {
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
    let shown = shown(&ticket, new.entry.customer, new.clearance.clone());
    Written::now(ticket, shown, opened.position)
}
