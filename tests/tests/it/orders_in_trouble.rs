//! Orders that are late or stuck are found before their customers ask.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kefu_access_control::seed::department_id;
use kefu_contracts::{
    analytics::Dimension,
    order::{
        FollowUp, FollowUpKind, FollowUpState, GetOrderRequest, GetPromiseRulesRequest,
        ListFollowUpsRequest, ListOrdersRequest, Order, OrderStage, PromiseDefinition,
        PromiseRules, PromiseStageRequest, RecordStageRequest, RevisePromiseRulesRequest,
        StagePromise, follow_up_service_client::FollowUpServiceClient,
        promise_service_client::PromiseServiceClient,
    },
};
use kefu_service::{clock::Clock, fields::name, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::Status;

use crate::{
    figures::query,
    follow_ups::journaled,
    orders_amended::cancel,
    records::{enter, order, orders, person, place, refusal, violations},
};

const LI: &str = "li.wei";
const ID: &str = "0190c5a8-0000-7000-8000-00000000cc01";
const HOUR: u64 = 3600;
/// Longer than what a system tells is waited for, so that all of it is known.
const GRACE: Duration = Duration::from_secs(61);

fn ago(suite: &TestSuite, hours: i64) -> Timestamp {
    suite.clock.now() - SignedDuration::from_hours(hours)
}

pub(crate) fn hours(count: u64) -> Duration {
    Duration::from_secs(count * HOUR)
}

pub(crate) async fn get(caller: &Caller, one: &Order) -> Order {
    let name = one.name.clone();
    let order = orders(caller).get_order(GetOrderRequest { name }).await;
    order.unwrap().into_inner()
}

pub(crate) async fn tell(caller: &Caller, one: &Order, stage: OrderStage, at: Timestamp) -> Order {
    let request = RecordStageRequest {
        name: one.name.clone(),
        stage: stage.into(),
        occurred_time: Some(to_proto(at)),
        ..Default::default()
    };
    let order = orders(caller).record_stage(request).await;
    order.unwrap().into_inner()
}

async fn found(caller: &Caller, filter: &str) -> Vec<Order> {
    let request = ListOrdersRequest {
        filter: filter.into(),
        page_size: 200,
        ..Default::default()
    };
    let page = orders(caller).list_orders(request).await.unwrap();
    page.into_inner().orders
}

async fn follow_ups(caller: &Caller, filter: &str) -> Vec<FollowUp> {
    let mut client = FollowUpServiceClient::new(caller.clone());
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListFollowUpsRequest {
            filter: filter.into(),
            page_size: 200,
            page_token,
            ..Default::default()
        };
        let page = client.list_follow_ups(request).await.unwrap().into_inner();
        all.extend(page.follow_ups);
        if page.next_page_token.is_empty() {
            return all;
        }
        page_token = page.next_page_token;
    }
}

async fn to_judge(suite: &TestSuite) -> i64 {
    let mut sql = suite.database.connect().await.unwrap();
    let count = "SELECT count(*) FROM orders.purchase_order WHERE look_at <= $1";
    let now = jiff_sqlx::ToSqlx::to_sqlx(suite.clock.now());
    let count = sqlx::query_scalar(count).bind(now);
    count.fetch_one(&mut sql).await.unwrap()
}

/// Turns the clock on, and waits until the gateway has its policy of that time.
pub(crate) async fn turn(suite: &TestSuite, by: Duration) {
    suite.clock.advance(by);
    ready(suite).await;
}

/// The gateway has its policy of now.
pub(crate) async fn ready(suite: &TestSuite) {
    eventually(async || {
        let mut client = orders(&suite.caller(LI));
        let request = ListOrdersRequest::default();
        client.list_orders(request).await.ok()
    })
    .await;
}

/// All that is due to be judged has been.
pub(crate) async fn judged(suite: &TestSuite) {
    eventually(async || (to_judge(suite).await == 0).then_some(())).await;
}

