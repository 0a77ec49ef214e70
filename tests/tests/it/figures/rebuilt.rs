//! Everything counted anew from the journals is what was counted as it came.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use kefu_contracts::{
    analytics::{
        Dimension, GetRebuildRequest, ListMetricsRequest, MeasureStaffRequest, MetricRow,
        QueryMetricRequest, Rebuild, RebuildFiguresRequest, RebuildState,
        metrics_service_client::MetricsServiceClient, rebuild_service_client::RebuildServiceClient,
    },
    common::Channel,
    google::r#type::Date,
    order::{OrderStage, RecordStageRequest},
    profile::Customer,
    ticket::{RateTicketRequest, ReopenTicketRequest, ResolveTicketRequest, Ticket},
};
use kefu_service::{clock::Clock, time};
use kefu_testkit::{Caller, TestSuite, eventually};

use crate::{
    records::{enter, open, order, orders, person, place, refusal, ticket, tickets},
    surveys,
};

fn rebuilds(caller: &Caller) -> RebuildServiceClient<Caller> {
    RebuildServiceClient::new(caller.clone())
}

pub(super) async fn begin(caller: &Caller, request_id: &str) -> Rebuild {
    let request = RebuildFiguresRequest {
        request_id: request_id.into(),
    };
    let begun = rebuilds(caller).rebuild_figures(request).await;
    begun.unwrap().into_inner()
}

pub(super) async fn live(caller: &Caller, name: &str) -> Rebuild {
    eventually(async || {
        let request = GetRebuildRequest { name: name.into() };
        let found = rebuilds(caller).get_rebuild(request).await.unwrap();
        let found = found.into_inner();
        (found.state() == RebuildState::Live).then_some(found)
    })
    .await
}

type Figures = BTreeMap<(String, i32), (Vec<MetricRow>, Option<MetricRow>)>;

/// Every figure of the catalogue by each of its dimensions. What was looked at grows with every
/// look at it, and how old something is with time.
async fn all(caller: &Caller) -> Figures {
    let mut client = MetricsServiceClient::new(caller.clone());
    let listed = client.list_metrics(ListMetricsRequest {}).await.unwrap();
    let day = |year| {
        Some(Date {
            year,
            month: 1,
            day: 1,
        })
    };
    let mut figures = Figures::new();
    for metric in listed.into_inner().metrics {
        for dimension in metric.dimensions {
            if dimension == Dimension::Customer as i32 || metric.id == "reads" {
                continue;
            }
            let query = QueryMetricRequest {
                metric: metric.id.clone(),
                first_day: day(2020).filter(|_| metric.period_required),
                last_day: day(2200).filter(|_| metric.period_required),
                group_by: vec![dimension],
                ..Default::default()
            };
            let request = MeasureStaffRequest { query: Some(query) };
            let answer = client.measure_staff(request).await.unwrap().into_inner();
            let figure = answer.figure.unwrap();
            let ages = ["backlog", "stuck_orders"].contains(&metric.id.as_str());
            let aged = |row: MetricRow| match ages {
                true => MetricRow {
                    mean: None,
                    p50: None,
                    p90: None,
                    p95: None,
                    ..row
                },
                false => row,
            };
            let rows = figure.rows.into_iter().map(aged).collect();
            let total = figure.total.map(aged);
            figures.insert((metric.id.clone(), dimension), (rows, total));
        }
    }
    figures
}

