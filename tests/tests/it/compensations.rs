//! Compensation for complaints: by the company's rule, or by a second person.

use kefu_contracts::{
    google::r#type::Money,
    ticket::{
        CompensationRule, CompensationState, DecideOnCompensationRequest, Gravity, Level,
        ListTicketsRequest, OfferCompensationRequest, RecordCompensationPaymentRequest, Ticket,
        UpdateTicketRequest, compensation_service_client::CompensationServiceClient,
    },
};
use kefu_service::fields::name;
use kefu_testkit::{Caller, TestSuite, employee_id};
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::{
    handling::{ADMINISTRATOR, HEAD, done, get, id, journaled, reason, revise, rules, told},
    records::{enter, open, person, refusal, said, ticket, tickets, violations},
};

fn compensations(caller: &Caller) -> CompensationServiceClient<Caller> {
    CompensationServiceClient::new(caller.clone())
}

fn offer(ticket: &Ticket, units: i64) -> OfferCompensationRequest {
    OfferCompensationRequest {
        name: ticket.name.clone(),
        etag: ticket.etag.clone(),
        request_id: id(),
        amount: Some(Money {
            currency_code: "CNY".into(),
            units,
            nanos: 0,
        }),
        reason: "误工一天".into(),
        occurred_time: None,
    }
}

async fn offered(caller: &Caller, request: OfferCompensationRequest) -> Result<Ticket, Status> {
    done(compensations(caller).offer_compensation(request).await)
}

async fn granted(caller: &Caller, ticket: &Ticket, number: i32) -> Result<Ticket, Status> {
    let request = DecideOnCompensationRequest {
        name: ticket.name.clone(),
        etag: ticket.etag.clone(),
        number,
        approve: true,
        reason: "属实".into(),
        ..Default::default()
    };
    done(compensations(caller).decide_on_compensation(request).await)
}

async fn paid(caller: &Caller, ticket: &Ticket, number: i32) -> Result<Ticket, Status> {
    let request = RecordCompensationPaymentRequest {
        name: ticket.name.clone(),
        etag: ticket.etag.clone(),
        number,
        reference: "FK-2026-0042".into(),
        ..Default::default()
    };
    done(
        compensations(caller)
            .record_compensation_payment(request)
            .await,
    )
}

