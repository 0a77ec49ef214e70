//! What is ordered is set aside, and never twice; what is short is for the customer to choose.

use kefu_contracts::order::{
    AdjustStockRequest, ChooseOnShortageRequest, CreateOrderRequest, FollowUpKind, FollowUpState,
    GetOrderRequest, LineChoice, LineStock, ListStockRequest, Order, OrderLine, OrderStage,
    OrderStock, RecordStageRequest, SetStockRequest, ShortageChoice, StockItem,
    stock_service_client::StockServiceClient,
};
use kefu_service::{clock::Clock, time::to_proto};
use kefu_testkit::{Caller, TestSuite, eventually};
use tonic::Status;

use crate::{
    follow_ups::{self, journaled},
    orders_amended::cancel,
    records::{enter, order, orders, person, place, refusal, violations},
};

const LI: &str = "li.wei";
const ADMINISTRATOR: &str = "han.bing";
const ID: &str = "0190c5a8-0000-7000-8000-00000000cc03";

fn stock(caller: &Caller) -> StockServiceClient<Caller> {
    StockServiceClient::new(caller.clone())
}

pub(crate) async fn set(caller: &Caller, sku: &str, pieces: i32, other: &[&str]) -> StockItem {
    let request = SetStockRequest {
        sku: sku.into(),
        on_hand: pieces,
        alternatives: other.iter().map(|sku| (*sku).to_owned()).collect(),
        reason: "盘点".into(),
        ..Default::default()
    };
    stock(caller).set_stock(request).await.unwrap().into_inner()
}

async fn adjust(caller: &Caller, sku: &str, by: i32, id: &str) -> Result<StockItem, Status> {
    let request = AdjustStockRequest {
        sku: sku.into(),
        by,
        request_id: id.into(),
        reason: "到货".into(),
    };
    let item = stock(caller).adjust_stock(request).await;
    item.map(tonic::Response::into_inner)
}

/// Pieces that there are of it, and of those how many are set aside.
pub(crate) async fn counted(caller: &Caller, sku: &str) -> (i32, i32) {
    let request = ListStockRequest {
        filter: format!("sku = \"{sku}\""),
        ..Default::default()
    };
    let page = stock(caller)
        .list_stock(request)
        .await
        .unwrap()
        .into_inner();
    let [item] = page.items.as_slice() else {
        panic!("{page:?}")
    };
    (item.on_hand, item.reserved)
}

/// So many pieces of each.
pub(crate) fn of(customer: &str, lines: &[(&str, i32)]) -> Order {
    let mut one = order(customer);
    let line = one.lines.remove(0);
    one.lines = lines
        .iter()
        .enumerate()
        .map(|(at, (sku, quantity))| OrderLine {
            product: format!("产品 {sku}"),
            specification: format!("规格 {at}"),
            sku: (*sku).into(),
            quantity: *quantity,
            ..line.clone()
        })
        .collect();
    one
}

fn states(one: &Order) -> Vec<LineStock> {
    one.lines.iter().map(OrderLine::stock).collect()
}

fn chosen(one: &Order, choices: Vec<LineChoice>) -> ChooseOnShortageRequest {
    ChooseOnShortageRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        choices,
        note: "客户电话选择".into(),
        ..Default::default()
    }
}

fn choice(line: i32, choice: ShortageChoice) -> LineChoice {
    LineChoice {
        line,
        choice: choice.into(),
        alternative: None,
    }
}

async fn choose(caller: &Caller, request: ChooseOnShortageRequest) -> Result<Order, Status> {
    let order = stock(caller).choose_on_shortage(request).await;
    order.map(tonic::Response::into_inner)
}

async fn get(caller: &Caller, one: &Order) -> Order {
    let name = one.name.clone();
    let order = orders(caller).get_order(GetOrderRequest { name }).await;
    order.unwrap().into_inner()
}

async fn shortages(caller: &Caller, state: FollowUpState) -> usize {
    let state = state.as_str_name().trim_start_matches("FOLLOW_UP_STATE_");
    let filter = format!("kind = SHORTAGE AND state = {state}");
    let all = follow_ups::list(caller, &filter).await;
    assert!(all.iter().all(|one| one.kind() == FollowUpKind::Shortage));
    all.len()
}

