//! Who gets aggregates only is told of perturbed data, from which nothing small can be told.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use kefu_contracts::{
    analytics::{
        Dimension, ListFigureRecordsRequest, ListFigureRecordsResponse, MetricRow,
        QueryMetricRequest, QueryMetricResponse, RankBy,
        metrics_service_client::MetricsServiceClient,
    },
    google::r#type::Date as ProtoDate,
};
use kefu_testkit::{Caller, TestSuite};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::planted::{Coins, ORDER, Planted, TICKET, coins, departments, plant};
use crate::{
    calendars::create,
    records::{refusal, violations},
};

/// Fewest of what is told, as the company has it when it says nothing.
const FEWEST: i64 = 5;

fn drawn(places: Vec<Uuid>, customers: u128) -> impl Strategy<Value = Planted> {
    let of = (
        prop::sample::select(vec![TICKET, ORDER]),
        any::<u128>(),
        // Some five weeks.
        1_704_067_200_i64..1_707_000_000,
        1..=customers,
        prop::sample::select(places),
    );
    let worth = (1_i16..5, 1_i64..100_000, 1_i16..6);
    (of, worth).prop_map(
        |((kind, id, at, customer, department), (priority, amount, score))| Planted {
            kind,
            id: Uuid::from_u128(id),
            part: 0,
            at: Timestamp::from_second(at).unwrap(),
            customer: Some(Uuid::from_u128(customer)),
            department: Some(department),
            priority,
            amount,
            score,
        },
    )
}

fn draw<S: Strategy>(runner: &mut TestRunner, strategy: &S) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}

/// A question of those that can be asked together.
fn question() -> impl Strategy<Value = QueryMetricRequest> {
    const METRICS: [&str; 6] = [
        "tickets",
        "ticket_satisfaction",
        "resolution_rate",
        "orders",
        "sales",
        "order_lateness",
    ];
    let zones = vec![
        "Asia/Shanghai",
        "Europe/Berlin",
        "Pacific/Kiritimati",
        "UTC",
    ];
    let what = (
        prop::sample::select(METRICS.to_vec()),
        prop::option::of((0..35_i32, 0..35_i32)),
        prop::sample::select(zones),
        prop::sample::subsequence(vec![0_usize, 1, 2, 3], 0..=3),
        0..3_usize,
    );
    (what, any::<(bool, bool, bool)>(), 0..4_i32).prop_map(
        |((metric, days, zone, by, unit), (fill, compare, ranked), limit)| {
            let of_orders = ["orders", "sales", "order_lateness"].contains(&metric);
            let time = [Dimension::Day, Dimension::Week, Dimension::Month][unit];
            let other = if of_orders {
                Dimension::Currency
            } else {
                Dimension::Priority
            };
            let by: Vec<Dimension> = by
                .into_iter()
                .map(|one| [Dimension::Department, other, time, Dimension::Status][one])
                .collect();
            let timed = by.contains(&time);
            let begin = jiff::civil::date(2024, 1, 1);
            let days = days.map(|(first, length)| {
                let first = begin + first.days();
                (first, first + length.days())
            });
            let limit = if timed || by.is_empty() { 0 } else { limit };
            let by_mean = ranked && limit > 0 && !["tickets", "orders"].contains(&metric);
            QueryMetricRequest {
                metric: metric.into(),
                first_day: days.map(|(first, _)| proto(first)),
                last_day: days.map(|(_, last)| proto(last)),
                time_zone: zone.into(),
                group_by: by.iter().map(|one| *one as i32).collect(),
                fill_gaps: fill && timed && days.is_some(),
                compare: compare && days.is_some(),
                limit,
                rank_by: if by_mean {
                    RankBy::Mean.into()
                } else {
                    RankBy::Unspecified.into()
                },
                calendar: String::new(),
            }
        },
    )
}

