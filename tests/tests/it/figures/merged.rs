//! Who has several files that were merged is one customer of the figures.

use std::collections::{BTreeMap, BTreeSet};

use kefu_contracts::{
    analytics::{
        Dimension, ListFigureRecordsRequest, MetricRow, QueryMetricRequest, RankCustomersRequest,
        metrics_service_client::MetricsServiceClient,
    },
    google::r#type::Date,
    journal::{Event, FileDestroyed, FilesMerged, event},
    order::CreateOrderRequest,
    profile::MergeState,
};
use kefu_testkit::{Caller, TestSuite, eventually};
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    planted::{ORDER, Planted, TICKET, coins, departments, plant},
    query,
    rebuilt::{begin, live},
};
use crate::{
    merges::{again, archived, asks, keeper, merge, undo},
    records::{get, order, orders, person},
};

const FILE: i16 = 9;
const A: u128 = 1;
const B: u128 = 2;
const C: u128 = 3;

fn bytes(file: u128) -> Vec<u8> {
    Uuid::from_u128(file).as_bytes().to_vec()
}

/// Writes an entry as customer-profile would.
async fn tell(sql: &mut PgConnection, told: event::Event) {
    let event = Event { event: Some(told) };
    sqlx::query(
        "INSERT INTO profile.journal (recorded_at, purpose, request_id, kind, resource, type, event)
         VALUES (now(), 1, '', 1, 'merges/told', 'merge.told', $1)",
    )
    .bind(event.encode_to_vec())
    .execute(sql)
    .await
    .unwrap();
}

async fn tell_merge(sql: &mut PgConnection, absorbed: u128, survivor: u128, state: MergeState) {
    let merged = FilesMerged {
        absorbed_id: bytes(absorbed),
        survivor_id: bytes(survivor),
        state: state.into(),
        ..FilesMerged::default()
    };
    tell(sql, event::Event::FilesMerged(merged)).await;
}

/// Departures that are known: of merged files, or of destroyed ones.
async fn departed(sql: &mut PgConnection, merged: bool, expected: i64) {
    let counted = "SELECT count(*) FROM analytics.fact WHERE kind = 11 AND merged = $1";
    eventually(async || {
        let found = sqlx::query_scalar::<_, i64>(counted).bind(merged);
        let found = found.fetch_one(&mut *sql).await.unwrap();
        (found == expected).then_some(())
    })
    .await;
}

fn of(kind: i16, id: u128, customer: u128, at: &str) -> Planted {
    Planted {
        kind,
        id: Uuid::from_u128(id),
        part: 0,
        at: at.parse().unwrap(),
        customer: Some(Uuid::from_u128(customer)),
        department: None,
        priority: 1,
        amount: 100,
        score: 3,
    }
}

/// What figures tell of customers who ordered in May and June.
#[derive(Debug, PartialEq)]
struct Told {
    /// Who ordered in May, and how many of them did not in June.
    churn: (i64, String),
    /// By cohort and age: how many there are, and how many of them ordered.
    cohorts: BTreeMap<String, (i64, String)>,
    buyers: i64,
    /// Customers and their orders, in order.
    ranked: Vec<(String, i64)>,
    /// Orders by region.
    regions: BTreeMap<String, i64>,
}

fn june() -> QueryMetricRequest {
    let day = |day| {
        Some(Date {
            year: 2023,
            month: 6,
            day,
        })
    };
    QueryMetricRequest {
        metric: "churn".into(),
        first_day: day(1),
        last_day: day(30),
        ..QueryMetricRequest::default()
    }
}

async fn ranked(leader: &Caller) -> Vec<(String, i64)> {
    let asked = QueryMetricRequest {
        metric: "orders".into(),
        group_by: vec![Dimension::Customer.into()],
        limit: 10,
        ..QueryMetricRequest::default()
    };
    let mut client = MetricsServiceClient::new(leader.clone());
    let ranked = client.rank_customers(RankCustomersRequest { query: Some(asked) });
    let ranked = ranked.await.unwrap().into_inner().customers.into_iter();
    ranked.map(|one| (one.customer, one.count)).collect()
}

