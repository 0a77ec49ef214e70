//! Records to try the suite with, entered through the gateway as anybody would.
//! Their request ids are fixed, so a second start finds what the first entered.

use std::{collections::BTreeMap, time::Duration};

use kefu_contracts::{
    common::Channel as ContactChannel,
    google::r#type::Money,
    order::{CreateOrderRequest, Order, OrderLine, order_service_client::OrderServiceClient},
    profile::{
        Address, CreateCustomerRequest, Customer, CustomerType, Phone, SourceChannel,
        customer_service_client::CustomerServiceClient,
    },
    ticket::{
        Level, OpenTicketRequest, Ticket, TicketKind, ticket_service_client::TicketServiceClient,
    },
};
use kefu_service::call::{POSITION, PURPOSE};
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint},
};
use uuid::Uuid;

use super::courses;

/// The agent whose customer it is.
pub(super) const AGENT: &str = "li.wei";

/// What was entered.
pub(super) struct Demo {
    pub(super) customer: String,
    pub(super) ticket: String,
}

/// Enters a customer, an order and a ticket of theirs, and what there is to learn.
pub(super) async fn prepare(
    address: &str,
    tokens: &BTreeMap<String, String>,
) -> anyhow::Result<Demo> {
    let token = tokens
        .get(AGENT)
        .ok_or_else(|| anyhow::anyhow!("the example company has no {AGENT}"))?;
    let channel = Endpoint::from_shared(address.to_owned())?.connect_lazy();
    let customer = enter_customer(&channel, token).await?;
    if let Some(trainer) = tokens.get(courses::TRAINER) {
        courses::enter(channel.clone(), trainer).await?;
    }
    let place = customer.1;
    let order = CreateOrderRequest {
        order: Some(order(&customer.0)),
        request_id: id("order"),
    };
    let mut orders = OrderServiceClient::new(channel.clone());
    orders
        .create_order(request(order, token, place.as_ref())?)
        .await?;
    let ticket = OpenTicketRequest {
        ticket: Some(ticket(&customer.0)),
        request_id: id("ticket"),
    };
    let mut tickets = TicketServiceClient::new(channel);
    let ticket = tickets
        .open_ticket(request(ticket, token, place.as_ref())?)
        .await?
        .into_inner()
        .name;
    Ok(Demo {
        customer: customer.0,
        ticket,
    })
}

/// The name of the customer and the place of the entry, once the gateway has its policy.
async fn enter_customer(
    channel: &Channel,
    token: &str,
) -> anyhow::Result<(String, Option<MetadataValue<Ascii>>)> {
    let mut customers = CustomerServiceClient::new(channel.clone());
    for _ in 0..100 {
        let body = CreateCustomerRequest {
            customer: Some(customer()),
            request_id: id("customer"),
        };
        match customers.create_customer(request(body, token, None)?).await {
            Ok(response) => {
                let place = response.metadata().get(POSITION).cloned();
                return Ok((response.into_inner().name, place));
            }
            Err(status) if is_starting(&status) => {
                tokio::time::sleep(Duration::from_millis(100)).await
            }
            Err(status) => return Err(status.into()),
        }
    }
    anyhow::bail!("the gateway did not get its policy")
}

fn is_starting(status: &Status) -> bool {
    status.code() == Code::Unavailable
}

pub(super) fn request<T>(
    body: T,
    token: &str,
    place: Option<&MetadataValue<Ascii>>,
) -> anyhow::Result<Request<T>> {
    let mut request = Request::new(body);
    let metadata = request.metadata_mut();
    metadata.insert("authorization", format!("Bearer {token}").parse()?);
    metadata.insert(PURPOSE, MetadataValue::from_static("service"));
    if let Some(place) = place {
        metadata.insert(POSITION, place.clone());
    }
    Ok(request)
}

pub(super) fn id(what: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("kefu dev {what}").as_bytes()).to_string()
}

fn customer() -> Customer {
    Customer {
        r#type: CustomerType::Person as i32,
        display_name: "张三丰".into(),
        occupation: "教师".into(),
        phones: vec![Phone {
            number: "13812345678".into(),
            primary: true,
            ..Default::default()
        }],
        addresses: vec![Address {
            province: "广东省".into(),
            city: "深圳市".into(),
            district: "南山区".into(),
            street: "科技园路 1 号".into(),
            ..Default::default()
        }],
        id_card: "11010519491231002X".into(),
        purchase_preferences: vec!["静音空气净化器".into()],
        source_channel: SourceChannel::WordOfMouth as i32,
        external_ref: "example-1".into(),
        ..Default::default()
    }
}

fn order(customer: &str) -> Order {
    let price = |units| Money {
        currency_code: "CNY".into(),
        units,
        nanos: 0,
    };
    Order {
        customer: customer.into(),
        currency: "CNY".into(),
        external_ref: "example-1".into(),
        lines: vec![OrderLine {
            product: "空气净化器".into(),
            specification: "KJ500".into(),
            category: "家电".into(),
            quantity: 1,
            unit_price: Some(price(1299)),
            freight: Some(price(0)),
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn ticket(customer: &str) -> Ticket {
    Ticket {
        customer: customer.into(),
        kind: TicketKind::ServiceRequest as i32,
        channel: ContactChannel::Phone as i32,
        category: "installation".into(),
        impact: Level::Medium as i32,
        urgency: Level::High as i32,
        subject: "净化器安装".into(),
        description: "客户要求周末上门安装。".into(),
        external_ref: "example-1".into(),
        ..Default::default()
    }
}
