//! What a command changes: the order, its events and reviews, and what the
//! journal says about it.

use jiff::Timestamp;
use kefu_contracts::{
    journal::{EntryKind, OrderReviewed, event},
    order::{FollowUpKind, FollowUpState, Order, OrderIntake, OrderStage, Review},
};
use kefu_journal::Entry;
use kefu_service::{call::Call, error::Fault, fields::etag, present::entry, time};
use kefu_vault::CustomerKey;
use sqlx::PgConnection;

use super::{
    Orders,
    command::Action,
    present::{Parties, changed},
};
use crate::{
    desk::By,
    domain::stage::{Reached, current, is_over, may_become},
    error,
    store::{
        events, orders,
        records::{StoredOrder, reached},
        reviews,
    },
};

/// An order at hand, locked.
pub(super) struct AtHand {
    pub(super) row: StoredOrder,
    pub(super) key: CustomerKey,
    /// As it stands, then as it will.
    pub(super) order: Order,
}

impl Orders {
    /// Writes what the action changes and tells what to journal; nothing when
    /// all of it was known.
    pub(super) async fn write(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        at_hand: &mut AtHand,
        action: &Action,
    ) -> Result<Vec<Entry>, Fault> {
        let before = at_hand.row.current;
        let revision = at_hand.row.revision + 1;
        let completed = OrderStage::Completed;
        let (event, kind) = match action {
            Action::Stage(reached) => (Some(*reached), "order.stage_recorded"),
            Action::Review(..) => (None, "order.reviewed"),
            Action::Promise(..) => (None, "order.promised"),
            Action::ClearUp(..) => (None, "order.cleared_up"),
            Action::Complete(..) if !may_become(before.stage, completed) => {
                return Err(error::not_from(before.stage, completed));
            }
            Action::Complete(_, at) => (
                Some(Reached {
                    at: *at,
                    stage: completed,
                }),
                "order.completed",
            ),
        };
        let mut facts = Vec::new();
        let mut now_at = before;
        if let Some(event) = event {
            let (id, customer) = (at_hand.row.id, at_hand.row.customer_id);
            if !events::record(connection, call, id, customer, event).await? {
                return Ok(Vec::new());
            }
            now_at = at_hand.tell(call, event);
            let (parties, placed_at) = (at_hand.row.parties(), at_hand.row.placed_at);
            facts.push((
                kind,
                changed(
                    &at_hand.order,
                    id,
                    parties,
                    placed_at,
                    before.stage,
                    event,
                    revision,
                ),
            ));
        }
        if let Action::Review(review, at) | Action::Complete(review, at) = action {
            facts.push((
                "order.reviewed",
                self.write_review(connection, at_hand, review, *at).await?,
            ));
        }
        if let Action::Promise(promised) = action {
            let fact = self.promise(connection, at_hand, *promised).await?;
            facts.push((kind, fact));
        }
        let (id, look_at) = (at_hand.row.id, self.look_at(call));
        if let Action::ClearUp(said) = action {
            facts.push((kind, self.clear(call, at_hand, said)?));
            self.reseal(connection, at_hand).await?;
            // What the order comes to is another purchase.
            facts.push(("order.corrected", at_hand.as_it_is(now_at, revision)));
        }
        orders::settle(connection, id, now_at, look_at, call.now).await?;
        at_hand.order.etag = etag(revision);
        at_hand.order.update_time = Some(time::to_proto(call.now));
        let followed = self.follow(connection, call, at_hand, action, now_at).await?;
        let journal = |(kind, fact)| {
            let customer = Some(at_hand.row.customer_id);
            entry(
                call,
                EntryKind::Change,
                kind,
                at_hand.order.name.clone(),
                customer,
                fact,
            )
        };
        let mut entries: Vec<Entry> = facts.into_iter().map(journal).collect();
        entries.extend(followed);
        Ok(entries)
    }

