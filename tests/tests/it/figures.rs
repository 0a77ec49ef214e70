//! Figures come from journals alone and equal the records they are of.

mod composition;
mod contacts;
mod credit;
mod customers;
mod days;
mod followed;
mod lateness;
mod merged;
mod opened;
mod people;
mod perturbed;
mod planted;
mod random;
mod rebuilt;
mod repeated;
mod settled;
mod working;

use std::collections::BTreeMap;

use kefu_contracts::{
    analytics::{
        Dimension, QueryMetricRequest, QueryMetricResponse,
        metrics_service_client::MetricsServiceClient,
    },
    order::{OrderStage, RecordReviewRequest, RecordStageRequest, Review},
    profile::GetCustomerRequest,
    ticket::{Level, Ticket},
};
use kefu_service::{clock::Clock, time};
use kefu_testkit::{Caller, TestSuite};

use crate::records::{customers, enter, open, order, orders, person, place, ticket};

pub(crate) async fn query(caller: &Caller, metric: &str, by: &[Dimension]) -> QueryMetricResponse {
    let request = QueryMetricRequest {
        metric: metric.into(),
        group_by: by.iter().map(|dimension| *dimension as i32).collect(),
        ..Default::default()
    };
    MetricsServiceClient::new(caller.clone())
        .query_metric(request)
        .await
        .unwrap()
        .into_inner()
}

fn counts(response: &QueryMetricResponse) -> BTreeMap<String, i64> {
    response
        .rows
        .iter()
        .map(|row| (row.dimensions[0].clone(), row.count))
        .collect()
}

/// Clauses CC-1.4, OP-4.2.
#[tokio::test(flavor = "multi_thread")]
async fn counts_and_means_are_those_of_the_records() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await;
    for (impact, urgency) in [
        (Level::High, Level::High),
        (Level::Low, Level::Low),
        (Level::Medium, Level::Low),
    ] {
        let one = Ticket {
            impact: impact as i32,
            urgency: urgency as i32,
            ..ticket(&customer.name)
        };
        open(&erp, one).await;
    }
    let mut client = orders(&erp);
    for (number, stage) in [
        OrderStage::Shipped,
        OrderStage::Shipped,
        OrderStage::Cancelled,
    ]
    .into_iter()
    .enumerate()
    {
        let placed = place(&erp, order(&customer.name)).await;
        let reached = RecordStageRequest {
            name: placed.name.clone(),
            stage: stage as i32,
            occurred_time: Some(time::to_proto(suite.clock.now())),
            ..Default::default()
        };
        client.record_stage(reached).await.unwrap();
        let review = Review {
            score: [5, 4, 3][number],
            ..Default::default()
        };
        let review = RecordReviewRequest {
            name: placed.name,
            review: Some(review),
            ..Default::default()
        };
        client.record_review(review).await.unwrap();
    }

    let leader = suite.caller_for("chen.guodong", "analysis").after(&erp);
    let tickets = query(&leader, "tickets", &[Dimension::Priority]).await;
    assert_eq!(
        counts(&tickets),
        BTreeMap::from([("critical".into(), 1), ("low".into(), 2)])
    );
    assert_eq!(tickets.total.unwrap().count, 3);
    let by_stage = query(&leader, "orders", &[Dimension::Status]).await;
    assert_eq!(
        counts(&by_stage),
        BTreeMap::from([("shipped".into(), 2), ("cancelled".into(), 1)])
    );
    let satisfaction = query(&leader, "order_satisfaction", &[])
        .await
        .total
        .unwrap();
    assert_eq!((satisfaction.count, satisfaction.mean), (3, Some(4.0)));

    // CF-2.2: the customer file knows what was bought, without the cancelled order.
    let request = GetCustomerRequest {
        name: customer.name,
    };
    let file = customers(&erp)
        .get_customer(request)
        .await
        .unwrap()
        .into_inner();
    let purchases = file.purchases.unwrap();
    assert_eq!(purchases.order_count, 2);
    assert_eq!(
        (purchases.totals[0].units, purchases.totals[0].nanos),
        (5198, 0)
    );
}

/// Promise 2: figures end where the scope ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_head_counts_the_departments_own() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await;
    let complaints = suite.caller("li.wei").after(&erp);
    open(&complaints, ticket(&customer.name)).await;
    let support = suite.caller("ma.chao").after(&erp);
    open(&support, ticket(&customer.name)).await;
    let count = async |login: &str| {
        let caller = suite
            .caller_for(login, "analysis")
            .after(&complaints)
            .after(&support);
        query(&caller, "tickets", &[])
            .await
            .total
            .map_or(0, |total| total.count)
    };
    assert_eq!(count("zhou.ting").await, 0, "the head of complaints");
    assert_eq!(count("zhao.lei").await, 1, "the head of technical support");
    assert_eq!(count("chen.guodong").await, 2, "the company leader");
}