/// Questions of customers by what they ordered.
fn of_customers() -> Vec<QueryMetricRequest> {
    use Dimension::{Age, Cohort, Currency, Department, Frequency, Monetary, Recency};
    let groups: [(&str, &[Dimension]); 8] = [
        ("buyers", &[]),
        ("buyers", &[Recency]),
        ("buyers", &[Frequency, Monetary]),
        ("buyers", &[Currency]),
        ("cohort_retention", &[]),
        ("cohort_retention", &[Cohort, Age]),
        ("churn", &[]),
        ("churn", &[Department]),
    ];
    let all = groups.into_iter().map(|(metric, by)| QueryMetricRequest {
        metric: metric.into(),
        first_day: (metric == "churn").then(|| proto(jiff::civil::date(2024, 2, 1))),
        last_day: (metric == "churn").then(|| proto(jiff::civil::date(2024, 2, 29))),
        group_by: by.iter().map(|one| *one as i32).collect(),
        ..Default::default()
    });
    all.collect()
}

/// Rows of such figures, to be opened: every fifth, and the months of a cohort.
fn rows_of_customers() -> Vec<ListFigureRecordsRequest> {
    use Dimension::{Age, Cohort, Frequency, Monetary, Recency};
    let row = |metric: &str, by: &[Dimension], dimensions: &[&str]| ListFigureRecordsRequest {
        query: Some(QueryMetricRequest {
            metric: metric.into(),
            group_by: by.iter().map(|one| *one as i32).collect(),
            ..Default::default()
        }),
        dimensions: dimensions.iter().map(|one| (*one).to_owned()).collect(),
        ..Default::default()
    };
    let fifths = ["1", "2", "3", "4", "5"].into_iter();
    let fifths = fifths.flat_map(|fifth| {
        [Recency, Frequency, Monetary].map(|dimension| row("buyers", &[dimension], &[fifth]))
    });
    let months = ["0", "1"].map(|age| row("cohort_retention", &[Cohort, Age], &["2024-01", age]));
    fifths.chain(months).collect()
}

async fn open(caller: &Caller, row: &ListFigureRecordsRequest) -> ListFigureRecordsResponse {
    let mut client = MetricsServiceClient::new(caller.clone());
    let opened = client.list_figure_records(row.clone()).await;
    opened.unwrap().into_inner()
}

fn proto(day: Date) -> ProtoDate {
    ProtoDate {
        year: day.year().into(),
        month: day.month().into(),
        day: day.day().into(),
    }
}

/// What is answered, but for how long ago everything was read.
async fn ask(caller: &Caller, request: &QueryMetricRequest) -> QueryMetricResponse {
    let answer = MetricsServiceClient::new(caller.clone())
        .query_metric(request.clone())
        .await;
    let mut answer = answer.unwrap().into_inner();
    for source in &mut answer.freshness {
        (source.caught_up_time, source.lag_seconds) = (None, None);
    }
    answer
}

async fn tossed(sql: &mut PgConnection, facts: &[Planted]) -> BTreeMap<Uuid, Coins> {
    let ids = facts.iter().flat_map(|fact| [Some(fact.id), fact.customer]);
    coins(sql, ids.flatten().collect()).await
}

/// How many of its coins show a head.
fn heads(fall: &BTreeMap<Uuid, Coins>, fact: &Planted) -> i64 {
    fall[&fact.customer.unwrap()].of_customer + fall[&fact.id].of_record
}

fn rows(answer: &QueryMetricResponse) -> impl Iterator<Item = &MetricRow> {
    let before = answer.before.iter();
    let before = before.flat_map(|before| before.rows.iter().chain(&before.total));
    answer.rows.iter().chain(&answer.total).chain(before)
}

/// A row says nothing, or something of enough records.
fn check(row: &MetricRow) {
    let nothing = MetricRow {
        dimensions: row.dimensions.clone(),
        rest: row.rest,
        suppressed: true,
        ..MetricRow::default()
    };
    match row.suppressed {
        true => assert_eq!(*row, nothing),
        false => assert!(row.count >= FEWEST && row.count % FEWEST == 0, "{row:?}"),
    }
}

