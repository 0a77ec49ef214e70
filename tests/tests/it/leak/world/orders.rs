//! Orders, and what customers say of them.

use std::time::Duration;

use kefu_contracts::{
    google::r#type::Money,
    order::{Order, OrderLine, OrderStage, RecordReviewRequest, RecordStageRequest, Review},
};
use kefu_service::{clock::Clock, time};
use kefu_testkit::{Caller, TestSuite, employee_id};

use super::{World, employee};
use crate::{
    leak::values::Values,
    records::{order, orders, place},
};

/// Customer, department, owner, cancelled.
const ORDERS: &[(usize, &str, Option<&str>, bool)] = &[
    (0, "call_centre", Some("wang.fang"), false),
    (1, "complaints", Some("luo.yong"), false),
    (4, "technical_support", Some("ma.chao"), true),
    (5, "sales", None, false),
];

/// The one that a complaint is about.
pub(super) const COMPLAINED: usize = 1;

/// All of them, of these files.
pub(super) async fn place_all(
    suite: &TestSuite,
    world: &mut World,
    files: &[String],
    values: &mut Values,
) {
    for (at, (customer, code, owner, cancelled)) in ORDERS.iter().enumerate() {
        let (file, department) = (&files[*customer], world.departments[*code]);
        let mut one = order(file);
        one.lines = vec![line(values)];
        let promised = suite.clock.now() + Duration::from_secs(86_400);
        one.promised_time = Some(time::to_proto(promised));
        one.department = format!("departments/{department}");
        one.owner = owner.map(employee).unwrap_or_default();
        one.external_ref = format!("SHOP-{at}");
        let name = follow(suite, &world.maker, one, *cancelled, values).await;
        let duty = owner.filter(|_| !cancelled).map(employee_id);
        world.reviews.push(name.clone());
        world.know(file, name, department, *owner, duty);
    }
}

fn line(values: &mut Values) -> OrderLine {
    let money = |units| {
        Some(Money {
            currency_code: "CNY".into(),
            units,
            nanos: 500_000_000,
        })
    };
    OrderLine {
        product: values.text(),
        specification: values.text(),
        category: values.text(),
        quantity: 2,
        unit_price: money(1299),
        freight: money(10),
        discount: money(1),
        tax: money(2),
        ..OrderLine::default()
    }
}

/// Places an order, which is reviewed and, if so, cancelled.
async fn follow(
    suite: &TestSuite,
    caller: &Caller,
    order: Order,
    cancelled: bool,
    values: &mut Values,
) -> String {
    let name = place(caller, order).await.name;
    let mut client = orders(caller);
    let review = RecordReviewRequest {
        name: name.clone(),
        review: Some(Review {
            score: 3,
            comment: values.text(),
            arrived: true,
            external_ref: format!("WORD-{name}"),
            ..Default::default()
        }),
        ..Default::default()
    };
    client.record_review(review).await.unwrap();
    if cancelled {
        let stage = RecordStageRequest {
            name: name.clone(),
            stage: OrderStage::Cancelled as i32,
            occurred_time: Some(time::to_proto(suite.clock.now())),
            ..Default::default()
        };
        client.record_stage(stage).await.unwrap();
    }
    name
}
