//! How tickets are handled by their kind: the check of requests, the closed loop of
//! complaints, and the company's rules.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use kefu_access_control::seed::department_id;
use kefu_contracts::{
    common::Channel,
    ticket::{
        AnalyseComplaintRequest, AnswerResultRequest, AskToCloseRequest, AssignTicketRequest,
        Category, CheckLegitimacyRequest, CloseTicketRequest, ComplaintNature, ComplaintStage,
        DecideOnClosingRequest, GetHandlingRulesRequest, GetTicketRequest, Gravity,
        HandlingDefinition, HandlingRules, Legitimacy, Level, ListStateTablesRequest,
        ListTicketsRequest, OpenTicketRequest, Priority, ResolveTicketRequest, ResultAnswer,
        ReviseHandlingRulesRequest, SummariseComplaintRequest, Ticket, TicketKind,
        UpdateTicketRequest, handling_service_client::HandlingServiceClient,
    },
};
use kefu_service::{clock::Clock, fields::name, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id};
use prost_types::FieldMask;
use tonic::{Code, Response, Status};
use uuid::Uuid;

use crate::records::{enter, open, person, refusal, said, ticket, tickets, violations};

const HANDLER: &str = "guo.jing";
pub(crate) const HEAD: &str = "zhou.ting";
pub(crate) const ADMINISTRATOR: &str = "han.bing";

pub(crate) fn handling(caller: &Caller) -> HandlingServiceClient<Caller> {
    HandlingServiceClient::new(caller.clone())
}

pub(crate) fn done(answer: Result<Response<Ticket>, Status>) -> Result<Ticket, Status> {
    answer.map(Response::into_inner)
}

/// An id that no other request has.
pub(crate) fn id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Uuid::from_u128(NEXT.fetch_add(1, Ordering::Relaxed).into()).to_string()
}

pub(crate) async fn get(caller: &Caller, ticket: &Ticket) -> Ticket {
    let request = GetTicketRequest {
        name: ticket.name.clone(),
    };
    let found = tickets(caller).get_ticket(request).await;
    found.unwrap().into_inner()
}

async fn resolve(caller: &Caller, ticket: &Ticket) -> Result<Ticket, Status> {
    let request = ResolveTicketRequest {
        name: ticket.name.clone(),
        etag: ticket.etag.clone(),
        resolution: "已换货".into(),
        ..Default::default()
    };
    done(tickets(caller).resolve_ticket(request).await)
}

async fn close(caller: &Caller, ticket: &Ticket) -> Result<Ticket, Status> {
    let request = CloseTicketRequest {
        name: ticket.name.clone(),
        etag: ticket.etag.clone(),
        ..Default::default()
    };
    done(tickets(caller).close_ticket(request).await)
}

async fn analyse(caller: &Caller, ticket: &Ticket) -> Result<Ticket, Status> {
    let request = AnalyseComplaintRequest {
        name: ticket.name.clone(),
        etag: ticket.etag.clone(),
        nature: ComplaintNature::Delivery.into(),
        gravity: Gravity::Serious.into(),
        department: name("departments", department_id("complaints")),
        analysis: "仓库错拣".into(),
        ..Default::default()
    };
    done(handling(caller).analyse_complaint(request).await)
}

async fn answer(caller: &Caller, ticket: &Ticket, answer: ResultAnswer) -> Result<Ticket, Status> {
    let request = AnswerResultRequest {
        name: ticket.name.clone(),
        etag: ticket.etag.clone(),
        answer: answer.into(),
        words: "还是坏的".into(),
        ..Default::default()
    };
    done(handling(caller).answer_result(request).await)
}

async fn summarise(caller: &Caller, ticket: &Ticket) -> Result<Ticket, Status> {
    let request = SummariseComplaintRequest {
        name: ticket.name.clone(),
        etag: ticket.etag.clone(),
        cause: "错拣".into(),
        improvement: "扫码复核".into(),
        ..Default::default()
    };
    done(handling(caller).summarise_complaint(request).await)
}

async fn ask(caller: &Caller, ticket: &Ticket) -> Result<Ticket, Status> {
    let request = AskToCloseRequest {
        name: ticket.name.clone(),
        etag: ticket.etag.clone(),
        reason: "三次联系不上".into(),
        ..Default::default()
    };
    done(handling(caller).ask_to_close(request).await)
}