/// How many orders are stuck by stages, as figures know it in the end.
async fn stuck(suite: &TestSuite, stages: &[(&str, i64)]) {
    let leader = suite.caller_for("chen.guodong", "analysis");
    eventually(async || {
        let figure = query(&leader, "stuck_orders", &[Dimension::Status]).await;
        let rows = figure.rows.iter();
        let found: Vec<_> = rows
            .map(|row| (row.dimensions[0].as_str(), row.count))
            .collect();
        (found == stages).then_some(())
    })
    .await;
}

/// Clause OP-3.4.4: what was promised and has not come to pass is a task of whoever follows the
/// order up, once, and is settled by itself when the order moves on; so is silence.
#[tokio::test(flavor = "multi_thread")]
async fn late_and_stuck_orders_are_found_before_the_customer_asks() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await;
    let placed = place(&li, order(&customer.name)).await;
    turn(&suite, hours(23)).await;
    judged(&suite).await;
    let li = suite.caller(LI);
    assert_eq!(get(&li, &placed).await.late_time, None);

    turn(&suite, hours(1) + GRACE).await;
    let li = suite.caller(LI);
    let late = eventually(async || {
        let one = get(&li, &placed).await;
        one.late_time.is_some().then_some(one)
    })
    .await;
    assert_eq!(late.late_stage(), OrderStage::Confirmed);
    assert_eq!(late.stuck_time, None);
    let now = suite.clock.now();
    let listed = found(&li, &format!("late_time <= \"{now}\"")).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(found(&li, "late_stage = CONFIRMED").await.len(), 1);
    assert!(
        found(&li, &format!("stuck_time <= \"{now}\""))
            .await
            .is_empty()
    );
    let tasks = follow_ups(&li, "assignee = me AND state = OPEN").await;
    let [task] = tasks.as_slice() else {
        panic!("{tasks:?}")
    };
    assert_eq!(
        (task.kind(), task.subject.as_str()),
        (FollowUpKind::Late, placed.name.as_str())
    );
    assert_eq!(
        task.department,
        name("departments", department_id("call_centre"))
    );
    assert_eq!(task.assignee, name("employees", employee_id(LI)));
    assert!(task.reason.contains(&placed.number), "{}", task.reason);

    // Told twice, and late: the order has moved on.
    let confirmed = ago(&suite, 2);
    for _ in 0..2 {
        tell(&li, &placed, OrderStage::Confirmed, confirmed).await;
    }
    eventually(async || get(&li, &placed).await.late_time.is_none().then_some(())).await;
    let tasks = follow_ups(&li, "kind = LATE").await;
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0].state(), FollowUpState::Settled);

    turn(&suite, hours(72)).await;
    let li = suite.caller(LI);
    let since = eventually(async || get(&li, &placed).await.stuck_time).await;
    assert_eq!(since, to_proto(confirmed));
    stuck(&suite, &[("confirmed", 1)]).await;
    assert_eq!(
        follow_ups(&li, "kind = STUCK AND state = OPEN").await.len(),
        1
    );
    // What has ended is neither.
    cancel(&li, &get(&li, &placed).await, "").await.unwrap();
    eventually(async || get(&li, &placed).await.stuck_time.is_none().then_some(())).await;
    assert!(
        follow_ups(&li, "state = OPEN AND kind = STUCK")
            .await
            .is_empty()
    );
    stuck(&suite, &[]).await;
    suite.clock.advance(hours(10_000));
    judged(&suite).await;
    for (kind, count) in [
        ("order.late", 1),
        ("order.late_no_more", 1),
        ("order.stuck", 1),
        ("order.stuck_no_more", 1),
        // The third: somebody takes it out of the order system.
        ("follow_up.opened", 3),
        ("follow_up.settled", 2),
    ] {
        assert_eq!(journaled(&suite, kind).await, count, "{kind}");
    }
}

