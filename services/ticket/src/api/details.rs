//! Conversation, files, notices and history: what the answer about one ticket has and a list has not.

use kefu_contracts::{
    Account, ClassSet,
    policy::DataClass,
    ticket::{Attachment, Direction, Message, StateChange, Ticket, TicketNotice},
};
use kefu_service::{
    call::Call,
    error::Fault,
    fields::name,
    time::{from_proto, to_proto},
};
use kefu_vault::{CustomerKey, Place};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Tickets,
    attachments::{finished, open as open_attachment},
};
use crate::store::{
    attachments::{self, ATTACHMENTS, ShownAttachment},
    history,
    merges::{self, Part},
    messages::{self, StoredMessage},
    notices, records,
};

/// The details of one ticket, what was said still sealed.
pub(super) struct Details {
    ticket: Uuid,
    history: Vec<StateChange>,
    messages: Vec<StoredMessage>,
    /// Files of it, and of its parts.
    attachments: Vec<ShownAttachment>,
    notices: Vec<TicketNotice>,
    /// Tickets that are part of it.
    parts: Vec<Part>,
    /// Something was said, or there are files, and they are not cleared.
    held_back: (bool, bool),
    /// The ticket that it is part of.
    merged_into: Option<Uuid>,
    /// Other tickets that may be named to the caller.
    seen: Vec<Uuid>,
}

/// When a ticket is shown.
#[derive(Debug, Clone, Copy)]
pub(super) enum AsOf {
    /// As it is, at this revision.
    Now(i64),
    /// As the change left it that made this revision: the same however often it is told.
    Change(i64),
}

/// Where a message's body is sealed.
pub(super) fn body_place(message: Uuid) -> Place {
    Place {
        table: "ticket.message",
        column: "body",
        row: message,
    }
}

/// Where it is sealed where its recording is found.
pub(super) fn recording_place(message: Uuid) -> Place {
    Place {
        column: "recording",
        ..body_place(message)
    }
}

/// Reads the details of a ticket; what was said and is not cleared is not even read.
pub(super) async fn details(
    connection: &mut PgConnection,
    call: &Call,
    ticket: Uuid,
    at: AsOf,
    cleared: ClassSet,
) -> Result<Details, Fault> {
    // A file comes in between two revisions, and a notice has outcomes of its own.
    let (revision, files_before, notices) = match at {
        AsOf::Now(revision) => {
            let notices = notices::of_ticket(connection, ticket).await?;
            (revision, revision.saturating_add(1), notices)
        }
        AsOf::Change(revision) => (revision, revision, Vec::new()),
    };
    let mut details = Details {
        ticket,
        history: history::list(connection, ticket, revision).await?,
        messages: Vec::new(),
        attachments: Vec::new(),
        notices,
        parts: Vec::new(),
        held_back: (false, false),
        merged_into: merges::whole(connection, ticket).await?,
        seen: Vec::new(),
    };
    if cleared.contains(DataClass::Service) {
        details.messages = messages::list(connection, ticket, revision).await?;
        details.parts = merges::parts(connection, ticket, revision).await?;
        let parts = details.parts.iter().map(|part| (part.id, i64::MAX));
        let whole: Vec<_> = [(ticket, files_before)].into_iter().chain(parts).collect();
        details.attachments = attachments::list(connection, &whole).await?;
    } else {
        details.held_back = (
            messages::any(connection, ticket, revision).await?,
            attachments::any(connection, (ticket, files_before), revision).await?,
        );
    }
    details.seen = records::within(connection, call, &details.others()).await?;
    Ok(details)
}

impl Details {
    /// Every other ticket that it would name and is not itself shown in it.
    fn others(&self) -> Vec<Uuid> {
        let said = self.messages.iter();
        let said = said.flat_map(|one| [Some(one.ticket_id), one.moved_to]);
        let all = said.chain([self.merged_into]).flatten();
        let mut others: Vec<Uuid> = all.filter(|id| *id != self.ticket).collect();
        others.sort_unstable();
        others.dedup();
        others
    }

    /// The name of another ticket, where the caller sees it, or is shown its words in here.
    fn naming(&self, ticket: Option<Uuid>) -> String {
        let shown = |id: &Uuid| self.parts.iter().any(|part| part.id == *id);
        let seen = ticket.filter(|id| self.seen.contains(id) || shown(id));
        seen.map(|id| name("tickets", id)).unwrap_or_default()
    }
}

