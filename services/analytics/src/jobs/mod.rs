//! What other services' journals do to the facts.

mod orders;
mod tickets;

pub(crate) use orders::OrderFacts;
pub(crate) use tickets::TicketFacts;

use kefu_contracts::journal::Entry;

/// Journal of tickets.
pub(crate) const TICKET: &str = "ticket";
/// Journal of orders.
pub(crate) const ORDER: &str = "order-followup";
/// Every journal that is followed.
pub(crate) const SOURCES: &[&str] = &[TICKET, ORDER];

/// Says that an entry cannot be counted. The feed goes on: standing still would
/// keep every later fact out of the figures because of this one.
fn not_counted<F>(entry: &Entry, fact: Option<F>) -> Option<F> {
    if fact.is_none() {
        let position = entry.cursor.map(|cursor| cursor.position);
        tracing::error!(
            resource = entry.resource,
            position,
            "entry without what makes a fact is not counted"
        );
    }
    fact
}
