//! Who buys, who stays, and who may see which customer buys how much.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil, tz::TimeZone};
use kefu_contracts::{
    analytics::{
        Dimension, QueryMetricRequest, RankBy, RankCustomersRequest,
        metrics_service_client::MetricsServiceClient,
    },
    google::r#type::Date,
};
use kefu_service::{clock::Clock, time};
use kefu_testkit::{Caller, TestSuite};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::records::{enter, order, person, place, refusal};

fn ranking(metric: &str, limit: i32) -> RankCustomersRequest {
    let query = QueryMetricRequest {
        metric: metric.into(),
        group_by: vec![Dimension::Customer.into(), Dimension::Currency.into()],
        limit,
        rank_by: RankBy::Sum.into(),
        ..Default::default()
    };
    RankCustomersRequest { query: Some(query) }
}

/// Clauses IH-8.1, CF-6.1: customers are ranked by what they bought, the rest together; a head ranks
/// the department's, marketing nobody, and each customer that is named is journaled.
#[tokio::test(flavor = "multi_thread")]
async fn customers_are_ranked_by_what_they_buy() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let mut names = Vec::new();
    for count in [1, 3, 2] {
        let customer = enter(&erp, person()).await.name;
        for _ in 0..count {
            let mut bought = order(&customer);
            bought.placed_time = Some(time::to_proto(suite.clock.now()));
            place(&erp, bought).await;
        }
        names.push(customer);
    }
    let leader = suite.caller_for("chen.guodong", "analysis").after(&erp);
    let rank = async |caller: &Caller, limit| {
        let mut client = MetricsServiceClient::new(caller.clone());
        let ranked = client.rank_customers(ranking("sales", limit)).await;
        ranked.map(tonic::Response::into_inner)
    };
    let ranked = rank(&leader, 2).await.unwrap();
    let found: Vec<_> = ranked
        .customers
        .iter()
        .map(|one| (one.customer.clone(), one.count, one.sum.clone().unwrap()))
        .collect();
    let sum = |sum: &str| sum.parse::<f64>().unwrap();
    assert_eq!((&found[0].0, found[0].1), (&names[1], 3));
    assert_eq!((&found[1].0, found[1].1), (&names[2], 2));
    assert!((sum(&found[0].2) - 7797.0).abs() < 1e-6, "{found:?}");
    assert_eq!(ranked.customers[0].dimensions, ["CNY"]);
    assert_eq!(ranked.customers[0].mean, Some(2599.0));
    let rest = ranked.rest.unwrap();
    assert_eq!((rest.count, rest.rest), (1, true));
    assert_eq!(ranked.total.unwrap().count, 6);

    let mut sql = suite.database.connect().await.unwrap();
    let seen: Vec<String> = sqlx::query_scalar(
        "SELECT resource FROM analytics.journal WHERE kind = 2 AND customer_id IS NOT NULL ORDER BY position",
    )
    .fetch_all(&mut sql)
    .await
    .unwrap();
    let seen: BTreeSet<String> = seen.into_iter().collect();
    assert_eq!(seen, BTreeSet::from([names[1].clone(), names[2].clone()]));

    let elsewhere = suite.caller_for("zhao.lei", "analysis").after(&erp);
    let none = rank(&elsewhere, 5).await.unwrap();
    assert_eq!((none.customers.len(), none.total.unwrap().count), (0, 0));
    for login in ["zheng.xue", "tang.wei", "li.wei"] {
        let caller = suite.caller_for(login, "analysis");
        let refused = rank(&caller, 5).await.unwrap_err();
        assert_eq!(refusal(&refused).1, "PERMISSION_MISSING", "{login}");
    }
    let endless = rank(&leader, 0).await.unwrap_err();
    assert_eq!(refusal(&endless).1, "INVALID_FIELDS");
}

/// A bought something then.
type Bought = (u128, i64, i64);

async fn insert(sql: &mut PgConnection, number: u128, (customer, at, amount): Bought) {
    use jiff_sqlx::ToSqlx;
    let at = Timestamp::from_second(at).unwrap();
    let month = at.to_zoned(TimeZone::UTC).date();
    sqlx::query(
        "SELECT analytics.make_partition((SELECT number FROM analytics.generation WHERE state = 2), 4::int2, $1)",
    )
    .bind(month.to_sqlx())
    .execute(&mut *sql)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO analytics.fact (generation, kind, at, id, part, customer_id, state, amount, currency, merged)
         SELECT number, 4, $1, $2, 0, $3, 1, $4::int8, 'CNY', false FROM analytics.generation WHERE state = 2",
    )
    .bind(at.to_sqlx())
    .bind(Uuid::from_u128(number))
    .bind(Uuid::from_u128(customer))
    .bind(amount)
    .execute(sql)
    .await
    .unwrap();
}

fn day(day: civil::Date) -> Option<Date> {
    Some(Date {
        year: day.year().into(),
        month: day.month().into(),
        day: day.day().into(),
    })
}

