//! Asks the company's inventory for what orders need, and gives back what they do not need any
//! more: each under its reservation's id, until it is done. An inventory that set something aside
//! and did not say so in time is asked under the same id, or told to let it go under it.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::order::{LineStock, Order};
use kefu_service::{core::Deps, error::Fault, host::Job};
use sqlx::PgConnection;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    api::Orders,
    desk::By,
    domain::{
        stage::current,
        stock::{Got, of_lines, put, to_ask_elsewhere},
    },
    ports::{Inventory, NotTaken, Pieces},
    store::{
        orders,
        records::{self, reached},
        reservations::{self, Act, Reservation},
    },
};

const EVERY: Duration = Duration::from_millis(500);
/// How long a reservation is believed to be with the inventory.
const LEASE: SignedDuration = SignedDuration::from_secs(60);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(15);
/// Reservations that are with it at one time.
const MOST: u8 = 20;

/// Lines that are asked for, and what there was of them.
#[derive(Clone, Default)]
struct Asked {
    lines: Vec<usize>,
    pieces: Vec<Pieces>,
}

/// The job that looks twice a second.
pub(crate) fn job(deps: Deps, orders: Orders, inventory: Arc<dyn Inventory>) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "the inventory cannot be asked");
    Job::every("reservations", clock, EVERY, trouble, move || {
        let (deps, orders, inventory) = (deps.clone(), orders.clone(), inventory.clone());
        async move {
            while ask_some(&deps, &orders, &inventory).await? {}
            Ok(())
        }
    })
}

/// Asks for some; whether there may be more.
async fn ask_some(
    deps: &Deps,
    orders: &Orders,
    inventory: &Arc<dyn Inventory>,
) -> Result<bool, Fault> {
    let (now, service) = (deps.clock.now(), orders.clone());
    let taken = deps
        .db
        .transaction(move |connection| {
            let service = service.clone();
            Box::pin(async move { take(connection, &service, now).await })
        })
        .await?;
    let more = taken.len() == usize::from(MOST);
    let mut asking = JoinSet::new();
    for (one, asked) in taken {
        let (deps, orders, inventory) = (deps.clone(), orders.clone(), inventory.clone());
        asking.spawn(async move { ask(&deps, &orders, inventory.as_ref(), one, asked).await });
    }
    while let Some(asked) = asking.join_next().await {
        asked.map_err(|error| Fault::internal(format!("reservation: {error}")))??;
    }
    Ok(more)
}

async fn take(
    connection: &mut PgConnection,
    service: &Orders,
    now: Timestamp,
) -> Result<Vec<(Reservation, Asked)>, Fault> {
    let far = |_| Fault::internal("a moment out of range");
    let until = now.saturating_add(LEASE).map_err(far)?;
    let taken = reservations::take(connection, now, until, MOST.into()).await?;
    let mut all = Vec::with_capacity(taken.len());
    for one in taken {
        let asked = match one.act {
            Act::Reserve => service
                .whole_of(connection, one.order_id)
                .await?
                .map(wanted),
            _ => None,
        };
        all.push((one, asked.unwrap_or_default()));
    }
    Ok(all)
}

fn wanted(order: Order) -> Asked {
    let lines = to_ask_elsewhere(&order.lines);
    let pieces = lines.iter().map(|at| Pieces {
        sku: order.lines[*at].sku.clone(),
        quantity: order.lines[*at].quantity,
    });
    Asked {
        pieces: pieces.collect(),
        lines,
    }
}