/// Clause CF-6.1: records that come or go where there are few of them may leave every answer as it
/// was: whatever is asked and subtracted, how many there are cannot be told. Who may see them is told
/// of each.
#[tokio::test(flavor = "multi_thread")]
async fn no_set_of_questions_tells_a_small_count() {
    let suite = TestSuite::start().await;
    let marketing = suite.caller_for("zheng.xue", "marketing");
    let inspector = suite.caller_for("gao.yuan", "quality");
    let leader = suite.caller_for("chen.guodong", "analysis");
    let departments = departments(&leader).await;
    let places = ["technical_support", "complaints", "call_centre"];
    let places: Vec<Uuid> = places.iter().map(|code| departments[*code]).collect();
    let mut sql = suite.database.connect().await.unwrap();
    let mut runner = TestRunner::new(Config::default());
    let facts = draw(&mut runner, &vec(drawn(places.clone(), 60), 300));
    let later = draw(&mut runner, &vec(drawn(places, 60), 200));
    plant(&mut sql, &facts).await;
    let newcomers: Vec<Uuid> = (1000..1040).map(Uuid::from_u128).collect();
    let newcomers = coins(&mut sql, newcomers).await;
    let mut newcomers = newcomers
        .iter()
        .filter(|(_, coins)| coins.of_customer + coins.of_record == 0)
        .cycle();
    // Figures of customers toss for customers.
    let mut unseen = later;
    for fact in unseen.iter_mut().filter(|fact| fact.kind == ORDER) {
        fact.customer = newcomers.next().map(|(customer, _)| *customer);
        assert!(fact.customer.is_some());
    }
    let fall = tossed(&mut sql, &unseen).await;
    unseen.retain(|fact| heads(&fall, fact) == 0);
    assert!(unseen.len() > 20, "one in four shows no head");

    let mut questions = draw(&mut runner, &vec(question(), 200));
    questions.extend(of_customers());
    let mut before = Vec::new();
    for question in &questions {
        before.push(ask(&marketing, question).await);
    }
    let rows_of_customers = rows_of_customers();
    let mut opened = Vec::new();
    for row in &rows_of_customers {
        opened.push(open(&inspector, row).await);
    }
    assert!(opened.iter().any(|row| row.hidden_count > 0));
    let everything = QueryMetricRequest {
        metric: "tickets".into(),
        ..Default::default()
    };
    let exact = ask(&leader, &everything).await.total.unwrap().count;
    plant(&mut sql, &unseen).await;
    for (question, before) in questions.iter().zip(&before) {
        let after = ask(&marketing, question).await;
        assert_eq!(after, *before, "{question:?}");
        rows(&after).for_each(check);
        assert!(after.approximation.is_some());
        assert!(after.freshness.iter().all(|source| source.position == 0));
    }
    for (row, before) in rows_of_customers.iter().zip(&opened) {
        assert_eq!(open(&inspector, row).await, *before, "{row:?}");
    }
    let more = unseen.iter().filter(|fact| fact.kind == TICKET).count();
    let now = ask(&leader, &everything).await;
    assert_eq!(now.total.unwrap().count, exact + more as i64);
    assert!(now.approximation.is_none());

    // And they came to where there were few: groups of every size below what is told.
    let cell = |fact: &Planted| {
        let day = fact.at.to_zoned(TimeZone::UTC).date();
        (fact.kind, fact.department, fact.priority, day)
    };
    let mut sizes: BTreeMap<_, i64> = BTreeMap::new();
    for fact in &facts {
        *sizes.entry(cell(fact)).or_default() += 1;
    }
    let changed: BTreeSet<i64> = unseen
        .iter()
        .map(|fact| sizes.get(&cell(fact)).copied().unwrap_or(0))
        .collect();
    assert!(
        changed.iter().any(|size| (1..FEWEST).contains(size)),
        "{changed:?}"
    );
}