/// Tickets and orders of now and of the end of another century, some of which went on since.
async fn world(suite: &TestSuite, erp: &Caller) {
    let from = Customer {
        region: "广东省深圳市".into(),
        ..person()
    };
    let customer = enter(erp, from).await.name;
    let century: Timestamp = "1999-12-31T23:59:59Z".parse().unwrap();
    for at in [century, century + Duration::from_secs(1), suite.clock.now()] {
        let one = Ticket {
            received_time: Some(time::to_proto(at)),
            ..ticket(&customer)
        };
        let opened = open(erp, one).await;
        let resolve = ResolveTicketRequest {
            name: opened.name.clone(),
            etag: opened.etag,
            resolution: "已更换滤网".into(),
            ..Default::default()
        };
        let resolved = tickets(erp).resolve_ticket(resolve).await.unwrap();
        let resolved = resolved.into_inner();
        let rate = RateTicketRequest {
            name: resolved.name.clone(),
            etag: resolved.etag,
            score: 4,
            ..Default::default()
        };
        let rated = tickets(erp).rate_ticket(rate).await.unwrap().into_inner();
        if at == century {
            let reopen = ReopenTicketRequest {
                name: rated.name,
                etag: rated.etag,
                reason: "又坏了".into(),
                ..Default::default()
            };
            tickets(erp).reopen_ticket(reopen).await.unwrap();
        } else if at > century + Duration::from_secs(1) {
            let asked = format!("ticket = {}", rated.name);
            let survey = surveys::listed(erp, &asked).await.remove(0);
            let issued = surveys::issue(erp, &survey, Channel::Phone).await.unwrap();
            surveys::give(erp, &issued.token, (5, 4), "").await.unwrap();
        }
        let mut bought = order(&customer);
        bought.lines[0].category = "净化器".into();
        bought.placed_time = Some(time::to_proto(at));
        let placed = place(erp, bought).await;
        let reached = RecordStageRequest {
            name: placed.name,
            stage: OrderStage::Shipped.into(),
            occurred_time: Some(time::to_proto(suite.clock.now())),
            ..Default::default()
        };
        orders(erp).record_stage(reached).await.unwrap();
    }
}

/// Clauses CC-1.4, OP-4.2: counted anew from the beginning of the journals every figure is what it
/// was; what is answered from meanwhile stays, and is cleared away afterwards. It is begun once.
#[tokio::test(flavor = "multi_thread")]
async fn figures_are_rebuilt_to_the_same() {
    let suite = TestSuite::with_parts(|parts| {
        parts.order_followup.product_categories = vec!["净化器".into()];
    })
    .await;
    let erp = suite.caller_for("erp", "integration");
    world(&suite, &erp).await;
    let leader = suite.caller_for("chen.guodong", "analysis").after(&erp);
    // Clocks and tiers follow by themselves.
    eventually(async || {
        let figures = all(&leader).await;
        let by = |metric: &str| {
            figures[&(metric.to_owned(), Dimension::Day as i32)]
                .1
                .clone()
        };
        let clocks = by("first_response_time").unwrap().count;
        let answers = by("satisfaction").unwrap().count;
        (clocks == 3 && answers == 1).then_some(())
    })
    .await;
    let before = eventually(async || {
        let once = all(&leader).await;
        (once == all(&leader).await).then_some(once)
    })
    .await;
    let admin = suite.caller_for("han.bing", "administration");
    let id = "0198f3a0-0000-7000-8000-000000000001";
    let begun = begin(&admin, id).await;
    assert_eq!(begun, begin(&admin, id).await, "the same call");
    let looks = "SELECT count(*) FROM analytics.journal WHERE type = 'rebuild.viewed'";
    let mut sql = suite.database.connect().await.unwrap();
    let looks: i64 = sqlx::query_scalar(looks).fetch_one(&mut sql).await.unwrap();
    assert_eq!(looks, 1, "shown again");
    assert_eq!(begun.name, "rebuilds/2");
    let done = live(&admin, &begun.name).await;
    assert!(done.live_time.is_some() && done.progress.is_empty());
    let after = all(&leader.after(&admin)).await;
    for (which, figure) in &before {
        assert_eq!(Some(figure), after.get(which), "{which:?}");
    }
    for (which, shown) in [
        (("sales".to_owned(), Dimension::Region as i32), "CN-GD"),
        (
            ("product_sales".to_owned(), Dimension::Product as i32),
            "净化器",
        ),
    ] {
        let [row] = before[&which].0.as_slice() else {
            panic!("{which:?}")
        };
        assert_eq!((row.dimensions[0].as_str(), row.count), (shown, 3));
    }
    // By the company's wall both sides of the century are of one month.
    let months = &before[&("orders".to_owned(), Dimension::Month as i32)].0;
    assert_eq!(months.len(), 2);

    // What comes afterwards goes into the new ones.
    let customer = enter(&erp, person()).await.name;
    open(&erp, ticket(&customer)).await;
    let later = all(&leader.after(&erp)).await;
    let tickets = |figures: &Figures| {
        let by_day = &figures[&("tickets".to_owned(), Dimension::Day as i32)];
        by_day.1.clone().unwrap().count
    };
    assert_eq!((tickets(&after), tickets(&later)), (3, 4));
    let old = GetRebuildRequest {
        name: "rebuilds/1".into(),
    };
    let old = rebuilds(&admin)
        .get_rebuild(old)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(old.state(), RebuildState::Retired);
    let mut sql = suite.database.connect().await.unwrap();
    suite.clock.advance(Duration::from_secs(90));
    eventually(async || {
        let left: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM pg_class WHERE relname LIKE 'fact\\_1\\_%' AND relkind = 'r')
                  + (SELECT count(*) FROM pg_class WHERE relname = 'fact_place_1')
                  + (SELECT count(*) FROM analytics.read_count WHERE generation = 1)",
        )
        .fetch_one(&mut sql)
        .await
        .unwrap();
        (left == 0).then_some(())
    })
    .await;
}

