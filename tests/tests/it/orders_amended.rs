//! Orders are changed and cancelled as their customers wish, as long as that can be.

use std::time::Duration;

use kefu_contracts::order::{
    BulkRecordStagesRequest, CancelOrderRequest, ChangeOrderRequest, Order, OrderContact,
    OrderIntake, OrderStage, OrderStepKind, OrderStock, RecordStageRequest, StageNews,
    StopOrderRequest, amendment_service_client::AmendmentServiceClient,
};
use kefu_service::{clock::Clock, time::to_proto};
use kefu_testkit::{Caller, TestSuite};
use tonic::Status;

use crate::{
    orders_supplied::{counted, of, set},
    records::{enter, orders, person, place, refusal, violations},
};

const LI: &str = "li.wei";
const ID: &str = "0190c5a8-0000-7000-8000-00000000cc04";

fn amendments(caller: &Caller) -> AmendmentServiceClient<Caller> {
    AmendmentServiceClient::new(caller.clone())
}

pub(crate) async fn cancel(caller: &Caller, one: &Order, id: &str) -> Result<Order, Status> {
    let request = CancelOrderRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        request_id: id.into(),
        reason: "客户改主意".into(),
    };
    let order = amendments(caller).cancel_order(request).await;
    order.map(tonic::Response::into_inner)
}

async fn stop(caller: &Caller, one: &Order) -> Result<Order, Status> {
    let request = StopOrderRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        reason: "客户改主意".into(),
        ..Default::default()
    };
    let order = amendments(caller).stop_order(request).await;
    order.map(tonic::Response::into_inner)
}

async fn tell(suite: &TestSuite, caller: &Caller, one: &Order, stage: OrderStage) -> Order {
    let request = RecordStageRequest {
        name: one.name.clone(),
        stage: stage.into(),
        occurred_time: Some(to_proto(suite.clock.now())),
        ..Default::default()
    };
    let order = orders(caller).record_stage(request).await;
    order.unwrap().into_inner()
}

/// Clause OP-3.4.3: until an order is confirmed it is changed as its customer wishes, with what is
/// set aside for it, and what is not plausible is found anew.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_changed_until_it_is_confirmed() {
    let suite = TestSuite::start().await;
    let (administrator, li) = (suite.caller("han.bing"), suite.caller(LI));
    set(&administrator, "A", 5, &[]).await;
    set(&administrator, "B", 1_000, &[]).await;
    let customer = enter(&li, person()).await;
    let one = place(&li, of(&customer.name, &[("A", 3)])).await;
    assert_eq!(counted(&li, "A").await, (5, 3));
    let wish = ChangeOrderRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        lines: of(&customer.name, &[("A", 5), ("B", 1)]).lines,
        contact: Some(OrderContact {
            name: "李四光".into(),
            phone: "13912345678".into(),
        }),
        reason: "再加两台".into(),
        request_id: ID.into(),
    };
    let changed = amendments(&li)
        .change_order(wish.clone())
        .await
        .unwrap()
        .into_inner();
    let again = amendments(&li)
        .change_order(wish.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(changed, again);
    assert_eq!(
        (changed.lines.len(), changed.stock()),
        (2, OrderStock::Reserved)
    );
    assert_eq!(changed.steps[0].kind(), OrderStepKind::Changed);
    assert_eq!(counted(&li, "A").await, (5, 5));
    // What is asked about sets nothing aside until it is cleared up.
    let odd = ChangeOrderRequest {
        etag: changed.etag.clone(),
        lines: of(&customer.name, &[("B", 500)]).lines,
        request_id: String::new(),
        ..wish.clone()
    };
    let odd = amendments(&li)
        .change_order(odd)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(odd.intake(), OrderIntake::ToClearUp);
    assert_eq!(counted(&li, "A").await, (5, 0));
    assert_eq!(counted(&li, "B").await, (1_000, 0));

    let nothing = ChangeOrderRequest {
        lines: Vec::new(),
        contact: None,
        reason: String::new(),
        ..wish.clone()
    };
    let refused = amendments(&li).change_order(nothing).await.unwrap_err();
    assert_eq!(violations(&refused), ["reason", "lines"]);
    let stale = ChangeOrderRequest {
        request_id: String::new(),
        ..wish.clone()
    };
    let refused = amendments(&li).change_order(stale).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "ETAG_MISMATCH");
    let confirmed = tell(&suite, &li, &odd, OrderStage::Confirmed).await;
    let late = ChangeOrderRequest {
        etag: confirmed.etag.clone(),
        request_id: String::new(),
        ..wish
    };
    let refused = amendments(&li)
        .change_order(late.clone())
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    let hidden = amendments(&suite.caller("wang.fang"))
        .change_order(late.clone())
        .await;
    assert_eq!(refusal(&hidden.unwrap_err()).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    let refused = amendments(&suite.caller("zhang.min"))
        .change_order(late)
        .await;
    assert_eq!(refusal(&refused.unwrap_err()).1, "PERMISSION_MISSING");
}

