//! One ticket becomes part of another.

use kefu_access::Clearance;
use kefu_contracts::{
    common::Reason,
    ticket::{MergeTicketsRequest, Ticket},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{Fields, etag},
    idempotency::{self, Claim, Kept},
    time::to_proto,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{ensure_seen, joined, merged, told};
use crate::{
    api::{
        Tickets,
        details::{AsOf, details},
        present::{actor, refused_for, shown},
    },
    domain::{
        action::{Note, standing},
        clock::is_awaited,
        entry::MEDIUM,
        merge::merge,
        state::Event,
    },
    store::{
        clocks,
        history::{self, NewChange},
        merges::{self, NewMerge},
        records::{RECORD, StoredTicket},
        tickets,
    },
};

/// A ticket that the request names.
#[derive(Clone)]
struct Named {
    id: Uuid,
    name: String,
    revision: i64,
}

/// A merge to be made, read and checked.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    source: Named,
    target: Named,
    reason: String,
    claim: Option<Claim>,
}

/// Both tickets as they are, within the caller's scope and seen.
struct Pair {
    source: StoredTicket,
    target: StoredTicket,
}

impl Tickets {
    /// Clauses SG-5, OP-3.2, CC-1.4.
    pub(super) async fn merge(
        &self,
        call: Call,
        request: MergeTicketsRequest,
    ) -> Result<Answer<Ticket>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let resource = request.name.clone();
        let source = named(&mut fields, ("name", request.name), ("etag", &request.etag));
        let to = ("target_etag", request.target_etag.as_str());
        let target = named(&mut fields, ("target", request.target), to);
        let same = !source.id.is_nil() && source.id == target.id;
        fields.ensure(!same, "target", Violation::Duplicate);
        fields.required_text("reason", &request.reason, MEDIUM);
        fields.finish()?;
        let wanted = Wanted {
            id: self.core.deps.ids.next()?,
            source,
            target,
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
                Box::pin(async move { service.merge_two(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let resource = refused_for(&outcome).unwrap_or(resource);
        let written = views
            .or_not_allowed(&call, "ticket.refused", &resource, outcome)
            .await?;
        self.answer_written(&call, written).await
    }

    async fn merge_two(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Written<Ticket>, Fault> {
        // In one order, so that of two merges at once one waits for the other.
        let mut ids = [wanted.source.id, wanted.target.id];
        ids.sort_unstable();
        let mut rows = Vec::with_capacity(2);
        for id in ids {
            let mut query = RECORD.get(call, id);
            query.push(" FOR UPDATE OF t");
            let row = query.build().fetch_optional(&mut *connection).await?;
            rows.extend(row.as_ref().map(StoredTicket::read).transpose()?);
        }
        let mut find = |id| {
            let at = rows.iter().position(|row| row.id == id)?;
            Some(rows.swap_remove(at))
        };
        let (source, target) = (find(wanted.source.id), find(wanted.target.id));
        let cleared = |row: &StoredTicket| call.context.clearance(row.matched, call.now);
        let clearance = target.as_ref().map(cleared).unwrap_or_default();
        if let Some(claim) = &wanted.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            return self.replay(connection, call, &kept, clearance).await;
        }
        let source = source.ok_or_else(|| Fault::not_found(&wanted.source.name))?;
        let target = target.ok_or_else(|| Fault::not_found(&wanted.target.name))?;
        ensure_seen(&cleared(&source))?;
        ensure_seen(&clearance).map_err(|fault| fault.with("resource", &wanted.target.name))?;
        let sides = [
            (&source, &wanted.source, Event::Merge, "etag"),
            (&target, &wanted.target, Event::Absorb, "target_etag"),
        ];
        for (row, _, event, _) in sides {
            if row.is_merged() {
                return Err(merged(connection, call, row.id, event).await?);
            }
        }
        for (row, named, _, field) in sides {
            if row.revision != named.revision {
                return Err(Fault::new(Reason::EtagMismatch).with(field, etag(row.revision)));
            }
        }
        let pair = Pair { source, target };
        self.write_merge(connection, call, wanted, &pair, clearance)
            .await
    }

    async fn write_merge(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
        Pair { source, target }: &Pair,
        clearance: Clearance,
    ) -> Result<Written<Ticket>, Fault> {
        let stood = source.standing();
        let mut part = source.columns().clone();
        merge(&mut part, target.columns(), call.now)?;
        let awaited = clocks::ticket(connection, source.id)
            .await?
            .is_some_and(|ticket| {
                let record = ticket.record;
                is_awaited(record.received_at, &record.happened)
            });
        let key = self
            .sealer
            .open_key(target.customer_id, &target.wrapped)
            .await?;
        tickets::update(
            connection,
            source.id,
            source.revision,
            &part,
            &source.sealed,
            call.now,
        )
        .await?;
        let change = NewChange {
            ticket_id: source.id,
            customer_id: source.customer_id,
            from: stood.state,
            to: standing(&part),
            occurred_at: call.now,
            recorded_at: call.now,
            actor: actor(call),
            revision: source.revision + 1,
        };
        history::insert(connection, &change).await?;
        let note = Note::internal(&wanted.reason);
        self.write_note(connection, call, source, &key, &note, call.now)
            .await?;
        let new = NewMerge {
            id: wanted.id,
            source: source.id,
            target: target.id,
            customer: source.customer_id,
            by: call.context.subject.id,
            at: call.now,
            source_revision: source.revision + 1,
            target_revision: target.revision + 1,
            stood,
            waited: awaited,
        };
        merges::insert(connection, &new).await?;
        let mut whole = self.open_whole(&key, target)?;
        whole.etag = etag(target.revision + 1);
        whole.update_time = Some(to_proto(call.now));
        tickets::update(
            connection,
            target.id,
            target.revision,
            &whole,
            &target.sealed,
            call.now,
        )
        .await?;
        let stands = target.standing();
        let entries = [
            told(connection, call, "ticket.merged", source, &part, stood).await?,
            told(connection, call, "ticket.absorbed", target, &whole, stands).await?,
            joined(call, source, target.id, false),
        ];
        let position = kefu_journal::append(connection, &entries).await?;
        if let Some(claim) = &wanted.claim {
            let kept = Kept {
                resource_id: target.id,
                answer: self.sealer.seal_answer(&key, target.id, &whole)?,
                position,
            };
            idempotency::keep(connection, call, claim, Some(target.customer_id), &kept).await?;
        }
        let at = AsOf::Change(target.revision + 1);
        let details = details(connection, call, target.id, at, clearance.classes).await?;
        self.attach(&key, details, &mut whole)?;
        let shown = shown(&whole, target.customer_id, clearance);
        Ok(Written::now(whole, shown, position))
    }
}

/// Reads a name and the etag that goes with it.
fn named(
    fields: &mut Fields,
    (field, name): (&str, String),
    (etag_field, etag): (&str, &str),
) -> Named {
    Named {
        id: fields.name(field, &name, "tickets").unwrap_or_default(),
        revision: fields.etag(etag_field, etag).unwrap_or_default(),
        name,
    }
}