/// Clause OP-7.2: whoever may not count anew is refused, and who may is shown no figure by it.
#[tokio::test(flavor = "multi_thread")]
async fn figures_are_rebuilt_by_whom_it_is_for() {
    let suite = TestSuite::start().await;
    for login in ["chen.guodong", "zhang.min", "li.wei"] {
        let request = RebuildFiguresRequest::default();
        let caller = suite.caller_for(login, "administration");
        let refused = rebuilds(&caller).rebuild_figures(request).await;
        assert_eq!(
            refusal(&refused.unwrap_err()).1,
            "PERMISSION_MISSING",
            "{login}"
        );
    }
    let admin = suite.caller_for("han.bing", "administration");
    let nowhere = GetRebuildRequest {
        name: "rebuilds/99".into(),
    };
    let missing = rebuilds(&admin).get_rebuild(nowhere).await.unwrap_err();
    assert_eq!(refusal(&missing).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    let wrong = GetRebuildRequest {
        name: "tickets/1".into(),
    };
    let wrong = rebuilds(&admin).get_rebuild(wrong).await.unwrap_err();
    assert_eq!(refusal(&wrong).1, "INVALID_FIELDS");
    let newest = rebuilds(&admin)
        .get_rebuild(GetRebuildRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (newest.name.as_str(), newest.state()),
        ("rebuilds/1", RebuildState::Live)
    );
}

/// Clause CC-1.4: what was counted before an end of the service is not counted again: a rebuild goes
/// on from where it stands in each journal. (Here it is made to stand at the end of ticket's, with
/// nothing counted of it.)
#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_goes_on_from_where_it_stands() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    world(&suite, &erp).await;
    let leader = suite.caller_for("chen.guodong", "analysis").after(&erp);
    let count = async |metric: &str| {
        let figure = super::query(&leader, metric, &[]).await;
        figure.total.unwrap().count
    };
    assert_eq!((count("tickets").await, count("orders").await), (3, 3));
    let mut sql = suite.database.connect().await.unwrap();
    sqlx::raw_sql(
        "BEGIN;
         SELECT analytics.begin_generation(now());
         INSERT INTO analytics.consumer_cursor
         SELECT 'ticket#2', transaction_id, position FROM analytics.consumer_cursor WHERE source = 'ticket';
         COMMIT",
    )
    .execute(&mut sql)
    .await
    .unwrap();
    let admin = suite.caller_for("han.bing", "administration");
    live(&admin, "rebuilds/2").await;
    assert_eq!((count("tickets").await, count("orders").await), (0, 3));
}
