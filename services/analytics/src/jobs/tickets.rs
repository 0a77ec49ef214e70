use kefu_contracts::journal::{Entry, event::Event};
use kefu_service::{consumer::Effect, database::Use};
use sqlx::PgConnection;

use super::{TICKET, not_counted};
use crate::{
    domain::fact::{TicketFact, latest},
    store::{freshness, tickets},
};

/// Every ticket is a fact.
pub(crate) struct TicketFacts;

impl Effect for TicketFacts {
    fn apply<'c>(&'c self, connection: &'c mut PgConnection, entries: &'c [Entry]) -> Use<'c, ()> {
        Box::pin(async move {
            let facts = latest(entries.iter().filter_map(fact));
            tickets::settle(connection, &facts).await?;
            freshness::report(connection, TICKET, entries).await
        })
    }
}

fn fact(entry: &Entry) -> Option<TicketFact> {
    match entry.event.as_ref()?.event.as_ref()? {
        Event::TicketChanged(ticket) => not_counted(entry, TicketFact::read(ticket)),
        _ => None,
    }
}
