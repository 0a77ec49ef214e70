use kefu_contracts::{
    journal::{Entry, event::Event},
    ticket::TicketState,
};
use kefu_service::{consumer::Effect, database::Use};
use sqlx::PgConnection;

use super::id;
use crate::store::duty;

/// Who works on a ticket has duty on its customer's file, as long as it is not
/// closed (CF-9.1).
pub(crate) struct TicketDuty;

impl Effect for TicketDuty {
    fn apply<'c>(&'c self, connection: &'c mut PgConnection, entries: &'c [Entry]) -> Use<'c, ()> {
        Box::pin(async move {
            for entry in entries {
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
                duty::settle(connection, &entry.resource, customer, assignee).await?;
            }
            Ok(())
        })
    }
}