    /// Seals an order again, as it says something else now.
    async fn reseal(
        &self,
        connection: &mut PgConnection,
        at_hand: &AtHand,
    ) -> Result<(), Fault> {
        let (id, intake) = (at_hand.row.id, at_hand.order.intake());
        let own = Order {
            // Sealed apart.
            reviews: Vec::new(),
            ..at_hand.order.clone()
        };
        let sealed = self.sealer.seal(&at_hand.key, id, &own)?;
        orders::rewrite(connection, id, intake, &sealed).await
    }

    /// Opens and closes what is to be done about an order by what became of it.
    async fn follow(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        at_hand: &AtHand,
        action: &Action,
        now_at: Reached,
    ) -> Result<Vec<Entry>, Fault> {
        let (row, order) = (&at_hand.row, &at_hand.order);
        let mut entries = Vec::new();
        if matches!(action, Action::ClearUp(..)) && order.intake() == OrderIntake::Clear {
            let of = (row.id, row.parties(), row.revision + 1);
            entries.extend(self.follow_findings(connection, call, order, of).await?);
        }
        if is_over(now_at.stage) && !is_over(row.current.stage) {
            let (by, how) = (By::Call(call), FollowUpState::Settled);
            for kind in ENDED_WITH {
                let outcome = "订单已结束。";
                let closed = self
                    .desk
                    .close(connection, &by, &order.name, kind, how, outcome);
                entries.extend(closed.await?);
            }
        }
        Ok(entries)
    }

    async fn write_review(
        &self,
        connection: &mut PgConnection,
        at_hand: &mut AtHand,
        review: &Review,
        answered_at: Timestamp,
    ) -> Result<event::Event, Fault> {
        let (id, row) = (self.core.deps.ids.next()?, &at_hand.row);
        let sealed = reviews::seal(&self.review_sealer, &at_hand.key, id, review)?;
        let (order_id, customer_id) = (row.id, row.customer_id);
        let new = reviews::NewRow {
            id,
            order_id,
            customer_id,
            review,
            answered_at,
            sealed: &sealed,
        };
        if !reviews::insert(connection, &new).await? {
            return Err(error::taken("review.external_ref"));
        }
        let reviewed = OrderReviewed {
            order_id: order_id.as_bytes().to_vec(),
            review_id: id.as_bytes().to_vec(),
            customer_id: customer_id.as_bytes().to_vec(),
            department_id: row.department_id.as_bytes().to_vec(),
            score: review.score,
            answered_at: review.answered_time,
        };
        let told = &mut at_hand.order.reviews;
        // Oldest first, like the database tells them.
        let time = |review: &Review| review.answered_time.as_ref().and_then(time::from_proto);
        let at = told.partition_point(|earlier| time(earlier) <= time(review));
        told.insert(at, review.clone());
        Ok(event::Event::OrderReviewed(reviewed))
    }
}

/// What need not be done any more about an order that is over.
const ENDED_WITH: [FollowUpKind; 3] = [
    FollowUpKind::ClearUp,
    FollowUpKind::Shortage,
    FollowUpKind::HandOver,
];

impl AtHand {
    /// The order as it is, for who counts purchases.
    fn as_it_is(&self, now_at: Reached, revision: i64) -> event::Event {
        let row = &self.row;
        let (parties, placed_at) = (row.parties(), row.placed_at);
        let stage = now_at.stage;
        changed(&self.order, row.id, parties, placed_at, stage, now_at, revision)
    }

    /// Takes an event into the order and tells at which stage it is by it.
    fn tell(&mut self, call: &Call, event: Reached) -> Reached {
        let at = reached(&self.order.events)
            .filter(|earlier| *earlier < event)
            .count();
        self.order.events.insert(at, events::told(call, event));
        let told = current(reached(&self.order.events)).unwrap_or(event);
        self.order.stage = told.stage as i32;
        told
    }
}

impl StoredOrder {
    pub(super) fn parties(&self) -> Parties {
        Parties {
            customer: self.customer_id,
            department: self.department_id,
            owner: self.owner_id,
        }
    }
}