fn decision(ticket: &Ticket, approve: bool) -> DecideOnClosingRequest {
    DecideOnClosingRequest {
        name: ticket.name.clone(),
        etag: ticket.etag.clone(),
        request_id: id(),
        approve,
        reason: "已核实".into(),
        occurred_time: None,
    }
}

async fn decide(caller: &Caller, request: DecideOnClosingRequest) -> Result<Ticket, Status> {
    done(handling(caller).decide_on_closing(request).await)
}

pub(crate) async fn journaled(suite: &TestSuite, kind: &str) -> i64 {
    let mut sql = suite.database.connect().await.unwrap();
    let counted = "SELECT count(*) FROM ticket.journal WHERE type = $1";
    let counted = sqlx::query_scalar(counted).bind(kind);
    counted.fetch_one(&mut sql).await.unwrap()
}

pub(crate) fn reason(status: &Status) -> String {
    refusal(status).1
}

/// A complaint of the handler's, analysed, with a result that the customer was told.
pub(crate) async fn told(suite: &TestSuite) -> (Caller, Ticket) {
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await;
    let handler = suite.caller_for(HANDLER, "complaint").after(&erp);
    let complaint = Ticket {
        kind: TicketKind::Complaint.into(),
        ..ticket(&customer.name)
    };
    let complaint = open(&handler, complaint).await;
    assert_eq!(complaint.stage(), ComplaintStage::Recorded);
    let refused = resolve(&handler, &complaint).await.unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::FailedPrecondition, "STEP_MISSING".into())
    );
    assert_eq!(said(&refused, "needs"), "ANALYSIS");
    let complaint = analyse(&handler, &complaint).await.unwrap();
    assert_eq!(complaint.stage(), ComplaintStage::Analysed);
    let complaint = resolve(&handler, &complaint).await.unwrap();
    (handler, complaint)
}

