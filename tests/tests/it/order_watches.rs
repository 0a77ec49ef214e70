//! Orders, follow-ups and cases as they change: each sees what a list would show them, and learns of
//! nothing else. What a stream is stood on is tested in `watches`.

use std::time::Duration;

use kefu_contracts::order::{
    AttemptOutcome, CaseKind, CompleteFollowUpRequest, Confirmation, CreateFollowUpRequest,
    FollowUp, ListOrdersRequest, OrderStage, RecordReviewRequest, RecordStageRequest, Review,
    WatchCasesRequest, WatchFollowUpsRequest, WatchOrdersRequest, WatchOrdersResponse,
    follow_up_service_client::FollowUpServiceClient, watch_service_client::WatchServiceClient,
};
use kefu_service::{clock::Clock, fields::name, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id};
use tonic::{Status, Streaming};

use crate::{
    after_sales::{assign_case, case, register, told},
    completion::{attempt, tried},
    records::{enter, order, orders, person, place, refusal, violations},
};

const LI: &str = "li.wei";
const NOBODY: &str = "orders/0190c5a8-0000-7000-8000-0000000000ab";

async fn next<M>(stream: &mut Streaming<M>) -> M {
    let message = tokio::time::timeout(Duration::from_secs(30), stream.message()).await;
    let message = message.expect("in time").unwrap();
    message.expect("a stream that goes on")
}

async fn watch(
    caller: &Caller,
    request: WatchOrdersRequest,
) -> Result<Streaming<WatchOrdersResponse>, Status> {
    let mut client = WatchServiceClient::new(caller.clone());
    let answer = client.watch_orders(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn views(suite: &TestSuite, login: &str) -> i64 {
    let mut sql = suite.database.connect().await.unwrap();
    let viewed = "SELECT count(*) FROM orders.journal WHERE kind = 2 AND actor_id = $1";
    let viewed = sqlx::query_scalar(viewed).bind(employee_id(login));
    viewed.fetch_one(&mut sql).await.unwrap()
}

/// Clauses OP-3.4.4, CF-9.1: an order is shown to whom a list shows it, when its stage or its
/// reviews are others; what is held and is not there has left; a break is caught up.
#[tokio::test(flavor = "multi_thread")]
async fn orders_are_shown_as_they_change() {
    let suite = TestSuite::start().await;
    let (li, stranger) = (suite.caller(LI), suite.caller("ma.chao"));
    let erp = suite.caller_for("erp", "integration");
    let mut of_li = watch(&li, WatchOrdersRequest::default()).await.unwrap();
    assert!(next(&mut of_li).await.caught_up);
    let held = WatchOrdersRequest {
        held: vec![NOBODY.into()],
        ..Default::default()
    };
    let mut of_stranger = watch(&stranger, held).await.unwrap();
    assert_eq!(next(&mut of_stranger).await.left, [NOBODY]);
    let before = views(&suite, "ma.chao").await;

    let customer = enter(&li, person()).await;
    let bought = place(&li, order(&customer.name)).await;
    let shown = next(&mut of_li).await;
    let listed = orders(&li).list_orders(ListOrdersRequest::default()).await;
    assert_eq!(shown.changed, listed.unwrap().into_inner().orders);
    let told = RecordStageRequest {
        name: bought.name.clone(),
        stage: OrderStage::Delivered.into(),
        occurred_time: Some(to_proto(suite.clock.now())),
        ..Default::default()
    };
    orders(&erp).record_stage(told).await.unwrap();
    let shown = next(&mut of_li).await;
    assert_eq!(shown.changed[0].stage(), OrderStage::Delivered);
    let (token, etag) = (shown.resume_token, shown.changed[0].etag.clone());
    drop(of_li);
    let said = RecordReviewRequest {
        name: bought.name.clone(),
        review: Some(Review {
            score: 5,
            arrived: true,
            answered_time: Some(to_proto(suite.clock.now())),
            ..Default::default()
        }),
        ..Default::default()
    };
    orders(&erp).record_review(said).await.unwrap();
    let again = WatchOrdersRequest {
        resume_token: token,
        held: vec![bought.name.clone()],
        ..Default::default()
    };
    let mut of_li = watch(&li, again.clone()).await.unwrap();
    let mut shown = next(&mut of_li).await;
    while shown.changed.is_empty() {
        shown = next(&mut of_li).await;
    }
    assert_eq!(shown.changed[0].name, bought.name);
    assert_ne!(shown.changed[0].etag, etag);
    // Of what is another's not a look comes into the journal.
    assert_eq!(views(&suite, "ma.chao").await, before);

    // Of another caller; and what is wrong is told at once.
    let refused = watch(&stranger, again).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "INVALID_PAGE_TOKEN");
    let wrong = WatchOrdersRequest {
        filter: "colour = red".into(),
        held: vec!["tickets/1".into()],
        ..Default::default()
    };
    let refused = watch(&li, wrong).await.unwrap_err();
    assert_eq!(violations(&refused), ["filter", "held"]);
    let marketing = suite.caller_for("zheng.xue", "marketing");
    let refused = watch(&marketing, WatchOrdersRequest::default())
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
}

/// Clauses OP-3.3, OP-3.4.4: what is to be done comes while it is somebody's, and leaves when
/// it is done.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_done_comes_and_leaves() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await;
    let bought = place(&li, order(&customer.name)).await;
    let mut client = WatchServiceClient::new(li.clone());
    let request = WatchFollowUpsRequest {
        filter: "state = OPEN".into(),
        ..Default::default()
    };
    let mut stream = client.watch_follow_ups(request).await.unwrap().into_inner();
    assert!(next(&mut stream).await.caught_up);
    let due = suite
        .clock
        .now()
        .checked_add(Duration::from_secs(60))
        .unwrap();
    let follow_up = FollowUp {
        customer: customer.name.clone(),
        subject: bought.name.clone(),
        assignee: name("employees", employee_id(LI)),
        due_time: Some(to_proto(due)),
        reason: "回电".into(),
        ..Default::default()
    };
    let mut desk = FollowUpServiceClient::new(li.clone());
    let created = CreateFollowUpRequest {
        follow_up: Some(follow_up),
        ..Default::default()
    };
    let made = desk.create_follow_up(created).await.unwrap().into_inner();
    let shown = next(&mut stream).await.changed;
    assert_eq!((shown.len(), &shown[0].name), (1, &made.name));
    assert_eq!(shown[0].reason, "回电");
    let done = CompleteFollowUpRequest {
        name: made.name.clone(),
        etag: made.etag.clone(),
        outcome: "已回电".into(),
        ..Default::default()
    };
    desk.complete_follow_up(done).await.unwrap();
    assert_eq!(next(&mut stream).await.left, [made.name]);
}

