//! What is set aside for orders, and what follows from it (OP-3.4.2): in the transaction of what
//! it follows from, so that nothing stays aside for what did not come to pass.

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::{
    journal::{OrderSupplied, event},
    order::{FollowUpKind, FollowUpState, LineStock, Order, OrderIntake, OrderStage, OrderStock},
};
use kefu_journal::Entry;
use kefu_service::{error::Fault, time::to_proto};
use kefu_vault::CustomerKey;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Orders,
    intake::in_hours,
    present::{Parties, journaled},
};
use crate::{
    desk::{By, Wanted},
    domain::{
        stage::{Reached, current, has_left, is_over},
        stock::{held, of_lines, put, to_ask},
    },
    store::{
        back_orders, events, orders,
        records::{self, StoredOrder, reached},
        reservations::{self, Act},
        scrub, stock,
    },
};

/// How long a back order waits for the next try where nothing comes in.
const TRY_AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// An order that something is done about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About {
    pub(crate) id: Uuid,
    pub(crate) parties: Parties,
    pub(crate) placed_at: Timestamp,
    /// The one that is being written.
    pub(crate) revision: i64,
}

/// An order by its number, and whose it is.
pub(crate) struct Numbered {
    pub(crate) number: String,
    pub(crate) parties: Parties,
}

/// Whether people took an order; what a system transfers is carried out where it comes from.
pub(super) fn is_taken_by_people(order: &Order) -> bool {
    let mut told = order.events.iter();
    let submitted = told.find(|event| event.stage() == OrderStage::Submitted);
    submitted.is_some_and(|event| event.actor.starts_with("employees/"))
}

/// Whether an order is for us to carry out, and clear.
pub(crate) fn is_carried_out(order: &Order) -> bool {
    is_taken_by_people(order) && order.intake() == OrderIntake::Clear && !is_over(order.stage())
}

/// Nothing of an order is waited for any more.
fn end(order: &mut Order) {
    for line in &mut order.lines {
        if matches!(
            line.stock(),
            LineStock::Short | LineStock::Waiting | LineStock::Asked
        ) {
            line.set_stock(LineStock::Released);
            line.alternatives.clear();
        }
    }
    order.set_stock(of_lines(&order.lines));
}

impl Orders {
    /// Sets aside what is not yet, as far as there is enough, or has the company's inventory asked;
    /// whether anything was.
    async fn supply(
        &self,
        connection: &mut PgConnection,
        order: &mut Order,
        (about, now): (About, Timestamp),
        tries_again: bool,
    ) -> Result<bool, Fault> {
        let mut asked = to_ask(&order.lines);
        if self.has_inventory && !tries_again {
            // What is waited for is asked for again in its time.
            asked.retain(|at| order.lines[*at].stock() == LineStock::Unspecified);
        }
        for at in &asked {
            let line = &mut order.lines[*at];
            if self.has_inventory {
                if line.stock() == LineStock::Unspecified {
                    line.set_stock(LineStock::Asked);
                }
            } else {
                let got = stock::reserve(connection, &line.sku, line.quantity).await?;
                put(line, got);
            }
        }
        if self.has_inventory && !asked.is_empty() {
            let (id, customer) = (self.core.deps.ids.next()?, about.parties.customer);
            reservations::ask(connection, id, about.id, customer, now).await?;
        }
        order.set_stock(of_lines(&order.lines));
        Ok(!asked.is_empty())
    }

    /// Lets go of what is set aside.
    pub(crate) async fn release(
        &self,
        connection: &mut PgConnection,
        order: &mut Order,
        (id, now): (Uuid, Timestamp),
    ) -> Result<(), Fault> {
        if self.has_inventory {
            reservations::end_all(connection, id, Act::Release, now).await?;
        }
        let held = held(&order.lines);
        for at in &held {
            let line = &mut order.lines[*at];
            if !self.has_inventory {
                stock::release(connection, &line.sku, line.quantity).await?;
            }
            line.set_stock(LineStock::Released);
        }
        if !held.is_empty() {
            // Perhaps somebody waits for it.
            back_orders::try_all(connection, now).await?;
        }
        end(order);
        Ok(())
    }

    /// What was set aside has left.
    async fn consume(
        &self,
        connection: &mut PgConnection,
        order: &mut Order,
        (id, now): (Uuid, Timestamp),
    ) -> Result<(), Fault> {
        if self.has_inventory {
            reservations::end_all(connection, id, Act::Consume, now).await?;
        }
        for at in held(&order.lines) {
            let line = &mut order.lines[at];
            if !self.has_inventory {
                stock::consume(connection, &line.sku, line.quantity).await?;
            }
            line.set_stock(LineStock::Consumed);
        }
        end(order);
        Ok(())
    }

