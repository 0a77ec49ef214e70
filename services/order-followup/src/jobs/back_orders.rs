//! Sets aside what came in for who waits for it, whoever has waited longest first (OP-3.4.2).

use std::time::Duration;

use jiff::Timestamp;
use kefu_service::{core::Deps, error::Fault, host::Job};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    api::Orders,
    desk::By,
    domain::stage::current,
    store::{back_orders, orders, records::reached},
};

const EVERY: Duration = Duration::from_secs(1);

/// The job that looks once a second.
pub(crate) fn job(deps: Deps, orders: Orders) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "back orders cannot be supplied");
    Job::every("back_orders", clock, EVERY, trouble, move || {
        let (deps, orders) = (deps.clone(), orders.clone());
        async move {
            while supply_one(&deps, &orders).await? {}
            Ok(())
        }
    })
}

/// Tries the next; whether there was one.
async fn supply_one(deps: &Deps, orders: &Orders) -> Result<bool, Fault> {
    let (now, request) = (deps.clock.now(), deps.ids.next()?);
    let orders = orders.clone();
    deps.db
        .transaction(move |connection| {
            let orders = orders.clone();
            Box::pin(async move { supply(connection, &orders, now, request).await })
        })
        .await
}

async fn supply(
    connection: &mut PgConnection,
    service: &Orders,
    now: Timestamp,
    request: Uuid,
) -> Result<bool, Fault> {
    let Some(row) = back_orders::next(connection, now).await? else {
        return Ok(false);
    };
    let key = service.key_of(&row).await?;
    let mut order = service.unseal_whole(&key, &row)?;
    let (by, about, before) = (By::Itself { now, request }, row.about(), order.stock());
    let asked = service
        .see_to_supply(connection, &mut order, about, &by)
        .await?;
    if !asked || order.stock() == before {
        // Nothing came of it; what is set aside of other lines is kept all the same.
        service.rewrite(connection, &key, row.id, &order).await?;
        service.goes_on_waiting(connection, about, now).await?;
        return Ok(true);
    }
    let follows = service.after_supply(connection, &by, &mut order, about, before);
    let mut entries = follows.await?;
    entries.extend(service.submit(connection, &by, &order, about).await?);
    service.rewrite(connection, &key, row.id, &order).await?;
    let now_at = current(reached(&order.events)).unwrap_or(row.current);
    orders::settle(connection, row.id, now_at, now, now).await?;
    kefu_journal::append(connection, &entries).await?;
    Ok(true)
}
