//! Orders that were late, however that came to be known.

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::{
    analytics::Dimension,
    order::{BulkRecordStagesRequest, Order, OrderStage, StageNews},
};
use kefu_service::{clock::Clock, time::to_proto};
use kefu_testkit::{Caller, TestSuite, eventually};

use super::{
    query,
    rebuilt::{begin, live},
};
use crate::{
    orders_in_trouble::{get, hours, judged, promise, tell, turn},
    records::{enter, order, orders, person, place},
};

/// Longer than what a system tells is waited for.
const GRACE: std::time::Duration = std::time::Duration::from_secs(61);

fn at(suite: &TestSuite, hours: i64) -> Timestamp {
    suite.clock.now() + SignedDuration::from_hours(hours)
}

/// An order of some hours ago with a promise, of which no stage but its end is told.
async fn transfer(suite: &TestSuite, caller: &Caller, customer: &str, promised: i64) -> Order {
    let one = Order {
        placed_time: Some(to_proto(at(suite, -2_000))),
        promised_time: Some(to_proto(at(suite, promised))),
        ..order(customer)
    };
    place(caller, one).await
}

/// How many orders there are, how many of them were late, and how many by months and departments.
async fn counted(caller: &Caller) -> (i64, i64, i64) {
    let late = |sum: Option<String>| sum.unwrap().parse::<i64>().unwrap();
    let total = query(caller, "order_lateness", &[]).await.total.unwrap();
    let by = [Dimension::Month, Dimension::Department];
    let rows = query(caller, "order_lateness", &by).await.rows;
    let of_rows = rows.into_iter().map(|row| late(row.sum)).sum();
    (total.count, late(total.sum), of_rows)
}

/// Clauses OP-3.4.4, SG-7: an order that was delivered after its promised day was late, once, whether that
/// was found by the job, told as it happened, told of many at once, or transferred as history; another promise undoes nothing,
/// better news does, and all of it is counted anew from the journals.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_late_was_late_however_it_was_told() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;

    // Transferred: late, in time, late and told of many at once, not delivered at all, late by nothing but the
    // rules, and called off.
    let delivered = OrderStage::Delivered;
    let late = transfer(&suite, &erp, &customer, -1_500).await;
    tell(&erp, &late, delivered, at(&suite, -1_000)).await;
    let in_time = transfer(&suite, &erp, &customer, -1_000).await;
    tell(&erp, &in_time, OrderStage::Confirmed, at(&suite, -1_900)).await;
    tell(&erp, &in_time, delivered, at(&suite, -1_500)).await;
    let together = [
        transfer(&suite, &erp, &customer, -1_500).await,
        transfer(&suite, &erp, &customer, -1_500).await,
    ];
    let news = together.iter().map(|one| StageNews {
        name: one.name.clone(),
        stage: delivered.into(),
        occurred_time: Some(to_proto(at(&suite, -1_400))),
    });
    let news = BulkRecordStagesRequest {
        news: news.collect(),
    };
    orders(&erp).bulk_record_stages(news).await.unwrap();
    transfer(&suite, &erp, &customer, -100).await;
    let cancelled = transfer(&suite, &erp, &customer, -1_500).await;
    tell(&erp, &cancelled, OrderStage::Cancelled, at(&suite, -1_600)).await;

    // As it happens.
    let li = suite.caller("li.wei").after(&erp);
    let names = ["caught up", "promised anew", "told late", "kept"];
    let mut ours = Vec::new();
    for _ in names {
        let one = place(&li, order(&customer)).await;
        let one = promise(&li, &one, delivered, at(&suite, 10), "").await;
        let one = one.unwrap();
        tell(&li, &one, OrderStage::Confirmed, at(&suite, 0)).await;
        ours.push(one);
    }
    turn(&suite, GRACE).await;
    judged(&suite).await;
    let leader = suite.caller_for("chen.guodong", "analysis").after(&li);
    eventually(async || (counted(&leader).await == (9, 4, 4)).then_some(())).await;

    turn(&suite, hours(11)).await;
    judged(&suite).await;
    let li = suite.caller("li.wei");
    let leader = suite.caller_for("chen.guodong", "analysis");
    eventually(async || (counted(&leader).await == (9, 8, 8)).then_some(())).await;
    tell(&li, &ours[0], delivered, at(&suite, 0)).await;
    let again = get(&li, &ours[1]).await;
    let again = promise(&li, &again, delivered, at(&suite, 50), "")
        .await
        .unwrap();
    tell(&li, &again, delivered, at(&suite, 0)).await;
    // It had been there in time all along.
    for one in &ours[2..] {
        tell(&li, one, delivered, at(&suite, -5)).await;
    }
    judged(&suite).await;
    let leader = suite.caller_for("chen.guodong", "analysis").after(&li);
    let known = (9, 6, 6);
    eventually(async || (counted(&leader).await == known).then_some(())).await;

    let admin = suite.caller_for("han.bing", "administration");
    let begun = begin(&admin, "").await;
    live(&admin, &begun.name).await;
    assert_eq!(counted(&leader.after(&admin)).await, known);
}