async fn ask(
    deps: &Deps,
    orders: &Orders,
    inventory: &dyn Inventory,
    one: Reservation,
    asked: Asked,
) -> Result<(), Fault> {
    let answer = match one.act {
        Act::Reserve => inventory.reserve(one.id, &asked.pieces).await,
        Act::Release => inventory.release(one.id).await.map(|()| Vec::new()),
        Act::Consume => inventory.consume(one.id).await.map(|()| Vec::new()),
        Act::Hold | Act::End => return Ok(()),
    };
    let (now, request, another) = (deps.clock.now(), deps.ids.next()?, deps.ids.next()?);
    let orders = orders.clone();
    deps.db
        .transaction(move |connection| {
            let (orders, asked, answer) = (orders.clone(), asked.clone(), answer.clone());
            Box::pin(async move {
                // The order first, as everybody does who changes one.
                orders::lock(connection, one.order_id).await?;
                let act = reservations::lock(connection, one.id).await?;
                // It was called off meanwhile: what was answered is let go next.
                if act != one.act {
                    return Ok(());
                }
                let by = By::Itself { now, request };
                let kept = Kept {
                    one,
                    asked: &asked,
                    another,
                };
                match (act, answer) {
                    (_, Err(NotTaken::Silent)) | (Act::Release | Act::Consume, Err(_)) => {
                        reservations::turn(connection, one.id, act, again(one, now)).await
                    }
                    (Act::Reserve, Ok(got)) => keep(connection, &orders, &kept, got, &by).await,
                    (Act::Reserve, Err(NotTaken::Refused)) => {
                        let none = asked.lines.iter().map(|_| Got::Short(Vec::new())).collect();
                        keep(connection, &orders, &kept, none, &by).await
                    }
                    _ => reservations::turn(connection, one.id, Act::End, None).await,
                }
            })
        })
        .await
}

/// When an inventory that was asked so often for nothing is asked again.
fn again(one: Reservation, now: Timestamp) -> Option<Timestamp> {
    let doubled = u32::try_from(one.attempts.clamp(1, 10) - 1).unwrap_or_default();
    let pause = (SignedDuration::from_secs(30) * 2_i32.pow(doubled)).min(LONGEST_PAUSE);
    now.saturating_add(pause).ok()
}

/// What was answered for.
struct Kept<'a> {
    one: Reservation,
    asked: &'a Asked,
    /// Of the reservation that takes its place, where the order is another now.
    another: Uuid,
}

impl Kept<'_> {
    /// Whether the order still needs what was asked for.
    fn fits(&self, order: &Order) -> bool {
        let mut both = self.asked.lines.iter().zip(&self.asked.pieces);
        both.all(|(at, pieces)| {
            order.lines.get(*at).is_some_and(|line| {
                let waits = matches!(line.stock(), LineStock::Asked | LineStock::Waiting);
                waits && (&line.sku, line.quantity) == (&pieces.sku, pieces.quantity)
            })
        })
    }
}

/// Keeps what there was.
async fn keep(
    connection: &mut PgConnection,
    service: &Orders,
    kept: &Kept<'_>,
    got: Vec<Got>,
    by: &By<'_>,
) -> Result<(), Fault> {
    let (one, asked) = (kept.one, kept.asked);
    let row = records::whole(connection, one.order_id).await?;
    if row.sealed.is_empty() {
        return reservations::turn(connection, one.id, Act::Release, Some(by.now())).await;
    }
    let key = service.key_of(&row).await?;
    let mut order = service.unseal_whole(&key, &row)?;
    let (about, before) = (row.about(), order.stock());
    if !kept.fits(&order) {
        reservations::turn(connection, one.id, Act::Release, Some(by.now())).await?;
        let customer = about.parties.customer;
        return reservations::ask(connection, kept.another, row.id, customer, by.now()).await;
    }
    let held = got.contains(&Got::Reserved);
    let act = if held { Act::Hold } else { Act::End };
    reservations::turn(connection, one.id, act, None).await?;
    for (at, got) in asked.lines.iter().zip(got) {
        if let Some(line) = order.lines.get_mut(*at) {
            put(line, got);
        }
    }
    // What nobody answers for is not kept there.
    for line in &mut order.lines {
        if line.stock() == LineStock::Asked {
            line.set_stock(LineStock::NotKept);
        }
    }
    order.set_stock(of_lines(&order.lines));
    let follows = service.after_supply(connection, by, &mut order, about, before);
    let mut entries = follows.await?;
    entries.extend(service.submit(connection, by, &order, about).await?);
    service.rewrite(connection, &key, row.id, &order).await?;
    let now_at = current(reached(&order.events)).unwrap_or(row.current);
    orders::settle(connection, row.id, now_at, by.now(), by.now()).await?;
    if !entries.is_empty() {
        kefu_journal::append(connection, &entries).await?;
    }
    Ok(())
}
