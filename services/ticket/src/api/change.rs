use jiff::Timestamp;
use kefu_access::Clearance;
use kefu_contracts::{
    access::SubjectKind,
    common::Reason,
    journal::EntryKind,
    policy::DataClass,
    ticket::{HandlingDefinition, Ticket, TicketState},
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{etag, parse_name},
    idempotency::{self, Kept},
    present::{disclose, entry},
    time::to_proto,
};
use kefu_vault::CustomerKey;
use sqlx::PgConnection;

use super::{
    Tickets,
    attention::mentioned,
    commands::{Command, Wanted},
    details::{body_place, details},
    present::{actor, changed, compensated, escalated},
    replay::Written,
    surveys::invite,
};
use crate::{
    domain::{
        action::{Action, Around, Note, standing},
        handling::{escalates, in_force},
        moment,
    },
    store::{
        assignments::{self, NewAssignment},
        attention::NewMention,
        history::{self, NewChange},
        messages::{self, NewMessage},
        records::{RECORD, StoredTicket},
        tags, tickets, versions,
    },
};

/// A ticket as the command leaves it, not yet written.
struct Changed {
    ticket: Ticket,
    before: TicketState,
    note: Option<Note>,
    occurred_at: Timestamp,
    /// The head of the responsible department has to know.
    escalated: bool,
}

impl Tickets {
    /// Every command on a ticket that is there. Clauses OP-3.1, OP-3.2, SG-2.2, SG-3, SG-4, IH-3.2.
    pub(super) async fn command<C: Command>(
        &self,
        call: Call,
        request: C,
    ) -> Result<Answer<Ticket>, Fault> {
        let wanted = request.read(&call)?;
        self.ensure_entitled(&call, &wanted).await?;
        self.carry(call, wanted).await
    }

