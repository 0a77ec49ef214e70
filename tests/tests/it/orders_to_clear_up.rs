//! What is wrong with an order is cleared up with its customer before it is carried out.

use kefu_contracts::{
    google::r#type::Money,
    order::{
        ClearUpOrderRequest, CreateOrderRequest, FollowUp, FollowUpKind, FollowUpState,
        ListOrdersRequest, Order, OrderContact, OrderFindingCode, OrderFindingState, OrderIntake,
        OrderLine, OrderStage, RecordStageRequest,
        order_intake_service_client::OrderIntakeServiceClient,
    },
};
use kefu_service::{clock::Clock, time::to_proto};
use kefu_testkit::{Caller, TestSuite};
use tonic::Status;

use crate::{
    follow_ups,
    records::{enter, order, orders, person, place, refusal, violations},
};

const LI: &str = "li.wei";
const ID: &str = "0190c5a8-0000-7000-8000-00000000cc02";

fn money(units: i64, nanos: i32) -> Option<Money> {
    Some(Money {
        currency_code: "CNY".into(),
        units,
        nanos,
    })
}

/// Two lines of which one is far too many, for nothing.
fn odd(customer: &str) -> Order {
    let mut odd = order(customer);
    odd.contact_name = "李四光".into();
    odd.contact_phone = "13912345678".into();
    odd.lines[0].discount = money(99, 500_000_000);
    odd.lines[0].tax = money(0, 10_000_000);
    odd.lines.push(OrderLine {
        product: "滤芯".into(),
        specification: "H13".into(),
        quantity: 500,
        unit_price: money(0, 0),
        ..Default::default()
    });
    odd
}

fn clearing(one: &Order, confirmed: &[i32]) -> ClearUpOrderRequest {
    ClearUpOrderRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        confirmed: confirmed.to_vec(),
        note: "客户来电确认".into(),
        ..Default::default()
    }
}

async fn clear_up(caller: &Caller, request: ClearUpOrderRequest) -> Result<Order, Status> {
    let mut client = OrderIntakeServiceClient::new(caller.clone());
    let order = client.clear_up_order(request).await;
    order.map(tonic::Response::into_inner)
}

async fn tasks(caller: &Caller) -> Vec<FollowUp> {
    follow_ups::list(caller, "kind = CLEAR_UP").await
}

async fn to_clear_up(caller: &Caller) -> usize {
    let request = ListOrdersRequest {
        filter: "intake = TO_CLEAR_UP".into(),
        ..Default::default()
    };
    let page = orders(caller).list_orders(request).await.unwrap();
    let page = page.into_inner();
    assert!(page.orders.iter().all(|order| order.findings.is_empty()));
    page.orders.len()
}