/// Clauses OP-3.2, CC-2.3, CC-2.4: not satisfied leads back, attempts are counted, the second time the
/// head has to know; it is closed when the customer is satisfied and the cause is written down.
#[tokio::test(flavor = "multi_thread")]
async fn a_complaint_goes_round_until_the_customer_is_satisfied() {
    let suite = TestSuite::start().await;
    let (handler, mut one) = told(&suite).await;
    assert_eq!(
        (one.stage(), one.attempt_count),
        (ComplaintStage::ResultTold, 1)
    );
    let refused = close(&handler, &one).await.unwrap_err();
    assert_eq!(said(&refused, "needs"), "OUTCOME,SUMMARY");
    for (attempt, escalations) in [(2, 0), (3, 1)] {
        one = answer(&handler, &one, ResultAnswer::Unsatisfied)
            .await
            .unwrap();
        assert_eq!(
            (one.stage(), one.attempt_count),
            (ComplaintStage::InCoordination, attempt)
        );
        assert_eq!(journaled(&suite, "complaint.escalated").await, escalations);
        assert_eq!(one.escalated_time.is_some(), escalations > 0);
        one = resolve(&handler, &one).await.unwrap();
    }
    // The head finds what was escalated.
    let head = suite.caller_for(HEAD, "complaint").after(&handler);
    let request = ListTicketsRequest {
        filter: "escalated_time > 2020-01-01T00:00:00Z AND gravity = SERIOUS AND nature = DELIVERY"
            .into(),
        ..Default::default()
    };
    let found = tickets(&head)
        .list_tickets(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!((found.total_size, &found.tickets[0].name), (1, &one.name));

    let one = answer(&handler, &one, ResultAnswer::Satisfied)
        .await
        .unwrap();
    assert_eq!(one.stage(), ComplaintStage::Satisfied);
    // Nobody asks to close what the customer is satisfied with.
    let refused = ask(&handler, &one).await.unwrap_err();
    assert_eq!(said(&refused, "needs"), "NOT_SATISFIED");
    let one = summarise(&handler, &one).await.unwrap();
    assert_eq!(
        (one.stage(), one.cause.as_str()),
        (ComplaintStage::Summarised, "错拣")
    );
    let done = close(&handler, &one).await.unwrap();
    assert_eq!(done.stage(), ComplaintStage::Closed);
    let refused = answer(&handler, &get(&head, &one).await, ResultAnswer::Unsatisfied).await;
    // Closed, it is no longer the handler's duty but still the department's.
    assert_eq!(reason(&refused.unwrap_err()), "STATE_NOT_ALLOWED");
    let written = get(&head, &one).await;
    assert!(
        written
            .messages
            .iter()
            .any(|message| message.body == "还是坏的")
    );
    assert!(
        written
            .messages
            .iter()
            .any(|message| message.body == "仓库错拣")
    );
}

/// Clause CC-2.3: who is not satisfied is given up on by two people, neither of whom is the
/// other, the second without a hand in it; of two decisions at once one counts.
#[tokio::test(flavor = "multi_thread")]
async fn an_unsatisfied_customer_is_given_up_by_two_people_with_a_reason() {
    let suite = TestSuite::start().await;
    let (handler, one) = told(&suite).await;
    let head = suite.caller_for(HEAD, "complaint").after(&handler);
    let refused = decide(&head, decision(&one, true)).await.unwrap_err();
    assert_eq!(said(&refused, "needs"), "CLOSING_ASKED");
    let one = ask(&handler, &one).await.unwrap();
    assert_eq!(
        one.closing_asked_by,
        name("employees", employee_id(HANDLER))
    );
    // A post that may not decide, and no reason.
    let refused = decide(&handler, decision(&one, true)).await.unwrap_err();
    assert_eq!(reason(&refused), "PERMISSION_MISSING");
    let mut mute = decision(&one, true);
    mute.reason.clear();
    assert_eq!(
        violations(&decide(&head, mute).await.unwrap_err()),
        ["reason"]
    );
    // Kept open, asked again, agreed to: twice at once.
    let one = decide(&head, decision(&one, false)).await.unwrap();
    assert_eq!(one.stage(), ComplaintStage::ResultTold);
    let one = ask(&handler.after(&head), &one).await.unwrap();
    let head = head.after(&handler);
    let (first, second) = (decision(&one, true), decision(&one, true));
    let (left, right) = tokio::join!(decide(&head, first.clone()), decide(&head, second));
    assert!(left.is_ok() != right.is_ok(), "{left:?} {right:?}");
    let refused = left.clone().err().or(right.clone().err()).unwrap();
    assert_eq!(reason(&refused), "ETAG_MISMATCH");
    if let Ok(before) = &left {
        // The same request is answered as before.
        assert_eq!(&decide(&head, first.clone()).await.unwrap(), before);
        let other = DecideOnClosingRequest {
            approve: false,
            ..first
        };
        assert_eq!(
            reason(&decide(&head, other).await.unwrap_err()),
            "REQUEST_ID_REUSED"
        );
    }
    let one = left.or(right).unwrap();
    assert_eq!(one.stage(), ComplaintStage::ClosingApproved);
    assert_eq!(
        one.closing_approved_by,
        name("employees", employee_id(HEAD))
    );
    assert_eq!(journaled(&suite, "complaint.closing_agreed").await, 1);
    let handler = handler.after(&head);
    let one = summarise(&handler, &one).await.unwrap();
    close(&handler, &one).await.unwrap();
}

/// Clause CC-2.3: whoever had a hand in a complaint is no second person, and that they tried is
/// journaled.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_handled_a_complaint_does_not_decide_on_closing_it() {
    let suite = TestSuite::start().await;
    let (handler, one) = told(&suite).await;
    let head = suite.caller_for(HEAD, "complaint").after(&handler);
    let update = UpdateTicketRequest {
        ticket: Some(Ticket {
            urgency: Level::High.into(),
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
    let one = ask(&handler.after(&head), &one).await.unwrap();
    let head = head.after(&handler);
    let refused = decide(&head, decision(&one, true)).await.unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::PermissionDenied, "SECOND_PERSON_REQUIRED".into())
    );
    let mut sql = suite.database.connect().await.unwrap();
    let noted =
        "SELECT count(*) FROM ticket.journal WHERE type = 'ticket.refused' AND resource = $1";
    let noted: i64 = sqlx::query_scalar(noted)
        .bind(&one.name)
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert_eq!(noted, 1);
    assert_eq!(get(&head, &one).await.stage(), ComplaintStage::ClosingAsked);
}

/// Clauses SG-2.1, SG-2.2: nobody is set to work on a request that nobody checked, and what is
/// not served is answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_checked_and_then_assigned() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await;
    let li = suite.caller("li.wei").after(&erp);
    let request = Ticket {
        kind: TicketKind::ServiceRequest.into(),
        ..ticket(&customer.name)
    };
    let one = open(&li, request).await;
    let assign = |ticket: &Ticket| AssignTicketRequest {
        name: ticket.name.clone(),
        etag: ticket.etag.clone(),
        assignee: name("employees", employee_id("wang.fang")),
        ..Default::default()
    };
    let refused = tickets(&li).assign_ticket(assign(&one)).await.unwrap_err();
    assert_eq!(said(&refused, "needs"), "LEGITIMACY_GRANTED");
    let check = |ticket: &Ticket, legitimacy: Legitimacy, reason: &str| CheckLegitimacyRequest {
        name: ticket.name.clone(),
        etag: ticket.etag.clone(),
        legitimacy: legitimacy.into(),
        reason: reason.into(),
        ..Default::default()
    };
    let wrong = check(&one, Legitimacy::Unspecified, "");
    let refused = handling(&li).check_legitimacy(wrong).await.unwrap_err();
    assert_eq!(violations(&refused), ["legitimacy", "reason"]);
    let no = check(&one, Legitimacy::Refused, "已过保");
    let no = done(handling(&li).check_legitimacy(no).await).unwrap();
    let refused = tickets(&li).assign_ticket(assign(&no)).await.unwrap_err();
    assert_eq!(said(&refused, "needs"), "LEGITIMACY_GRANTED");
    let yes = check(&no, Legitimacy::Granted, "延保有效");
    let yes = done(handling(&li).check_legitimacy(yes).await).unwrap();
    let other = suite.caller("ma.chao").after(&li);
    let refused = handling(&other)
        .check_legitimacy(check(&yes, Legitimacy::Refused, "x"))
        .await;
    assert_eq!(reason(&refused.unwrap_err()), "NOT_FOUND_OR_OUT_OF_SCOPE");
    let given = done(tickets(&li).assign_ticket(assign(&yes)).await).unwrap();
    assert_eq!(given.legitimacy(), Legitimacy::Granted);
    // Only requests are checked, and only complaints analysed.
    let asked = open(&li, ticket(&customer.name)).await;
    let refused = handling(&li)
        .check_legitimacy(check(&asked, Legitimacy::Granted, "x"))
        .await;
    assert_eq!(reason(&refused.unwrap_err()), "STATE_NOT_ALLOWED");
    assert_eq!(
        reason(&analyse(&li, &asked).await.unwrap_err()),
        "STATE_NOT_ALLOWED"
    );
}