async fn look(leader: &Caller) -> Told {
    let share = |row: MetricRow| (row.count, row.sum.unwrap_or_default());
    let mut client = MetricsServiceClient::new(leader.clone());
    let churn = client.query_metric(june()).await.unwrap().into_inner();
    let by = [Dimension::Cohort, Dimension::Age];
    let cohorts = query(leader, "cohort_retention", &by).await.rows;
    let regions = query(leader, "sales", &[Dimension::Region]).await.rows;
    Told {
        churn: share(churn.total.unwrap()),
        cohorts: cohorts
            .into_iter()
            .map(|row| (row.dimensions.join("/"), share(row)))
            .collect(),
        buyers: query(leader, "buyers", &[]).await.total.unwrap().count,
        ranked: ranked(leader).await,
        regions: regions
            .into_iter()
            .map(|row| (row.dimensions[0].clone(), row.count))
            .collect(),
    }
}

async fn until(leader: &Caller, expected: &Told) {
    eventually(async || (look(leader).await == *expected).then_some(())).await;
}

fn name(file: u128) -> String {
    format!("customers/{}", Uuid::from_u128(file))
}

fn cohorts(told: &[(&str, i64, i64)]) -> BTreeMap<String, (i64, String)> {
    let each = told.iter();
    each.map(|(cell, count, active)| ((*cell).to_owned(), (*count, active.to_string())))
        .collect()
}

/// One of them ordered in May, and another, who is from elsewhere, in June.
fn two() -> Told {
    Told {
        churn: (1, "1".into()),
        cohorts: cohorts(&[
            ("2023-05/0", 1, 1),
            ("2023-05/1", 1, 0),
            ("2023-06/0", 1, 1),
        ]),
        buyers: 2,
        ranked: vec![(name(A), 1), (name(B), 1)],
        regions: BTreeMap::from([("CN-GD".into(), 1), ("CN-SH".into(), 1)]),
    }
}

/// Somebody from there ordered in May and in June.
fn one(file: u128, region: &str) -> Told {
    Told {
        churn: (1, "0".into()),
        cohorts: cohorts(&[("2023-05/0", 1, 1), ("2023-05/1", 1, 1)]),
        buyers: 1,
        ranked: vec![(name(file), 2)],
        regions: BTreeMap::from([(region.to_owned(), 2)]),
    }
}

/// Clauses IH-2.2, CC-1.4, IH-8.1: who was merged is one customer, who is the last survivor of a chain, whichever
/// merge was told first and whether orders come before or after it; undone, they are two again; and destruction
/// parts nobody.
#[tokio::test(flavor = "multi_thread")]
async fn merged_files_are_one_customer_of_the_figures() {
    let suite = TestSuite::start().await;
    let leader = suite.caller_for("chen.guodong", "analysis");
    let mut sql = suite.database.connect().await.unwrap();
    let entered = "2023-01-10T04:00:00Z";
    let facts = [
        of(FILE, A, A, entered),
        of(FILE, B, B, entered),
        of(FILE, C, C, entered),
        of(ORDER, 11, A, "2023-05-10T04:00:00Z"),
        of(ORDER, 12, B, "2023-06-10T04:00:00Z"),
    ];
    plant(&mut sql, &facts).await;
    for (file, region) in [(A, "CN-GD"), (B, "CN-SH"), (C, "BR-SP")] {
        sqlx::query("UPDATE analytics.fact SET category = $1 WHERE kind = 9 AND id = $2")
            .bind(region)
            .bind(Uuid::from_u128(file))
            .execute(&mut sql)
            .await
            .unwrap();
    }
    until(&leader, &two()).await;
    let (standing, undone) = (MergeState::Standing, MergeState::Undone);
    tell_merge(&mut sql, A, B, standing).await;
    until(&leader, &one(B, "CN-SH")).await;
    tell_merge(&mut sql, B, C, standing).await;
    until(&leader, &one(C, "BR-SP")).await;
    let row = ListFigureRecordsRequest {
        query: Some(june()),
        ..ListFigureRecordsRequest::default()
    };
    let mut client = MetricsServiceClient::new(leader.clone());
    let opened = client.list_figure_records(row).await.unwrap().into_inner();
    let named: Vec<String> = opened.records.into_iter().map(|one| one.name).collect();
    assert_eq!(named, [name(C)]);
    tell_merge(&mut sql, B, C, undone).await;
    until(&leader, &one(B, "CN-SH")).await;
    tell_merge(&mut sql, A, B, undone).await;
    until(&leader, &two()).await;

    // The outer merge first, and an order of a file that is part of another already.
    tell_merge(&mut sql, B, C, standing).await;
    tell_merge(&mut sql, A, B, standing).await;
    until(&leader, &one(C, "BR-SP")).await;
    let late = of(ORDER, 13, A, "2023-06-20T04:00:00Z");
    plant(&mut sql, &[late]).await;
    let three = Told {
        ranked: vec![(name(C), 3)],
        regions: BTreeMap::from([("BR-SP".into(), 3)]),
        ..one(C, "BR-SP")
    };
    assert_eq!(look(&leader).await, three);
    for file in [A, B, C] {
        let gone = FileDestroyed {
            customer_id: bytes(file),
            ..FileDestroyed::default()
        };
        tell(&mut sql, event::Event::FileDestroyed(gone)).await;
    }
    departed(&mut sql, false, 3).await;
    let gone = look(&leader).await;
    assert_eq!((gone.ranked, gone.churn), (three.ranked, three.churn));
    assert_eq!((gone.cohorts, gone.buyers), (three.cohorts, three.buyers));
}