/// Clause OP-3.4.1: what is not plausible is found field by field, seen to by whoever took the
/// order, and cleared up with the customer, who confirms or corrects it; amounts add up exactly.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_cleared_up_with_its_customer() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await;
    let plain = place(&li, order(&customer.name)).await;
    assert_eq!(plain.intake(), OrderIntake::Clear);
    let one = place(&li, odd(&customer.name)).await;
    // 2 × 1299.50 − 99.50 + 0.01
    assert_eq!(one.total, money(2499, 510_000_000));
    assert_eq!(one.intake(), OrderIntake::ToClearUp);
    let found: Vec<_> = one
        .findings
        .iter()
        .map(|one| (one.code(), one.field.as_str(), one.state()))
        .collect();
    let open = OrderFindingState::Open;
    assert_eq!(
        found,
        [
            (OrderFindingCode::QuantityUnusual, "lines[1].quantity", open),
            (OrderFindingCode::PriceZero, "lines[1].unit_price", open),
        ]
    );
    assert_eq!(to_clear_up(&li).await, 1);
    let due = tasks(&li).await;
    assert_eq!(due.len(), 1);
    assert_eq!(
        (due[0].kind(), &due[0].subject),
        (FollowUpKind::ClearUp, &one.name)
    );

    let wrong = ClearUpOrderRequest {
        note: String::new(),
        contact: Some(OrderContact {
            phone: "x".into(),
            ..Default::default()
        }),
        ..clearing(&one, &[])
    };
    let refused = clear_up(&li, wrong).await.unwrap_err();
    assert_eq!(violations(&refused), ["note", "contact.phone"]);
    let refused = clear_up(&li, clearing(&one, &[])).await.unwrap_err();
    assert_eq!(violations(&refused), ["confirmed"]);
    let refused = clear_up(&li, clearing(&one, &[7])).await.unwrap_err();
    assert_eq!(violations(&refused), ["confirmed[0]"]);
    let refused = clear_up(&suite.caller("wang.fang"), clearing(&one, &[1])).await;
    assert_eq!(
        refusal(&refused.unwrap_err()).1,
        "NOT_FOUND_OR_OUT_OF_SCOPE"
    );
    let refused = clear_up(&suite.caller("zhang.min"), clearing(&one, &[1])).await;
    assert_eq!(refusal(&refused.unwrap_err()).1, "PERMISSION_MISSING");

    let request = ClearUpOrderRequest {
        request_id: ID.into(),
        ..clearing(&one, &[1])
    };
    let half = clear_up(&li, request.clone()).await.unwrap();
    assert_eq!(half, clear_up(&li, request).await.unwrap());
    assert_eq!(half.intake(), OrderIntake::ToClearUp);
    let stale = clear_up(&li, clearing(&one, &[2])).await.unwrap_err();
    assert_eq!(refusal(&stale).1, "ETAG_MISMATCH");
    // The price is corrected; what was confirmed of the line is asked again, as it is another.
    let mut lines = half.lines.clone();
    lines[1].unit_price = money(19, 900_000_000);
    let request = ClearUpOrderRequest {
        lines,
        ..clearing(&half, &[])
    };
    let priced = clear_up(&li, request).await.unwrap();
    assert_eq!(priced.total, money(2499 + 9950, 510_000_000));
    let states: Vec<_> = priced.findings.iter().map(|one| one.state()).collect();
    assert_eq!(
        states,
        [OrderFindingState::Open, OrderFindingState::Corrected]
    );
    let below = ClearUpOrderRequest {
        lines: vec![OrderLine {
            discount: money(20_000, 0),
            ..priced.lines[1].clone()
        }],
        ..clearing(&priced, &[])
    };
    assert_eq!(
        violations(&clear_up(&li, below).await.unwrap_err()),
        ["lines"]
    );
    let clear = clear_up(&li, clearing(&priced, &[1])).await.unwrap();
    assert_eq!(clear.intake(), OrderIntake::Clear);
    assert_eq!(clear.steps.len(), 3);
    assert_eq!(clear.steps[1].corrected, [2]);
    assert_eq!(to_clear_up(&li).await, 0);
    let done = tasks(&li).await;
    assert_eq!(done[0].state(), FollowUpState::Done);
    let over = clear_up(&li, clearing(&clear, &[1])).await.unwrap_err();
    assert_eq!(refusal(&over).1, "STATE_NOT_ALLOWED");
    let mut sql = suite.database.connect().await.unwrap();
    let counted = "SELECT count(*) FROM orders.journal WHERE type = 'order.cleared_up'";
    let counted: i64 = sqlx::query_scalar(counted)
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert_eq!(counted, 3);
}

/// Clause OP-3.4.1: what is outright wrong is refused, all of it at once; what was placed
/// elsewhere long ago is history, and what is over is cleared up by nobody.
#[tokio::test(flavor = "multi_thread")]
async fn history_is_not_cleared_up() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await;
    let department = kefu_access_control::seed::department_id("call_centre");
    let of_shop = |hours: i64| {
        let placed = suite.clock.now() - jiff::SignedDuration::from_hours(hours);
        Order {
            placed_time: Some(to_proto(placed)),
            department: kefu_service::fields::name("departments", department),
            ..odd(&customer.name)
        }
    };
    let old = place(&erp, of_shop(25)).await;
    assert_eq!((old.intake(), old.findings.len()), (OrderIntake::Clear, 0));
    let new = place(&erp, of_shop(1)).await;
    assert_eq!(
        (new.intake(), new.findings.len()),
        (OrderIntake::ToClearUp, 2)
    );
    let head = suite.caller("zhang.min");
    assert_eq!(tasks(&head).await.len(), 1);
    let ended = RecordStageRequest {
        name: new.name.clone(),
        stage: OrderStage::Cancelled.into(),
        occurred_time: Some(to_proto(suite.clock.now())),
        ..Default::default()
    };
    let ended = orders(&erp).record_stage(ended).await.unwrap().into_inner();
    assert_eq!(tasks(&head).await[0].state(), FollowUpState::Settled);
    let refused = clear_up(&erp, clearing(&ended, &[1])).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");

    let mut wrong = odd(&customer.name);
    wrong.lines[0].discount = money(-1, 0);
    wrong.lines[1].tax = Some(Money {
        currency_code: "USD".into(),
        units: 1,
        nanos: 0,
    });
    let request = CreateOrderRequest {
        order: Some(wrong),
        request_id: String::new(),
    };
    let refused = orders(&suite.caller(LI))
        .create_order(request)
        .await
        .unwrap_err();
    let expected = ["order.lines[0].discount", "order.lines[1].tax"];
    assert_eq!(violations(&refused), expected);
}
