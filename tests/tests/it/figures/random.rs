//! Figures over random facts are what counting them one by one gives.

mod counted;
mod drawn;
mod one_by_one;
mod opened;

use std::time::Duration;

use jiff::{ToSpan, civil::Date};
use kefu_contracts::{
    access::{ListDepartmentsRequest, organisation_service_client::OrganisationServiceClient},
    analytics::{
        Dimension, Measure, MeasureStaffRequest, QueryMetricRequest, QueryMetricResponse, RankBy,
        metrics_service_client::MetricsServiceClient,
    },
    google::r#type::Date as ProtoDate,
};
use kefu_testkit::{Caller, TestSuite, eventually};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use self::{
    counted::{METRICS, Metric},
    drawn::{Fact, fact, insert},
    one_by_one::{alike, expected, members},
    opened::open_one,
};

/// What a query asks.
#[derive(Debug, Clone)]
struct Ask {
    metric: usize,
    first: Date,
    length: i32,
    zone: &'static str,
    by: Vec<usize>,
    limit: i32,
    rank: i32,
    all: bool,
    fill: bool,
    compare: bool,
}

fn ask() -> impl Strategy<Value = Ask> {
    let zones = vec![
        "Asia/Shanghai",
        "Europe/Berlin",
        "America/New_York",
        "Pacific/Apia",
        "UTC",
    ];
    let question = (
        0..METRICS.len(),
        0..90_i32,
        0..70_i32,
        prop::sample::select(zones),
        vec(0..24_usize, 0..3),
    );
    let form = (
        0..4_i32,
        0..3_i32,
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    (question, form).prop_map(|((metric, first, length, zone, by), form)| {
        let (limit, rank, all, fill, compare) = form;
        Ask {
            metric,
            first: jiff::civil::date(2023, 12, 20) + first.days(),
            length,
            zone,
            by,
            limit,
            rank,
            all,
            fill,
            compare,
        }
    })
}

/// The question in words that are allowed together.
fn request(ask: &Ask, metric: &Metric) -> QueryMetricRequest {
    let mut by: Vec<Dimension> = Vec::new();
    for one in &ask.by {
        let dimension = metric.dimensions[one % metric.dimensions.len()];
        let twice =
            by.contains(&dimension) || is_time(dimension) && by.iter().any(|one| is_time(*one));
        // Where customers are from is exact for who sees all of them.
        let twice = twice || dimension == Dimension::Region && !ask.all;
        if !twice {
            by.push(dimension);
        }
    }
    let timed = by.iter().any(|one| is_time(*one));
    let limit = if timed || by.is_empty() { 0 } else { ask.limit };
    let rank = match (limit, RankBy::try_from(ask.rank).unwrap(), metric.measure) {
        (0, ..) => RankBy::Unspecified,
        (_, RankBy::Sum, Measure::Rate | Measure::Sum) => RankBy::Sum,
        (_, RankBy::Mean, measure) if measure != Measure::Count => RankBy::Mean,
        _ => RankBy::Unspecified,
    };
    let day = |day: Date| ProtoDate {
        year: day.year().into(),
        month: day.month().into(),
        day: day.day().into(),
    };
    QueryMetricRequest {
        metric: metric.id.into(),
        first_day: Some(day(ask.first)),
        last_day: Some(day(ask.first + ask.length.days())),
        time_zone: ask.zone.into(),
        group_by: by.iter().map(|one| *one as i32).collect(),
        fill_gaps: ask.fill && timed,
        compare: ask.compare,
        limit,
        rank_by: rank.into(),
        calendar: String::new(),
    }
}

fn is_time(dimension: Dimension) -> bool {
    matches!(
        dimension,
        Dimension::Day | Dimension::Week | Dimension::Month
    )
}

async fn send(caller: &Caller, request: &QueryMetricRequest) -> QueryMetricResponse {
    let query = Some(request.clone());
    let answer = MetricsServiceClient::new(caller.clone())
        .measure_staff(MeasureStaffRequest { query })
        .await;
    answer.unwrap().into_inner().figure.unwrap()
}

/// Has the days of these orders told together, which their own entries would have.
async fn keep_days(suite: &TestSuite, sql: &mut PgConnection) {
    let none = "UPDATE analytics.generation SET days_zone = NULL";
    sqlx::query(none).execute(&mut *sql).await.unwrap();
    suite.clock.advance(Duration::from_secs(10));
    let kept = "SELECT days_zone IS NOT NULL FROM analytics.generation";
    eventually(async || {
        let kept = sqlx::query_scalar(kept).fetch_one(&mut *sql).await;
        kept.unwrap_or(false).then_some(())
    })
    .await;
}

/// Clauses CC-1.4, OP-4.2, IH-8.1, SG-7: whatever is asked, within whatever scope, is what counting the
/// records of the population one by one gives: rows, gaps, the largest and the rest, the total, the
/// period before; and any of the rows opens into as many.
#[tokio::test(flavor = "multi_thread")]
async fn figures_are_what_counting_one_by_one_gives() {
    // The clock is turned for the days of orders, and not for the policy.
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = 100_000).await;
    let leader = suite.caller_for("chen.guodong", "analysis");
    let head = suite.caller_for("zhao.lei", "analysis");
    let departments = OrganisationServiceClient::new(leader.clone())
        .list_departments(ListDepartmentsRequest {})
        .await
        .unwrap()
        .into_inner()
        .departments;
    let of = |code: &str| {
        let found = departments.iter().find(|one| one.code == code).unwrap();
        Uuid::parse_str(found.name.strip_prefix("departments/").unwrap()).unwrap()
    };
    let support = of("technical_support");
    let places = vec![support, of("complaints"), of("call_centre"), of("sales")];
    let mut runner = TestRunner::new(Config::default());
    let drawn = vec(fact(places), 400)
        .new_tree(&mut runner)
        .unwrap()
        .current();
    let mut facts = Vec::new();
    for (number, mut fact) in drawn.into_iter().enumerate() {
        // Lateness is of an order, once, and so has its id.
        fact.id = match fact.kind {
            15 => fact.subject.unwrap(),
            // A customer's is theirs.
            9 => fact.customer.unwrap_or(Uuid::from_u128(1)),
            _ => Uuid::from_u128(100 + number as u128),
        };
        let twice =
            |one: &Fact| matches!(fact.kind, 9 | 15) && (one.kind, one.id) == (fact.kind, fact.id);
        if facts.iter().any(twice) {
            continue;
        }
        fact.part = number as i32;
        facts.push(fact);
    }
    let mut sql = suite.database.connect().await.unwrap();
    for fact in &facts {
        insert(&mut sql, fact).await;
    }
    let count = sqlx::query("SELECT count(*) FROM analytics.fact");
    let count: i64 = count.fetch_one(&mut sql).await.unwrap().get(0);
    assert!(count >= facts.len() as i64 && facts.len() > 250);
    keep_days(&suite, &mut sql).await;
    for _ in 0..300 {
        let ask = ask().new_tree(&mut runner).unwrap().current();
        let metric = &METRICS[ask.metric];
        let request = request(&ask, metric);
        let (caller, scope) = if ask.all {
            (&leader, None)
        } else {
            (&head, Some(support))
        };
        let answer = send(caller, &request).await;
        let days = (ask.first, ask.first + ask.length.days());
        let counted = members(&facts, metric, &request, days, scope);
        let (rows, total) = expected(metric, &request, &counted, days);
        let same = answer.rows.len() == rows.len()
            && answer
                .rows
                .iter()
                .zip(&rows)
                .all(|(found, expected)| alike(found, expected))
            && alike(answer.total.as_ref().unwrap(), &total);
        assert!(
            same,
            "{request:?}\n{:?}\n{:?}\nexpected\n{rows:?}\n{total:?}",
            answer.rows, answer.total
        );
        open_one(caller, &request, &answer.rows, ask.length as usize).await;
        let Some(before) = answer.before else {
            assert!(!ask.compare);
            continue;
        };
        let of = |day: Option<ProtoDate>| {
            let day = day.unwrap();
            jiff::civil::date(day.year as i16, day.month as i8, day.day as i8)
        };
        let days = (of(before.first_day), of(before.last_day));
        assert_eq!(days.1.tomorrow().unwrap(), ask.first);
        let counted = members(&facts, metric, &request, days, scope);
        let (rows, total) = expected(metric, &request, &counted, days);
        let same = before.rows.len() == rows.len()
            && before
                .rows
                .iter()
                .zip(&rows)
                .all(|(found, expected)| alike(found, expected))
            && alike(before.total.as_ref().unwrap(), &total);
        assert!(
            same,
            "before: {request:?}\n{:?}\nexpected\n{rows:?}",
            before.rows
        );
    }
}
