//! `make bench-stages`: stage events in bulk from one integrator through the gateway, beside the
//! same transactions by pgbench. What it sends is what order-followup was heard to send for one
//! call, with the ids of other orders in it; its statements are prepared, as the service's are.

mod orders;
mod replay;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use kefu_contracts::order::{
    BulkRecordStagesRequest, OrderStage, StageNews, order_service_client::OrderServiceClient,
};
use kefu_service::time::to_proto;

use crate::{heard::transaction, house::House, pgbench::Pgbench, search::Asker};
use orders::Order;
use replay::Replay;

/// Orders that are told of in each turn, once each.
const USUAL: usize = 10_000;
/// Events of a call, and of a transaction, as the service has it.
const AT_ONCE: usize = 50;
/// Calls under way at once, and connections of pgbench.
const IN_FLIGHT: usize = 4;
const ROUNDS: usize = 5;
/// Share of pgbench's rate that is aimed at.
const TARGET: f64 = 0.5;

/// How many orders: `stages [N]`.
pub(crate) async fn run(house: &mut House, args: &[String]) -> anyhow::Result<()> {
    let count = args.iter().find_map(|arg| arg.parse().ok());
    let count = count.unwrap_or(USUAL) / AT_ONCE * AT_ONCE;
    ensure!(count >= AT_ONCE * IN_FLIGHT, "too few orders");
    let integrator = Asker::new(house, "erp", "integration")?;
    println!("{count} orders are entered through the gateway …");
    let orders = orders::enter(house, &integrator, count).await?;
    house.pause_followers().await;
    house.settle().await?;
    let pgbench = Pgbench::find(house, house.url_of("orders")?).await?;
    let pgbench =
        pgbench.context("pgbench is neither beside the server's programs nor on the PATH")?;

    let since = house.clock.now() - SignedDuration::from_hours(24);
    let since = Timestamp::from_second(since.as_second())?;
    let some = &orders[..AT_ONCE];
    let heard = transaction(house, "INSERT INTO orders.stage_event", || {
        tell(&integrator, some, since)
    });
    let replay = Replay::of(&heard.await?, some, since)?;
    println!(
        "A call of {AT_ONCE} events is a transaction of {} statements.\n",
        replay.len()
    );
    let mut shares = Vec::new();
    println!(
        "{:>28} {:>12} {:>8}",
        "gateway, events/s", "pgbench", "share"
    );
    for round in 1..=ROUNDS {
        // Each turn tells of something else, so that all of it is news.
        let at = |turn: i64| since + SignedDuration::from_secs(turn);
        let turn = i64::try_from(round)? * 2;
        house.settle().await?;
        let ours = rate(count, gateway(&integrator, &orders, at(turn)).await?);
        house.settle().await?;
        let theirs = replay.run(&pgbench, &orders, at(turn + 1)).await?;
        let theirs = rate(count, theirs);
        println!("{ours:>28.0} {theirs:>12.0} {:>8.2}", ours / theirs);
        shares.push(ours / theirs);
    }
    told_all(house, count * (2 * ROUNDS) + AT_ONCE).await?;
    shares.sort_by(f64::total_cmp);
    let median = shares[shares.len() / 2];
    let met = if median >= TARGET { "met" } else { "not met" };
    println!("\n  gateway / pgbench  {median:.2} (median)   target: at least {TARGET}: {met}");
    Ok(())
}

fn rate(events: usize, lasted: Duration) -> f64 {
    events as f64 / lasted.as_secs_f64()
}

/// The turn of the gateway: each order is paid at that time.
async fn gateway(asker: &Asker, orders: &[Order], at: Timestamp) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    stream::iter(orders.chunks(AT_ONCE))
        .map(|some| tell(asker, some, at))
        .buffer_unordered(IN_FLIGHT)
        .try_collect::<()>()
        .await?;
    Ok(begun.elapsed())
}

async fn tell(asker: &Asker, some: &[Order], at: Timestamp) -> anyhow::Result<()> {
    let news = some.iter().map(|one| StageNews {
        name: one.name(),
        stage: OrderStage::Paid.into(),
        occurred_time: Some(to_proto(at)),
    });
    let request = BulkRecordStagesRequest {
        news: news.collect(),
    };
    let mut client = OrderServiceClient::new(asker.channel.clone());
    let answer = client.bulk_record_stages(asker.request(request)?).await?;
    let results = answer.into_inner().results;
    let counted = results.iter().filter(|one| one.stage() == OrderStage::Paid);
    ensure!(counted.count() == some.len(), "news that did not count");
    Ok(())
}

/// Both did all that they said they did.
async fn told_all(house: &House, expected: usize) -> anyhow::Result<()> {
    let mut admin = house.admin().await?;
    let paid = OrderStage::Paid as i16;
    let (events, entries): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM orders.stage_event WHERE stage = $1),
                (SELECT count(*) FROM orders.journal WHERE type = 'order.stage_recorded')",
    )
    .bind(paid)
    .fetch_one(&mut admin)
    .await?;
    let expected = i64::try_from(expected)?;
    ensure!(
        events == expected && entries == expected,
        "{events} events and {entries} entries instead of {expected}"
    );
    Ok(())
}
