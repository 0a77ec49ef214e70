//! order-followup is killed in the middle of what it does with an order (kill -9).

use kefu_contracts::{
    google::r#type::Money,
    order::{
        AnswerPlanRequest, Case, CaseKind, CaseLine, CasePaymentKind, CasePaymentState,
        CheckCoverRequest, CompleteOrderRequest, CreateOrderRequest, DecideOnCasePaymentRequest,
        EarningRule, LoyaltyDefinition, Order, OrderLine, OrderStage, OrderStock, PlanCaseRequest,
        ProposeCasePaymentRequest, RecordCasePaymentRequest, RecordStageRequest, RefundLine,
        RegisterCaseRequest, Review, ReviseLoyaltyRulesRequest, SetStockRequest,
        after_sales_service_client::AfterSalesServiceClient,
        loyalty_service_client::LoyaltyServiceClient, order_service_client::OrderServiceClient,
        stock_service_client::StockServiceClient,
    },
};
use kefu_service::{
    clock::{Clock, SystemClock},
    time::to_proto,
};
use kefu_testkit::eventually;
use sqlx::PgConnection;

use crate::processes::{Site, Stop, enter, request};

/// Pieces set aside, orders, submissions, and what is to be done about orders.
async fn standing(sql: &mut PgConnection) -> (i32, i64, i64, i64) {
    sqlx::query_as(
        "SELECT (SELECT reserved FROM orders.stock), (SELECT count(*) FROM orders.purchase_order),
                (SELECT count(*) FROM orders.submission), (SELECT count(*) FROM orders.follow_up)",
    )
    .fetch_one(sql)
    .await
    .unwrap()
}

/// Clause OP-3.4.2: order-followup dies when everything is set aside and written but the journal:
/// nothing is set aside, and the same order is taken in once when it is sent again.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_process_is_killed_leaves_nothing_aside() {
    let site = Site::prepare().await;
    let _others =
        ["access-control", "gateway", "customer-profile"].map(|service| site.start(service));
    let orders = site.start("order-followup");
    let agent = site.token("li.wei");
    let (customer, place) = enter(&site.gateway(), &agent).await;
    let item = SetStockRequest {
        sku: "KJ500".into(),
        on_hand: 1,
        reason: "盘点".into(),
        ..Default::default()
    };
    let administrator = site.token("han.bing");
    eventually(async || {
        let mut stock = StockServiceClient::new(site.gateway());
        let item = request(item.clone(), &administrator, "administration", "");
        stock.set_stock(item).await.ok()
    })
    .await;
    let placing = async || {
        let line = OrderLine {
            product: "空气净化器".into(),
            specification: "KJ500".into(),
            sku: "KJ500".into(),
            quantity: 1,
            unit_price: Some(Money {
                currency_code: "CNY".into(),
                units: 1299,
                nanos: 0,
            }),
            ..Default::default()
        };
        let body = CreateOrderRequest {
            order: Some(Order {
                customer: customer.clone(),
                currency: "CNY".into(),
                lines: vec![line],
                ..Default::default()
            }),
            request_id: "0190c5a8-0000-7000-8000-000000004714".into(),
        };
        let mut service = OrderServiceClient::new(site.gateway());
        service
            .create_order(request(body, &agent, "service", &place))
            .await
    };

    let mut sql = site.database.connect().await.unwrap();
    let stop = Stop::before(&site, "orders", "order.supplied").await;
    let cut_off = stop.kill(orders, placing()).await;
    assert!(cut_off.is_err());
    assert_eq!(standing(&mut sql).await, (0, 0, 0, 0));

    let _orders = site.start("order-followup");
    let made = eventually(async || placing().await.ok()).await.into_inner();
    assert_eq!(made.stock(), OrderStock::Reserved);
    assert_eq!(placing().await.unwrap().into_inner(), made, "once");
    assert_eq!(standing(&mut sql).await, (1, 1, 1, 0));
}

/// Answers of a method, asked by this post.
macro_rules! call {
    ($site:expr, $client:ident, $method:ident, $body:expr, $token:expr, $purpose:literal) => {
        $client::new($site.gateway())
            .$method(request($body, $token, $purpose, ""))
            .await
            .map(tonic::Response::into_inner)
    };
}

fn yuan(units: i64) -> Money {
    Money {
        currency_code: "CNY".into(),
        units,
        nanos: 0,
    }
}

/// An order of 1,000 yuan, delivered and right by its customer's word.
async fn completed(site: &Site, agent: &str) -> Order {
    let (customer, place) = enter(&site.gateway(), agent).await;
    let line = OrderLine {
        product: "空气净化器".into(),
        specification: "KJ500".into(),
        quantity: 1,
        unit_price: Some(yuan(1_000)),
        ..Default::default()
    };
    let body = CreateOrderRequest {
        order: Some(Order {
            customer,
            currency: "CNY".into(),
            lines: vec![line],
            ..Default::default()
        }),
        request_id: "0190c5a8-0000-7000-8000-000000004715".into(),
    };
    let placed = eventually(async || {
        let mut orders = OrderServiceClient::new(site.gateway());
        let placing = orders.create_order(request(body.clone(), agent, "service", &place));
        placing.await.ok()
    })
    .await
    .into_inner();
    let told = RecordStageRequest {
        name: placed.name,
        stage: OrderStage::Delivered.into(),
        occurred_time: Some(to_proto(SystemClock.now())),
        ..Default::default()
    };
    let told = call!(
        site,
        OrderServiceClient,
        record_stage,
        told,
        agent,
        "service"
    )
    .unwrap();
    let complete = CompleteOrderRequest {
        name: told.name,
        etag: told.etag,
        review: Some(Review {
            score: 4,
            arrived: true,
            ..Default::default()
        }),
        ..Default::default()
    };
    call!(
        site,
        OrderServiceClient,
        complete_order,
        complete,
        agent,
        "service"
    )
    .unwrap()
}

