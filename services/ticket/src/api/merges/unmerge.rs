//! A ticket that became part of another is one by itself again.

use kefu_access::Clearance;
use kefu_contracts::{
    common::Reason,
    ticket::{Ticket, TicketState, UnmergeTicketRequest},
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{Fields, etag},
    idempotency::{self, Claim, Kept},
    time::to_proto,
    written::Written,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{joined, told};
use crate::{
    api::{
        Tickets,
        details::{AsOf, details},
        present::{actor, shown},
    },
    domain::{
        action::{Note, standing},
        entry::MEDIUM,
        merge::unmerge,
    },
    store::{
        history::{self, NewChange},
        merges::{self, Merge, UNDOING},
        records::{self, StoredTicket},
        tickets,
    },
};

/// What is to be undone, read and checked.
#[derive(Clone)]
struct Wanted {
    id: Uuid,
    name: String,
    /// None: whatever it is by then.
    revision: Option<i64>,
    reason: String,
    claim: Option<Claim>,
}

impl Tickets {
    /// Clauses SG-5, OP-3.2.
    pub(super) async fn unmerge(
        &self,
        call: Call,
        request: UnmergeTicketRequest,
    ) -> Result<Answer<Ticket>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let id = fields.name("name", &request.name, "tickets");
        let revision = match request.etag.as_str() {
            "" => None,
            etag => fields.etag("etag", etag),
        };
        fields.required_text("reason", &request.reason, MEDIUM);
        fields.finish()?;
        let wanted = Wanted {
            id: id.unwrap_or_default(),
            name: request.name.clone(),
            revision,
            claim: Claim::of(&call, request_id, &request),
            reason: request.reason,
        };
        let resource = wanted.name.clone();
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.undo_merge(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let written = views
            .or_not_allowed(&call, "ticket.refused", &resource, outcome)
            .await?;
        self.answer_written(&call, written).await
    }

    async fn undo_merge(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Written<Ticket>, Fault> {
        let mut query = UNDOING.get(call, wanted.id);
        query.push(" FOR UPDATE OF t");
        let row = query.build().fetch_optional(&mut *connection).await?;
        let row = row.as_ref().map(StoredTicket::read).transpose()?;
        let cleared = |row: &StoredTicket| call.context.clearance(row.matched, call.now);
        let clearance = row.as_ref().map(cleared).unwrap_or_default();
        // Before the row is missed: it is whose merge it was, as long as it is merged.
        if let Some(claim) = &wanted.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            return self.replay(connection, call, &kept, clearance).await;
        }
        let row = row.ok_or_else(|| Fault::not_found(&wanted.name))?;
        let Some(merge) = merges::standing(connection, row.id).await? else {
            let state = row.standing().state.as_str_name();
            let state = state.strip_prefix("TICKET_STATE_").unwrap_or(state);
            return Err(Fault::state(state, "unmerge"));
        };
        if wanted.revision.is_some_and(|one| one != row.revision) {
            return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
        }
        self.write_undoing(connection, call, wanted, (&row, &merge), clearance)
            .await
    }

    async fn write_undoing(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
        (row, merge): (&StoredTicket, &Merge),
        clearance: Clearance,
    ) -> Result<Written<Ticket>, Fault> {
        let key = self.sealer.open_key(row.customer_id, &row.wrapped).await?;
        let (before, revision) = (row.standing(), row.revision + 1);
        let mut ticket = self.open_whole(&key, row)?;
        unmerge(&mut ticket, merge.stood, merge.at, call.now)?;
        ticket.etag = etag(revision);
        ticket.update_time = Some(to_proto(call.now));
        tickets::update(
            connection,
            row.id,
            row.revision,
            &ticket,
            &row.sealed,
            call.now,
        )
        .await?;
        let change = NewChange {
            ticket_id: row.id,
            customer_id: row.customer_id,
            from: TicketState::Closed,
            to: standing(&ticket),
            occurred_at: call.now,
            recorded_at: call.now,
            actor: actor(call),
            revision,
        };
        history::insert(connection, &change).await?;
        let note = Note::internal(&wanted.reason);
        self.write_note(connection, call, row, &key, &note, call.now)
            .await?;
        merges::undo(connection, row.id, merge, revision, call.now).await?;
        let own = told(connection, call, "ticket.unmerged", row, &ticket, before).await?;
        let mut entries = vec![own];
        // What it was part of is another ticket without it, whoever sees that one.
        if let Some(target) = records::beside(connection, merge.target).await? {
            let (id, at) = (target.id, target.revision);
            tickets::update(
                connection,
                id,
                at,
                target.columns(),
                &target.sealed,
                call.now,
            )
            .await?;
            let (parted, columns) = ("ticket.parted", target.columns());
            let stands = target.standing();
            let other = told(connection, call, parted, &target, columns, stands).await?;
            entries.push(other);
        }
        entries.push(joined(call, row, merge.target, true));
        let position = kefu_journal::append(connection, &entries).await?;
        if let Some(claim) = &wanted.claim {
            let kept = Kept {
                resource_id: row.id,
                answer: self.sealer.seal_answer(&key, row.id, &ticket)?,
                position,
            };
            idempotency::keep(connection, call, claim, Some(row.customer_id), &kept).await?;
        }
        let at = AsOf::Change(revision);
        let details = details(connection, call, row.id, at, clearance.classes).await?;
        self.attach(&key, details, &mut ticket)?;
        let shown = shown(&ticket, row.customer_id, clearance);
        Ok(Written::now(ticket, shown, position))
    }
}