    /// Sees to what is set aside for an order at its stage; whether anything changed.
    pub(crate) async fn see_to_supply(
        &self,
        connection: &mut PgConnection,
        order: &mut Order,
        about: About,
        by: &By<'_>,
    ) -> Result<bool, Fault> {
        let holds = matches!(
            order.stock(),
            OrderStock::Reserved | OrderStock::Short | OrderStock::Waiting | OrderStock::Asked
        );
        let (of, now) = ((about.id, by.now()), by.now());
        match order.stage() {
            OrderStage::Cancelled if holds => self.release(connection, order, of).await?,
            stage if has_left(stage) && holds => self.consume(connection, order, of).await?,
            _ if is_carried_out(order) => {
                // Whoever has waited is tried by itself.
                let again = matches!(by, By::Itself { .. });
                return self.supply(connection, order, (about, now), again).await;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The order is tried again later.
    pub(crate) async fn goes_on_waiting(
        &self,
        connection: &mut PgConnection,
        about: About,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let far = |_| Fault::internal("a moment out of range");
        let then = now.checked_add(TRY_AGAIN).map_err(far)?;
        let customer = about.parties.customer;
        back_orders::wait(connection, about.id, customer, now, then).await
    }

    /// An order whole, for what goes out of the house; none: nothing of it is left.
    pub(crate) async fn whole_of(
        &self,
        connection: &mut PgConnection,
        id: Uuid,
    ) -> Result<Option<Order>, Fault> {
        let row = records::whole(connection, id).await?;
        if row.sealed.is_empty() {
            return Ok(None);
        }
        let key = self.key_of(&row).await?;
        self.unseal_whole(&key, &row).map(Some)
    }

    /// Number of an order, and whose it is.
    pub(crate) async fn order_of(
        &self,
        connection: &mut PgConnection,
        id: Uuid,
    ) -> Result<Option<Numbered>, Fault> {
        let found = orders::numbered(connection, id).await?;
        Ok(found.map(|(number, locked)| Numbered {
            number,
            parties: Parties {
                customer: locked.customer_id,
                department: locked.department_id,
                owner: locked.owner_id,
            },
        }))
    }

    /// The key of an order's customer.
    pub(crate) async fn key_of(&self, row: &StoredOrder) -> Result<CustomerKey, Fault> {
        self.sealer.open_key(row.customer_id, &row.wrapped).await
    }

    /// What follows from an order's being supplied otherwise than before.
    pub(crate) async fn after_supply(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        order: &mut Order,
        about: About,
        before: OrderStock,
    ) -> Result<Vec<Entry>, Fault> {
        let now = order.stock();
        let mut entries = Vec::new();
        if now == OrderStock::Waiting {
            self.goes_on_waiting(connection, about, by.now()).await?;
        } else if before == OrderStock::Waiting {
            back_orders::end(connection, about.id).await?;
        }
        if now == before {
            return Ok(entries);
        }
        let bytes = |id: Uuid| id.as_bytes().to_vec();
        let supplied = event::Event::OrderSupplied(OrderSupplied {
            order_id: bytes(about.id),
            customer_id: bytes(about.parties.customer),
            department_id: bytes(about.parties.department),
            stock: now.into(),
            revision: about.revision,
        });
        entries.push(journaled(by, "order.supplied", order, about, supplied));
        let stage = order.stage();
        let turn = match now {
            OrderStock::Short if stage != OrderStage::Short => Some(OrderStage::Short),
            // It can be carried out again.
            OrderStock::Reserved | OrderStock::NotKept if stage == OrderStage::Short => {
                Some(OrderStage::Submitted)
            }
            _ => None,
        };
        if let Some(stage) = turn {
            let at = by.now();
            let told = Reached { at, stage };
            let kind = "order.stage_recorded";
            entries.extend(
                self.tell(connection, by, order, about, (told, kind))
                    .await?,
            );
        }
        let kind = FollowUpKind::Shortage;
        if now == OrderStock::Short {
            let wanted = Wanted {
                kind,
                cause: format!("shortage:{}:{}", about.id, about.revision),
                customer: about.parties.customer,
                subject: &order.name,
                department: about.parties.department,
                assignee: about.parties.owner,
                due_at: in_hours(by.now(), self.follow_up_hours)?,
                reason: format!(
                    "订单 {} 缺货，请告知客户：等货、改选其他产品或取消该行。",
                    order.number
                ),
            };
            entries.extend(self.desk.open(connection, by, wanted).await?);
        } else if before == OrderStock::Short {
            let (how, what) = (FollowUpState::Done, "客户已选择。");
            let closed = self
                .desk
                .close(connection, by, &order.name, kind, how, what);
            entries.extend(closed.await?);
        }
        Ok(entries)
    }

    /// Lets go of all that is set aside for a customer of whom nothing is to be left (CF-10.2).
    pub(crate) async fn let_go(
        &self,
        connection: &mut PgConnection,
        customer: Uuid,
        now: Timestamp,
    ) -> Result<(), Fault> {
        for row in scrub::supplied(connection, customer).await? {
            let key = self.sealer.open_key(customer, &row.wrapped).await?;
            let mut order = self.unseal_whole(&key, &row)?;
            self.release(connection, &mut order, (row.id, now)).await?;
        }
        Ok(())
    }

    /// Takes an event into an order, and tells it; nothing when it was told before.
    pub(crate) async fn tell(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        order: &mut Order,
        about: About,
        (event, kind): (Reached, &'static str),
    ) -> Result<Option<Entry>, Fault> {
        let customer = about.parties.customer;
        if !events::record(connection, by, about.id, customer, event).await? {
            return Ok(None);
        }
        let before = order.stage();
        let at = reached(&order.events)
            .filter(|earlier| *earlier < event)
            .count();
        order.events.insert(at, events::told(by, event));
        let told = current(reached(&order.events)).unwrap_or(event);
        order.set_stage(told.stage);
        order.stage_time = Some(to_proto(told.at));
        let fact = self.changed(order, about, before, event);
        Ok(Some(journaled(by, kind, order, about, fact)))
    }
}
