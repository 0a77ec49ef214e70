//! Facts: what is kept of each ticket, order and review, read from events that
//! carry them as they are afterwards.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kefu_contracts::{
    google::r#type::Money,
    journal::{OrderChanged, OrderReviewed, TicketChanged},
    ticket::TicketState,
};
use kefu_service::time;
use uuid::Uuid;

/// What is known of one record.
pub(crate) trait Fact: Sized {
    /// Of which record.
    fn id(&self) -> Uuid;

    /// What is known after both, `self` having been told later. Journals are not read
    /// in the order of the revisions, so that the later one may know less.
    fn told_after(self, earlier: Self) -> Self;
}

/// What is known in the end of each record; a statement can change a row only once.
pub(crate) fn latest<F: Fact>(facts: impl IntoIterator<Item = F>) -> Vec<F> {
    let mut known: BTreeMap<Uuid, F> = BTreeMap::new();
    for fact in facts {
        let id = fact.id();
        let fact = match known.remove(&id) {
            Some(earlier) => fact.told_after(earlier),
            None => fact,
        };
        known.insert(id, fact);
    }
    known.into_values().collect()
}

/// A ticket.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TicketFact {
    pub(crate) ticket: Uuid,
    pub(crate) customer: Option<Uuid>,
    pub(crate) department: Option<Uuid>,
    /// Numbers of the contract's enums: a value of a later contract is kept as it came.
    pub(crate) kind: i16,
    pub(crate) channel: i16,
    pub(crate) state: i16,
    pub(crate) priority: i16,
    pub(crate) received_at: Timestamp,
    /// When it was resolved, or closed without; `None` while there is work to do, and while
    /// that is done in another.
    pub(crate) resolved_at: Option<Timestamp>,
    /// 1–5; `None`: not rated.
    pub(crate) score: Option<i16>,
    pub(crate) reopen_count: i32,
    /// It is part of another: counted as that, and not as resolved.
    pub(crate) merged: bool,
    pub(crate) revision: i64,
}

impl TicketFact {
    /// `None` where the event does not say which ticket, or when it was received.
    pub(crate) fn read(event: &TicketChanged) -> Option<Self> {
        let over =
            matches!(event.state(), TicketState::Resolved | TicketState::Closed) && !event.merged;
        Some(Self {
            ticket: id(&event.ticket_id)?,
            customer: id(&event.customer_id),
            department: id(&event.department_id),
            kind: number(event.kind),
            channel: number(event.channel),
            state: number(event.state),
            priority: number(event.priority),
            received_at: event.received_at.as_ref().and_then(time::from_proto)?,
            resolved_at: event
                .occurred_at
                .as_ref()
                .filter(|_| over)
                .and_then(time::from_proto),
            score: score(event.satisfaction_score),
            reopen_count: event.reopen_count,
            merged: event.merged,
            revision: event.revision,
        })
    }
}

impl Fact for TicketFact {
    fn id(&self) -> Uuid {
        self.ticket
    }

    /// What comes after the solution (a rating, closing) does not move the moment of
    /// it; being reopened does. The upsert in store/tickets.rs says the same in SQL.
    fn told_after(mut self, earlier: Self) -> Self {
        if self.revision < earlier.revision {
            return earlier;
        }
        if self.reopen_count == earlier.reopen_count {
            self.resolved_at = self.resolved_at.map(|at| earlier.resolved_at.unwrap_or(at));
        }
        self
    }
}

/// An order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OrderFact {
    pub(crate) order: Uuid,
    pub(crate) customer: Option<Uuid>,
    pub(crate) department: Option<Uuid>,
    /// Number of the contract's enum.
    pub(crate) stage: i16,
    pub(crate) placed_at: Timestamp,
    pub(crate) total: Option<Money>,
    pub(crate) revision: i64,
}

impl OrderFact {
    /// `None` where the event does not say which order, or when it was placed.
    pub(crate) fn read(event: &OrderChanged) -> Option<Self> {
        Some(Self {
            order: id(&event.order_id)?,
            customer: id(&event.customer_id),
            department: id(&event.department_id),
            stage: number(event.stage),
            placed_at: event.placed_at.as_ref().and_then(time::from_proto)?,
            total: event.total.clone(),
            revision: event.revision,
        })
    }
}

impl Fact for OrderFact {
    fn id(&self) -> Uuid {
        self.order
    }

    fn told_after(self, earlier: Self) -> Self {
        if self.revision < earlier.revision {
            earlier
        } else {
            self
        }
    }
}

/// A customer's answer to how satisfied they are with an order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReviewFact {
    pub(crate) review: Uuid,
    pub(crate) order: Option<Uuid>,
    pub(crate) customer: Option<Uuid>,
    pub(crate) department: Option<Uuid>,
    /// 1–5
    pub(crate) score: i16,
    pub(crate) answered_at: Timestamp,
}

impl ReviewFact {
    /// `None` where the event does not say which review, when it was answered, or
    /// carries no score.
    pub(crate) fn read(event: &OrderReviewed) -> Option<Self> {
        Some(Self {
            review: id(&event.review_id)?,
            order: id(&event.order_id),
            customer: id(&event.customer_id),
            department: id(&event.department_id),
            score: score(event.score)?,
            answered_at: event.answered_at.as_ref().and_then(time::from_proto)?,
        })
    }
}

impl Fact for ReviewFact {
    fn id(&self) -> Uuid {
        self.review
    }

    /// Answers carry no revision; the later answer counts.
    fn told_after(self, earlier: Self) -> Self {
        if self.answered_at < earlier.answered_at {
            earlier
        } else {
            self
        }
    }
}

fn id(bytes: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(bytes).ok()
}

fn number(value: i32) -> i16 {
    i16::try_from(value).unwrap_or_default()
}

fn score(value: i32) -> Option<i16> {
    i16::try_from(value)
        .ok()
        .filter(|score| (1..=5).contains(score))
}

#[cfg(test)]
mod tests;