/// Clause CF-6.1: what is told is what counting the heads one by one gives, rounded, and nothing
/// where there are few records or customers.
#[tokio::test(flavor = "multi_thread")]
async fn perturbed_counts_are_those_of_heads() {
    let suite = TestSuite::start().await;
    let marketing = suite.caller_for("zheng.xue", "marketing");
    let departments = departments(&marketing).await;
    let places: Vec<Uuid> = departments.values().copied().take(3).collect();
    let mut sql = suite.database.connect().await.unwrap();
    let mut runner = TestRunner::new(Config::default());
    let mut facts = draw(&mut runner, &vec(drawn(places.clone(), 7), 300));
    facts.extend(draw(&mut runner, &vec(drawn(places, 80), 300)));
    // One customer has all that is urgent.
    for fact in facts.iter_mut().filter(|fact| fact.priority == 4) {
        fact.customer = Some(Uuid::from_u128(1));
    }
    plant(&mut sql, &facts).await;
    let fall = tossed(&mut sql, &facts).await;
    let of_records = facts.iter().filter(|fact| fall[&fact.id].of_record == 1);
    let of_records = of_records.count();
    assert!(of_records.abs_diff(300) < 80, "{of_records} heads of 600");
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    let priorities = ["", "low", "moderate", "high", "critical"];
    let mut seen = BTreeSet::new();
    for by in [
        vec![],
        vec![Dimension::Priority],
        vec![Dimension::Department],
        vec![Dimension::Priority, Dimension::Department],
        vec![Dimension::Day],
        vec![Dimension::Week, Dimension::Priority],
    ] {
        let mut groups: BTreeMap<Vec<String>, BTreeMap<i64, i64>> = BTreeMap::new();
        for fact in facts.iter().filter(|fact| fact.kind == TICKET) {
            let day = fact.at.to_zoned(zone.clone()).date();
            let group = by.iter().map(|one| match one {
                Dimension::Priority => priorities[fact.priority as usize].to_owned(),
                Dimension::Day => day.to_string(),
                Dimension::Week => {
                    let since = i32::from(day.weekday().to_monday_zero_offset());
                    (day - since.days()).to_string()
                }
                _ => format!("departments/{}", fact.department.unwrap()),
            });
            let heads = heads(&fall, fact);
            if heads > 0 {
                let group = groups.entry(group.collect()).or_default();
                let bit = fall[&fact.customer.unwrap()].bit;
                *group.entry(bit).or_default() += heads;
            }
        }
        let told = |group: &BTreeMap<i64, i64>| {
            let count: i64 = group.values().sum();
            let enough = count >= FEWEST && group.len() as i64 >= FEWEST;
            enough.then_some((count + FEWEST / 2) / FEWEST * FEWEST)
        };
        let expected: BTreeMap<Vec<String>, Option<i64>> = groups
            .iter()
            .map(|(names, group)| (names.clone(), told(group)))
            .collect();
        let request = QueryMetricRequest {
            metric: "tickets".into(),
            group_by: by.iter().map(|one| *one as i32).collect(),
            ..Default::default()
        };
        let answer = ask(&marketing, &request).await;
        let found: BTreeMap<Vec<String>, Option<i64>> = answer
            .rows
            .iter()
            .map(|row| {
                let count = Some(row.count).filter(|_| !row.suppressed);
                (row.dimensions.clone(), count)
            })
            .collect();
        assert_eq!(found, expected, "{by:?}");
        seen.extend(found.values().map(Option::is_some));
        rows(&answer).for_each(check);
    }
    assert_eq!(seen.len(), 2, "some are told, and some are not");
}