/// Clauses CC-2.3, IH-4: little by the company's rule, more by a second person, nothing beyond;
/// paid once, with its reference; and only who handles complaints sees how much.
#[tokio::test(flavor = "multi_thread")]
async fn a_complaint_is_compensated_by_rule_or_by_approval() {
    let suite = TestSuite::start().await;
    let administrator = suite.caller(ADMINISTRATOR);
    let shipped = rules(&administrator).await;
    let mut definition = shipped.versions[0].definition.clone().unwrap();
    definition.compensations = vec![CompensationRule {
        gravity: Gravity::Serious.into(),
        currency: "CNY".into(),
        granted_units: 200,
        approved_units: 1000,
    }];
    revise(&administrator, &shipped.etag, definition)
        .await
        .unwrap();
    let (handler, one) = told(&suite).await;
    let handler = handler.after(&administrator);
    let wrong = OfferCompensationRequest {
        reason: String::new(),
        ..offer(&one, 0)
    };
    let refused = offered(&handler, wrong).await.unwrap_err();
    assert_eq!(violations(&refused), ["amount", "reason"]);
    let request = offer(&one, 150);
    let one = offered(&handler, request.clone()).await.unwrap();
    let first = &one.compensations[0];
    assert_eq!(
        (first.state(), first.by_rule),
        (CompensationState::Granted, true)
    );
    assert_eq!(first.rules_version, 1);
    // Said again it is offered once; of two at once one counts.
    assert_eq!(offered(&handler, request).await.unwrap(), one);
    let (left, right) = tokio::join!(
        offered(&handler, offer(&one, 300)),
        offered(&handler, offer(&one, 300)),
    );
    assert!(left.is_ok() != right.is_ok());
    let one = left.or(right).unwrap();
    assert_eq!(one.compensations.len(), 2);
    assert_eq!(one.compensations[1].state(), CompensationState::Asked);
    let refused = offered(&handler, offer(&one, 600)).await.unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::FailedPrecondition, "BEYOND_LIMIT".into())
    );
    assert_eq!(said(&refused, "limit"), "1000");
    assert_eq!(
        reason(&granted(&handler, &one, 2).await.unwrap_err()),
        "PERMISSION_MISSING"
    );

    let head = suite.caller_for(HEAD, "complaint").after(&handler);
    assert_eq!(
        reason(&paid(&head, &one, 2).await.unwrap_err()),
        "STATE_NOT_ALLOWED"
    );
    assert_eq!(
        violations(&granted(&head, &one, 3).await.unwrap_err()),
        ["number"]
    );
    let one = granted(&head, &one, 2).await.unwrap();
    let second = &one.compensations[1];
    assert_eq!(second.decided_by, name("employees", employee_id(HEAD)));
    assert_eq!(second.state(), CompensationState::Granted);
    assert_eq!(
        reason(&granted(&head, &one, 2).await.unwrap_err()),
        "STATE_NOT_ALLOWED"
    );
    let erp = suite.caller_for("erp", "integration").after(&head);
    let one = paid(&erp, &one, 2).await.unwrap();
    assert_eq!(one.compensations[1].payment_reference, "FK-2026-0042");
    assert_eq!(
        reason(&paid(&erp, &one, 2).await.unwrap_err()),
        "STATE_NOT_ALLOWED"
    );
    for kind in [
        "compensation.granted",
        "compensation.asked",
        "compensation.paid",
    ] {
        let times = if kind == "compensation.granted" { 2 } else { 1 };
        assert_eq!(journaled(&suite, kind).await, times, "{kind}");
    }
    // Whoever opens the complaint sees it; whoever lists complaints is told that it is held back.
    let head = head.after(&erp);
    assert_eq!(get(&head, &one).await.compensations.len(), 2);
    let listed = tickets(&head)
        .list_tickets(ListTicketsRequest::default())
        .await;
    let hidden = listed.unwrap().into_inner().tickets.remove(0);
    assert_eq!(hidden.name, one.name);
    assert!(hidden.compensations.is_empty());
    let held = hidden.disclosure.unwrap();
    assert!(format!("{held:?}").contains("compensations"), "{held:?}");
}

/// Clause CC-2.3: whoever worked on a complaint approves no compensation for it.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_handled_a_complaint_approves_no_compensation() {
    let suite = TestSuite::start().await;
    let (handler, one) = told(&suite).await;
    let head = suite.caller_for(HEAD, "complaint").after(&handler);
    let update = UpdateTicketRequest {
        ticket: Some(Ticket {
            urgency: Level::Low.into(),
            ..one.clone()
        }),
        update_mask: Some(FieldMask {
            paths: vec!["urgency".into()],
        }),
        ..Default::default()
    };
    let one = tickets(&head)
        .update_ticket(update)
        .await
        .unwrap()
        .into_inner();
    let handler = handler.after(&head);
    // No rule is shipped: whatever is offered takes approval.
    let one = offered(&handler, offer(&one, 1)).await.unwrap();
    let head = head.after(&handler);
    let refused = granted(&head, &one, 1).await.unwrap_err();
    assert_eq!(reason(&refused), "SECOND_PERSON_REQUIRED");
    // Only complaints are compensated.
    let erp = suite.caller_for("erp", "integration").after(&head);
    let customer = enter(&erp, person()).await;
    let other = open(&erp, ticket(&customer.name)).await;
    let refused = offered(&erp, offer(&other, 1)).await.unwrap_err();
    assert_eq!(reason(&refused), "STATE_NOT_ALLOWED");
}
