//! What a command changes: the order, its events and reviews, what follows from it, and what the
//! journal says about it.

use jiff::Timestamp;
use kefu_contracts::{
    journal::{OrderReviewed, event},
    order::{
        FollowUpKind, FollowUpState, Order, OrderIntake, OrderStage, OrderStep, OrderStepKind,
        Review,
    },
};
use kefu_journal::Entry;
use kefu_service::{call::Call, error::Fault, fields::etag, time};
use kefu_vault::CustomerKey;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Orders,
    command::Action,
    present::{Parties, journaled},
    supply::{About, is_taken_by_people},
};
use crate::{
    desk::By,
    domain::{
        amendment,
        stage::{Reached, current, is_over, may_become},
    },
    error,
    store::{
        orders,
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
    /// The review that was written, with its id.
    pub(super) said: Option<(Uuid, Review)>,
}

/// What need not be done any more about an order that is over.
const ENDED_WITH: [FollowUpKind; 2] = [FollowUpKind::ClearUp, FollowUpKind::Shortage];

/// Whether the order system tells of this stage, and so has the order.
fn passes(stage: OrderStage) -> bool {
    !matches!(
        stage,
        OrderStage::Submitted | OrderStage::Short | OrderStage::Cancelled
    )
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
        let by = By::Call(call);
        let about = at_hand.about();
        let (stock, before) = (at_hand.order.stock(), at_hand.row.current);
        let mut entries = self.act(connection, call, at_hand, action).await?;
        if entries.is_empty() && !matches!(action, Action::Attempt(_)) {
            return Ok(entries);
        }
        let order = &mut at_hand.order;
        let said = matches!(
            action,
            Action::ClearUp(..) | Action::Choose(..) | Action::Change(..) | Action::Cancel(..)
        );
        let told = matches!(action, Action::Stage(..) | Action::Complete(..));
        let mut rewritten = said;
        if said || told {
            rewritten |= self.see_to_supply(connection, order, about, &by).await?;
            let follows = self.after_supply(connection, &by, order, about, stock);
            entries.extend(follows.await?);
        }
        if said && !matches!(action, Action::Cancel(..)) {
            let submitted = self.submit(connection, &by, &at_hand.order, about);
            entries.extend(submitted.await?);
        }
        if rewritten {
            self.reseal(connection, at_hand).await?;
        }
        let now_at = current(reached(&at_hand.order.events)).unwrap_or(before);
        let look_at = self.look_at(call);
        orders::settle(connection, about.id, now_at, look_at, call.now).await?;
        let order = &mut at_hand.order;
        order.etag = etag(about.revision);
        order.update_time = Some(time::to_proto(call.now));
        let ours = is_taken_by_people(order);
        if ours && told && now_at.stage != OrderStage::Cancelled {
            if passes(now_at.stage) {
                entries.extend(self.is_there(connection, &by, about.id).await?);
            }
        } else if ours && now_at.stage == OrderStage::Cancelled && before.stage != now_at.stage {
            entries.extend(self.call_back(connection, &by, about.id).await?);
        }
        let order = &at_hand.order;
        if is_over(now_at.stage) && !is_over(before.stage) {
            for kind in ENDED_WITH {
                let (how, outcome) = (FollowUpState::Settled, "订单已结束。");
                let closed = self
                    .desk
                    .close(connection, &by, &order.name, kind, how, outcome);
                entries.extend(closed.await?);
            }
        }
        Ok(entries)
    }

    /// Carries the action itself out.
    async fn act(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        at_hand: &mut AtHand,
        action: &Action,
    ) -> Result<Vec<Entry>, Fault> {
        let by = By::Call(call);
        let (about, before) = (at_hand.about(), at_hand.row.current);
        let order = &mut at_hand.order;
        let completed = OrderStage::Completed;
        let mut entries = Vec::new();
        match action {
            Action::Stage(event) => {
                let told = (*event, "order.stage_recorded");
                entries.extend(self.tell(connection, &by, order, about, told).await?);
            }
            Action::Complete(..) if !may_become(before.stage, completed) => {
                return Err(error::not_from(before.stage, completed));
            }
            Action::Complete(review, at) => {
                let event = Reached {
                    at: *at,
                    stage: completed,
                };
                let told = (event, "order.completed");
                let told = self.tell(connection, &by, order, about, told).await?;
                if told.is_some() {
                    entries.extend(told);
                    let fact = self.write_review(connection, at_hand, review, *at).await?;
                    entries.push(journaled(
                        &by,
                        "order.reviewed",
                        &at_hand.order,
                        about,
                        fact,
                    ));
                }
            }
            Action::Review(review, at) => {
                let fact = self.write_review(connection, at_hand, review, *at).await?;
                entries.push(journaled(
                    &by,
                    "order.reviewed",
                    &at_hand.order,
                    about,
                    fact,
                ));
            }
            // What there is to journal is told with the question (`confirmation.rs`).
            Action::Attempt(_) => {}
            Action::Promise(promised) => {
                let fact = self
                    .promise(connection, at_hand, *promised, call.now)
                    .await?;
                entries.push(journaled(
                    &by,
                    "order.promised",
                    &at_hand.order,
                    about,
                    fact,
                ));
            }
            Action::ClearUp(said) => {
                let fact = self.clear(call, at_hand, said)?;
                let order = &at_hand.order;
                entries.push(journaled(&by, "order.cleared_up", order, about, fact));
                if said.corrects() {
                    // What it comes to may be another purchase.
                    let fact = self.as_it_is(call, &at_hand.order, about);
                    entries.push(journaled(&by, "order.corrected", order, about, fact));
                }
                if order.intake() == OrderIntake::Clear {
                    entries.extend(self.follow_findings(connection, &by, order, about).await?);
                }
            }
            Action::Choose(chosen) => {
                self.choose(call, at_hand, chosen)?;
                let fact = self.as_it_is(call, &at_hand.order, about);
                entries.push(journaled(&by, "order.chosen", &at_hand.order, about, fact));
                entries.extend(
                    self.follow_findings(connection, &by, &at_hand.order, about)
                        .await?,
                );
            }
            Action::Change(changed) => {
                entries.extend(self.take_back(connection, &by, about.id).await?);
                self.change(connection, call, at_hand, changed).await?;
                let fact = self.as_it_is(call, &at_hand.order, about);
                entries.push(journaled(&by, "order.changed", &at_hand.order, about, fact));
                entries.extend(
                    self.follow_findings(connection, &by, &at_hand.order, about)
                        .await?,
                );
            }
            Action::Cancel(wish, reason) => {
                let told = reached(&order.events).map(|one| one.stage);
                amendment::ensure(*wish, before.stage, told)?;
                order
                    .steps
                    .push(step(call, OrderStepKind::Cancelled, reason));
                let event = Reached {
                    at: call.now,
                    stage: OrderStage::Cancelled,
                };
                let told = (event, "order.cancelled");
                entries.extend(self.tell(connection, &by, order, about, told).await?);
            }
        }
        Ok(entries)
    }

    /// The order as it is from now on, for who counts purchases.
    fn as_it_is(&self, call: &Call, order: &Order, about: About) -> event::Event {
        let stage = order.stage();
        let now = Reached {
            at: call.now,
            stage,
        };
        self.changed(order, about, stage, now)
    }

    /// Seals an order again, as it says something else now.
    async fn reseal(&self, connection: &mut PgConnection, at_hand: &AtHand) -> Result<(), Fault> {
        let (id, order) = (at_hand.row.id, &at_hand.order);
        self.rewrite(connection, &at_hand.key, id, order).await
    }

    /// The same of any order.
    pub(crate) async fn rewrite(
        &self,
        connection: &mut PgConnection,
        key: &CustomerKey,
        id: Uuid,
        order: &Order,
    ) -> Result<(), Fault> {
        let own = Order {
            // Sealed apart.
            reviews: Vec::new(),
            attempts: Vec::new(),
            // Not sealed.
            complaints: Vec::new(),
            notices: Vec::new(),
            ..order.clone()
        };
        let sealed = self.sealer.seal(key, id, &own)?;
        let (intake, stock) = (order.intake(), order.stock());
        orders::rewrite(connection, id, (intake, stock), &sealed).await
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
        at_hand.said = Some((id, review.clone()));
        Ok(event::Event::OrderReviewed(reviewed))
    }
}

impl AtHand {
    /// The stage it is at, and since when.
    pub(super) fn current(&self) -> Reached {
        current(reached(&self.order.events)).unwrap_or(self.row.current)
    }

    pub(super) fn about(&self) -> About {
        self.row.about()
    }
}

/// Something that was settled with the customer now.
pub(super) fn step(call: &Call, kind: OrderStepKind, note: &str) -> OrderStep {
    OrderStep {
        kind: kind.into(),
        time: Some(time::to_proto(call.now)),
        actor: call.caller(),
        note: note.to_owned(),
        ..OrderStep::default()
    }
}

impl StoredOrder {
    /// As the next revision of it is written.
    pub(crate) fn about(&self) -> About {
        About {
            id: self.id,
            parties: Parties {
                customer: self.customer_id,
                department: self.department_id,
                owner: self.owner_id,
            },
            placed_at: self.placed_at,
            revision: self.revision + 1,
        }
    }
}