/// Clauses CC-1.4, IH-8.1: who is lost, who comes back in which month, and who buys how much, is what
/// going through every customer gives.
#[tokio::test(flavor = "multi_thread")]
async fn who_stays_is_what_going_through_each_customer_gives() {
    let suite = TestSuite::start().await;
    let leader = suite.caller_for("chen.guodong", "analysis");
    let mut sql = suite.database.connect().await.unwrap();
    let mut runner = TestRunner::new(Config::default());
    // Some four months around the end of a year.
    let drawn = (1_u128..25, 1_699_000_000_i64..1_710_000_000, 1_i64..1000);
    let orders = vec(drawn, 90).new_tree(&mut runner).unwrap().current();
    for (number, bought) in orders.iter().enumerate() {
        insert(&mut sql, 1000 + number as u128, *bought).await;
    }
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    let on = |at: i64| {
        Timestamp::from_second(at)
            .unwrap()
            .to_zoned(zone.clone())
            .date()
    };
    let ask = async |metric: &str, first, last, by: &[Dimension]| {
        let request = QueryMetricRequest {
            metric: metric.into(),
            first_day: first,
            last_day: last,
            group_by: by.iter().map(|one| *one as i32).collect(),
            ..Default::default()
        };
        let mut client = MetricsServiceClient::new(leader.clone());
        client.query_metric(request).await.unwrap().into_inner()
    };
    for first in [
        civil::date(2023, 12, 1),
        civil::date(2024, 1, 1),
        civil::date(2024, 2, 1),
    ] {
        let (last, begun) = (
            first.last_of_month(),
            first.yesterday().unwrap().first_of_month(),
        );
        let within = |from: civil::Date, until: civil::Date| -> BTreeSet<u128> {
            let of = orders
                .iter()
                .filter(|(_, at, _)| from <= on(*at) && on(*at) <= until);
            of.map(|(customer, ..)| *customer).collect()
        };
        let (before, now) = (
            within(begun, first.yesterday().unwrap()),
            within(first, last),
        );
        let lost = before.difference(&now).count();
        let total = ask("churn", day(first), day(last), &[])
            .await
            .total
            .unwrap();
        assert_eq!(total.count, before.len() as i64, "{first}");
        assert_eq!(total.sum.unwrap_or("0".into()), lost.to_string(), "{first}");
    }

    let month = |at: i64| i32::from(on(at).year()) * 12 + i32::from(on(at).month());
    let end = orders.iter().map(|(_, at, _)| month(*at)).max().unwrap();
    let mut expected: BTreeMap<(String, i32), (i64, i64)> = BTreeMap::new();
    for customer in 1..25 {
        let months = orders.iter().filter(|one| one.0 == customer);
        let months: BTreeSet<i32> = months.map(|(_, at, _)| month(*at)).collect();
        let Some(first) = months.first() else {
            continue;
        };
        let cohort = format!("{:04}-{:02}", (first - 1) / 12, (first - 1) % 12 + 1);
        for age in 0..=end - first {
            let cell = expected.entry((cohort.clone(), age)).or_default();
            cell.0 += 1;
            cell.1 += i64::from(months.contains(&(first + age)));
        }
    }
    let cohorts = ask(
        "cohort_retention",
        None,
        None,
        &[Dimension::Cohort, Dimension::Age],
    )
    .await;
    let found: BTreeMap<_, _> = cohorts
        .rows
        .into_iter()
        .map(|row| {
            let key = (
                row.dimensions[0].clone(),
                row.dimensions[1].parse::<i32>().unwrap(),
            );
            (key, (row.count, row.sum.unwrap().parse::<i64>().unwrap()))
        })
        .collect();
    assert_eq!(found, expected);

    // Fifths of value: by rank, as even as can be, the first ones larger.
    let mut spent: BTreeMap<u128, i64> = BTreeMap::new();
    for (customer, _, amount) in &orders {
        *spent.entry(*customer).or_default() += amount;
    }
    let mut ranked: Vec<(i64, u128)> = spent
        .iter()
        .map(|(customer, sum)| (*sum, *customer))
        .collect();
    ranked.sort_unstable();
    let mut fifths: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    let (even, larger) = (ranked.len() / 5, ranked.len() % 5);
    let mut at = 0;
    for fifth in 0..5 {
        let size = even + usize::from(fifth < larger);
        let sum = ranked[at..at + size].iter().map(|(sum, _)| sum).sum();
        fifths.insert((fifth + 1).to_string(), (size as i64, sum));
        at += size;
    }
    let buyers = ask("buyers", None, None, &[Dimension::Monetary]).await;
    let found: BTreeMap<String, (i64, i64)> = buyers
        .rows
        .iter()
        .map(|row| {
            let sum: i64 = row.sum.clone().unwrap().parse().unwrap();
            (row.dimensions[0].clone(), (row.count, sum))
        })
        .collect();
    assert_eq!(found, fifths);
}
