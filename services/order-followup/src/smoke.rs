#![allow(clippy::all)]
use std::{sync::Arc, time::Duration};
use aws_lc_rs::rand::SystemRandom;
use jiff::Timestamp;
use kefu_access::*;
use kefu_contracts::{common::Reason, order::*, google::r#type::Money, ClassSet, policy::DataClass};
use kefu_service::{call::Call, clock::SystemClock, config::DatabaseConfig, core::{Core, Deps}, database::Db, ids::{Ids, system_randomness}, error::Language};
use kefu_vault::{LocalKeyProvider, Vault};
use uuid::Uuid;
use crate::{api::Orders, config::OrderFollowupConfig, store::customers};

fn call(path: &'static str, subject: Uuid, kind: SubjectKind, scope: Scope, classes: ClassSet) -> Call {
    let now = "2026-11-23T10:00:00.123456Z".parse::<Timestamp>().unwrap();
    Call { service: "order-followup", context: Arc::new(AccessContext {
        subject: Subject { id: subject, kind, departments: vec![Uuid::from_u128(50)] },
        permission: "x".into(), purpose: Purpose::Service,
        rules: vec![Rule { scope, classes, source: "role:x#y".into(), expires_at: None }],
        policy_revision: 1, issued_at: now, expires_at: now + jiff::SignedDuration::from_secs(30),
    }), method: kefu_contracts::method(path).unwrap(), now, id: "call".into(), language: Language::English }
}

#[tokio::test(flavor = "multi_thread")]
async fn smoke() {
    let clock = Arc::new(SystemClock);
    let ids = Ids::new(clock.clone(), system_randomness());
    let db = Db::new(&DatabaseConfig { url: kefu_service::config::Secret::new("postgres://postgres@127.0.0.1:55440/postgres"), max_connections: 4, statement_timeout_ms: 5000, acquire_timeout_ms: 2000, idle_in_transaction_timeout_ms: 10000 }, "orders").unwrap();
    let (signer, _) = ContextSigner::generate(&SystemRandom::new());
    let vault = Arc::new(Vault::new(Arc::new(LocalKeyProvider::generate().unwrap().0), system_randomness()));
    let deps = Deps { clock, ids: ids.clone(), db: db.clone(), vault, verifier: Arc::new(ContextVerifier::new([])), signer: Arc::new(signer), default_deadline: Duration::from_secs(5), max_deadline: Duration::from_secs(9) };
    let core = Core::new(crate::NAME, deps, &["customer-profile"]);
    let orders = Orders::new(&core, &OrderFollowupConfig::default());
    let (me, customer) = (ids.next().unwrap(), ids.next().unwrap());
    let all = ClassSet::of(&[DataClass::Purchase, DataClass::Service]);
    let c = |m: &str, scope, classes| { let p: &'static str = Box::leak(format!("/kefu.order.v1.OrderService/{m}").into_boxed_str()); call(p, me, SubjectKind::Employee, scope, classes) };
    let price = |units| Some(Money { currency_code: "CNY".into(), units, nanos: 0 });
    let reference = ids.next().unwrap().to_string();
    let request = CreateOrderRequest { request_id: ids.next().unwrap().to_string(), order: Some(Order { customer: format!("customers/{customer}"), currency: "CNY".into(), external_ref: reference.clone(), placed_time: Some(prost_types::Timestamp{seconds: 1_700_000_000, nanos: 0}),
        lines: vec![OrderLine { product: "p".into(), quantity: 2, unit_price: price(10), freight: None, ..Default::default() }], ..Default::default() }) };
    // unknown customer
    let e = orders.create(c("CreateOrder", Scope::All, all), request.clone()).await.unwrap_err();
    assert_eq!(e.reason, Reason::InvalidFields, "{e:?}");
    db.run(move |x| Box::pin(async move { customers::know(x, &[customer]).await })).await.unwrap();
    let e = orders.create(c("CreateOrder", Scope::None, all), request.clone()).await.unwrap_err();
    assert_eq!(e.reason, Reason::PermissionMissing);
    // same at once
    let (a, b) = tokio::join!(orders.create(c("CreateOrder", Scope::Duty(me), all), request.clone()), orders.create(c("CreateOrder", Scope::Duty(me), all), request.clone()));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a.body, b.body); assert_eq!(a.position, b.position);
    println!("{:#?}", a.body);
    let other = CreateOrderRequest { request_id: String::new(), ..request.clone() };
    assert_eq!(orders.create(c("CreateOrder", Scope::All, all), other).await.unwrap_err().reason, Reason::AlreadyExists);
    let o = a.body;
    // get out of scope, masked
    let get = GetOrderRequest { name: o.name.clone() };
    assert_eq!(orders.get(c("GetOrder", Scope::Owner(customer), all), get.clone()).await.unwrap_err().reason, Reason::NotFoundOrOutOfScope);
    let g = orders.get(c("GetOrder", Scope::Duty(me), all), get.clone()).await.unwrap().body;
    assert_eq!(g, o);
    // stages
    let stage = |stage: OrderStage, seconds, id: &str| RecordStageRequest { name: o.name.clone(), request_id: id.into(), stage: stage as i32, occurred_time: Some(prost_types::Timestamp { seconds, nanos: 0 }) };
    let rid = ids.next().unwrap().to_string();
    let d = orders.record_stage(c("RecordStage", Scope::Duty(me), all), stage(OrderStage::Shipped, 1_700_000_200, "")).await.unwrap();
    assert_eq!(d.body.stage(), OrderStage::Shipped);
    let d = orders.record_stage(c("RecordStage", Scope::Duty(me), all), stage(OrderStage::Paid, 1_700_000_100, "")).await.unwrap();
    assert_eq!((d.body.stage(), d.body.etag.as_str(), d.body.events.len()), (OrderStage::Shipped, "r3", 3));
    let n = orders.record_stage(c("RecordStage", Scope::Duty(me), all), stage(OrderStage::Paid, 1_700_000_100, &rid)).await.unwrap();
    assert!(n.position.is_none()); assert_eq!(n.body, d.body);
    let n = orders.record_stage(c("RecordStage", Scope::Duty(me), all), stage(OrderStage::Paid, 1_700_000_100, &rid)).await.unwrap();
    assert!(n.position.is_none()); assert_eq!(n.body, d.body);
    assert_eq!(orders.record_stage(c("RecordStage", Scope::Duty(me), all), stage(OrderStage::Paid, 1_700_000_101, &rid)).await.unwrap_err().reason, Reason::RequestIdReused);
    assert_eq!(orders.record_stage(c("RecordStage", Scope::Duty(me), all), stage(OrderStage::Completed, 1_700_000_101, "")).await.unwrap_err().reason, Reason::InvalidFields);
    // many at once
    let all_at_once: Vec<_> = (0..6).map(|n| { let orders = orders.clone(); let (c, s) = (c("RecordStage", Scope::Duty(me), all), stage(OrderStage::Picking, 1_700_000_110 + n % 3, "")); tokio::spawn(async move { orders.record_stage(c, s).await.unwrap().position.is_some() }) }).collect();
    let mut fresh = 0; for t in all_at_once { fresh += t.await.unwrap() as i32 } assert_eq!(fresh, 3);
    // review
    let review = |id: &str, score| RecordReviewRequest { name: o.name.clone(), request_id: id.into(), review: Some(Review { score, comment: "慢".into(), external_ref: "r1".into(), answered_time: Some(prost_types::Timestamp{seconds:1_700_000_300, nanos: 0}), arrived: false }) };
    let rid = ids.next().unwrap().to_string();
    let (a, b) = tokio::join!(orders.record_review(c("RecordReview", Scope::Duty(me), all), review(&rid, 2)), orders.record_review(c("RecordReview", Scope::Duty(me), all), review(&rid, 2)));
    assert_eq!(a.unwrap().body, b.unwrap().body);
    let e = orders.record_review(c("RecordReview", Scope::Duty(me), all), review("", 2)).await.unwrap_err();
    assert_eq!(e.reason, Reason::AlreadyExists);
    let g = orders.get(c("GetOrder", Scope::Duty(me), all), get.clone()).await.unwrap().body;
    assert_eq!((g.reviews.len(), g.etag.as_str(), g.reviews[0].comment.as_str()), (1, "r7", "慢"));
    // complete
    let rid = ids.next().unwrap().to_string();
    let complete = |etag: &str| CompleteOrderRequest { name: o.name.clone(), etag: etag.into(), request_id: rid.clone(), review: Some(Review { score: 5, arrived: true, ..Default::default() }) };
    assert_eq!(orders.complete(c("CompleteOrder", Scope::Duty(me), all), complete("r2")).await.unwrap_err().reason, Reason::EtagMismatch);
    assert_eq!(orders.complete(c("CompleteOrder", Scope::Duty(me), all), complete("r7")).await.unwrap_err().reason, Reason::StateNotAllowed);
    let d = orders.record_stage(c("RecordStage", Scope::Duty(me), all), stage(OrderStage::Delivered, 1_700_000_900, "")).await.unwrap().body;
    let done = orders.complete(c("CompleteOrder", Scope::Duty(me), all), complete(&d.etag)).await.unwrap();
    let again = orders.complete(c("CompleteOrder", Scope::Duty(me), all), complete(&d.etag)).await.unwrap();
    assert_eq!(done.body, again.body); assert_eq!(done.position, again.position);
    assert_eq!(orders.get(c("GetOrder", Scope::Duty(me), all), get.clone()).await.unwrap_err().reason, Reason::NotFoundOrOutOfScope);
    let g = orders.get(c("GetOrder", Scope::Owner(me), all), get.clone()).await.unwrap().body;
    assert_eq!(g, done.body);
    let d = orders.record_stage(c("RecordStage", Scope::All, all), stage(OrderStage::Cancelled, 1_790_000_900, "")).await.unwrap().body;
    assert_eq!((d.stage(), d.events.len()), (OrderStage::Completed, g.events.len() + 1));
    // masked
    let m = orders.get(c("GetOrder", Scope::All, ClassSet::NONE), get.clone()).await.unwrap().body;
    println!("{m:#?}");
    assert!(m.lines.is_empty() && m.total.is_none() && m.reviews.is_empty());
    // list
    for filter in [format!("customer = customers/{customer}"), format!("customer = customers/{customer} AND stage = COMPLETED AND external_ref = \"{reference}\" AND placed_time >= 2020-01-01T00:00:00Z AND owner = employees/{me}")] {
        let l = orders.list(c("ListOrders", Scope::Departments(vec![Uuid::from_u128(50)]), all), ListOrdersRequest { filter, ..Default::default() }).await.unwrap().body;
        assert_eq!((l.orders.len(), l.total_size), (1, 1)); assert!(l.orders[0].events.is_empty() && l.orders[0].reviews.is_empty()); assert_eq!(l.orders[0].total, price(20));
    }
}
