//! Days of orders told together are, whatever came in whatever order, what the orders come to.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use jiff_sqlx::ToSqlx;
use kefu_contracts::{
    analytics::{Dimension, QueryMetricRequest, metrics_service_client::MetricsServiceClient},
    google::r#type::Money,
    journal::{Event, OrderChanged, OrderLateness, event},
    order::OrderStage,
};
use kefu_service::time;
use kefu_testkit::{TestSuite, eventually};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{counts, query};

const CURRENCIES: [&str; 2] = ["CNY", "EUR"];

/// What is told of an order.
#[derive(Debug, Clone)]
struct Told {
    order: u128,
    revision: i64,
    at: Timestamp,
    stage: i32,
    /// Units and nanos of one of the currencies.
    total: Option<(usize, i64, i32)>,
    /// It is told instead whether the order was late.
    late: Option<bool>,
}

/// Of few orders, in any order of revisions, at the turn of months.
fn told() -> impl Strategy<Value = Told> {
    let total = prop::option::of((0..CURRENCIES.len(), 0..1000_i64, 0..1_000_000_000_i32));
    let late = prop::option::weighted(0.4, any::<bool>());
    (1..20_u128, 1..9_i64, 0..96_i64, 1..=9_i32, total, late).prop_map(
        |(order, revision, hour, stage, total, late)| {
            let first = Timestamp::from_second(1_703_800_000).unwrap();
            Told {
                order,
                revision,
                at: first + jiff::SignedDuration::from_hours(hour),
                stage,
                total,
                late,
            }
        },
    )
}

/// Writes an entry as order-followup would.
async fn tell(sql: &mut PgConnection, told: &Told) {
    let total = told.total.map(|(currency, units, nanos)| Money {
        currency_code: CURRENCIES[currency].into(),
        units,
        nanos,
    });
    let order_id = Uuid::from_u128(told.order).as_bytes().to_vec();
    let at = Some(time::to_proto(told.at));
    let event = match told.late {
        None => event::Event::OrderChanged(OrderChanged {
            order_id,
            stage: told.stage,
            total,
            placed_at: at,
            revision: told.revision,
            ..Default::default()
        }),
        Some(late) => event::Event::OrderLateness(OrderLateness {
            order_id,
            late,
            promised_at: at.filter(|_| late),
            ..Default::default()
        }),
    };
    let event = Event { event: Some(event) };
    sqlx::query(
        "INSERT INTO orders.journal (recorded_at, purpose, request_id, kind, resource, type, event)
         VALUES ($1, 1, '', 1, 'orders/told', 'order.changed', $2)",
    )
    .bind(told.at.to_sqlx())
    .bind(event.encode_to_vec())
    .execute(sql)
    .await
    .unwrap();
}

/// Days that differ between what is kept and what the facts come to.
const DIFFERENT: &str = "
    SELECT count(*) FROM (
        SELECT generation, date_trunc('day', at, 'Asia/Shanghai') AS at, department_id, state, currency,
               count(*) AS orders, count(amount) AS priced, coalesce(sum(amount), 0) AS amount,
               count(*) FILTER (WHERE EXISTS (SELECT FROM analytics.fact late WHERE late.kind = 15
                   AND late.generation = f.generation AND late.id = f.id)) AS late
        FROM analytics.fact f WHERE kind = 4 GROUP BY 1, 2, 3, 4, 5) counted
    FULL JOIN (SELECT * FROM analytics.order_day WHERE orders <> 0) kept
        ON kept.generation = counted.generation AND kept.at = counted.at
       AND kept.department_id IS NOT DISTINCT FROM counted.department_id
       AND kept.state IS NOT DISTINCT FROM counted.state
       AND kept.currency IS NOT DISTINCT FROM counted.currency
    WHERE kept.orders IS DISTINCT FROM counted.orders OR kept.priced IS DISTINCT FROM counted.priced
       OR kept.amount IS DISTINCT FROM counted.amount OR kept.late IS DISTINCT FROM counted.late";

async fn number(sql: &mut PgConnection, statement: &'static str) -> i64 {
    let found = sqlx::query_scalar(statement).fetch_one(sql);
    found.await.unwrap()
}

/// Of an amount with nine decimals, or none.
fn nanos(amount: &str) -> i128 {
    let (units, nanos) = amount.split_once('.').unwrap_or((amount, "0"));
    format!("{units}{nanos:0<9}").parse().unwrap()
}