pub(crate) async fn rules(caller: &Caller) -> HandlingRules {
    let rules = handling(caller)
        .get_handling_rules(GetHandlingRulesRequest {})
        .await;
    rules.unwrap().into_inner()
}

pub(crate) async fn revise(
    caller: &Caller,
    etag: &str,
    definition: HandlingDefinition,
) -> Result<HandlingRules, Status> {
    let request = ReviseHandlingRulesRequest {
        etag: etag.into(),
        definition: Some(definition),
        reason: "新分类".into(),
        request_id: id(),
        ..Default::default()
    };
    let revised = handling(caller).revise_handling_rules(request).await;
    revised.map(Response::into_inner)
}

async fn classed(caller: &Caller, ticket: Ticket) -> Result<Ticket, Status> {
    let request = OpenTicketRequest {
        ticket: Some(ticket),
        request_id: String::new(),
    };
    done(tickets(caller).open_ticket(request).await)
}

/// Clauses IH-3.1, SG-2.1: categories and priorities are the company's, by version; the next
/// ticket is under the new one, also at an instance that knew the old.
#[tokio::test(flavor = "multi_thread")]
async fn rules_of_handling_are_the_companys_and_count_at_once() {
    let suite = TestSuite::start().await;
    let twin = suite.twin();
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await;
    let of = |category: &str, kind: TicketKind| Ticket {
        category: category.into(),
        kind: kind.into(),
        ..ticket(&customer.name)
    };
    let consultation = TicketKind::Consultation;
    let old = classed(&erp, of("installation", consultation))
        .await
        .unwrap();
    assert_eq!(old.priority(), Priority::High);

    let administrator = suite.caller(ADMINISTRATOR).after(&erp);
    let shipped = rules(&administrator).await;
    let mut definition = shipped.versions[0].definition.clone().unwrap();
    definition.other_categories = false;
    for rule in &mut definition.priorities {
        rule.set_priority(Priority::Low);
    }
    definition.categories.push(Category {
        id: "damaged".into(),
        parent: "logistics".into(),
        title: "破损".into(),
        kinds: vec![TicketKind::Complaint.into()],
        archived: false,
    });
    let li = suite.caller("li.wei");
    let refused = revise(&li, &shipped.etag, definition.clone())
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "PERMISSION_MISSING");
    let mut round = definition.clone();
    round.categories[0].parent = "product".into();
    let refused = revise(&administrator, &shipped.etag, round)
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["definition.categories[0].parent"]);
    let (left, right) = tokio::join!(
        revise(&administrator, &shipped.etag, definition.clone()),
        revise(&administrator, &shipped.etag, definition.clone()),
    );
    assert!(left.is_ok() != right.is_ok());
    assert_eq!(
        reason(&left.clone().err().or(right.clone().err()).unwrap()),
        "ETAG_MISMATCH"
    );
    let revised = left.or(right).unwrap();
    assert_eq!(revised.versions.len(), 2);
    let mut less = definition.clone();
    less.categories.remove(0);
    let refused = revise(&administrator, &revised.etag, less)
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["definition.categories.product"]);

    drop(twin);
    let erp = erp.after(&administrator);
    for (category, kind, what) in [
        ("installation", consultation, false),
        ("damaged", consultation, false),
        ("damaged", TicketKind::Complaint, true),
        ("logistics", consultation, true),
        ("", consultation, true),
    ] {
        match classed(&erp, of(category, kind)).await {
            Ok(made) => assert_eq!((what, made.priority()), (true, Priority::Low), "{category}"),
            Err(refused) => {
                assert!(!what, "{category}: {refused:?}");
                assert_eq!(violations(&refused), ["ticket.category"]);
            }
        }
    }
    definition.categories[2].archived = true;
    revise(&administrator, &revised.etag, definition)
        .await
        .unwrap();
    let erp = erp.after(&administrator);
    let refused = classed(&erp, of("damaged", TicketKind::Complaint)).await;
    assert_eq!(violations(&refused.unwrap_err()), ["ticket.category"]);
    // What was classed stays so until somebody classes it anew.
    assert_eq!(get(&erp, &old).await.priority(), Priority::High);
    let update = UpdateTicketRequest {
        ticket: Some(Ticket {
            category: "damaged".into(),
            ..old.clone()
        }),
        update_mask: Some(FieldMask {
            paths: vec!["category".into()],
        }),
        ..Default::default()
    };
    let refused = tickets(&erp).update_ticket(update).await.unwrap_err();
    assert_eq!(violations(&refused), ["ticket.category"]);
}

