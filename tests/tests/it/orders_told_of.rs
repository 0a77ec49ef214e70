//! News of many orders in one call: each counts and is refused as a single call would have it.

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::{
    common::Reason,
    order::{
        BulkRecordStagesRequest, FollowUpState, GetOrderRequest, Order, OrderStage,
        RecordStageRequest, StageNews, StageResult,
    },
};
use kefu_service::{clock::Clock, fields::name, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id};
use tonic::{Code, Status};

use crate::{
    follow_ups::{self, journaled},
    records::{enter, order, orders, person, place, refusal, violations},
};

const LI: &str = "li.wei";
const NOBODY: &str = "orders/0190c5a8-0000-7000-8000-0000000000ab";

fn erp(suite: &TestSuite) -> Caller {
    suite.caller_for("erp", "integration")
}

fn news(one: &Order, stage: OrderStage, at: Timestamp) -> StageNews {
    StageNews {
        name: one.name.clone(),
        stage: stage.into(),
        occurred_time: Some(to_proto(at)),
    }
}

async fn tell(caller: &Caller, news: Vec<StageNews>) -> Result<Vec<StageResult>, Status> {
    let request = BulkRecordStagesRequest { news };
    let answer = orders(caller).bulk_record_stages(request).await;
    answer.map(|answer| answer.into_inner().results)
}

async fn get(caller: &Caller, one: &Order) -> Order {
    let name = one.name.clone();
    let order = orders(caller).get_order(GetOrderRequest { name }).await;
    order.unwrap().into_inner()
}

fn reason(result: &StageResult) -> Reason {
    result.result.as_ref().unwrap().reason()
}

/// What an order says that does not differ between two of the same history.
fn history(one: &Order) -> (OrderStage, Vec<(i32, Option<prost_types::Timestamp>)>, i32) {
    let events = one.events.iter();
    let events = events.map(|event| (event.stage, event.occurred_time));
    (one.stage(), events.collect(), one.confirmation)
}

/// Clause OP-3.4.4: told many at once, in any order, orders come to be what they are when they are
/// told of one by one; told again, nothing changes, and that they were looked at is journaled.
#[tokio::test(flavor = "multi_thread")]
async fn orders_told_of_together_are_as_if_told_of_one_by_one() {
    let suite = TestSuite::start().await;
    let (li, erp) = (suite.caller(LI), erp(&suite));
    let customer = enter(&li, person()).await;
    let placed = suite.clock.now() - SignedDuration::from_hours(10);
    let order = || Order {
        placed_time: Some(to_proto(placed)),
        ..order(&customer.name)
    };
    let (mut together, mut apart) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        together.push(place(&li, order()).await);
        apart.push(place(&li, order()).await);
    }
    let now = suite.clock.now();
    let journey = [
        OrderStage::Delivered,
        OrderStage::Paid,
        OrderStage::Shipped,
        OrderStage::Paid,
    ];
    let at = |step: usize| now - SignedDuration::from_hours([1, 9, 5, 9][step]);
    let steps = journey.iter().enumerate();
    let all: Vec<StageNews> = steps
        .flat_map(|(step, stage)| together.iter().map(move |one| news(one, *stage, at(step))))
        .collect();
    let results = tell(&erp, all.clone()).await.unwrap();
    for (told, result) in all.iter().zip(&results) {
        let of = result.result.as_ref().unwrap();
        assert_eq!((&of.name, of.reason()), (&told.name, Reason::Unspecified));
        assert_eq!(result.stage(), OrderStage::Delivered);
    }
    let known: Vec<bool> = results.iter().map(|result| result.known).collect();
    assert_eq!(known, [[false; 60].as_slice(), &[true; 20]].concat());

    for one in &apart {
        for (step, stage) in journey.iter().enumerate() {
            let request = RecordStageRequest {
                name: one.name.clone(),
                stage: (*stage).into(),
                occurred_time: Some(to_proto(at(step))),
                ..Default::default()
            };
            orders(&erp).record_stage(request).await.unwrap();
        }
    }
    for (one, other) in together.iter().zip(&apart) {
        let (one, other) = (get(&li, one).await, get(&li, other).await);
        assert_eq!(history(&one), history(&other));
        assert_eq!(one.events.len(), 4);
    }
    let asked = follow_ups::list(&li, "kind = CONFIRMATION").await;
    assert_eq!(asked.len(), 40);
    assert!(asked.iter().all(|one| one.state() == FollowUpState::Open));

    let before = journaled(&suite, "order.stage_recorded").await;
    let viewed = journaled(&suite, "order.viewed").await;
    let again = tell(&erp, all).await.unwrap();
    assert!(again.iter().all(|result| result.known));
    for (one, first) in again.iter().zip(&results).skip(60) {
        assert_eq!(one.result, first.result);
    }
    assert_eq!(journaled(&suite, "order.stage_recorded").await, before);
    assert_eq!(journaled(&suite, "order.viewed").await, viewed + 80);
}