/// Clauses CC-1.4, IH-8.1.
#[tokio::test(flavor = "multi_thread")]
async fn days_of_orders_are_what_the_orders_come_to() {
    let suite = TestSuite::start().await;
    let leader = suite.caller_for("chen.guodong", "analysis");
    let mut sql = suite.database.connect().await.unwrap();
    let kept = "SELECT count(*) FROM analytics.generation WHERE days_zone = 'Asia/Shanghai'";
    eventually(async || (number(&mut sql, kept).await == 1).then_some(())).await;

    let mut runner = TestRunner::new(Config::default());
    let all = vec(told(), 300).new_tree(&mut runner).unwrap().current();
    let mut last = BTreeMap::new();
    let mut late = BTreeMap::new();
    for told in &all {
        tell(&mut sql, told).await;
        if let Some(said) = told.late {
            late.insert(told.order, said);
            continue;
        }
        let before = last.entry(told.order).or_insert(told);
        if told.revision >= before.revision {
            *before = told;
        }
    }
    let end = Told {
        order: 99,
        revision: 1,
        at: "2020-01-01T00:00:00Z".parse().unwrap(),
        stage: OrderStage::Cancelled.into(),
        total: None,
        late: None,
    };
    tell(&mut sql, &end).await;
    eventually(async || {
        let months = counts(&query(&leader, "orders", &[Dimension::Month]).await);
        months.contains_key("2020-01").then_some(())
    })
    .await;
    last.insert(end.order, &end);
    assert_eq!(number(&mut sql, DIFFERENT).await, 0);

    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    let month = |told: &Told| told.at.to_zoned(zone.clone()).strftime("%Y-%m").to_string();
    let mut orders = BTreeMap::<_, i64>::new();
    let mut sales = BTreeMap::<_, (i64, i128)>::new();
    for told in last.values() {
        *orders.entry(month(told)).or_default() += 1;
        if let Some((currency, units, nanos)) = told.total
            && told.stage != i32::from(OrderStage::Cancelled)
        {
            let sum = sales.entry(vec![month(told), CURRENCIES[currency].to_owned()]);
            let sum = sum.or_default();
            *sum = (
                sum.0 + 1,
                sum.1 + i128::from(units) * 1_000_000_000 + i128::from(nanos),
            );
        }
    }
    let found = query(&leader, "orders", &[Dimension::Month]).await;
    assert_eq!(counts(&found), orders);
    let mut lateness = BTreeMap::<_, (i64, i64)>::new();
    for told in last.values() {
        if told.stage != i32::from(OrderStage::Cancelled) {
            let of_month = lateness.entry(vec![month(told)]).or_default();
            let was_late = late.get(&told.order).is_some_and(|late| *late);
            *of_month = (of_month.0 + 1, of_month.1 + i64::from(was_late));
        }
    }
    let found = query(&leader, "order_lateness", &[Dimension::Month]).await;
    let found = found.rows.into_iter().map(|row| {
        let late: i64 = row.sum.unwrap().parse().unwrap();
        assert!((row.mean.unwrap() * row.count as f64 - late as f64).abs() < 1e-9);
        (row.dimensions, (row.count, late))
    });
    assert_eq!(found.collect::<BTreeMap<_, _>>(), lateness);
    let found = query(&leader, "sales", &[Dimension::Month, Dimension::Currency]).await;
    let found = found
        .rows
        .into_iter()
        .map(|row| (row.dimensions, (row.count, nanos(&row.sum.unwrap()))));
    assert_eq!(found.collect::<BTreeMap<_, _>>(), sales);

    // It is these that are asked, and in no other zone.
    let more = "UPDATE analytics.order_day SET orders = orders + 1000 WHERE at < '2021-01-01'";
    sqlx::query(more).execute(&mut sql).await.unwrap();
    let months = counts(&query(&leader, "orders", &[Dimension::Month]).await);
    assert_eq!(months["2020-01"], 1001);
    let elsewhere = QueryMetricRequest {
        metric: "orders".into(),
        group_by: vec![Dimension::Month.into()],
        time_zone: "UTC".into(),
        ..Default::default()
    };
    let mut metrics = MetricsServiceClient::new(leader.clone());
    let told = metrics.query_metric(elsewhere).await.unwrap().into_inner();
    assert_eq!(counts(&told)["2020-01"], 1);
}