/// Clause OP-3.4.4: orders that a system transfers are judged once all of them is told, each
/// occasion once, however many instances look and however far time jumps.
#[tokio::test(flavor = "multi_thread")]
async fn imported_orders_are_judged_once_when_all_was_told() {
    const ALL: usize = 250;
    let suite = TestSuite::start().await;
    let twin = suite.twin();
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await;
    let department = name("departments", department_id("call_centre"));
    for at in 0..ALL {
        let one = Order {
            department: department.clone(),
            external_ref: format!("SHOP-{at}"),
            placed_time: Some(to_proto(ago(&suite, 2_000))),
            promised_time: Some(to_proto(ago(&suite, 1_500))),
            ..order(&customer.name)
        };
        let one = place(&erp, one).await;
        tell(&erp, &one, OrderStage::Shipped, ago(&suite, 1_900)).await;
        if at % 10 == 0 {
            tell(&erp, &one, OrderStage::Delivered, ago(&suite, 1_000)).await;
        }
    }
    turn(&suite, GRACE).await;
    judged(&suite).await;
    let undelivered = i64::try_from(ALL - ALL / 10).unwrap();
    for kind in ["order.late", "order.stuck"] {
        assert_eq!(journaled(&suite, kind).await, undelivered, "{kind}");
    }
    assert_eq!(journaled(&suite, "follow_up.opened").await, 2 * undelivered);
    let head = suite.caller("zhang.min");
    let open = follow_ups(&head, "kind = STUCK AND state = OPEN").await;
    assert_eq!(open.len(), usize::try_from(undelivered).unwrap());

    // Another instance that begins anew, a jump of a year and the same news once more find
    // nothing new.
    drop(twin);
    let _twin = suite.twin();
    turn(&suite, hours(9_000)).await;
    let erp = suite.caller_for("erp", "integration");
    let late = found(&erp, "late_stage = DELIVERED").await;
    let one = get(&erp, &late[0]).await;
    tell(&erp, &one, OrderStage::Shipped, shipped_at(&one)).await;
    turn(&suite, GRACE).await;
    judged(&suite).await;
    assert_eq!(journaled(&suite, "follow_up.opened").await, 2 * undelivered);
    assert_eq!(journaled(&suite, "follow_up.settled").await, 0);
    // Old news that is later than what was known is a new silence.
    let erp = suite.caller_for("erp", "integration");
    tell(&erp, &one, OrderStage::Shipped, ago(&suite, 2_000)).await;
    judged(&suite).await;
    assert_eq!(journaled(&suite, "order.stuck").await, undelivered + 1);
    assert_eq!(journaled(&suite, "follow_up.settled").await, 1);
}

fn shipped_at(order: &Order) -> Timestamp {
    let told = order
        .events
        .iter()
        .rfind(|event| event.stage() == OrderStage::Shipped);
    let at = told.unwrap().occurred_time.as_ref().unwrap();
    kefu_service::time::from_proto(at).unwrap()
}

async fn rules(caller: &Caller) -> PromiseRules {
    let mut client = PromiseServiceClient::new(caller.clone());
    let rules = client.get_promise_rules(GetPromiseRulesRequest {}).await;
    rules.unwrap().into_inner()
}

async fn revise(
    caller: &Caller,
    etag: &str,
    definition: PromiseDefinition,
) -> Result<PromiseRules, Status> {
    let mut client = PromiseServiceClient::new(caller.clone());
    let request = RevisePromiseRulesRequest {
        etag: etag.into(),
        definition: Some(definition),
        reason: "提速".into(),
        ..Default::default()
    };
    let rules = client.revise_promise_rules(request).await;
    rules.map(tonic::Response::into_inner)
}

pub(crate) async fn promise(
    caller: &Caller,
    one: &Order,
    stage: OrderStage,
    at: Timestamp,
    id: &str,
) -> Result<Order, Status> {
    let mut client = PromiseServiceClient::new(caller.clone());
    let request = PromiseStageRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        request_id: id.into(),
        stage: stage.into(),
        promised_time: Some(to_proto(at)),
    };
    let order = client.promise_stage(request).await;
    order.map(tonic::Response::into_inner)
}

