//! The orders that are told of, transferred as the integrator does it.

use std::time::Duration;

use anyhow::{Context, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use kefu_contracts::{
    google::r#type::Money,
    order::{
        CreateOrderRequest, Order as Wire, OrderLine, order_service_client::OrderServiceClient,
    },
};
use kefu_service::{fields::parse_name, time::to_proto};
use uuid::Uuid;

use crate::{house::House, records, search::Asker};

/// Entered at once.
const AT_ONCE: usize = 16;

/// An order that is told of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    pub(crate) id: Uuid,
    pub(crate) customer: Uuid,
}

impl Order {
    pub(crate) fn name(&self) -> String {
        format!("orders/{}", self.id)
    }
}

/// Enters so many, those of one call in the order of their ids.
pub(crate) async fn enter(
    house: &House,
    asker: &Asker,
    count: usize,
) -> anyhow::Result<Vec<Order>> {
    let customers = records::enter(house).await?;
    let mut admin = house.admin().await?;
    for _ in 0..600 {
        let known: i64 = sqlx::query_scalar("SELECT count(*) FROM orders.known_customer")
            .fetch_one(&mut admin)
            .await?;
        if usize::try_from(known)? >= customers.len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let numbers = stream::iter(0..count);
    let customers = &customers;
    let mut orders: Vec<Order> = numbers
        .map(|number| async move {
            let customer = customers[number % customers.len()].id;
            transfer(house, asker, customer, number).await
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    orders.sort_by_key(|order| order.id);
    ensure!(orders.len() == count, "an order is missing");
    Ok(orders)
}

async fn transfer(
    house: &House,
    asker: &Asker,
    customer: Uuid,
    number: usize,
) -> anyhow::Result<Order> {
    let placed = house.clock.now() - jiff::SignedDuration::from_hours(48);
    let order = Wire {
        customer: format!("customers/{customer}"),
        currency: "CNY".into(),
        lines: vec![OrderLine {
            product: "空气净化器".into(),
            specification: "KJ500".into(),
            quantity: 2,
            unit_price: Some(Money {
                currency_code: "CNY".into(),
                units: 1_299,
                nanos: 500_000_000,
            }),
            ..Default::default()
        }],
        external_ref: format!("bench-{number}"),
        placed_time: Some(to_proto(placed)),
        ..Default::default()
    };
    let request = asker.request(CreateOrderRequest {
        order: Some(order),
        request_id: String::new(),
    })?;
    let mut client = OrderServiceClient::new(asker.channel.clone());
    let order = client.create_order(request).await?.into_inner();
    let id = parse_name(&order.name, "orders").context("not an order's name")?;
    Ok(Order { id, customer })
}
