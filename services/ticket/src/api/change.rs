use jiff::Timestamp;
use kefu_access::Clearance;
use kefu_contracts::{
    access::SubjectKind,
    common::Reason,
    journal::EntryKind,
    policy::DataClass,
    ticket::{HandlingDefinition, MacroState, NoticeEvent, Ticket, TicketState},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::{etag, parse_name},
    idempotency::{self, Kept},
    present::entry,
    time::to_proto,
    written::Written,
};
use kefu_vault::CustomerKey;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Tickets,
    attention::mentioned,
    commands::{Command, Wanted},
    details::{AsOf, body_place, details, recording_place},
    merges::merged,
    notices::{News, by_call},
    present::{Heard, actor, changed, compensated, escalated, shown},
    surveys::invite,
    tags::as_written,
};
use crate::{
    domain::{
        action::{Around, Note, standing},
        handling::{escalates, in_force},
        moment,
        notice::told_of,
        talk,
    },
    store::{
        articles,
        assignments::{self, NewAssignment},
        attachments,
        attention::NewMention,
        history::{self, NewChange},
        macros,
        messages::{self, NewMessage},
        records::{RECORD, StoredTicket},
        texts::{self, Own},
        tickets, versions,
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
        self.carry(call, wanted).await
    }

    /// A command that was read.
    pub(super) async fn carry(&self, call: Call, wanted: Wanted) -> Result<Answer<Ticket>, Fault> {
        let written = self.carried(&call, wanted).await?;
        self.answer_written(&call, written).await
    }

    /// What it leads to, before anything of it is shown.
    pub(super) async fn carried(
        &self,
        call: &Call,
        wanted: Wanted,
    ) -> Result<Written<Ticket>, Fault> {
        self.ensure_entitled(call, &wanted).await?;
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
        views
            .or_not_allowed(call, "ticket.refused", &resource, outcome)
            .await
    }

    async fn carry_out(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        wanted: &Wanted,
    ) -> Result<Written<Ticket>, Fault> {
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
            return self.replay(connection, call, &kept, clearance).await;
        }
        let row = row.ok_or_else(|| Fault::not_found(&wanted.name))?;
        if row.is_merged() && !wanted.action.outlasts_merging() {
            let event = wanted.action.event();
            return Err(merged(connection, call, row.id, event).await?);
        }
        if wanted.revision.is_some_and(|one| one != row.revision) {
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
        let before = Own::of(&ticket);
        let wanted = as_written(connection, wanted, call.now).await?;
        let changed = decide(
            call,
            &wanted,
            &clearance,
            (ticket, row.revision),
            last,
            (rules.0, &rules.1),
        )?;
        let position = self
            .write(connection, call, &wanted, &row, &key, &changed)
            .await?;
        let mut ticket = changed.ticket;
        let own = Own::of(&ticket);
        if own != before {
            let ids = (row.id, row.customer_id);
            texts::replace_own(connection, ids, &own.marks(self.index())).await?;
        }
        let change = AsOf::Change(row.revision + 1);
        let details = details(connection, call, row.id, change, clearance.classes).await?;
        self.attach(&key, details, &mut ticket)?;
        let shown = shown(&ticket, row.customer_id, clearance);
        Ok(Written::now(ticket, shown, position))
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
        articles::uses::follow(connection, row.id, new.before, ticket.state()).await?;
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
        let call_of = |note: &Note| talk::over(note.said.call);
        let heard = Heard {
            call: new.note.as_ref().and_then(call_of),
            ..Heard::of(connection, row.id, ticket).await?
        };
        let entry = entry(
            call,
            EntryKind::Change,
            wanted.action.journaled_as(),
            ticket.name.clone(),
            Some(row.customer_id),
            changed(ticket, new.before, new.occurred_at, revision, heard),
        );
        let mut entries = vec![entry];
        let news = News {
            ticket,
            key,
            events: &news_of(row, ticket),
            occurred_at: new.occurred_at,
            now: call.now,
        };
        entries.extend(by_call(call, self.tell(connection, &news).await?));
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
    pub(super) async fn write_note(
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
        let said = &note.said;
        let recording = match said.recording.as_str() {
            "" => None,
            place => Some(
                self.sealer
                    .vault()
                    .seal(key, &recording_place(id), place.as_bytes())?,
            ),
        };
        let message = NewMessage {
            id,
            ticket_id: row.id,
            customer_id: row.customer_id,
            direction: note.direction,
            author_id: (subject.kind == SubjectKind::Employee).then_some(subject.id),
            occurred_at,
            sealed: &sealed,
            channel: said.channel,
            call: said.call,
            recording: recording.as_deref(),
            marks: &texts::message(self.index(), &note.body),
            revision: row.revision + 1,
        };
        messages::insert(connection, &message).await?;
        bind(connection, row.id, id, &note.said.attachments).await?;
        if let Some(used) = note.said.used_macro {
            count_use(connection, used, call.now).await?;
        }
        let mut entries = Vec::with_capacity(note.said.mentions.len());
        for employee in &note.said.mentions {
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

/// Gives files to a reply, all of which have to be there and free (OP-3.1).
async fn bind(
    connection: &mut PgConnection,
    ticket: Uuid,
    message: Uuid,
    ids: &[Uuid],
) -> Result<(), Fault> {
    if ids.is_empty() {
        return Ok(());
    }
    let bound = attachments::bind(connection, ticket, ids, message).await?;
    match usize::try_from(bound) == Ok(ids.len()) {
        true => Ok(()),
        false => Err(Fault::fields(vec![(
            "attachments".to_owned(),
            Violation::Unknown,
        )])),
    }
}

/// Counts that a reply came from a macro, which has to be one that is used (SG-2.3).
async fn count_use(connection: &mut PgConnection, id: Uuid, now: Timestamp) -> Result<(), Fault> {
    let stored = macros::find(connection, id).await?;
    let active = stored.is_some_and(|one| one.body.state() == MacroState::Active);
    if !active {
        let unknown = ("used_macro".to_owned(), Violation::Unknown);
        return Err(Fault::fields(vec![unknown]));
    }
    macros::used(connection, id, now).await
}

/// What a customer may want to hear of a change.
fn news_of(before: &StoredTicket, ticket: &Ticket) -> Vec<NoticeEvent> {
    let assignee = parse_name(&ticket.assignee, "employees");
    let given = assignee.is_some() && assignee != before.assignee();
    let moved = told_of(before.standing(), standing(ticket));
    let given = given.then_some(NoticeEvent::Assigned);
    given.into_iter().chain(moved).collect()
}

/// What the rules make of the command.
fn decide(
    call: &Call,
    wanted: &Wanted,
    clearance: &Clearance,
    (mut ticket, revision): (Ticket, i64),
    last_change: Option<Timestamp>,
    (rules_version, rules): (i32, &HandlingDefinition),
) -> Result<Changed, Fault> {
    let blind = wanted.action.overwrites(&ticket) || wanted.action.binds();
    if blind && !clearance.classes.contains(DataClass::Service) {
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
    ticket.etag = etag(revision + 1);
    ticket.update_time = Some(to_proto(call.now));
    Ok(Changed {
        ticket,
        before,
        note,
        occurred_at,
        escalated,
    })
}
