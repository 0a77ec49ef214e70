//! What few people of the company did is no aggregate.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kefu_contracts::analytics::{
    Dimension, ListFigureRecordsRequest, MetricRow, QueryMetricRequest, QueryMetricResponse,
    metrics_service_client::MetricsServiceClient,
};
use kefu_testkit::{Caller, TestSuite};
use sqlx::PgConnection;
use uuid::Uuid;

use super::planted::{CLOCK, INSPECTION, Planted, TICKET, coins, departments, give, plant};

const METRICS: [&str; 4] = [
    "tickets",
    "ticket_satisfaction",
    "next_response_time",
    "inspection_score",
];

/// Tickets, clocks and inspections of a department, each of another customer; `number` tells them from those of
/// other departments.
fn work(number: u128, department: Uuid) -> Vec<Planted> {
    let kinds = [TICKET, CLOCK, INSPECTION].into_iter().enumerate();
    let each = kinds.flat_map(|(at, kind)| (0..60).map(move |one| (at as u128 * 100 + one, kind)));
    each.map(|(one, kind)| {
        let id = number * 1000 + one;
        let day = i64::try_from(one % 20).unwrap() * 86_400;
        Planted {
            kind,
            id: Uuid::from_u128(id),
            part: 0,
            at: Timestamp::from_second(1_704_100_000 + day).unwrap(),
            customer: Some(Uuid::from_u128(1_000_000 + id)),
            department: Some(department),
            priority: 1,
            amount: 100,
            score: 3,
        }
    })
    .collect()
}

fn questions() -> Vec<QueryMetricRequest> {
    use Dimension::{Department, Month, Week};
    let groups: [&[Dimension]; 4] = [&[], &[Department], &[Department, Month], &[Week]];
    let asked = |metric: &str, by: &[Dimension], limit| QueryMetricRequest {
        metric: metric.into(),
        group_by: by.iter().map(|one| *one as i32).collect(),
        limit,
        ..QueryMetricRequest::default()
    };
    let all = METRICS.into_iter();
    let all = all.flat_map(|metric| groups.map(|by| asked(metric, by, 0)));
    all.chain([asked("tickets", &[Department], 1)]).collect()
}

/// What is answered, but for how long ago everything was read.
async fn ask(caller: &Caller, request: &QueryMetricRequest) -> QueryMetricResponse {
    let mut client = MetricsServiceClient::new(caller.clone());
    let answer = client.query_metric(request.clone()).await;
    let mut answer = answer.unwrap().into_inner();
    answer.freshness.clear();
    answer
}

async fn by_department(caller: &Caller, metric: &str) -> BTreeMap<String, MetricRow> {
    let request = QueryMetricRequest {
        metric: metric.into(),
        group_by: vec![Dimension::Department.into()],
        ..QueryMetricRequest::default()
    };
    let rows = ask(caller, &request).await.rows.into_iter();
    rows.map(|row| (row.dimensions[0].clone(), row)).collect()
}

/// People who are told apart by their bits.
async fn people(sql: &mut PgConnection) -> Vec<Uuid> {
    let ids = (1..200).map(Uuid::from_u128).collect();
    let coins = coins(sql, ids).await;
    let by_bit: BTreeMap<i64, Uuid> = coins.iter().map(|(id, coins)| (coins.bit, *id)).collect();
    by_bit.into_values().collect()
}

/// Clauses CF-6.1, OP-4.2: what a department of one does is how one person works, which is told to the line above
/// alone. Who gets aggregates only is answered as if it were not there, so that no total tells it either; where
/// such departments are enough people together, the total is of all, and none of them is told by itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_few_people_did_is_no_aggregate() {
    let suite = TestSuite::start().await;
    let leader = suite.caller_for("chen.guodong", "analysis");
    let trainer = suite.caller_for("he.xiaoyan", "training");
    let inspector = suite.caller_for("gao.yuan", "quality");
    let places = departments(&leader).await;
    let named = |code: &str| format!("departments/{}", places[code]);
    let mut sql = suite.database.connect().await.unwrap();
    let people = people(&mut sql).await;
    assert!(people.len() > 10);
    for (number, code, staff) in [
        (1, "complaints", &people[3..7]),
        (2, "call_centre", &people[7..10]),
    ] {
        let done = work(number, places[code]);
        plant(&mut sql, &done).await;
        give(&mut sql, &done, staff).await;
    }
    let mut before = Vec::new();
    for question in &questions() {
        before.push(ask(&trainer, question).await);
    }
    for metric in METRICS {
        let rows = by_department(&trainer, metric).await;
        assert!(rows.len() == 2 && rows.values().all(|row| !row.suppressed));
    }

    let alone = work(3, places["technical_support"]);
    plant(&mut sql, &alone).await;
    give(&mut sql, &alone, &people[..1]).await;
    for (question, before) in questions().iter().zip(&before) {
        assert_eq!(ask(&trainer, question).await, *before, "{question:?}");
    }
    let row = |code: &str| ListFigureRecordsRequest {
        query: Some(QueryMetricRequest {
            metric: "tickets".into(),
            group_by: vec![Dimension::Department.into()],
            ..QueryMetricRequest::default()
        }),
        dimensions: vec![named(code)],
        ..ListFigureRecordsRequest::default()
    };
    let mut client = MetricsServiceClient::new(inspector.clone());
    let hidden = client.list_figure_records(row("technical_support")).await;
    let hidden = hidden.unwrap().into_inner();
    assert_eq!((hidden.hidden_count, hidden.hidden_suppressed), (0, true));
    let hidden = client.list_figure_records(row("complaints")).await;
    let hidden = hidden.unwrap().into_inner();
    let told = by_department(&inspector, "tickets").await;
    assert_eq!(hidden.hidden_count, told[&named("complaints")].count);
    let exact = by_department(&leader, "tickets").await;
    assert_eq!(exact[&named("technical_support")].count, 60);

    // Nobody's work is nobody's.
    plant(&mut sql, &work(4, places["archive"])).await;
    let told = by_department(&trainer, "inspection_score").await;
    assert!(!told[&named("archive")].suppressed);

    let total = QueryMetricRequest {
        metric: "tickets".into(),
        ..QueryMetricRequest::default()
    };
    let without = ask(&trainer, &total).await.total.unwrap().count;
    let two = work(5, places["sales"]);
    plant(&mut sql, &two).await;
    give(&mut sql, &two, &people[1..3]).await;
    for metric in METRICS {
        let rows = by_department(&trainer, metric).await;
        for code in ["technical_support", "sales"] {
            assert!(rows[&named(code)].suppressed, "{metric} of {code}");
        }
    }
    let with = ask(&trainer, &total).await.total.unwrap().count;
    assert!(with > without + 60, "{with} {without}");
}