/// Clauses IH-2.2, CC-1.4, IH-8.1: customers are ranked as customer-profile has merged them, also when everything is
/// counted anew, and until that is undone.
#[tokio::test(flavor = "multi_thread")]
async fn customers_are_ranked_as_they_are_merged() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let survivor = archived(&suite, &erp, person()).await.name;
    let absorbed = archived(&suite, &erp, again()).await.name;
    for file in [&survivor, &absorbed] {
        // The files are known there once their journal was read.
        eventually(async || {
            let request = CreateOrderRequest {
                order: Some(order(file)),
                request_id: String::new(),
            };
            orders(&erp).create_order(request).await.ok()
        })
        .await;
    }
    let keeper = keeper(&suite, &erp);
    // What is rated anew meanwhile is another revision.
    let made = eventually(async || {
        let one = get(&keeper, &survivor).await.ok()?;
        let other = get(&keeper, &absorbed).await.ok()?;
        merge(&keeper, asks(&one, &other)).await.ok()
    })
    .await;
    let leader = suite.caller_for("chen.guodong", "analysis").after(&keeper);
    let both = vec![(survivor.clone(), 2)];
    assert_eq!(ranked(&leader).await, both);
    let admin = suite.caller_for("han.bing", "administration");
    let begun = begin(&admin, "").await;
    live(&admin, &begun.name).await;
    assert_eq!(ranked(&leader.after(&admin)).await, both);

    undo(&keeper, &made).await.unwrap();
    let each: BTreeSet<_> = ranked(&leader.after(&keeper)).await.into_iter().collect();
    assert_eq!(each, BTreeSet::from([(survivor, 1), (absorbed, 1)]));
}

/// Clauses CF-6.1, IH-2.2: who gets aggregates only is told of rows of enough customers, each of whom is one however
/// many files they had; and no coin is tossed anew for what was merged.
#[tokio::test(flavor = "multi_thread")]
async fn several_files_of_one_customer_are_not_several_customers() {
    let suite = TestSuite::start().await;
    let marketing = suite.caller_for("zheng.xue", "marketing");
    let support = departments(&marketing).await["technical_support"];
    let mut sql = suite.database.connect().await.unwrap();
    let fall = coins(&mut sql, (1..400).map(Uuid::from_u128).collect()).await;
    // Six who are there and are told apart.
    let mut bits = BTreeSet::new();
    let there = fall.iter().filter(|(_, coins)| coins.of_customer == 1);
    let customers: Vec<u128> = there
        .filter(|(_, coins)| bits.insert(coins.bit))
        .map(|(id, _)| id.as_u128())
        .take(6)
        .collect();
    assert_eq!(customers.len(), 6);
    let at = "2023-05-10T04:00:00Z";
    let facts = customers.iter().zip(1000..).map(|(customer, id)| Planted {
        department: Some(support),
        ..of(TICKET, id, *customer, at)
    });
    plant(&mut sql, &facts.collect::<Vec<_>>()).await;
    let total = async || query(&marketing, "tickets", &[]).await.total.unwrap();
    let six = total().await;
    assert!(!six.suppressed && six.count >= 5, "{six:?}");

    let standing = MergeState::Standing;
    tell_merge(&mut sql, customers[0], customers[1], standing).await;
    departed(&mut sql, true, 1).await;
    assert_eq!(total().await, six, "five are enough, of as many tickets");
    tell_merge(&mut sql, customers[2], customers[1], standing).await;
    departed(&mut sql, true, 2).await;
    assert!(total().await.suppressed);
    tell_merge(&mut sql, customers[2], customers[1], MergeState::Undone).await;
    departed(&mut sql, true, 1).await;
    assert_eq!(total().await, six);
}