/// Clause CC-1.2: each kind has its table, for everybody to read.
#[tokio::test(flavor = "multi_thread")]
async fn the_tables_of_states_can_be_read() {
    let suite = TestSuite::start().await;
    let tables = handling(&suite.caller("song.yue"))
        .list_state_tables(ListStateTablesRequest {})
        .await;
    let tables = tables.unwrap().into_inner().tables;
    let kinds: Vec<_> = tables.iter().map(|table| table.kind()).collect();
    assert_eq!(
        kinds,
        [
            TicketKind::Consultation,
            TicketKind::Complaint,
            TicketKind::Suggestion,
            TicketKind::ServiceRequest
        ]
    );
    assert!(tables.iter().all(|table| table.steps.len() > 20));
}

/// Clauses OP-3.1, IH-3.1: a call has its times, told when the ticket is opened or after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_kept_with_its_times() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await;
    let li = suite.caller("li.wei").after(&erp);
    let now = suite.clock.now();
    let at = |before: u64| Some(to_proto(now - Duration::from_secs(before)));
    let called = Ticket {
        call_start_time: at(300),
        ..ticket(&customer.name)
    };
    let written = Ticket {
        channel: Channel::Email.into(),
        ..called.clone()
    };
    let refused = classed(&li, written).await.unwrap_err();
    assert_eq!(violations(&refused), ["ticket.call_start_time"]);
    let one = classed(&li, called).await.unwrap();
    assert_eq!(one.call_seconds, 0);
    let update = |end| UpdateTicketRequest {
        ticket: Some(Ticket {
            name: one.name.clone(),
            etag: one.etag.clone(),
            call_end_time: end,
            ..Default::default()
        }),
        update_mask: Some(FieldMask {
            paths: vec!["call_end_time".into()],
        }),
        ..Default::default()
    };
    let refused = tickets(&li)
        .update_ticket(update(at(301)))
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["ticket.call_end_time"]);
    let over = tickets(&li).update_ticket(update(at(53))).await.unwrap();
    assert_eq!(over.into_inner().call_seconds, 247);
    assert_eq!(get(&li, &one).await.call_seconds, 247);
}
