//! Orders that are late, short, to be cleared up and refused, with something in every field, and
//! what they make due.

use std::{collections::BTreeMap, time::Duration};

use jiff::SignedDuration;
use kefu_access::RowFacts;
use kefu_contracts::{
    google::r#type::Money,
    order::{
        ClearUpOrderRequest, GetOrderRequest, ListSubmissionsRequest, MarkSubmissionRequest,
        NoticeEvent, NoticeRule, Order, OrderLine, OrderStage, StagePromise, SubmissionState,
        order_intake_service_client::OrderIntakeServiceClient,
        submission_service_client::SubmissionServiceClient,
    },
};
use kefu_service::{
    clock::Clock,
    fields::{name, parse_name},
    time::to_proto,
};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use uuid::Uuid;

use super::{after_sales::Planted, values::Values};
use crate::{
    order_notices,
    orders_in_trouble::turn,
    orders_supplied::set,
    records::{order, orders, place},
};

const LI: &str = "li.wei";
/// What customers are told.
const TOLD: &str = "尊敬的客户：您的订单{order.number}晚于承诺。";

/// The orders, and whether somebody has duty by each.
pub(super) async fn planted(
    suite: &TestSuite,
    maker: &Caller,
    files: &[String],
    departments: &BTreeMap<String, Uuid>,
    values: &mut Values,
) -> Vec<Planted> {
    let mut all = Vec::new();
    let sales = departments["sales"];
    // Its customer has bought so little that one more makes them no better a one.
    let told = told(suite, maker, &files[5], sales, values).await;
    for one in [
        late(suite, maker, &files[0], sales, values).await,
        cleared(maker, &files[1], sales, values).await,
    ] {
        all.push(Planted::new(one.name.clone(), facts(&one, sales, None)));
    }
    let notice = noticed(maker, &told, values).await;
    let of_told = facts(&told, sales, None);
    all.push(Planted::new(notice, of_told.clone()));
    all.push(Planted::new(told.name, of_told));
    let li = suite.caller(LI).after(maker);
    let call_centre = departments["call_centre"];
    let one = short(suite, &li, &files[3], values).await;
    all.push(Planted::new(
        one.name.clone(),
        facts(&one, call_centre, Some(LI)),
    ));
    let one = place(&li, filled(&files[3], values)).await;
    let own = facts(&one, call_centre, Some(LI));
    all.push(Planted::new(refused(&li, &one, values).await, own.clone()));
    all.push(Planted::new(one.name, own));
    let _ = maker.after(&li);
    all
}

/// Whose an order is; who follows it up has duty.
fn facts(one: &Order, department: Uuid, owner: Option<&str>) -> RowFacts {
    RowFacts {
        department: Some(department),
        owner: owner.map(employee_id),
        customer: parse_name(&one.customer, "customers"),
        duty: owner.map(employee_id).into_iter().collect(),
        consents: Vec::new(),
    }
}

fn filled(customer: &str, values: &mut Values) -> Order {
    let line = OrderLine {
        product: values.text(),
        specification: values.text(),
        category: values.text(),
        ..order(customer).lines.remove(0)
    };
    Order {
        lines: vec![line],
        contact_name: values.name(),
        contact_phone: values.phone(),
        ..order(customer)
    }
}

/// Promised long ago, and silent since.
async fn late(
    suite: &TestSuite,
    maker: &Caller,
    customer: &str,
    department: Uuid,
    values: &mut Values,
) -> Order {
    let ago = |days: i64| {
        Some(to_proto(
            suite.clock.now() - SignedDuration::from_hours(24 * days),
        ))
    };
    let late = Order {
        department: name("departments", department),
        placed_time: ago(40),
        promised_time: ago(30),
        promises: vec![StagePromise {
            stage: OrderStage::Shipped.into(),
            promised_time: ago(35),
        }],
        ..filled(customer, values)
    };
    let late = place(maker, late).await;
    // Judged when all that a system has to tell is told.
    turn(suite, Duration::from_secs(61)).await;
    eventually(async || {
        let request = GetOrderRequest {
            name: late.name.clone(),
        };
        let now = orders(maker).get_order(request).await.unwrap().into_inner();
        (now.late_time.is_some() && now.stuck_time.is_some()).then_some(now)
    })
    .await
}

