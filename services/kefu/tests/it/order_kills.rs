//! order-followup is killed in the middle of what it does with an order (kill -9).

use kefu_contracts::{
    google::r#type::Money,
    order::{
        CreateOrderRequest, Order, OrderLine, OrderStock, SetStockRequest,
        order_service_client::OrderServiceClient, stock_service_client::StockServiceClient,
    },
};
use kefu_testkit::eventually;
use sqlx::PgConnection;

use crate::processes::{Site, enter, request};

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
    let stop = "CREATE FUNCTION orders.stop() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN PERFORM pg_advisory_xact_lock(4714); RETURN NEW; END';
                CREATE TRIGGER stop BEFORE INSERT ON orders.journal FOR EACH ROW WHEN (NEW.type = 'order.supplied')
                    EXECUTE FUNCTION orders.stop();
                SELECT pg_advisory_lock(4714);";
    sqlx::raw_sql(stop).execute(&mut sql).await.unwrap();
    let mut look = site.database.connect().await.unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                   AND wait_event_type = 'Lock' AND wait_event = 'advisory'";
    let mut waits = async |expected: i64| {
        eventually(async || {
            let found: i64 = sqlx::query_scalar(waiting)
                .fetch_one(&mut look)
                .await
                .unwrap();
            (found == expected).then_some(())
        })
        .await;
    };
    let (cut_off, ()) = tokio::join!(placing(), async {
        waits(1).await;
        drop(orders);
    });
    assert!(cut_off.is_err());
    sqlx::raw_sql("SELECT pg_advisory_unlock(4714)")
        .execute(&mut sql)
        .await
        .unwrap();
    waits(0).await;
    assert_eq!(standing(&mut sql).await, (0, 0, 0, 0));

    let _orders = site.start("order-followup");
    let made = eventually(async || placing().await.ok()).await.into_inner();
    assert_eq!(made.stock(), OrderStock::Reserved);
    assert_eq!(placing().await.unwrap().into_inner(), made, "once");
    assert_eq!(standing(&mut sql).await, (1, 1, 1, 0));
}
