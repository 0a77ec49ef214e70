//! Where the time of a read goes: the same read again, each time with one layer less.

use std::sync::Arc;

use kefu_contracts::{
    journal::{EntryKind, Viewed, event},
    profile::{GetCustomerRequest, customer_service_client::CustomerServiceClient},
};
use kefu_journal::{Entry, ViewWriter};
use kefu_service::call::CONTEXT;
use tonic::{Request, Status, metadata::MetadataValue};

use crate::{
    IN_FLIGHT, WARM_UP,
    context::decided,
    house::House,
    load::{Call, load},
    peers::{Peers, boxed},
    statement::{Statement, Value},
    table,
};

const METHOD: &str = "/kefu.profile.v1.CustomerService/GetCustomer";

pub(crate) async fn print(
    house: &House,
    peers: &Peers,
    read: &Arc<Statement>,
) -> anyhow::Result<()> {
    for in_flight in [1, IN_FLIGHT] {
        table::begin_steps(in_flight);
        step(house, in_flight, "gateway over TCP", peers.gateway_read()).await?;
        let within = peers.read_within(house.gateway.clone());
        step(house, in_flight, "gateway in process", within).await?;
        let service = with_context(house, peers).await?;
        step(house, in_flight, "customer-profile, context ready", service).await?;
        step(
            house,
            in_flight,
            "  of it: the SELECT (Db::run)",
            select(house, peers, read),
        )
        .await?;
        let view = view(house, peers);
        step(house, in_flight, "  of it: the journal's commit", view).await?;
        step(house, in_flight, "bare handler over TCP", peers.bare_read()).await?;
        step(house, in_flight, "  of it: tonic over TCP", peers.refused()).await?;
    }
    Ok(())
}

async fn step(house: &House, in_flight: usize, name: &str, call: impl Call) -> anyhow::Result<()> {
    load(&house.meter, in_flight, WARM_UP / 4, call.clone()).await?;
    let round = load(&house.meter, in_flight, WARM_UP, call).await?;
    table::step(name, &round);
    Ok(())
}

/// customer-profile with what the gateway would have sent.
async fn with_context(house: &House, peers: &Peers) -> anyhow::Result<impl Call> {
    let method =
        kefu_contracts::method(METHOD).ok_or_else(|| anyhow::anyhow!("there is no GetCustomer"))?;
    let signed = house.keys.gateway()?.sign(&decided(house, method).await?);
    let signed = MetadataValue::from_bytes(&signed);
    let client = CustomerServiceClient::new(house.service(kefu_customer_profile::NAME)?);
    let customer = peers.customer();
    Ok(move |number: usize| {
        let mut client = client.clone();
        let name = customer(number).name();
        let mut request = Request::new(GetCustomerRequest { name });
        request.metadata_mut().insert_bin(CONTEXT, signed.clone());
        boxed(async move { client.get_customer(request).await.map(drop) })
    })
}

/// The statement alone, through the service's own pool.
fn select(house: &House, peers: &Peers, read: &Arc<Statement>) -> impl Call {
    let (db, read, customer) = (
        house.databases.customer_profile.clone(),
        read.clone(),
        peers.customer(),
    );
    move |number: usize| {
        let (db, read, customer) = (db.clone(), read.clone(), customer(number));
        boxed(async move {
            let arguments = read.arguments(|_| Value::Id(customer.id))?;
            let query = sqlx::query_with(read.safe(), arguments);
            let row = db.run(move |connection| {
                Box::pin(async move { Ok(query.fetch_one(connection).await?) })
            });
            row.await
                .map(drop)
                .map_err(|fault| Status::internal(fault.detail))
        })
    }
}

/// An entry in the journal, as a read makes one.
fn view(house: &House, peers: &Peers) -> impl Call {
    let (writer, work) = ViewWriter::new(Arc::new(house.databases.customer_profile.clone()));
    tokio::spawn(work);
    let (clock, ids, customer) = (house.clock.clone(), house.ids.clone(), peers.customer());
    move |number: usize| {
        let (writer, customer) = (writer.clone(), customer(number));
        let entry = Entry {
            recorded_at: clock.now(),
            actor_id: Some(customer.id),
            purpose: kefu_access::Purpose::Service,
            request_id: ids.next().map(|id| id.to_string()).unwrap_or_default(),
            kind: EntryKind::View,
            resource: customer.name(),
            customer_id: Some(customer.id),
            r#type: "customer.viewed",
            event: event::Event::Viewed(Viewed {
                method: METHOD.to_owned(),
                sources: vec!["role:agent#duty".to_owned(), "role:agent#owner".to_owned()],
                shown_count: 1,
                ..Default::default()
            }),
        };
        boxed(async move {
            let written = writer.write(vec![entry]).await;
            written
                .map(drop)
                .map_err(|error| Status::internal(error.to_string()))
        })
    }
}
