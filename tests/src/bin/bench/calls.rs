//! Calls of the agent's, and what they travel over.

use kefu_contracts::{
    profile::{Customer, GetCustomerRequest, customer_service_client::CustomerServiceClient},
    ticket::{OpenTicketRequest, Ticket, ticket_service_client::TicketServiceClient},
};
use kefu_service::call::PURPOSE;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint},
};

use crate::{house::House, records};

/// Connections of the client, over which its calls are spread.
const CHANNELS: usize = 4;

impl House {
    /// A request of the agent's.
    pub(crate) fn request<T>(&self, body: T) -> Request<T> {
        signed(body, &self.token)
    }

    pub(crate) async fn get(&self, name: &str) -> Result<Customer, Status> {
        let request = GetCustomerRequest {
            name: name.to_owned(),
        };
        let mut client = CustomerServiceClient::new(self.channels[0].clone());
        Ok(client
            .get_customer(self.request(request))
            .await?
            .into_inner())
    }

    pub(crate) async fn open(&self, customer: &str, request_id: &str) -> Result<Ticket, Status> {
        let request = OpenTicketRequest {
            ticket: Some(records::ticket(customer)),
            request_id: request_id.to_owned(),
        };
        let mut client = TicketServiceClient::new(self.channels[0].clone());
        Ok(client
            .open_ticket(self.request(request))
            .await?
            .into_inner())
    }
}

/// A request of whoever has this token, to serve a customer.
pub(crate) fn signed<T>(body: T, token: &MetadataValue<Ascii>) -> Request<T> {
    let mut request = Request::new(body);
    let metadata = request.metadata_mut();
    metadata.insert("authorization", token.clone());
    metadata.insert(PURPOSE, MetadataValue::from_static("service"));
    request
}

/// Several connections to one address.
pub(crate) async fn channels(address: &str) -> anyhow::Result<Vec<Channel>> {
    let mut channels = Vec::new();
    for _ in 0..CHANNELS {
        let endpoint = Endpoint::from_shared(address.to_owned())?.tcp_nodelay(true);
        channels.push(endpoint.connect().await?);
    }
    Ok(channels)
}