/// Clause OP-3.4.5: who asks customers sees an order leave the list of those to be asked once
/// somebody asked, whoever it was.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_to_be_asked_is_shown_until_somebody_asked() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await;
    let bought = place(&li, order(&customer.name)).await;
    let to_ask = WatchOrdersRequest {
        filter: "confirmation = DUE".into(),
        ..Default::default()
    };
    let mut stream = watch(&li, to_ask).await.unwrap();
    assert!(next(&mut stream).await.caught_up);
    told(&li, &bought, OrderStage::Delivered, suite.clock.now()).await;
    let shown = next(&mut stream).await;
    assert_eq!(shown.changed[0].confirmation(), Confirmation::Due);
    let not_there = attempt(&shown.changed[0], AttemptOutcome::NotArrived, "没收到");
    tried(&li, not_there).await.unwrap();
    assert_eq!(next(&mut stream).await.left, [bought.name]);
}

/// Clause IH-6: a case comes to whom it is given, and leaves with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_case_comes_and_leaves_with_whom_it_is_given_to() {
    let suite = TestSuite::start().await;
    let (li, wang) = (suite.caller(LI), suite.caller("wang.fang"));
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&li, person()).await;
    let bought = place(&li, order(&customer.name)).await;
    let mut client = WatchServiceClient::new(li.clone());
    let mine = WatchCasesRequest {
        filter: "assignee = me".into(),
        ..Default::default()
    };
    let mut stream = client.watch_cases(mine).await.unwrap().into_inner();
    assert!(next(&mut stream).await.caught_up);
    let registered = register(&erp, case(CaseKind::Repair, &bought, 1))
        .await
        .unwrap();
    let of_li = name("employees", employee_id(LI));
    let given = assign_case(&erp, &registered, &of_li).await.unwrap();
    let mut shown = next(&mut stream).await;
    while shown.changed.is_empty() {
        shown = next(&mut stream).await;
    }
    assert_eq!(shown.changed[0].name, given.name);
    assert_eq!(shown.changed[0].assignee, of_li);
    let of_wang = name("employees", employee_id("wang.fang"));
    assign_case(&erp, &given, &of_wang).await.unwrap();
    let mut shown = next(&mut stream).await;
    while shown.left.is_empty() {
        shown = next(&mut stream).await;
    }
    assert_eq!(shown.left, [given.name]);

    let wrong = WatchCasesRequest {
        filter: "colour = red".into(),
        ..Default::default()
    };
    let mut client = WatchServiceClient::new(wang);
    let refused = client.watch_cases(wrong).await.unwrap_err();
    assert_eq!(violations(&refused), ["filter"]);
    let marketing = suite.caller_for("zheng.xue", "marketing");
    let mut client = WatchServiceClient::new(marketing);
    let refused = client.watch_cases(WatchCasesRequest::default()).await;
    assert_eq!(refusal(&refused.unwrap_err()).1, "PERMISSION_MISSING");
}