/// A case of it by which 100 yuan are to be paid back, granted and agreed upon.
async fn to_refund(site: &Site, agent: &str, order: &Order) -> Case {
    let case = Case {
        customer: order.customer.clone(),
        order: order.name.clone(),
        kind: CaseKind::Refund.into(),
        lines: vec![CaseLine {
            line: 1,
            quantity: 1,
            ..Default::default()
        }],
        problem: "外壳划伤".into(),
        ..Default::default()
    };
    let body = RegisterCaseRequest {
        case: Some(case),
        ..Default::default()
    };
    let case = call!(
        site,
        AfterSalesServiceClient,
        register_case,
        body,
        agent,
        "service"
    )
    .unwrap();
    let body = CheckCoverRequest {
        name: case.name,
        etag: case.etag,
        ..Default::default()
    };
    let case = call!(
        site,
        AfterSalesServiceClient,
        check_cover,
        body,
        agent,
        "service"
    )
    .unwrap();
    let body = ProposeCasePaymentRequest {
        name: case.name,
        etag: case.etag,
        kind: CasePaymentKind::Refund.into(),
        lines: vec![RefundLine {
            line: 1,
            amount: Some(yuan(100)),
        }],
        reason: "部分退款".into(),
        ..Default::default()
    };
    let proposed = call!(
        site,
        AfterSalesServiceClient,
        propose_case_payment,
        body,
        agent,
        "service"
    );
    let case = proposed.unwrap();
    let body = DecideOnCasePaymentRequest {
        name: case.name.clone(),
        etag: case.etag.clone(),
        number: 1,
        approve: true,
        reason: "同意".into(),
        ..Default::default()
    };
    let head = site.token("zhang.min");
    let case = match case.payments[0].state() {
        CasePaymentState::Asked => call!(
            site,
            AfterSalesServiceClient,
            decide_on_case_payment,
            body,
            &head,
            "service"
        )
        .unwrap(),
        _ => case,
    };
    let body = PlanCaseRequest {
        name: case.name,
        etag: case.etag,
        plan: "退款".into(),
        ..Default::default()
    };
    let case = call!(
        site,
        AfterSalesServiceClient,
        plan_case,
        body,
        agent,
        "service"
    )
    .unwrap();
    let body = AnswerPlanRequest {
        name: case.name,
        etag: case.etag,
        agree: true,
        ..Default::default()
    };
    call!(
        site,
        AfterSalesServiceClient,
        answer_plan,
        body,
        agent,
        "service"
    )
    .unwrap()
}

/// Clauses IH-6, OP-3.3: order-followup dies when a refund is noted as paid and its points are taken,
/// but for the journal: neither happened, and both happen once when it is told again.
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_whose_process_is_killed_takes_no_points() {
    let site = Site::prepare().await;
    let _others =
        ["access-control", "gateway", "customer-profile"].map(|service| site.start(service));
    let orders = site.start("order-followup");
    let (agent, administrator) = (site.token("li.wei"), site.token("han.bing"));
    let rules = ReviseLoyaltyRulesRequest {
        definition: Some(LoyaltyDefinition {
            earnings: vec![EarningRule {
                currency: "CNY".into(),
                points_per_hundred: 100,
            }],
            ..Default::default()
        }),
        reason: "会员计划".into(),
        etag: "r1".into(),
        ..Default::default()
    };
    eventually(async || {
        let rules = rules.clone();
        call!(
            site,
            LoyaltyServiceClient,
            revise_loyalty_rules,
            rules,
            &administrator,
            "administration"
        )
        .ok()
    })
    .await;
    let order = completed(&site, &agent).await;
    let mut sql = site.database.connect().await.unwrap();
    eventually(async || (refunded(&mut sql).await == (0, 0, 1_000)).then_some(())).await;
    let case = to_refund(&site, &agent, &order).await;
    let erp = site.token("erp");
    let paying = async || {
        let body = RecordCasePaymentRequest {
            name: case.name.clone(),
            etag: case.etag.clone(),
            request_id: "0190c5a8-0000-7000-8000-000000004716".into(),
            number: 1,
            reference: "TK-2026-4716".into(),
        };
        call!(
            site,
            AfterSalesServiceClient,
            record_case_payment,
            body,
            &erp,
            "integration"
        )
    };

    let stop = Stop::before(&site, "orders", "points.reversed").await;
    let cut_off = stop.kill(orders, paying()).await;
    assert!(cut_off.is_err());
    assert_eq!(refunded(&mut sql).await, (0, 0, 1_000));

    let _orders = site.start("order-followup");
    let paid = eventually(async || paying().await.ok()).await;
    assert_eq!(paying().await.unwrap(), paid, "once");
    assert_eq!(refunded(&mut sql).await, (1, 1, 900));
}

/// Payments noted, occasions on which points went back, and points that there are.
async fn refunded(sql: &mut PgConnection) -> (i64, i64, i64) {
    sqlx::query_as(
        "SELECT (SELECT count(*) FROM orders.case_payment_reference), (SELECT count(*) FROM orders.points_reversal),
                (SELECT coalesce(sum(balance), 0)::int8 FROM orders.points_account)",
    )
    .fetch_one(sql)
    .await
    .unwrap()
}