/// Clause OP-3.4.4: one that is refused stops no other, and that it was asked for is journaled.
#[tokio::test(flavor = "multi_thread")]
async fn news_that_is_refused_stops_no_other() {
    let suite = TestSuite::start().await;
    let (li, ma) = (suite.caller(LI), suite.caller("ma.chao"));
    let customer = enter(&li, person()).await;
    let own = place(&li, order(&customer.name)).await;
    let other = enter(&ma, person()).await;
    let others = place(&ma, order(&other.name)).await;
    let mut unknown = news(&own, OrderStage::Paid, suite.clock.now());
    unknown.name = NOBODY.into();
    let now = suite.clock.now();
    let all = vec![
        unknown,
        news(&own, OrderStage::Paid, now),
        news(&others, OrderStage::Paid, now),
    ];
    let refused = journaled(&suite, "order.refused").await;
    let results = tell(&li, all.clone()).await.unwrap();
    let reasons: Vec<Reason> = results.iter().map(reason).collect();
    let out = Reason::NotFoundOrOutOfScope;
    assert_eq!(reasons, [out, Reason::Unspecified, out]);
    let said = results[2].result.as_ref().unwrap();
    assert!(!said.message_zh.is_empty() && !said.message_en.is_empty());
    // One that there is not is refused as one that is another's.
    assert_eq!(results[0].stage, results[2].stage);
    assert_eq!(journaled(&suite, "order.refused").await, refused + 2);
    assert_eq!(get(&li, &own).await.stage(), OrderStage::Paid);
    assert_eq!(get(&ma, &others).await.stage(), OrderStage::Submitted);
    // Its post tells of none.
    let wu = suite.caller("wu.peng");
    let refused = tell(&wu, all).await.unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::PermissionDenied, "PERMISSION_MISSING".into())
    );
}

/// Clause OP-3.4.4: all that is wrong with a call is told at once, and nothing of it counts.
#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_news_is_told() {
    let suite = TestSuite::start().await;
    let (li, erp) = (suite.caller(LI), erp(&suite));
    let customer = enter(&li, person()).await;
    let one = place(&li, order(&customer.name)).await;
    let now = suite.clock.now();
    let right = news(&one, OrderStage::Paid, now);
    let wrong = vec![
        right.clone(),
        StageNews::default(),
        news(&one, OrderStage::Completed, now),
        news(&one, OrderStage::Paid, now + SignedDuration::from_mins(5)),
        StageNews {
            name: name("tickets", employee_id(LI)),
            ..right.clone()
        },
    ];
    let refused = tell(&erp, wrong).await.unwrap_err();
    let fields = [
        "news[1].name",
        "news[1].stage",
        "news[1].occurred_time",
        "news[2].stage",
        "news[3].occurred_time",
        "news[4].name",
    ];
    assert_eq!(violations(&refused), fields);
    for count in [0, 501] {
        let refused = tell(&erp, vec![right.clone(); count]).await.unwrap_err();
        assert_eq!(violations(&refused), ["news"]);
    }
    assert_eq!(get(&li, &one).await.stage(), OrderStage::Submitted);
}

/// Clause OP-3.4.4: two that tell the same at once, each in its own order, are told of it once.
#[tokio::test(flavor = "multi_thread")]
async fn news_that_two_tell_at_once_counts_once() {
    let suite = TestSuite::start().await;
    let (li, erp) = (suite.caller(LI), erp(&suite));
    let customer = enter(&li, person()).await;
    let mut placed = Vec::new();
    for _ in 0..60 {
        placed.push(place(&li, order(&customer.name)).await);
    }
    let now = suite.clock.now();
    let both =
        |one: &Order| [OrderStage::Paid, OrderStage::Delivered].map(|stage| news(one, stage, now));
    let all: Vec<StageNews> = placed.iter().flat_map(both).collect();
    let backwards = all.iter().rev().cloned().collect();
    let (one, other) = tokio::join!(tell(&erp, all.clone()), tell(&erp, backwards));
    let (one, mut other) = (one.unwrap(), other.unwrap());
    other.reverse();
    for (one, other) in one.iter().zip(&other) {
        assert_eq!(
            (reason(one), reason(other)),
            (Reason::Unspecified, Reason::Unspecified)
        );
        assert_ne!(one.known, other.known, "told once");
    }
    assert_eq!(journaled(&suite, "order.stage_recorded").await, 120);
    assert_eq!(journaled(&suite, "order.confirmation_due").await, 60);
}