/// Clause OP-3.4.2: two orders never get the last piece, however many come at once, and what does
/// not come to pass sets nothing aside.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_piece_is_for_one() {
    let suite = TestSuite::start().await;
    let administrator = suite.caller(ADMINISTRATOR);
    let li = suite.caller(LI);
    set(&administrator, "KJ", 5, &[]).await;
    set(&administrator, "H13", 100, &[]).await;
    let customer = enter(&li, person()).await;
    let all = (0..12).map(|_| {
        let (caller, one) = (li.clone(), of(&customer.name, &[("H13", 1), ("KJ", 1)]));
        tokio::spawn(async move { place(&caller, one).await })
    });
    let mut found = Vec::new();
    for one in all.collect::<Vec<_>>() {
        found.push(one.await.unwrap());
    }
    let reserved = found
        .iter()
        .filter(|one| one.stock() == OrderStock::Reserved);
    assert_eq!(reserved.count(), 5);
    let short: Vec<_> = found
        .iter()
        .filter(|one| one.stock() == OrderStock::Short)
        .collect();
    assert_eq!(short.len(), 7);
    assert!(short.iter().all(|one| one.stage() == OrderStage::Short));
    assert_eq!(counted(&li, "KJ").await, (5, 5));
    assert_eq!(counted(&li, "H13").await, (100, 12));
    assert_eq!(shortages(&li, FollowUpState::Open).await, 7);

    // The same request twice, and one that is refused for its reference.
    let once = CreateOrderRequest {
        order: Some(Order {
            external_ref: "R-1".into(),
            ..of(&customer.name, &[("H13", 10)])
        }),
        request_id: ID.into(),
    };
    for _ in 0..2 {
        orders(&li).create_order(once.clone()).await.unwrap();
    }
    let taken = CreateOrderRequest {
        request_id: String::new(),
        ..once
    };
    let refused = orders(&li).create_order(taken).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "ALREADY_EXISTS");
    assert_eq!(counted(&li, "H13").await, (100, 22));
}

/// Clause OP-3.4.2: what is short is told with what is there instead; the customer waits, takes
/// another or does without, and who waits is supplied when it comes in, the longest first.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_short_is_for_the_customer_to_choose() {
    let suite = TestSuite::start().await;
    let administrator = suite.caller(ADMINISTRATOR);
    let li = suite.caller(LI);
    set(&administrator, "A", 1, &["B", "C"]).await;
    set(&administrator, "B", 1, &[]).await;
    set(&administrator, "C", 9, &[]).await;
    let customer = enter(&li, person()).await;
    let lines = [("A", 2), ("A", 1), ("unknown", 3), ("", 1)];
    let one = place(&li, of(&customer.name, &lines)).await;
    use LineStock::{NotKept, Reserved, Short, Waiting};
    let now = get(&li, &one).await;
    assert_eq!(
        states(&now),
        [Short, Reserved, NotKept, LineStock::Unspecified]
    );
    assert_eq!(now.lines[0].alternatives, ["C"]);
    assert_eq!(
        (now.stage(), now.stock()),
        (OrderStage::Short, OrderStock::Short)
    );

    let wrong = chosen(
        &one,
        vec![
            choice(1, ShortageChoice::Wait),
            choice(9, ShortageChoice::Wait),
        ],
    );
    let refused = choose(&li, wrong).await.unwrap_err();
    assert_eq!(violations(&refused), ["choices[0].line", "choices[1].line"]);
    let empty = ChooseOnShortageRequest {
        note: String::new(),
        ..chosen(&one, Vec::new())
    };
    assert_eq!(
        violations(&choose(&li, empty).await.unwrap_err()),
        ["note", "choices"]
    );
    let wait = chosen(&one, vec![choice(0, ShortageChoice::Wait)]);
    let refused = choose(&suite.caller("wang.fang"), wait.clone())
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    let refused = choose(&suite.caller("zhang.min"), wait.clone())
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let waiting = choose(&li, wait.clone()).await.unwrap();
    assert_eq!(states(&waiting)[..2], [Waiting, Reserved]);
    assert_eq!(waiting.stock(), OrderStock::Waiting);
    assert_eq!(waiting.steps.len(), 1);
    assert_eq!(
        refusal(&choose(&li, wait).await.unwrap_err()).1,
        "ETAG_MISMATCH"
    );
    assert_eq!(shortages(&li, FollowUpState::Done).await, 1);

    // Another waits behind it, for less.
    let other = place(&li, of(&customer.name, &[("A", 1)])).await;
    let other = chosen(&other, vec![choice(0, ShortageChoice::Wait)]);
    let other = choose(&li, other).await.unwrap();
    adjust(&administrator, "A", 2, "").await.unwrap();
    let supplied = eventually(async || {
        let one = get(&li, &one).await;
        (one.stock() == OrderStock::Reserved).then_some(one)
    })
    .await;
    assert_eq!(states(&supplied)[..2], [Reserved, Reserved]);
    assert_eq!(supplied.stage(), OrderStage::Submitted);
    assert_eq!(supplied.events.last().unwrap().actor, "");
    assert_eq!(get(&li, &other).await.stock(), OrderStock::Waiting);
    assert_eq!(counted(&li, "A").await, (3, 3));

    // Another product, of which there is enough; or nothing of it.
    let two = place(&li, of(&customer.name, &[("A", 4), ("C", 1), ("A", 5)])).await;
    let instead = LineChoice {
        alternative: Some(of(&customer.name, &[("C", 99)]).lines.remove(0)),
        ..choice(0, ShortageChoice::Alternative)
    };
    let without = choice(2, ShortageChoice::Without);
    let two = choose(&li, chosen(&two, vec![instead, without]))
        .await
        .unwrap();
    assert_eq!(two.lines.len(), 2);
    assert_eq!((two.lines[0].sku.as_str(), two.lines[0].quantity), ("C", 4));
    assert_eq!(states(&two), [Reserved, Reserved]);
    assert_eq!(
        (two.stage(), two.stock()),
        (OrderStage::Submitted, OrderStock::Reserved)
    );
    assert_eq!(counted(&li, "C").await, (9, 5));
    let refused = chosen(&two, vec![choice(0, ShortageChoice::Wait)]);
    assert_eq!(
        refusal(&choose(&li, refused).await.unwrap_err()).1,
        "STATE_NOT_ALLOWED"
    );

    // What leaves is gone, whoever tells it and however often; what is called off is free again.
    let shipped = RecordStageRequest {
        name: two.name.clone(),
        stage: OrderStage::Shipped.into(),
        occurred_time: Some(to_proto(suite.clock.now())),
        ..Default::default()
    };
    for _ in 0..2 {
        orders(&li).record_stage(shipped.clone()).await.unwrap();
    }
    assert_eq!(get(&li, &two).await.stock(), OrderStock::Consumed);
    assert_eq!(counted(&li, "C").await, (4, 0));
    cancel(&li, &get(&li, &one).await, "").await.unwrap();
    assert_eq!(get(&li, &one).await.stock(), OrderStock::Released);
    // Who waited for it has it now.
    eventually(async || {
        let other = get(&li, &other).await;
        (other.stock() == OrderStock::Reserved).then_some(())
    })
    .await;
    assert_eq!(counted(&li, "A").await, (3, 1));
}