/// Late since so lately that its customer is told.
async fn told(
    suite: &TestSuite,
    maker: &Caller,
    customer: &str,
    department: Uuid,
    values: &mut Values,
) -> Order {
    let rule = NoticeRule {
        // Of this one alone.
        stages: vec![OrderStage::Picking.into()],
        ..order_notices::rule("told", NoticeEvent::Late, TOLD)
    };
    let administrator = suite.caller("han.bing");
    order_notices::revise(&administrator, vec![rule])
        .await
        .unwrap();
    let at = suite.clock.now() - SignedDuration::from_hours(1);
    let late = Order {
        department: name("departments", department),
        promises: order_notices::promised(customer, OrderStage::Picking, at).promises,
        placed_time: Some(to_proto(at - SignedDuration::from_hours(1))),
        ..filled(customer, values)
    };
    place(maker, late).await
}

/// The notice about an order that was judged; somebody told the customer.
async fn noticed(maker: &Caller, order: &Order, values: &mut Values) -> String {
    let all = eventually(async || {
        let all = order_notices::listed(maker, "").await.unwrap();
        (!all.is_empty()).then_some(all)
    })
    .await;
    let [notice] = all.as_slice() else {
        panic!("{all:?}")
    };
    assert_eq!(notice.order, order.name);
    let sent = order_notices::sent(maker, notice, &values.text(), &values.text()).await;
    sent.unwrap().name
}

/// Far too many for nothing, of which one is right and the other was corrected.
async fn cleared(maker: &Caller, customer: &str, department: Uuid, values: &mut Values) -> Order {
    let mut odd = filled(customer, values);
    odd.department = name("departments", department);
    odd.lines[0].quantity = 500;
    odd.lines[0].unit_price = Some(Money::default());
    let odd = place(maker, odd).await;
    let mut lines = odd.lines.clone();
    lines[0].unit_price = order(customer).lines[0].unit_price.clone();
    let clearing = ClearUpOrderRequest {
        name: odd.name.clone(),
        etag: odd.etag.clone(),
        confirmed: vec![1],
        lines,
        note: values.text(),
        ..Default::default()
    };
    let mut client = OrderIntakeServiceClient::new(maker.clone());
    client.clear_up_order(clearing).await.unwrap().into_inner()
}

/// Of which there is nothing, but something else.
async fn short(suite: &TestSuite, caller: &Caller, customer: &str, values: &mut Values) -> Order {
    let administrator = suite.caller("han.bing");
    let (wanted, other) = (values.text(), values.text());
    set(&administrator, &wanted, 0, &[&other]).await;
    set(&administrator, &other, 9, &[]).await;
    let mut one = filled(customer, values);
    one.lines[0].sku = wanted;
    let one = place(caller, one).await;
    // What the company keeps says nothing of who ordered it, and would be taken for what it says.
    let mut sql = suite.database.connect().await.unwrap();
    let gone = sqlx::query("DELETE FROM orders.stock").execute(&mut sql);
    gone.await.unwrap();
    one
}

/// The order system would not take it.
async fn refused(caller: &Caller, one: &Order, values: &mut Values) -> String {
    let mut client = SubmissionServiceClient::new(caller.clone());
    let request = ListSubmissionsRequest {
        filter: format!("order = \"{}\"", one.name),
        ..Default::default()
    };
    let page = client.list_submissions(request).await.unwrap().into_inner();
    let submission = &page.submissions[0];
    let mark = MarkSubmissionRequest {
        name: submission.name.clone(),
        etag: submission.etag.clone(),
        state: SubmissionState::Refused.into(),
        reference: values.text(),
        note: values.text(),
        ..Default::default()
    };
    client.mark_submission(mark).await.unwrap();
    submission.name.clone()
}
