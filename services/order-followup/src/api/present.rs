//! From a stored row to what the caller may see of it, and to what the journal
//! says about it.

use kefu_access::{Clearance, RowFacts};
use kefu_contracts::{
    Account, ClassSet, Resource,
    journal::{OrderChanged, event},
    order::{Order, OrderStage},
};
use kefu_journal::{Cursor, Entry};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    idempotency::Kept,
    present::{Shown, disclose},
};
use kefu_vault::CustomerKey;
use uuid::Uuid;

use super::{Orders, supply::About};
use crate::{desk::By, domain::stage::Reached, store::records::StoredOrder};

/// Whose an order is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parties {
    pub(crate) customer: Uuid,
    pub(crate) department: Uuid,
    pub(crate) owner: Option<Uuid>,
}

impl Parties {
    /// What the rules look at in an order that is followed up.
    pub(super) fn facts(&self) -> RowFacts {
        RowFacts {
            department: Some(self.department),
            owner: self.owner,
            customer: Some(self.customer),
            duty: self.owner.into_iter().collect(),
            consents: Vec::new(),
        }
    }
}

/// What a write came to.
pub(super) struct Outcome {
    /// Whole; not disclosed yet.
    pub(super) order: Order,
    pub(super) customer: Uuid,
    pub(super) clearance: Clearance,
    pub(super) journaled: Journaled,
}

/// Where the journal tells of it.
pub(super) enum Journaled {
    /// This call changed something and wrote it there.
    Now(Cursor),
    /// A call before this one did.
    Before(Cursor),
    /// Nothing changed: what was told was known.
    Nothing,
}

impl Journaled {
    /// Where a kept answer was journaled; one that changed nothing lies before all.
    pub(super) fn before(position: Cursor) -> Self {
        if position == Cursor::START {
            Self::Nothing
        } else {
            Self::Before(position)
        }
    }

    /// What is kept with the answer.
    pub(super) fn position(&self) -> Cursor {
        match self {
            Self::Now(position) | Self::Before(position) => *position,
            Self::Nothing => Cursor::START,
        }
    }
}

impl Orders {
    /// Opens what the call's rules clear of a row, and says how it is shown.
    pub(super) async fn open(
        &self,
        call: &Call,
        row: &StoredOrder,
    ) -> Result<(Order, Shown), Fault> {
        let clearance = call.context.clearance(row.matched, call.now);
        let key = self.sealer.open_key(row.customer_id, &row.wrapped).await?;
        let (mut order, account) = self.unseal(&key, row, clearance.classes)?;
        disclose(&mut order, &clearance, account);
        let shown = Shown {
            resource: order.name.clone(),
            customer_id: Some(row.customer_id),
            clearance,
        };
        Ok((order, shown))
    }

    /// Opens a row whole, for rules and for the journal; never for an answer
    /// that is not disclosed.
    pub(crate) fn unseal_whole(
        &self,
        key: &CustomerKey,
        row: &StoredOrder,
    ) -> Result<Order, Fault> {
        Ok(self.unseal(key, row, ClassSet::of(Order::CLASSES))?.0)
    }

    fn unseal(
        &self,
        key: &CustomerKey,
        row: &StoredOrder,
        cleared: ClassSet,
    ) -> Result<(Order, Account), Fault> {
        let (opened, mut account) = self
            .sealer
            .open::<Order>(key, row.id, &row.sealed, cleared)?;
        account.omitted.retain(|field| row.has(field));
        let mut order = row.with_columns(opened);
        for review in &row.reviews {
            order
                .reviews
                .push(review.open(&self.review_sealer, key, cleared)?);
        }
        for attempt in &row.attempts {
            order
                .attempts
                .push(attempt.open(&self.attempt_sealer, key, cleared)?);
        }
        Ok((order, account))
    }

    /// The answer that was given to this request before, as these rules clear it.
    pub(super) fn replay(
        &self,
        key: &CustomerKey,
        customer: Uuid,
        kept: &Kept,
        clearance: Clearance,
    ) -> Result<Outcome, Fault> {
        let order = self
            .sealer
            .open_answer::<Order>(key, kept.resource_id, &kept.answer)?;
        Ok(Outcome {
            order,
            customer,
            clearance,
            journaled: Journaled::before(kept.position),
        })
    }

    /// What leaves of a write. Where this call journaled no change, it journals
    /// that it shows the order: no journal, no answer (promise 3).
    pub(super) async fn answer(
        &self,
        call: &Call,
        outcome: Outcome,
    ) -> Result<Answer<Order>, Fault> {
        let Outcome {
            mut order,
            customer,
            clearance,
            journaled,
        } = outcome;
        disclose(&mut order, &clearance, Account::default());
        if !matches!(journaled, Journaled::Now(_)) {
            let shown = Shown {
                resource: order.name.clone(),
                customer_id: Some(customer),
                clearance,
            };
            self.core
                .views
                .record(call, "order.viewed", &[shown])
                .await?;
        }
        Ok(match journaled {
            Journaled::Now(position) | Journaled::Before(position) => {
                Answer::written(order, position)
            }
            Journaled::Nothing => Answer::read(order),
        })
    }
}

/// What the journal says of an order.
pub(super) fn journaled(
    by: &By<'_>,
    kind: &'static str,
    order: &Order,
    about: About,
    fact: event::Event,
) -> Entry {
    let (resource, customer) = (order.name.clone(), Some(about.parties.customer));
    by.fact(kind, resource, customer, fact)
}

impl Orders {
    /// The facts of a change, for the journal. `event` is what happened, which need
    /// not be what tells the stage: news may be late.
    pub(super) fn changed(
        &self,
        order: &Order,
        about: About,
        before: OrderStage,
        event: Reached,
    ) -> event::Event {
        let bytes = |id: Uuid| id.as_bytes().to_vec();
        event::Event::OrderChanged(OrderChanged {
            order_id: bytes(about.id),
            customer_id: bytes(about.parties.customer),
            department_id: bytes(about.parties.department),
            owner_id: about.parties.owner.map(bytes).unwrap_or_default(),
            stage_before: before as i32,
            stage: order.stage,
            total: order.total.clone(),
            placed_at: Some(kefu_service::time::to_proto(about.placed_at)),
            occurred_at: Some(kefu_service::time::to_proto(event.at)),
            revision: about.revision,
            categories: self.categories.totals(&order.lines, &order.currency),
        })
    }
}