/// Clauses CF-6.1, OP-4.1: marketing, trainers and inspectors get aggregates, about as large as they
/// are, and nothing of single records, people or customers, nor of who looks at what.
#[tokio::test(flavor = "multi_thread")]
async fn who_sees_no_records_gets_aggregates_only() {
    let suite = TestSuite::start().await;
    let leader = suite.caller_for("chen.guodong", "analysis");
    let departments = departments(&leader).await;
    let administrator = suite.caller("han.bing");
    let desk = create(&administrator, "service_desk", "").await.unwrap();
    let places = vec![departments["technical_support"], departments["complaints"]];
    let mut sql = suite.database.connect().await.unwrap();
    let mut runner = TestRunner::new(Config::default());
    let facts = draw(&mut runner, &vec(drawn(places, 200), 600));
    plant(&mut sql, &facts).await;
    let total = async |caller: &Caller, metric: &str| {
        let request = QueryMetricRequest {
            metric: metric.into(),
            ..Default::default()
        };
        ask(caller, &request).await.total.unwrap()
    };
    let sum = |row: &MetricRow| row.sum.as_ref().unwrap().parse::<f64>().unwrap();
    for (login, purpose) in [
        ("zheng.xue", "marketing"),
        ("gao.yuan", "quality"),
        ("he.xiaoyan", "training"),
    ] {
        let caller = suite.caller_for(login, purpose);
        for metric in ["orders", "sales", "ticket_satisfaction"] {
            let (told, exact) = (total(&caller, metric).await, total(&leader, metric).await);
            check(&told);
            // Some 300 records of 200 customers, of which heads are 16 more or fewer: six times that.
            let near = |told: f64, exact: f64| (told / exact - 1.0).abs() < 0.35;
            assert!(near(told.count as f64, exact.count as f64), "{told:?}");
            if metric != "orders" {
                assert!(near(told.mean.unwrap(), exact.mean.unwrap()), "{told:?}");
                assert_ne!(told.mean, exact.mean);
            }
            if metric == "sales" {
                assert!(near(sum(&told), sum(&exact)), "{told:?} {exact:?}");
            }
            assert_eq!(total(&caller, metric).await, told, "the same every time");
        }
        let mut client = MetricsServiceClient::new(caller.clone());
        // The latter grow: asked for twice they would tell by how much they are off.
        for metric in ["reads", "backlog", "stuck_orders"] {
            let exactly = QueryMetricRequest {
                metric: metric.into(),
                ..Default::default()
            };
            let refused = client.query_metric(exactly).await.unwrap_err();
            assert_eq!(violations(&refused), ["metric"], "{login}: {metric}");
        }
        // By two measures of one time it would be told by how much both are off.
        let working = QueryMetricRequest {
            metric: "total_resolution_time".into(),
            calendar: desk.name.clone(),
            ..Default::default()
        };
        let exact = MetricsServiceClient::new(leader.after(&administrator))
            .query_metric(working.clone())
            .await;
        assert!(exact.unwrap().into_inner().approximation.is_none());
        let refused = client.query_metric(working).await.unwrap_err();
        assert_eq!(violations(&refused), ["calendar"], "{login}");
        if login == "gao.yuan" {
            continue;
        }
        let open = ListFigureRecordsRequest {
            query: Some(QueryMetricRequest {
                metric: "tickets".into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let refused = client.list_figure_records(open).await.unwrap_err();
        assert_eq!(refusal(&refused).1, "PERMISSION_MISSING", "{login}");
    }
}

/// Clause CF-6.1: whether a customer came back is random for each month by itself: were it for all of them, months
/// that differ would tell that both are true.
#[tokio::test(flavor = "multi_thread")]
async fn months_of_a_customer_are_random_by_themselves() {
    let suite = TestSuite::start().await;
    let marketing = suite.caller_for("zheng.xue", "marketing");
    let support = departments(&marketing).await["technical_support"];
    let mut sql = suite.database.connect().await.unwrap();
    // They order in January of 2022 and in December of 2023, and in no month between.
    let facts = (0..200).flat_map(|customer| {
        [(1, 1_641_500_000), (2, 1_702_000_000)].map(|(order, at)| Planted {
            kind: ORDER,
            id: Uuid::from_u128(order * 1000 + customer),
            part: 0,
            at: Timestamp::from_second(at).unwrap(),
            customer: Some(Uuid::from_u128(1 + customer)),
            department: Some(support),
            priority: 1,
            amount: 100,
            score: 3,
        })
    });
    plant(&mut sql, &facts.collect::<Vec<_>>()).await;
    let request = QueryMetricRequest {
        metric: "cohort_retention".into(),
        group_by: vec![Dimension::Age.into()],
        ..Default::default()
    };
    let answer = ask(&marketing, &request).await;
    let between = answer.rows.iter().filter(|row| {
        let age: i32 = row.dimensions[0].parse().unwrap();
        (1..23).contains(&age)
    });
    let shares: BTreeSet<String> = between.map(|row| format!("{:?}", row.mean)).collect();
    assert!(answer.rows.len() == 24 && shares.len() > 3, "{shares:?}");
}
