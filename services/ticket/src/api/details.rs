//! Messages and history: what the answer about one ticket has and a list has not.

use kefu_contracts::{
    ClassSet,
    policy::DataClass,
    ticket::{Message, StateChange, Ticket},
};
use kefu_service::{error::Fault, fields::name, time::to_proto};
use kefu_vault::{CustomerKey, Place};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Tickets;
use crate::store::{
    history,
    messages::{self, StoredMessage},
};

/// The details of one ticket, messages still sealed.
pub(super) struct Details {
    history: Vec<StateChange>,
    messages: Vec<StoredMessage>,
    /// There are messages, and they are not cleared.
    held_back: bool,
}

/// Where a message's body is sealed.
pub(super) fn body_place(message: Uuid) -> Place {
    Place {
        table: "ticket.message",
        column: "body",
        row: message,
    }
}

/// Reads the details of a ticket as of a revision; messages that are not
/// cleared are not even read.
pub(super) async fn details(
    connection: &mut PgConnection,
    ticket: Uuid,
    revision: i64,
    cleared: ClassSet,
) -> Result<Details, Fault> {
    let history = history::list(connection, ticket, revision).await?;
    if cleared.contains(DataClass::Service) {
        let messages = messages::list(connection, ticket, revision).await?;
        return Ok(Details {
            history,
            messages,
            held_back: false,
        });
    }
    let held_back = messages::any(connection, ticket, revision).await?;
    Ok(Details {
        history,
        messages: Vec::new(),
        held_back,
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
        ticket.messages = if details.held_back {
            // Stands for what is not cleared: disclosing leaves it out and says so.
            vec![Message::default()]
        } else {
            let stored = details.messages.into_iter();
            stored
                .map(|stored| self.open_message(key, stored))
                .collect::<Result<_, _>>()?
        };
        Ok(())
    }

    fn open_message(&self, key: &CustomerKey, stored: StoredMessage) -> Result<Message, Fault> {
        let body = self
            .sealer
            .vault()
            .open(key, &body_place(stored.id), &stored.sealed)?;
        Ok(Message {
            direction: stored.direction,
            body: String::from_utf8(body).map_err(|_| Fault::internal("message is not text"))?,
            author: stored
                .author_id
                .map(|id| name("employees", id))
                .unwrap_or_default(),
            time: Some(to_proto(stored.occurred_at)),
            mentions: stored
                .mentions
                .into_iter()
                .map(|id| name("employees", id))
                .collect(),
        })
    }
}