/// Clause OP-3.4.2: how much there is is said by who may, once however often it is sent, and on
/// what was seen.
#[tokio::test(flavor = "multi_thread")]
async fn stock_is_said_by_who_may() {
    let suite = TestSuite::start().await;
    let (administrator, li) = (suite.caller(ADMINISTRATOR), suite.caller(LI));
    let item = set(&administrator, "A", 3, &["B"]).await;
    let again = SetStockRequest {
        sku: "A".into(),
        on_hand: 4,
        reason: "盘点".into(),
        ..Default::default()
    };
    let refused = stock(&administrator)
        .set_stock(again.clone())
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "ETAG_MISMATCH");
    let seen = SetStockRequest {
        etag: item.etag,
        ..again.clone()
    };
    let item = stock(&administrator)
        .set_stock(seen)
        .await
        .unwrap()
        .into_inner();
    assert_eq!((item.on_hand, item.alternatives.len()), (4, 0));
    for viewed in 0..2 {
        let item = adjust(&administrator, "A", -1, ID).await.unwrap();
        assert_eq!(item.on_hand, 3);
        assert_eq!(journaled(&suite, "stock.viewed").await, viewed);
    }
    let refused = adjust(&administrator, "A", -4, "").await.unwrap_err();
    assert_eq!(violations(&refused), ["by"]);
    let refused = adjust(&administrator, "Z", 4, "").await.unwrap_err();
    assert_eq!(violations(&refused), ["sku"]);
    let wrong = SetStockRequest {
        on_hand: -1,
        alternatives: vec!["A".into(), String::new()],
        etag: "x".into(),
        reason: String::new(),
        ..again
    };
    let refused = stock(&administrator).set_stock(wrong).await.unwrap_err();
    let expected = [
        "reason",
        "on_hand",
        "alternatives[0]",
        "alternatives[1]",
        "etag",
    ];
    assert_eq!(violations(&refused), expected);
    let refused = adjust(&li, "A", 1, "").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    assert_eq!(counted(&li, "A").await, (3, 0));
    let erp = suite.caller_for("erp", "integration");
    assert_eq!(adjust(&erp, "A", 7, "").await.unwrap().on_hand, 10);
}
