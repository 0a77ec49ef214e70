//! Messages, files, notices and history: what the answer about one ticket has and a list has not.

use kefu_contracts::{
    ClassSet,
    policy::DataClass,
    ticket::{Attachment, Message, StateChange, Ticket, TicketNotice},
};
use kefu_service::{error::Fault, fields::name, time::to_proto};
use kefu_vault::{CustomerKey, Place};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Tickets, attachments::open as open_attachment};
use crate::store::{
    attachments::{self, ATTACHMENTS, ShownAttachment},
    history,
    messages::{self, StoredMessage},
    notices,
};

/// The details of one ticket, messages still sealed.
pub(super) struct Details {
    history: Vec<StateChange>,
    messages: Vec<StoredMessage>,
    attachments: Vec<ShownAttachment>,
    notices: Vec<TicketNotice>,
    /// There are messages, or files, and they are not cleared.
    held_back: (bool, bool),
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

/// Reads the details of a ticket; messages that are not cleared are not even read.
pub(super) async fn details(
    connection: &mut PgConnection,
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
    let history = history::list(connection, ticket, revision).await?;
    if cleared.contains(DataClass::Service) {
        return Ok(Details {
            history,
            messages: messages::list(connection, ticket, revision).await?,
            attachments: attachments::list(connection, ticket, files_before).await?,
            notices,
            held_back: (false, false),
        });
    }
    let messages = messages::any(connection, ticket, revision).await?;
    let attachments = attachments::any(connection, ticket, files_before).await?;
    Ok(Details {
        history,
        messages: Vec::new(),
        attachments: Vec::new(),
        notices,
        held_back: (messages, attachments),
    })
}

impl Tickets {
    /// Puts the details into a ticket that is about to be disclosed.
    pub(super) fn attach(
        &self,
        key: &CustomerKey,
        details: Details,
        ticket: &mut Ticket,
    ) -> Result<(), Fault> {
        ticket.history = details.history;
        ticket.notices = details.notices;
        let files = &details.attachments;
        let stored = details.messages.into_iter();
        ticket.messages = stored
            .map(|stored| self.open_message(key, stored, files))
            .collect::<Result<_, _>>()?;
        let stored = files.iter();
        ticket.attachments = stored
            .map(|stored| self.open_attachment(key, stored))
            .collect::<Result<_, _>>()?;
        // Stand for what is not cleared: disclosing leaves it out and says so.
        let (messages, attachments) = details.held_back;
        ticket.messages.extend(messages.then(Message::default));
        ticket
            .attachments
            .extend(attachments.then(Attachment::default));
        Ok(())
    }

    fn open_attachment(
        &self,
        key: &CustomerKey,
        stored: &ShownAttachment,
    ) -> Result<Attachment, Fault> {
        let said = open_attachment(self.sealer.vault(), key, stored.id, &stored.sealed)?;
        Ok(Attachment {
            name: name(ATTACHMENTS, stored.id),
            author: stored.author.name(),
            finish_time: stored.finished_at.map(to_proto),
            ..said
        })
    }

    fn open_message(
        &self,
        key: &CustomerKey,
        stored: StoredMessage,
        files: &[ShownAttachment],
    ) -> Result<Message, Fault> {
        let vault = self.sealer.vault();
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).map_err(|_| Fault::internal("message is not text"))
        };
        let body = vault.open(key, &body_place(stored.id), &stored.sealed)?;
        let recording = match &stored.recording {
            Some(sealed) => text(vault.open(key, &recording_place(stored.id), sealed)?)?,
            None => String::new(),
        };
        let own = files
            .iter()
            .filter(|file| file.message_id == Some(stored.id));
        Ok(Message {
            attachments: own.map(|file| name(ATTACHMENTS, file.id)).collect(),
            direction: stored.direction,
            body: text(body)?,
            channel: stored.channel,
            call_start_time: stored.call.0.map(to_proto),
            call_end_time: stored.call.1.map(to_proto),
            recording,
            author: stored
                .author_id
                .map(|id| name("employees", id))
                .unwrap_or_default(),
            time: Some(to_proto(stored.occurred_at)),
        })
    }
}
