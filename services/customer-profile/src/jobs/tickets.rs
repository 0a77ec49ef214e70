use std::sync::Arc;

use kefu_contracts::{
    journal::{Entry, HoldEvent, TicketChanged, event::Event},
    ticket::TicketState,
};
use kefu_service::{clock::Clock, consumer::Effect, database::Use, error::Fault, fields::name};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    history::{self, Source, moment, place},
    id,
};
use crate::{
    api::holds::{changed, journal_type},
    domain::{hold::Opening, retention::RetentionRules},
    store::{
        due::TO_RATE,
        duty,
        holds::{self, By},
        retention, timeline,
    },
};

/// What a ticket means for its customer's file. Who works on it has duty on the file, as long
/// as it is not closed (CF-9.1); what happens with it is in the customer's history (CF-2.3),
/// and is business; who turns to us is rated anew (CF-2.4); and a grave complaint holds the
/// file (CF-5.2).
pub(crate) struct TicketEffects {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rules: Arc<RetentionRules>,
}

impl Effect for TicketEffects {
    fn apply<'c>(&'c self, connection: &'c mut PgConnection, entries: &'c [Entry]) -> Use<'c, ()> {
        Box::pin(async move {
            for entry in entries {
                if !history::keep(connection, Source::Ticket, entry).await? {
                    continue;
                }
                let event = entry.event.as_ref().and_then(|event| event.event.as_ref());
                if let Some(Event::TicketChanged(ticket)) = event {
                    self.settle(connection, entry, ticket).await?;
                }
            }
            Ok(())
        })
    }
}

impl TicketEffects {
    async fn settle(
        &self,
        connection: &mut PgConnection,
        entry: &Entry,
        ticket: &TicketChanged,
    ) -> Result<(), Fault> {
        let Some(customer) = id(&ticket.customer_id) else {
            return Ok(());
        };
        let working = ticket.state() != TicketState::Closed;
        let assignee = id(&ticket.assignee_id).filter(|_| working);
        let (own, at) = (
            place(Source::Ticket, entry),
            moment(ticket.occurred_at, entry)?,
        );
        duty::settle(connection, own, &entry.resource, customer, assignee, at).await?;
        retention::business(connection, customer, at).await?;
        if entry.r#type == timeline::CONTACT {
            TO_RATE.look_at(connection, customer, at).await?;
        }
        match id(&ticket.ticket_id) {
            Some(ticket_id)
                if self
                    .rules
                    .is_grave(ticket.kind(), ticket.priority(), ticket.gravity()) =>
            {
                self.hold(connection, entry, ticket_id, customer).await
            }
            _ => Ok(()),
        }
    }

    /// Once for each ticket: what was lifted is not held again by it.
    async fn hold(
        &self,
        connection: &mut PgConnection,
        cause: &Entry,
        ticket: Uuid,
        customer: Uuid,
    ) -> Result<(), Fault> {
        let by = By {
            actor: None,
            now: self.clock.now(),
        };
        let opening = Opening::of_complaint();
        if !holds::open(connection, ticket, &opening, Some(ticket), by).await? {
            return Ok(());
        }
        holds::add(connection, ticket, &[(ticket, customer)], by).await?;
        let told = [
            (HoldEvent::Opened, None),
            (HoldEvent::FileAdded, Some(customer)),
        ];
        let entries = told.map(|(what, customer)| {
            let event = changed(ticket, what, opening.kind, customer, Some(ticket), 1);
            let (request, resource) = (cause.request_id.clone(), name("holds", ticket));
            let kind = journal_type(what);
            kefu_journal::Entry::by_itself(by.now, request, kind, resource, customer, event)
        });
        kefu_journal::append(connection, &entries).await?;
        Ok(())
    }
}
