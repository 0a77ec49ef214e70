use kefu_contracts::{
    journal::{Entry, event::Event},
    ticket::TicketState,
};
use kefu_service::{consumer::Effect, database::Use};
use sqlx::PgConnection;

use super::{
    history::{self, Source, moment, place},
    id,
};
use crate::store::duty;

/// Who works on a ticket has duty on its customer's file, as long as it is not
/// closed (CF-9.1); what happens with it is in the customer's history (CF-2.3).
pub(crate) struct TicketEffects;

impl Effect for TicketEffects {
    fn apply<'c>(&'c self, connection: &'c mut PgConnection, entries: &'c [Entry]) -> Use<'c, ()> {
        Box::pin(async move {
            for entry in entries {
                history::keep(connection, Source::Ticket, entry).await?;
                let Some(Event::TicketChanged(ticket)) =
                    entry.event.as_ref().and_then(|event| event.event.as_ref())
                else {
                    continue;
                };
                let Some(customer) = id(&ticket.customer_id) else {
                    continue;
                };
                let working = ticket.state() != TicketState::Closed;
                let assignee = id(&ticket.assignee_id).filter(|_| working);
                let (id, at) = (
                    place(Source::Ticket, entry),
                    moment(ticket.occurred_at, entry)?,
                );
                duty::settle(connection, id, &entry.resource, customer, assignee, at).await?;
            }
            Ok(())
        })
    }
}
