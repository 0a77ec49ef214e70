//! Records that tests enter through the gateway.

use kefu_contracts::{
    common::Channel,
    google::r#type::Money,
    order::{CreateOrderRequest, Order, OrderLine, order_service_client::OrderServiceClient},
    policy::Purpose,
    profile::{
        Consent, ConsentDecision, CreateCustomerRequest, Customer, CustomerType,
        GetCustomerRequest, Phone, RecordConsentRequest, UpdateCustomerRequest,
        consent_service_client::ConsentServiceClient,
        customer_service_client::CustomerServiceClient, intake_service_client::IntakeServiceClient,
        revision_service_client::RevisionServiceClient,
    },
    ticket::{
        Level, OpenTicketRequest, Ticket, TicketKind, ticket_service_client::TicketServiceClient,
    },
};
use kefu_testkit::Caller;
use prost_types::FieldMask;
use tonic::{Code, Status};
use tonic_types::StatusExt;

pub(crate) fn customers(caller: &Caller) -> CustomerServiceClient<Caller> {
    CustomerServiceClient::new(caller.clone())
}

pub(crate) fn intake(caller: &Caller) -> IntakeServiceClient<Caller> {
    IntakeServiceClient::new(caller.clone())
}

pub(crate) fn revisions(caller: &Caller) -> RevisionServiceClient<Caller> {
    RevisionServiceClient::new(caller.clone())
}

pub(crate) fn tickets(caller: &Caller) -> TicketServiceClient<Caller> {
    TicketServiceClient::new(caller.clone())
}

pub(crate) fn orders(caller: &Caller) -> OrderServiceClient<Caller> {
    OrderServiceClient::new(caller.clone())
}

/// A person with something in every class of data.
pub(crate) fn person() -> Customer {
    Customer {
        r#type: CustomerType::Person as i32,
        display_name: "张三丰".into(),
        occupation: "教师".into(),
        phones: vec![Phone {
            number: "138 1234 5678".into(),
            primary: true,
            ..Default::default()
        }],
        id_card: "11010519491231002X".into(),
        bank_card: "4111111111111111".into(),
        purchase_preferences: vec!["静音空气净化器".into()],
        special_needs: "周末联系".into(),
        ..Default::default()
    }
}

pub(crate) async fn enter(caller: &Caller, customer: Customer) -> Customer {
    let request = CreateCustomerRequest {
        customer: Some(customer),
        request_id: String::new(),
    };
    customers(caller)
        .create_customer(request)
        .await
        .unwrap()
        .into_inner()
}

/// The customer agrees to a purpose, on the phone.
pub(crate) async fn consent(caller: &Caller, customer: &str, purpose: Purpose) -> Consent {
    say(
        caller,
        said_consent(customer, purpose, ConsentDecision::Given),
    )
    .await
}

/// What a customer agrees to, or no longer does.
pub(crate) async fn say(caller: &Caller, statement: Consent) -> Consent {
    let request = RecordConsentRequest {
        consent: Some(statement),
        request_id: String::new(),
    };
    let mut consents = ConsentServiceClient::new(caller.clone());
    consents.record_consent(request).await.unwrap().into_inner()
}

pub(crate) fn said_consent(customer: &str, purpose: Purpose, decision: ConsentDecision) -> Consent {
    let channels = match decision {
        ConsentDecision::Given => vec![Channel::Phone.into()],
        _ => Vec::new(),
    };
    Consent {
        customer: customer.into(),
        purpose: purpose.into(),
        decision: decision.into(),
        channels,
        heard_channel: Channel::Phone.into(),
        evidence: "录音 2026-11-23/17".into(),
        ..Consent::default()
    }
}

pub(crate) async fn get(caller: &Caller, name: &str) -> Result<Customer, Status> {
    let request = GetCustomerRequest { name: name.into() };
    customers(caller)
        .get_customer(request)
        .await
        .map(tonic::Response::into_inner)
}

/// The file with these fields as they are in it now.
pub(crate) async fn update(
    caller: &Caller,
    customer: Customer,
    paths: &[&str],
    reason: &str,
) -> Result<Customer, Status> {
    let request = UpdateCustomerRequest {
        customer: Some(customer),
        update_mask: Some(FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        }),
        reason: reason.into(),
        request_id: String::new(),
    };
    customers(caller)
        .update_customer(request)
        .await
        .map(tonic::Response::into_inner)
}

pub(crate) fn ticket(customer: &str) -> Ticket {
    Ticket {
        customer: customer.into(),
        kind: TicketKind::Consultation as i32,
        channel: Channel::Phone as i32,
        category: "installation".into(),
        impact: Level::High as i32,
        urgency: Level::Medium as i32,
        subject: "净化器安装".into(),
        description: "客户要求周末上门安装。".into(),
        ..Default::default()
    }
}

pub(crate) async fn open(caller: &Caller, ticket: Ticket) -> Ticket {
    let request = OpenTicketRequest {
        ticket: Some(ticket),
        request_id: String::new(),
    };
    tickets(caller)
        .open_ticket(request)
        .await
        .unwrap()
        .into_inner()
}

pub(crate) fn order(customer: &str) -> Order {
    Order {
        customer: customer.into(),
        currency: "CNY".into(),
        lines: vec![OrderLine {
            product: "空气净化器".into(),
            specification: "KJ500".into(),
            quantity: 2,
            unit_price: Some(Money {
                currency_code: "CNY".into(),
                units: 1299,
                nanos: 500_000_000,
            }),
            ..Default::default()
        }],
        ..Default::default()
    }
}

pub(crate) async fn place(caller: &Caller, order: Order) -> Order {
    let request = CreateOrderRequest {
        order: Some(order),
        request_id: String::new(),
    };
    orders(caller)
        .create_order(request)
        .await
        .unwrap()
        .into_inner()
}

/// Code and reason of a refusal.
pub(crate) fn refusal(status: &Status) -> (Code, String) {
    let details = status.get_error_details();
    (
        status.code(),
        details
            .error_info()
            .map(|info| info.reason.clone())
            .unwrap_or_default(),
    )
}

/// Fields that a refusal names.
pub(crate) fn violations(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let all = details
        .bad_request()
        .map(|bad| bad.field_violations.clone())
        .unwrap_or_default();
    all.into_iter().map(|one| one.field).collect()
}

/// What the refusal says besides its reason.
pub(crate) fn said(status: &Status, key: &str) -> String {
    let details = status.get_error_details();
    details.error_info().unwrap().metadata[key].clone()
}
