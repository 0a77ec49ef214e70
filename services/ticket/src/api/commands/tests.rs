//! What each command refuses before it looks at the ticket.

use std::sync::Arc;

use jiff::ToSpan;
use kefu_access::{AccessContext, Purpose, Subject, SubjectKind};
use kefu_contracts::ticket::Ticket;
use kefu_service::{error::Language, fields::name, time::to_proto};
use prost_types::FieldMask;

use super::*;

const NOW: Timestamp = Timestamp::constant(1_760_000_000, 0);
const ID: Uuid = Uuid::from_u128(4);

fn call(kind: SubjectKind) -> Call {
    let subject = Subject {
        id: Uuid::from_u128(1),
        kind,
        departments: Vec::new(),
    };
    let context = AccessContext {
        subject,
        permission: "ticket.tickets.work".into(),
        purpose: Purpose::Service,
        rules: Vec::new(),
        policy_revision: 1,
        issued_at: NOW,
        expires_at: NOW + 30.seconds(),
    };
    Call {
        service: "ticket",
        context: Arc::new(context),
        method: kefu_contracts::method("/kefu.ticket.v1.TicketService/StartTicket").unwrap(),
        now: NOW,
        id: "call".into(),
        language: Language::English,
    }
}

/// What is wrong with a request, by field; its envelope is right.
fn wrong<C: Command>(request: C) -> Vec<(String, &'static str)> {
    let read = request.read(&call(SubjectKind::Employee));
    let violations = read.err().map(|fault| fault.violations).unwrap_or_default();
    violations
        .into_iter()
        .map(|(field, what)| (field, what.name()))
        .collect()
}

fn one(field: &str, what: &'static str) -> Vec<(String, &'static str)> {
    vec![(field.to_owned(), what)]
}

fn start() -> StartTicketRequest {
    StartTicketRequest {
        name: name("tickets", ID),
        etag: "r3".into(),
        request_id: String::new(),
        occurred_time: None,
    }
}

#[test]
fn the_envelope_of_every_command_is_read_alike() {
    let request = StartTicketRequest {
        request_id: Uuid::from_u128(6).to_string(),
        ..start()
    };
    let wanted = request.read(&call(SubjectKind::Employee)).unwrap();
    assert_eq!(
        (wanted.id, wanted.revision, wanted.told),
        (ID, Some(3), None)
    );
    assert_eq!(wanted.claim.unwrap().request_id, Uuid::from_u128(6));
    assert!(
        start()
            .read(&call(SubjectKind::Employee))
            .unwrap()
            .claim
            .is_none()
    );

    let request = StartTicketRequest {
        name: "customers/1".into(),
        etag: "3".into(),
        request_id: "again".into(),
        occurred_time: Some(to_proto(NOW)),
    };
    let named: Vec<_> = wrong(request);
    let expected = [
        ("request_id", "UUID"),
        ("name", "RESOURCE_NAME"),
        ("etag", "FORMAT"),
        ("occurred_time", "NOT_FOR_PEOPLE"),
    ];
    assert_eq!(
        named,
        expected.map(|(field, what)| (field.to_owned(), what))
    );
}

#[test]
fn a_system_says_when_it_happened() {
    let at = NOW - 40.hours();
    let request = StartTicketRequest {
        occurred_time: Some(to_proto(at)),
        ..start()
    };
    assert_eq!(
        request
            .read(&call(SubjectKind::SystemAccount))
            .unwrap()
            .told,
        Some(at)
    );
}

#[test]
fn an_update_names_its_fields_within_the_ticket() {
    let wanted = wrong(UpdateTicketRequest::default());
    let expected = [
        ("ticket.name", "REQUIRED"),
        ("ticket.etag", "REQUIRED"),
        ("update_mask", "REQUIRED"),
    ];
    assert_eq!(
        wanted,
        expected.map(|(field, what)| (field.to_owned(), what))
    );
    let ticket = Ticket {
        name: name("tickets", ID),
        etag: "r1".into(),
        category: "x".repeat(81),
        ..Default::default()
    };
    let request = UpdateTicketRequest {
        ticket: Some(ticket),
        update_mask: Some(FieldMask {
            paths: vec!["category".into()],
        }),
        ..Default::default()
    };
    assert_eq!(wrong(request), one("ticket.category", "TOO_LONG"));
}

#[test]
fn each_command_checks_what_is_its_own() {
    let (name, etag) = (name("tickets", ID), "r1".to_owned());
    let assign = |assignee: &str| AssignTicketRequest {
        name: name.clone(),
        etag: etag.clone(),
        assignee: assignee.into(),
        ..Default::default()
    };
    assert_eq!(wrong(assign("")), one("assignee", "REQUIRED"));
    let account = format!("system-accounts/{ID}");
    assert_eq!(wrong(assign(&account)), one("assignee", "RESOURCE_NAME"));

    let suspend = |waiting_for| SuspendTicketRequest {
        name: name.clone(),
        etag: etag.clone(),
        waiting_for,
        ..Default::default()
    };
    assert_eq!(wrong(suspend(0)), one("waiting_for", "REQUIRED"));
    assert_eq!(wrong(suspend(9)), one("waiting_for", "UNKNOWN_VALUE"));
    assert_eq!(wrong(suspend(1)), []);

    let reply = |direction, body: String| ReplyToTicketRequest {
        name: name.clone(),
        etag: etag.clone(),
        direction,
        body,
        ..Default::default()
    };
    assert_eq!(wrong(reply(0, "a".into())), one("direction", "REQUIRED"));
    assert_eq!(
        wrong(reply(1, "字".repeat(20_001))),
        one("body", "TOO_LONG")
    );
    assert_eq!(wrong(reply(1, "字".repeat(20_000))), []);

    let resolve = ResolveTicketRequest {
        name: name.clone(),
        etag: etag.clone(),
        resolution: " ".into(),
        ..Default::default()
    };
    assert_eq!(wrong(resolve), one("resolution", "REQUIRED"));
    let reopen = ReopenTicketRequest {
        name: name.clone(),
        etag: etag.clone(),
        reason: "x".repeat(2_001),
        ..Default::default()
    };
    assert_eq!(wrong(reopen), one("reason", "TOO_LONG"));

    let rate = |score| RateTicketRequest {
        name: name.clone(),
        etag: etag.clone(),
        score,
        ..Default::default()
    };
    for score in [-1, 0, 6] {
        assert_eq!(wrong(rate(score)), one("score", "OUT_OF_RANGE"), "{score}");
    }
    assert_eq!(wrong(rate(5)), []);
}
