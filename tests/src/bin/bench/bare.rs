//! The bare peer: the same statement through a plain pool and a plain tonic
//! server. No decision, no context, nothing sealed or opened, no journal of reads.

use std::{collections::HashMap, str::FromStr, sync::Arc};

use deadpool::managed::{Manager, Metrics, Pool, RecycleResult};
use kefu_contracts::{
    profile::{
        Customer, GetCustomerRequest, PurchaseSummary,
        customer_service_server::CustomerServiceServer,
    },
    ticket::{OpenTicketRequest, Ticket, ticket_service_server::TicketServiceServer},
};
use kefu_service::{
    fields::{etag, name, parse_name},
    ids::Ids,
    time,
};
use sqlx::{
    Connection, PgConnection, Row,
    postgres::{PgConnectOptions, PgRow},
};
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::{Channel, Server, server::TcpIncoming},
};
use uuid::Uuid;

use crate::{
    CONNECTIONS,
    calls::channels,
    house::House,
    records,
    statement::{Role, Statement, Value},
};

/// The bare peer, served.
pub(crate) struct Bare {
    pub(crate) channels: Vec<Channel>,
}

impl Bare {
    /// Served until the program ends.
    pub(crate) async fn start(
        house: &House,
        read: Arc<Statement>,
        write: Arc<Statement>,
        customers: &[records::Customer],
    ) -> anyhow::Result<Self> {
        let reads = Reads {
            statement: read,
            pool: pool(&house.url_of("profile")?)?,
        };
        let keys = customers.iter().map(|one| (one.id, one.ticket_key.clone()));
        let writes = Writes {
            statement: write,
            pool: pool(&house.url_of("ticket")?)?,
            keys: Arc::new(keys.collect()),
            ids: house.ids.clone(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        tokio::spawn(
            Server::builder()
                .add_service(CustomerServiceServer::new(reads))
                .add_service(TicketServiceServer::new(writes))
                .serve_with_incoming(incoming),
        );
        Ok(Self {
            channels: channels(&address).await?,
        })
    }
}

struct Plain(PgConnectOptions);

impl Manager for Plain {
    type Type = PgConnection;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect_with(&self.0).await
    }

    async fn recycle(&self, _: &mut PgConnection, _: &Metrics) -> RecycleResult<sqlx::Error> {
        Ok(())
    }
}

fn pool(url: &str) -> anyhow::Result<Pool<Plain>> {
    let manager = Plain(PgConnectOptions::from_str(url)?);
    Ok(Pool::builder(manager).max_size(CONNECTIONS).build()?)
}

async fn one_row(
    pool: &Pool<Plain>,
    statement: &Statement,
    value: impl Fn(Role) -> Value,
) -> Result<PgRow, Status> {
    let arguments = statement.arguments(value)?;
    let mut connection = pool.get().await.map_err(failed)?;
    sqlx::query_with(statement.safe(), arguments)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> Status {
    Status::internal(error.to_string())
}

fn customer_of(name: &str) -> Result<Uuid, Status> {
    parse_name(name, "customers").ok_or_else(|| Status::invalid_argument("not a customer"))
}

#[derive(Clone)]
pub(crate) struct Reads {
    statement: Arc<Statement>,
    pool: Pool<Plain>,
}

impl Reads {
    pub(crate) async fn get(
        &self,
        request: Request<GetCustomerRequest>,
    ) -> Result<Response<Customer>, Status> {
        let id = customer_of(&request.into_inner().name)?;
        let row = one_row(&self.pool, &self.statement, |_| Value::Id(id)).await?;
        Ok(Response::new(columns(&row).map_err(failed)?))
    }
}

/// The columns that are not sealed.
fn columns(row: &PgRow) -> Result<Customer, sqlx::Error> {
    let time = |column| {
        let at = row.try_get::<jiff_sqlx::Timestamp, _>(column)?;
        Ok::<_, sqlx::Error>(Some(time::to_proto(at.to_jiff())))
    };
    let small = |column| row.try_get::<i16, _>(column).map(i32::from);
    let owner: Option<Uuid> = row.try_get("owner_id")?;
    let orders: Option<i32> = row.try_get("orders")?;
    Ok(Customer {
        name: name("customers", row.try_get("id")?),
        file_number: row.try_get("file_number")?,
        r#type: small("type")?,
        state: small("state")?,
        business_line: row.try_get("business_line")?,
        department: name("departments", row.try_get("department_id")?),
        owner: owner.map(|id| name("employees", id)).unwrap_or_default(),
        external_ref: row
            .try_get::<Option<String>, _>("external_ref")?
            .unwrap_or_default(),
        tier: small("tier")?,
        purchases: orders.map(|order_count| PurchaseSummary {
            order_count,
            ..Default::default()
        }),
        etag: etag(row.try_get("revision")?),
        create_time: time("created_at")?,
        update_time: time("updated_at")?,
        ..Default::default()
    })
}

#[derive(Clone)]
pub(crate) struct Writes {
    statement: Arc<Statement>,
    pool: Pool<Plain>,
    keys: Arc<HashMap<Uuid, Vec<u8>>>,
    ids: Ids,
}

impl Writes {
    /// Sealed values, journal entry and digest are those of the statement that was heard.
    pub(crate) async fn open(
        &self,
        request: Request<OpenTicketRequest>,
    ) -> Result<Response<Ticket>, Status> {
        let request = request.into_inner();
        let request_id: Uuid = request.request_id.parse().map_err(failed)?;
        let mut ticket = request.ticket.unwrap_or_default();
        let customer = customer_of(&ticket.customer)?;
        let key = self.keys.get(&customer).cloned().unwrap_or_default();
        let id = self.ids.next().map_err(|fault| failed(fault.detail))?;
        ticket.name = name("tickets", id);
        let row = one_row(&self.pool, &self.statement, |role| match role {
            Role::Customer => Value::Id(customer),
            Role::Key => Value::Bytes(key.clone()),
            Role::Ticket => Value::Id(id),
            Role::TicketName => Value::Text(ticket.name.clone()),
            Role::Request => Value::Id(request_id),
        })
        .await?;
        ticket.number = row.try_get(0).map_err(failed)?;
        Ok(Response::new(ticket))
    }
}
