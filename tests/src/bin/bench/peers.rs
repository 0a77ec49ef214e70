//! The calls that are measured, each about another of the customers.

use std::sync::Arc;

use kefu_contracts::{
    profile::{GetCustomerRequest, customer_service_client::CustomerServiceClient},
    ticket::{OpenTicketRequest, ticket_service_client::TicketServiceClient},
};
use kefu_service::{ids::Ids, server::GrpcService};
use tonic::{
    Code, Status,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};

use crate::{
    bare::Bare,
    calls::signed,
    house::House,
    load::Call,
    records::{self, Customer},
};

/// Customers that pgbench has a script for; it prepares each in every session.
const SCRIPTS: usize = 8;
/// From one call's customer to the next one's; no divisor of their number.
const STRIDE: usize = 7_919;

pub(crate) struct Peers {
    customers: Arc<Vec<Customer>>,
    token: MetadataValue<Ascii>,
    ids: Ids,
    gateway: Vec<Channel>,
    bare: Vec<Channel>,
}

impl Peers {
    pub(crate) fn new(
        house: &House,
        bare: &Bare,
        customers: Vec<Customer>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            customers: Arc::new(customers),
            token: house.token.clone(),
            ids: house.ids.clone(),
            gateway: house.channels.clone(),
            bare: bare.channels.clone(),
        })
    }

    /// A few of the customers.
    pub(crate) fn some(&self) -> impl Iterator<Item = &Customer> {
        self.customers.iter().take(SCRIPTS)
    }

    /// The customer of a call.
    pub(crate) fn customer(&self) -> impl Fn(usize) -> Customer + Clone + Send + 'static {
        let customers = self.customers.clone();
        move |number: usize| customers[number.wrapping_mul(STRIDE) % customers.len()].clone()
    }

    pub(crate) fn gateway_read(&self) -> impl Call {
        self.read(&self.gateway)
    }

    pub(crate) fn bare_read(&self) -> impl Call {
        self.read(&self.bare)
    }

    pub(crate) fn gateway_write(&self) -> impl Call {
        self.write(&self.gateway)
    }

    pub(crate) fn bare_write(&self) -> impl Call {
        self.write(&self.bare)
    }

    fn read(&self, channels: &[Channel]) -> impl Call {
        let clients: Vec<_> = channels
            .iter()
            .cloned()
            .map(CustomerServiceClient::new)
            .collect();
        let (clients, customer, token) = (Arc::new(clients), self.customer(), self.token.clone());
        move |number: usize| {
            let mut client = clients[number % clients.len()].clone();
            let name = customer(number).name();
            let request = signed(GetCustomerRequest { name }, &token);
            boxed(async move { client.get_customer(request).await.map(drop) })
        }
    }

    /// The same read of a service in this process.
    pub(crate) fn read_within(&self, service: GrpcService) -> impl Call {
        let client = CustomerServiceClient::new(service);
        let (customer, token) = (self.customer(), self.token.clone());
        move |number: usize| {
            let mut client = client.clone();
            let name = customer(number).name();
            let request = signed(GetCustomerRequest { name }, &token);
            boxed(async move { client.get_customer(request).await.map(drop) })
        }
    }

    /// A call that the bare server answers without looking at the database.
    pub(crate) fn refused(&self) -> impl Call {
        let client = CustomerServiceClient::new(self.bare[0].clone());
        let token = self.token.clone();
        move |_| {
            let mut client = client.clone();
            let name = "no customer".to_owned();
            let request = signed(GetCustomerRequest { name }, &token);
            boxed(async move {
                match client.get_customer(request).await {
                    Err(status) if status.code() == Code::InvalidArgument => Ok(()),
                    Err(status) => Err(status),
                    Ok(_) => Err(Status::internal("that customer should not be there")),
                }
            })
        }
    }

    fn write(&self, channels: &[Channel]) -> impl Call {
        let clients: Vec<_> = channels
            .iter()
            .cloned()
            .map(TicketServiceClient::new)
            .collect();
        let (clients, customer, token) = (Arc::new(clients), self.customer(), self.token.clone());
        let ids = self.ids.clone();
        move |number: usize| {
            let mut client = clients[number % clients.len()].clone();
            let ticket = records::ticket(&customer(number).name());
            let (ids, token) = (ids.clone(), token.clone());
            boxed(async move {
                let id = ids.next().map_err(|fault| Status::internal(fault.detail))?;
                let body = OpenTicketRequest {
                    ticket: Some(ticket),
                    request_id: id.to_string(),
                };
                client.open_ticket(signed(body, &token)).await.map(drop)
            })
        }
    }
}

/// A call under way.
pub(crate) fn boxed(
    call: impl Future<Output = Result<(), Status>> + Send + 'static,
) -> std::pin::Pin<Box<dyn Future<Output = Result<(), Status>> + Send>> {
    Box::pin(call)
}
