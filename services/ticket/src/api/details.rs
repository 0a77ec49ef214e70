//! Conversation and history: what the answer about one ticket has and a list has not.

use kefu_contracts::{
    Account, ClassSet,
    policy::DataClass,
    ticket::{Direction, Message, StateChange, Ticket},
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

use super::Tickets;
use crate::store::{
    history,
    merges::{self, Part},
    messages::{self, StoredMessage},
    records,
};

/// The details of one ticket, what was said still sealed.
pub(super) struct Details {
    ticket: Uuid,
    history: Vec<StateChange>,
    messages: Vec<StoredMessage>,
    /// Tickets that are part of it.
    parts: Vec<Part>,
    /// Something was said, and it is not cleared.
    held_back: bool,
    /// The ticket that it is part of.
    merged_into: Option<Uuid>,
    /// Other tickets that may be named to the caller.
    seen: Vec<Uuid>,
}

/// Where a message's body is sealed.
pub(super) fn body_place(message: Uuid) -> Place {
    Place {
        table: "ticket.message",
        column: "body",
        row: message,
    }
}

/// Reads the details of a ticket as of a revision; what was said and is not cleared is not
/// even read.
pub(super) async fn details(
    connection: &mut PgConnection,
    call: &Call,
    ticket: Uuid,
    revision: i64,
    cleared: ClassSet,
) -> Result<Details, Fault> {
    let mut details = Details {
        ticket,
        history: history::list(connection, ticket, revision).await?,
        messages: Vec::new(),
        parts: Vec::new(),
        held_back: false,
        merged_into: merges::whole(connection, ticket).await?,
        seen: Vec::new(),
    };
    if cleared.contains(DataClass::Service) {
        details.messages = messages::list(connection, ticket, revision).await?;
        details.parts = merges::parts(connection, ticket, revision).await?;
    } else {
        details.held_back = messages::any(connection, ticket, revision).await?;
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
        ticket.messages = if details.held_back {
            // Stands for what is not cleared: disclosing leaves it out and says so.
            vec![Message::default()]
        } else {
            let opened = details
                .parts
                .iter()
                .map(|part| self.open_part(key, &details, part));
            let said = details
                .messages
                .iter()
                .map(|one| self.open_message(key, &details, one));
            let mut all: Vec<_> = opened.chain(said).collect::<Result<_, _>>()?;
            // Stable: what was said at one moment stays in the order in which it was entered.
            all.sort_by_key(|one| one.time.as_ref().and_then(from_proto));
            all
        };
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

    fn open_message(
        &self,
        key: &CustomerKey,
        details: &Details,
        stored: &StoredMessage,
    ) -> Result<Message, Fault> {
        let body = self
            .sealer
            .vault()
            .open(key, &body_place(stored.id), &stored.sealed)?;
        Ok(Message {
            name: name("messages", stored.id),
            direction: stored.direction,
            body: String::from_utf8(body).map_err(|_| Fault::internal("message is not text"))?,
            author: stored
                .author_id
                .map(|id| name("employees", id))
                .unwrap_or_default(),
            time: Some(to_proto(stored.occurred_at)),
            origin: details.naming(Some(stored.ticket_id)),
            moved_to: details.naming(stored.moved_to),
        })
    }
}
