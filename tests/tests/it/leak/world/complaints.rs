//! What is judged before the work, said after it, and paid.

use kefu_contracts::{
    google::r#type::Money,
    ticket::{
        AnalyseComplaintRequest, AnswerResultRequest, CheckLegitimacyRequest, CompensationRule,
        ComplaintNature, DecideOnCompensationRequest, GetHandlingRulesRequest, Gravity, Legitimacy,
        OfferCompensationRequest, RecordCompensationPaymentRequest, ResolveTicketRequest,
        ResultAnswer, ReviseHandlingRulesRequest, SummariseComplaintRequest, Ticket, TicketKind,
        TicketState, compensation_service_client::CompensationServiceClient,
        handling_service_client::HandlingServiceClient,
    },
};
use kefu_testkit::{Caller, TestSuite};

use crate::{leak::values::Values, records::tickets};

/// A request is checked and a complaint analysed before anybody works on it.
pub(super) async fn judged(caller: &Caller, ticket: Ticket, values: &mut Values) -> Ticket {
    let mut client = HandlingServiceClient::new(caller.clone());
    let (name, etag) = (ticket.name.clone(), ticket.etag.clone());
    let answer = match ticket.kind() {
        TicketKind::ServiceRequest => {
            let request = CheckLegitimacyRequest {
                name,
                etag,
                legitimacy: Legitimacy::Granted.into(),
                reason: values.text(),
                ..Default::default()
            };
            client.check_legitimacy(request).await
        }
        TicketKind::Complaint => {
            let request = AnalyseComplaintRequest {
                name,
                etag,
                nature: ComplaintNature::Privacy.into(),
                gravity: Gravity::Grave.into(),
                analysis: values.text(),
                ..Default::default()
            };
            client.analyse_complaint(request).await
        }
        _ => return ticket,
    };
    answer.unwrap().into_inner()
}

/// The customer is satisfied at the third attempt, which the head was told of.
pub(super) async fn complained(caller: &Caller, mut ticket: Ticket, values: &mut Values) -> Ticket {
    use ResultAnswer::{Satisfied, Unsatisfied};
    let mut handling = HandlingServiceClient::new(caller.clone());
    for answer in [Unsatisfied, Unsatisfied, Satisfied] {
        let answer = AnswerResultRequest {
            name: ticket.name.clone(),
            etag: ticket.etag.clone(),
            answer: answer.into(),
            words: values.text(),
            ..Default::default()
        };
        ticket = handling.answer_result(answer).await.unwrap().into_inner();
        if ticket.state() == TicketState::Open {
            let resolve = ResolveTicketRequest {
                name: ticket.name.clone(),
                etag: ticket.etag.clone(),
                resolution: values.text(),
                ..Default::default()
            };
            let answer = tickets(caller).resolve_ticket(resolve).await;
            ticket = answer.unwrap().into_inner();
        }
    }
    let summary = SummariseComplaintRequest {
        name: ticket.name,
        etag: ticket.etag,
        cause: values.text(),
        improvement: values.text(),
        ..Default::default()
    };
    let answer = handling.summarise_complaint(summary).await;
    answer.unwrap().into_inner()
}

/// The customer is compensated, by two people, and paid.
pub(super) async fn compensated(
    suite: &TestSuite,
    caller: &Caller,
    ticket: Ticket,
    values: &mut Values,
) -> Ticket {
    let administrator = suite.caller("han.bing");
    let mut rules = HandlingServiceClient::new(administrator.clone());
    let known = rules.get_handling_rules(GetHandlingRulesRequest {}).await;
    let known = known.unwrap().into_inner();
    let mut definition = known.versions[0].definition.clone().unwrap();
    definition.compensations = vec![CompensationRule {
        gravity: Gravity::Grave.into(),
        currency: "CNY".into(),
        granted_units: 100,
        approved_units: 0,
    }];
    let revise = ReviseHandlingRulesRequest {
        etag: known.etag,
        definition: Some(definition),
        reason: "补偿标准".into(),
        ..Default::default()
    };
    rules.revise_handling_rules(revise).await.unwrap();
    let caller = &caller.after(&administrator);
    let mut maker = CompensationServiceClient::new(caller.clone());
    let mut offered = ticket.clone();
    // The first goes by the rule; together with it the second takes approval.
    for units in [47, 4711] {
        let offer = OfferCompensationRequest {
            name: ticket.name.clone(),
            etag: offered.etag,
            amount: Some(Money {
                currency_code: "CNY".into(),
                units,
                nanos: 0,
            }),
            reason: values.text(),
            ..Default::default()
        };
        offered = maker.offer_compensation(offer).await.unwrap().into_inner();
    }
    let head = suite.caller_for("zhou.ting", "complaint").after(caller);
    let decide = DecideOnCompensationRequest {
        name: ticket.name.clone(),
        etag: offered.etag,
        number: 2,
        approve: true,
        reason: values.text(),
        ..Default::default()
    };
    let mut decider = CompensationServiceClient::new(head.clone());
    let decided = decider.decide_on_compensation(decide).await;
    let pay = RecordCompensationPaymentRequest {
        name: ticket.name,
        etag: decided.unwrap().into_inner().etag,
        number: 2,
        reference: values.text(),
        ..Default::default()
    };
    let mut payer = CompensationServiceClient::new(caller.after(&head));
    let paid = payer.record_compensation_payment(pay).await;
    paid.unwrap().into_inner()
}
