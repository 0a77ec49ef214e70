//! The facts that a service tells of a record are what its SQL looks at: whatever a
//! scope says of them is what the service does under a context with that scope.

use std::{sync::Arc, time::Duration};

use kefu_access::{AccessContext, Purpose, RowFacts, Rule, Scope, Subject, SubjectKind};
use kefu_contracts::{
    ClassSet, order::GetOrderRequest, order::order_service_client::OrderServiceClient,
    profile::GetCustomerRequest, profile::customer_service_client::CustomerServiceClient,
    ticket::GetTicketRequest, ticket::ticket_service_client::TicketServiceClient,
};
use kefu_service::{clock::Clock, facts, fields::parse_name, peer::Identity};
use kefu_testkit::{TestSuite, employee_id};
use tonic::{Code, Request, Status, metadata::MetadataValue};
use uuid::Uuid;

use crate::records::{consent, enter, get, open, order, person, place, ticket};

struct House {
    suite: TestSuite,
    identity: Identity,
}

impl House {
    async fn new() -> Self {
        let suite = TestSuite::start().await;
        let signer = Arc::new(suite.keys.service().unwrap());
        let identity = Identity::new("access-control", signer, Arc::new(suite.clock.clone()));
        Self { suite, identity }
    }

    async fn facts(&self, record: &str, subjects: &[Uuid]) -> Option<RowFacts> {
        let owner = self.identity.calling(self.suite.service(owner(record)));
        facts::ask(owner, record, subjects, &[]).await.unwrap()
    }

    /// Whether the service shows the record under this scope alone.
    async fn shows(&self, record: &str, scope: &Scope) -> bool {
        let now = self.suite.clock.now();
        let permission = match owner(record) {
            "customer-profile" => "profile.customers.get",
            "ticket" => "ticket.tickets.get",
            _ => "order.orders.get",
        };
        let context = AccessContext {
            subject: Subject {
                id: employee_id("li.wei"),
                kind: SubjectKind::Employee,
                departments: Vec::new(),
            },
            permission: permission.into(),
            purpose: Purpose::Service,
            rules: vec![Rule {
                scope: scope.clone(),
                classes: ClassSet::NONE,
                source: "test".into(),
                expires_at: None,
            }],
            policy_revision: 1,
            issued_at: now,
            expires_at: now + Duration::from_secs(30),
        };
        let signed = self.suite.keys.gateway().unwrap().sign(&context);
        match self.get(record, signed).await {
            Ok(()) => true,
            Err(status) if status.code() == Code::NotFound => false,
            Err(status) => panic!("{status:?}"),
        }
    }

    async fn get(&self, record: &str, signed: Vec<u8>) -> Result<(), Status> {
        let (name, service) = (record.to_owned(), self.suite.service(owner(record)));
        match owner(record) {
            "customer-profile" => {
                let mut client = CustomerServiceClient::new(service);
                let request = with(GetCustomerRequest { name }, signed);
                client.get_customer(request).await.map(|_| ())
            }
            "ticket" => {
                let mut client = TicketServiceClient::new(service);
                let request = with(GetTicketRequest { name }, signed);
                client.get_ticket(request).await.map(|_| ())
            }
            _ => {
                let mut client = OrderServiceClient::new(service);
                let request = with(GetOrderRequest { name }, signed);
                client.get_order(request).await.map(|_| ())
            }
        }
    }
}

fn with<M>(message: M, signed: Vec<u8>) -> Request<M> {
    let mut request = Request::new(message);
    let value = MetadataValue::from_bytes(&signed);
    request.metadata_mut().insert_bin("kefu-context-bin", value);
    request
}

fn owner(record: &str) -> &'static str {
    match record.split('/').next().unwrap() {
        "customers" => "customer-profile",
        "tickets" => "ticket",
        _ => "order-followup",
    }
}

/// Clauses CF-9.1, CC-2.2.
#[tokio::test(flavor = "multi_thread")]
async fn record_facts_are_what_scopes_look_at() {
    let house = House::new().await;
    let suite = &house.suite;
    let erp = suite.caller_for("erp", "integration");
    let agent = suite.caller("li.wei");
    let foreign = enter(&erp, person()).await.name;
    let own = enter(&agent, person()).await.name;
    let opened = open(&agent.after(&erp), ticket(&foreign)).await.name;
    let placed = place(&agent, order(&own)).await.name;
    // Duty has reached the file once it is seen through the gateway.
    get(&agent, &foreign).await.unwrap();
    let customer = parse_name(&foreign, "customers").unwrap();
    let mut connection = suite.database.connect().await.unwrap();
    consent(&erp, &foreign, Purpose::Marketing).await;

    let people = ["li.wei", "ma.chao", "erp"].map(employee_id);
    let departments: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM access.department ORDER BY id")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let customers = [&foreign, &own].map(|name| parse_name(name, "customers").unwrap());
    let mut scopes = vec![Scope::All, Scope::None];
    scopes.extend(departments.iter().map(|id| Scope::Departments(vec![*id])));
    scopes.extend(people.map(Scope::Owner));
    scopes.extend(people.map(Scope::Duty));
    scopes.extend(customers.map(|id| Scope::Customers(vec![id])));
    for purpose in [Purpose::Marketing, Purpose::Sales] {
        scopes.push(Scope::Consented(purpose, Box::new(Scope::All)));
    }
    let (mut inside, mut outside) = (0, 0);
    for record in [&foreign, &own, &opened, &placed] {
        let facts = house.facts(record, &people).await.unwrap();
        for scope in &scopes {
            let matches = scope.matches(&facts);
            assert_eq!(
                house.shows(record, scope).await,
                matches,
                "{record} {scope:?} {facts:?}"
            );
            match matches {
                true => inside += 1,
                false => outside += 1,
            }
        }
    }
    assert!(inside >= 16 && outside >= 40, "{inside} {outside}");
    let served = house.facts(&foreign, &people).await.unwrap();
    assert_eq!(served.duty, [employee_id("li.wei")]);
    assert_eq!(served.consents, [Purpose::Marketing]);
    assert_eq!(served.customer, Some(customer));
    // Of whom nobody asked nothing is told.
    assert!(house.facts(&foreign, &[]).await.unwrap().duty.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_of_what_is_not_there_are_not_told() {
    let house = House::new().await;
    for collection in ["customers", "tickets", "orders"] {
        let record = format!("{collection}/{}", Uuid::from_u128(7));
        assert_eq!(house.facts(&record, &[]).await, None);
    }
    // A service tells of its own records alone.
    let tickets = house.identity.calling(house.suite.service("ticket"));
    let customer = format!("customers/{}", Uuid::from_u128(7));
    assert!(facts::ask(tickets, &customer, &[], &[]).await.is_err());
}