/// Clause OP-3.4.4: promises are the company's rules in versions, or somebody's word; trouble goes
/// to the department that the rule names.
#[tokio::test(flavor = "multi_thread")]
async fn stages_are_promised_by_rule_or_by_word() {
    let suite = TestSuite::start().await;
    let (li, administrator) = (suite.caller(LI), suite.caller("han.bing"));
    let shipped = rules(&li).await;
    let mut definition = shipped.versions[0].definition.clone().unwrap();
    let support = name("departments", department_id("technical_support"));
    definition.promises[0].hours = 2;
    definition.promises[0].concerned = support.clone();
    let refused = revise(&li, &shipped.etag, definition.clone())
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let mut wrong = definition.clone();
    wrong.follow_up_hours = 0;
    let refused = revise(&administrator, &shipped.etag, wrong)
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["definition.follow_up_hours"]);
    let revised = revise(&administrator, &shipped.etag, definition.clone())
        .await
        .unwrap();
    assert_eq!(revised.versions.len(), 2);
    let refused = revise(&administrator, &shipped.etag, definition)
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "ETAG_MISMATCH");

    let customer = enter(&li, person()).await;
    let by_rule = place(&li, order(&customer.name)).await;
    let in_hours = |hours: i64| suite.clock.now() + SignedDuration::from_hours(hours);
    let by_word = Order {
        promises: vec![StagePromise {
            stage: OrderStage::Confirmed.into(),
            promised_time: Some(to_proto(in_hours(40))),
        }],
        ..order(&customer.name)
    };
    let by_word = place(&li, by_word).await;
    assert_eq!(by_word.promises.len(), 1);
    assert_eq!(get(&li, &by_word).await.promises, by_word.promises);
    turn(&suite, hours(3)).await;
    let li = suite.caller(LI);
    eventually(async || get(&li, &by_rule).await.late_time).await;
    assert_eq!(get(&li, &by_word).await.late_time, None);
    let tasks = follow_ups(&suite.caller("zhao.lei"), "kind = LATE AND state = OPEN").await;
    assert_eq!(tasks.len(), 1);
    assert_eq!(
        (&tasks[0].department, tasks[0].assignee.as_str()),
        (&support, "")
    );

    // Another promise is another occasion, and the one that was not kept is settled.
    let then = in_hours(30);
    let one = get(&li, &by_rule).await;
    let wrong = promise(&li, &one, OrderStage::Short, ago(&suite, 1), "")
        .await
        .unwrap_err();
    assert_eq!(violations(&wrong), ["stage", "promised_time"]);
    let hidden = promise(
        &suite.caller("ma.chao"),
        &one,
        OrderStage::Confirmed,
        then,
        "",
    )
    .await;
    assert_eq!(refusal(&hidden.unwrap_err()).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    let auditor = promise(
        &suite.caller("dong.jie"),
        &one,
        OrderStage::Confirmed,
        then,
        "",
    )
    .await;
    assert_eq!(refusal(&auditor.unwrap_err()).1, "PERMISSION_MISSING");
    let made = promise(&li, &one, OrderStage::Confirmed, then, ID)
        .await
        .unwrap();
    let again = promise(&li, &one, OrderStage::Confirmed, then, ID)
        .await
        .unwrap();
    assert_eq!(made, again);
    let stale = promise(&li, &one, OrderStage::Confirmed, then, "")
        .await
        .unwrap_err();
    assert_eq!(refusal(&stale).1, "ETAG_MISMATCH");
    eventually(async || get(&li, &by_rule).await.late_time.is_none().then_some(())).await;
    let made = get(&li, &made).await;
    let delivery = promise(&li, &made, OrderStage::Delivered, in_hours(90), "")
        .await
        .unwrap();
    assert!(delivery.promised_time.is_some());
    assert_eq!(delivery.promises.len(), 1);

    turn(&suite, hours(31)).await;
    let li = suite.caller(LI);
    eventually(async || get(&li, &by_rule).await.late_time).await;
    let tasks = follow_ups(&suite.caller("zhao.lei"), "kind = LATE").await;
    assert_eq!(tasks.len(), 2);
    tell(&li, &by_rule, OrderStage::Paid, suite.clock.now()).await;
    let one = eventually(async || {
        let one = get(&li, &by_rule).await;
        one.late_time.is_none().then_some(one)
    })
    .await;
    let kept = promise(&li, &one, OrderStage::Confirmed, in_hours(5), "")
        .await
        .unwrap_err();
    assert_eq!(refusal(&kept).1, "STATE_NOT_ALLOWED");
}
