//! The customers of the bench and their first tickets, entered as anybody would.

use std::time::Duration;

use anyhow::{Context, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use kefu_contracts::{
    common::Channel,
    profile::{
        Address, CreateCustomerRequest, Customer as File, CustomerType, Phone, SourceChannel,
        customer_service_client::CustomerServiceClient,
    },
    ticket::{Level, Ticket, TicketKind},
};
use kefu_service::fields::parse_name;
use sqlx::Row;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::house::{House, said};

/// How many there are.
const COUNT: usize = 1_000;
/// Entered at once.
const AT_ONCE: usize = 16;

/// A customer that is called about.
#[derive(Debug, Clone)]
pub(crate) struct Customer {
    pub(crate) id: Uuid,
    /// The wrapped key in the ticket service, which its statement names.
    pub(crate) ticket_key: Vec<u8>,
}

impl Customer {
    pub(crate) fn name(&self) -> String {
        format!("customers/{}", self.id)
    }
}

/// Enters the customers and a ticket for each, which makes their keys.
pub(crate) async fn enter(house: &House) -> anyhow::Result<Vec<Customer>> {
    begin(house).await?;
    let ids: Vec<Uuid> = stream::iter(1..COUNT)
        .map(|number| create(house, number))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let mut admin = house.admin().await?;
    for _ in 0..600 {
        let known: i64 = sqlx::query_scalar("SELECT count(*) FROM ticket.known_customer")
            .fetch_one(&mut admin)
            .await?;
        if usize::try_from(known)? >= COUNT {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stream::iter(&ids)
        .map(|id| async move {
            let request = house.ids.next().map_err(said)?.to_string();
            house.open(&format!("customers/{id}"), &request).await?;
            anyhow::Ok(())
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await
        .context("a first ticket")?;
    let keys = sqlx::query("SELECT customer_id, wrapped FROM ticket.customer_key")
        .fetch_all(&mut admin)
        .await?;
    let customers: Vec<Customer> = keys
        .iter()
        .map(|row| {
            Ok(Customer {
                id: row.try_get(0)?,
                ticket_key: row.try_get(1)?,
            })
        })
        .collect::<Result<_, sqlx::Error>>()?;
    ensure!(customers.len() == ids.len(), "a customer without a key");
    Ok(customers)
}

/// The first customer, entered once the gateway has its policy.
async fn begin(house: &House) -> anyhow::Result<()> {
    for _ in 0..100 {
        match create_once(house, 0).await {
            Ok(_) => return Ok(()),
            Err(status) if status.code() == Code::Unavailable => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(status) => return Err(status.into()),
        }
    }
    anyhow::bail!("the gateway did not get its policy")
}

async fn create(house: &House, number: usize) -> anyhow::Result<Uuid> {
    let file = create_once(house, number).await.context("a customer")?;
    parse_name(&file.name, "customers").context("not a customer's name")
}

async fn create_once(house: &House, number: usize) -> Result<File, Status> {
    let request = CreateCustomerRequest {
        customer: Some(customer(number)),
        request_id: String::new(),
    };
    let mut client =
        CustomerServiceClient::new(house.channels[number % house.channels.len()].clone());
    let answer = client.create_customer(house.request(request)).await?;
    Ok(answer.into_inner())
}

fn customer(number: usize) -> File {
    File {
        r#type: CustomerType::Person as i32,
        display_name: "张三丰".into(),
        occupation: "教师".into(),
        phones: vec![Phone {
            number: format!("138{number:08}"),
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
        external_ref: format!("bench-{number}"),
        ..Default::default()
    }
}

/// The ticket that is opened again and again.
pub(crate) fn ticket(customer: &str) -> Ticket {
    Ticket {
        customer: customer.into(),
        kind: TicketKind::ServiceRequest as i32,
        channel: Channel::Phone as i32,
        category: "installation".into(),
        impact: Level::Medium as i32,
        urgency: Level::High as i32,
        subject: "净化器安装".into(),
        description: "客户要求周末上门安装。".into(),
        ..Default::default()
    }
}