impl Tickets {
    /// Puts the details into a ticket that is about to be disclosed.
    pub(super) fn attach(
        &self,
        key: &CustomerKey,
        details: Details,
        ticket: &mut Ticket,
    ) -> Result<(), Fault> {
        ticket.merged_into = details.naming(details.merged_into);
        let opened = details.parts.iter();
        let opened = opened.map(|part| self.open_part(key, &details, part));
        let said = details.messages.iter();
        let said = said.map(|one| self.open_message(key, &details, one));
        let mut messages: Vec<_> = opened.chain(said).collect::<Result<_, _>>()?;
        // Stable: what was said at one moment stays in the order in which it was entered.
        messages.sort_by_key(|one| one.time.as_ref().and_then(from_proto));
        ticket.messages = messages;
        let files = details.attachments.iter();
        ticket.attachments = files
            .map(|stored| self.open_attachment(key, stored))
            .collect::<Result<_, _>>()?;
        // Stand for what is not cleared: disclosing leaves it out and says so.
        let (messages, attachments) = details.held_back;
        ticket.messages.extend(messages.then(Message::default));
        ticket
            .attachments
            .extend(attachments.then(Attachment::default));
        ticket.notices = details.notices;
        ticket.history = details.history;
        Ok(())
    }

    /// The words with which a ticket was opened that is part of this one.
    fn open_part(
        &self,
        key: &CustomerKey,
        details: &Details,
        part: &Part,
    ) -> Result<Message, Fault> {
        let words = ClassSet::of(&[DataClass::Service]);
        let (opened, _): (Ticket, Account) = self.sealer.open(key, part.id, &part.sealed, words)?;
        let words = [opened.subject, opened.description];
        let words = words.iter().filter(|one| !one.is_empty());
        Ok(Message {
            direction: Direction::In.into(),
            body: words.cloned().collect::<Vec<_>>().join("\n\n"),
            time: Some(to_proto(part.received_at)),
            origin: details.naming(Some(part.id)),
            ..Default::default()
        })
    }

    /// What was said.
    pub(super) fn open_body(
        &self,
        key: &CustomerKey,
        stored: &StoredMessage,
    ) -> Result<String, Fault> {
        self.open_text(key, &body_place(stored.id), &stored.sealed)
    }

    fn open_text(&self, key: &CustomerKey, place: &Place, sealed: &[u8]) -> Result<String, Fault> {
        let bytes = self.sealer.vault().open(key, place, sealed)?;
        String::from_utf8(bytes).map_err(|_| Fault::internal("message is not text"))
    }

    fn open_message(
        &self,
        key: &CustomerKey,
        details: &Details,
        stored: &StoredMessage,
    ) -> Result<Message, Fault> {
        let recording = match &stored.recording {
            Some(sealed) => self.open_text(key, &recording_place(stored.id), sealed)?,
            None => String::new(),
        };
        let files = details.attachments.iter();
        let own = files.filter(|file| file.message_id == Some(stored.id));
        Ok(Message {
            name: name("messages", stored.id),
            attachments: own.map(|file| name(ATTACHMENTS, file.id)).collect(),
            direction: stored.direction,
            body: self.open_body(key, stored)?,
            channel: stored.channel,
            call_start_time: stored.call.0.map(to_proto),
            call_end_time: stored.call.1.map(to_proto),
            recording,
            author: stored
                .author_id
                .map(|id| name("employees", id))
                .unwrap_or_default(),
            time: Some(to_proto(stored.occurred_at)),
            origin: details.naming(Some(stored.ticket_id)),
            moved_to: details.naming(stored.moved_to),
            mentions: stored
                .mentions
                .iter()
                .map(|id| name("employees", *id))
                .collect(),
        })
    }

    fn open_attachment(
        &self,
        key: &CustomerKey,
        stored: &ShownAttachment,
    ) -> Result<Attachment, Fault> {
        let said = open_attachment(self.sealer.vault(), key, stored.id, &stored.sealed)?;
        Ok(finished(stored.id, stored.author, stored.finished_at, said))
    }
}
