use kefu_contracts::journal::{Entry, event::Event};
use kefu_service::{consumer::Effect, database::Use};
use sqlx::PgConnection;

use super::{ORDER, not_counted};
use crate::{
    domain::fact::{OrderFact, ReviewFact, latest},
    store::{freshness, orders, reviews},
};

/// Every order, and every answer about one, is a fact.
pub(crate) struct OrderFacts;

impl Effect for OrderFacts {
    fn apply<'c>(&'c self, connection: &'c mut PgConnection, entries: &'c [Entry]) -> Use<'c, ()> {
        Box::pin(async move {
            let placed = latest(entries.iter().filter_map(order));
            orders::settle(connection, &placed).await?;
            let answers = latest(entries.iter().filter_map(review));
            reviews::settle(connection, &answers).await?;
            freshness::report(connection, ORDER, entries).await
        })
    }
}

fn order(entry: &Entry) -> Option<OrderFact> {
    match entry.event.as_ref()?.event.as_ref()? {
        Event::OrderChanged(order) => not_counted(entry, OrderFact::read(order)),
        _ => None,
    }
}

fn review(entry: &Entry) -> Option<ReviewFact> {
    match entry.event.as_ref()?.event.as_ref()? {
        Event::OrderReviewed(review) => not_counted(entry, ReviewFact::read(review)),
        _ => None,
    }
}