    /// A command that was read.
    pub(super) async fn carry(&self, call: Call, wanted: Wanted) -> Result<Answer<Ticket>, Fault> {
        let resource = wanted.name.clone();
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(async move { service.carry_out(connection, &call, &wanted).await })
            })
            .await;
        let views = &self.core.views;
        let written = views
            .or_not_allowed(&call, "ticket.refused", &resource, outcome)
            .await;
        let (mut written, clearance) = written?;
        disclose(&mut written.ticket, &clearance, Default::default());
        Ok(Answer::written(written.ticket, written.position))
    }

    async fn carry_out(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<(Written, Clearance), Fault> {
        let mut query = RECORD.get(call, wanted.id);
        query.push(" FOR UPDATE OF t");
        let row = query.build().fetch_optional(&mut *connection).await?;
        let row = row.as_ref().map(StoredTicket::read).transpose()?;
        let clearance = row
            .as_ref()
            .map(|row| call.context.clearance(row.matched, call.now))
            .unwrap_or_default();
        // Before the row is missed: who closes a ticket or gives it away may lose it
        // by that, and is still told that it is done, with nothing cleared.
        if let Some(claim) = &wanted.claim
            && let Some(kept) = idempotency::find(connection, claim).await?
        {
            return Ok((
                self.replay(connection, &kept, clearance.classes).await?,
                clearance,
            ));
        }
        let row = row.ok_or_else(|| Fault::not_found(&wanted.name))?;
        if row.revision != wanted.revision {
            return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(row.revision)));
        }
        let last = history::last(connection, row.id).await?;
        let key = self.sealer.open_key(row.customer_id, &row.wrapped).await?;
        let ticket = self.open_whole(&key, &row)?;
        if wanted.action.by_a_second_person() {
            let actor = call.context.subject.id;
            if history::had_a_hand(connection, &row, actor).await? {
                return Err(Fault::new(Reason::SecondPersonRequired));
            }
        }
        let rules = match wanted.action.by_rules() {
            true => in_force(&versions::all(connection).await?, call.now),
            false => (0, HandlingDefinition::default()),
        };
        let tagged;
        let wanted = match &wanted.action {
            Action::Tag(tags) => {
                let tags = tags::as_written(connection, tags, call.now).await?;
                let action = Action::Tag(tags);
                tagged = Wanted {
                    action,
                    ..wanted.clone()
                };
                &tagged
            }
            _ => wanted,
        };
        let changed = decide(call, wanted, &clearance, ticket, last, (rules.0, &rules.1))?;
        let position = self
            .write(connection, call, wanted, &row, &key, &changed)
            .await?;
        let mut ticket = changed.ticket;
        let details = details(connection, row.id, row.revision + 1, clearance.classes).await?;
        self.attach(&key, details, &mut ticket)?;
        Ok((Written { ticket, position }, clearance))
    }

    /// Writes what was decided: ticket, change of state, message, journal entry
    /// and the answer for the request id.
    async fn write(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
        row: &StoredTicket,
        key: &CustomerKey,
        new: &Changed,
    ) -> Result<kefu_journal::Cursor, Fault> {
        let (ticket, revision) = (&new.ticket, row.revision + 1);
        let sealed = self.sealer.seal(key, row.id, ticket)?;
        tickets::update(connection, row.id, row.revision, ticket, &sealed, call.now).await?;
        if standing(ticket) != row.standing() {
            let change = NewChange {
                ticket_id: row.id,
                customer_id: row.customer_id,
                from: new.before,
                to: standing(ticket),
                occurred_at: new.occurred_at,
                recorded_at: call.now,
                actor: actor(call),
                revision,
            };
            history::insert(connection, &change).await?;
        }
        if let Some(cause) = wanted.action.assigns() {
            let assignment = NewAssignment {
                ticket_id: row.id,
                customer_id: row.customer_id,
                from: row.assignee(),
                to: parse_name(&ticket.assignee, "employees"),
                cause,
                occurred_at: new.occurred_at,
                recorded_at: call.now,
                actor: Some(actor(call)),
                queue_id: None,
                revision,
            };
            assignments::insert(connection, &assignment).await?;
        }
        let mut mentions = Vec::new();
        if let Some(note) = &new.note {
            mentions = self
                .write_note(connection, call, row, key, note, new.occurred_at)
                .await?;
        }
        let entry = entry(
            call,
            EntryKind::Change,
            wanted.action.journaled_as(),
            ticket.name.clone(),
            Some(row.customer_id),
            changed(ticket, new.before, new.occurred_at, revision),
        );
        let mut entries = vec![entry];
        entries.extend(mentions);
        if let Some(number) = wanted.action.compensates() {
            entries.extend(compensated(call, row.customer_id, ticket, number));
        }
        if new.escalated {
            entries.push(escalated(call, row.customer_id, ticket));
        }
        if ticket.state() == TicketState::Resolved && new.before != TicketState::Resolved {
            let id = self.core.deps.ids.next()?;
            let terms = &self.surveys;
            entries.extend(invite(connection, call, terms, id, ticket, new.occurred_at).await?);
        }
        let position = kefu_journal::append(connection, &entries).await?;
        if let Some(claim) = &wanted.claim {
            let answer = self.sealer.seal_answer(key, row.id, ticket)?;
            let kept = Kept {
                resource_id: row.id,
                answer,
                position,
            };
            idempotency::keep(connection, call, claim, Some(row.customer_id), &kept).await?;
        }
        Ok(position)
    }

    /// Writes a message; what is to be journaled of whom it mentions.
    async fn write_note(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        row: &StoredTicket,
        key: &CustomerKey,
        note: &Note,
        occurred_at: Timestamp,
    ) -> Result<Vec<kefu_journal::Entry>, Fault> {
        let subject = &call.context.subject;
        let id = self.core.deps.ids.next()?;
        let sealed = self
            .sealer
            .vault()
            .seal(key, &body_place(id), note.body.as_bytes())?;
        let message = NewMessage {
            id,
            ticket_id: row.id,
            customer_id: row.customer_id,
            direction: note.direction,
            author_id: (subject.kind == SubjectKind::Employee).then_some(subject.id),
            occurred_at,
            sealed: &sealed,
            revision: row.revision + 1,
        };
        messages::insert(connection, &message).await?;
        let mut entries = Vec::with_capacity(note.mentions.len());
        for employee in &note.mentions {
            let mention = NewMention {
                id: self.core.deps.ids.next()?,
                ticket_id: row.id,
                customer_id: row.customer_id,
                message_id: id,
                employee_id: *employee,
                author_id: message.author_id,
                at: occurred_at,
            };
            entries.push(mentioned(connection, call, &mention).await?);
        }
        Ok(entries)
    }
}

/// What the rules make of the command.
fn decide(
    call: &Call,
    wanted: &Wanted,
    clearance: &Clearance,
    mut ticket: Ticket,
    last_change: Option<Timestamp>,
    (rules_version, rules): (i32, &HandlingDefinition),
) -> Result<Changed, Fault> {
    if wanted.action.overwrites(&ticket) && !clearance.classes.contains(DataClass::Service) {
        let class = DataClass::Service.as_str_name();
        return Err(Fault::new(Reason::PermissionMissing).with("classes", class));
    }
    if wanted.action.compensates().is_some() && !clearance.classes.contains(DataClass::Financial) {
        let class = DataClass::Financial.as_str_name();
        return Err(Fault::new(Reason::PermissionMissing).with("classes", class));
    }
    let before = ticket.state();
    let occurred_at = moment::occurred(wanted.told, last_change, call.now)?;
    let actor = actor(call).name();
    let around = Around {
        at: occurred_at,
        now: call.now,
        rules,
        rules_version,
        actor: &actor,
        transferred: wanted.told.is_some(),
    };
    let reopened = ticket.reopen_count;
    let note = wanted.action.apply(&mut ticket, around)?;
    let escalated = ticket.reopen_count > reopened && escalates(rules, &ticket);
    ticket.etag = etag(wanted.revision + 1);
    ticket.update_time = Some(to_proto(call.now));
    Ok(Changed {
        ticket,
        before,
        note,
        occurred_at,
        escalated,
    })
}