/// Clause OP-3.4.3: whoever follows an order up cancels it until it is picked, who leads until it
/// leaves, and nobody after that.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_cancelled_until_it_leaves() {
    let suite = TestSuite::start().await;
    let (administrator, li) = (suite.caller("han.bing"), suite.caller(LI));
    let head = suite.caller("zhang.min");
    set(&administrator, "A", 5, &[]).await;
    let customer = enter(&li, person()).await;
    let one = place(&li, of(&customer.name, &[("A", 3)])).await;
    let refused = cancel(&suite.caller("wang.fang"), &one, "")
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    let refused = cancel(&head, &one, "").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let gone = cancel(&li, &one, ID).await.unwrap();
    assert_eq!(gone, cancel(&li, &one, ID).await.unwrap());
    assert_eq!(
        (gone.stage(), gone.stock()),
        (OrderStage::Cancelled, OrderStock::Released)
    );
    assert_eq!(gone.steps[0].note, "客户改主意");
    assert_eq!(counted(&li, "A").await, (5, 0));
    let refused = cancel(&li, &gone, "").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");

    let two = place(&li, of(&customer.name, &[("A", 2)])).await;
    let picked = tell(&suite, &li, &two, OrderStage::Picking).await;
    let refused = cancel(&li, &picked, "").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    let refused = stop(&li, &picked).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let stopped = stop(&head, &picked).await.unwrap();
    assert_eq!(stopped.stage(), OrderStage::Cancelled);
    assert_eq!(counted(&li, "A").await, (5, 0));

    let three = place(&li, of(&customer.name, &[("A", 2)])).await;
    let left = tell(&suite, &li, &three, OrderStage::Shipped).await;
    assert_eq!(
        refusal(&stop(&head, &left).await.unwrap_err()).1,
        "STATE_NOT_ALLOWED"
    );
    let nothing = StopOrderRequest::default();
    let refused = amendments(&head).stop_order(nothing).await.unwrap_err();
    assert_eq!(violations(&refused), ["name", "etag", "reason"]);
}

/// Clause OP-3.4.3: that an order was cancelled is told by the order system; people cancel by
/// command, as far as its stage lets them.
#[tokio::test(flavor = "multi_thread")]
async fn people_do_not_tell_that_an_order_was_cancelled() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await;
    let one = place(&li, of(&customer.name, &[("A", 1)])).await;
    let left = tell(&suite, &li, &one, OrderStage::Delivered).await;
    let told = RecordStageRequest {
        name: one.name.clone(),
        stage: OrderStage::Cancelled.into(),
        occurred_time: Some(to_proto(suite.clock.now())),
        ..Default::default()
    };
    let refused = orders(&li).record_stage(told.clone()).await.unwrap_err();
    assert_eq!(violations(&refused), ["stage"]);
    let news = BulkRecordStagesRequest {
        news: vec![StageNews {
            name: told.name.clone(),
            stage: told.stage,
            occurred_time: told.occurred_time,
        }],
    };
    let refused = orders(&li).bulk_record_stages(news).await.unwrap_err();
    assert_eq!(violations(&refused), ["news[0].stage"]);
    let refused = cancel(&li, &left, "").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    // An earlier stage that is told later brings nothing back that has left.
    suite.clock.advance(Duration::from_secs(1));
    let back = tell(&suite, &li, &one, OrderStage::Submitted).await;
    assert_eq!(back.stage(), OrderStage::Submitted);
    for refused in [
        cancel(&li, &back, "").await,
        stop(&suite.caller("zhang.min"), &back).await,
    ] {
        assert_eq!(refusal(&refused.unwrap_err()).1, "STATE_NOT_ALLOWED");
    }

    let erp = suite.caller_for("erp", "integration");
    let told = RecordStageRequest {
        occurred_time: Some(to_proto(suite.clock.now())),
        ..told
    };
    let gone = orders(&erp).record_stage(told).await.unwrap().into_inner();
    assert_eq!(gone.stage(), OrderStage::Cancelled);
}
