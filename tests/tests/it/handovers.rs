//! Tickets go from one department to another when that one takes them.

use std::time::Duration;

use kefu_access_control::seed::department_id;
use kefu_contracts::ticket::{
    AcceptOfferRequest, AssignmentCause, DeclineOfferRequest, GetOfferRequest, GetTicketRequest,
    ListAssignmentsRequest, ListOffersRequest, Offer, OfferState, OfferTicketRequest, Ticket,
    TransferTicketRequest, UpdateTicketRequest, WithdrawOfferRequest,
    hand_over_service_client::HandOverServiceClient, queue_service_client::QueueServiceClient,
};
use kefu_service::fields::name;
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::records::{enter, open, person, refusal, said, ticket, tickets, violations};

const LI: &str = "li.wei";
const ID: &str = "0190c5a8-0000-7000-8000-00000000aa01";

/// Makes another department responsible, as who transfers records does.
pub(crate) async fn transfer(caller: &Caller, one: &Ticket, to: &str) {
    let request = TransferTicketRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        department: department(to),
        reason: "归口变更".into(),
        ..Default::default()
    };
    hand_overs(caller).transfer_ticket(request).await.unwrap();
}

fn hand_overs(caller: &Caller) -> HandOverServiceClient<Caller> {
    HandOverServiceClient::new(caller.clone())
}

pub(crate) fn department(code: &str) -> String {
    name("departments", department_id(code))
}

async fn offer(caller: &Caller, ticket: &Ticket, to: &str, reason: &str) -> Result<Offer, Status> {
    let request = OfferTicketRequest {
        name: ticket.name.clone(),
        etag: ticket.etag.clone(),
        department: department(to),
        reason: reason.into(),
        ..Default::default()
    };
    let answer = hand_overs(caller).offer_ticket(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn accept(caller: &Caller, offer: &Offer, id: &str) -> Result<Offer, Status> {
    let request = AcceptOfferRequest {
        name: offer.name.clone(),
        etag: offer.etag.clone(),
        request_id: id.into(),
        reason: String::new(),
    };
    let answer = hand_overs(caller).accept_offer(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn decline(caller: &Caller, offer: &Offer, reason: &str) -> Result<Offer, Status> {
    let request = DeclineOfferRequest {
        name: offer.name.clone(),
        etag: offer.etag.clone(),
        reason: reason.into(),
        ..Default::default()
    };
    let answer = hand_overs(caller).decline_offer(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn withdraw(caller: &Caller, offer: &Offer) -> Result<Offer, Status> {
    let request = WithdrawOfferRequest {
        name: offer.name.clone(),
        etag: offer.etag.clone(),
        ..Default::default()
    };
    let answer = hand_overs(caller).withdraw_offer(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn offers(caller: &Caller, filter: &str) -> Vec<Offer> {
    let request = ListOffersRequest {
        filter: filter.into(),
        ..Default::default()
    };
    let page = hand_overs(caller).list_offers(request).await.unwrap();
    let page = page.into_inner();
    assert_eq!(page.total_size as usize, page.offers.len());
    page.offers
}

async fn get(caller: &Caller, ticket: &Ticket) -> Result<Ticket, Status> {
    let name = ticket.name.clone();
    let answer = tickets(caller).get_ticket(GetTicketRequest { name }).await;
    answer.map(|answer| answer.into_inner())
}

async fn journaled(suite: &TestSuite, kind: &str) -> i64 {
    let mut sql = suite.database.connect().await.unwrap();
    let count = "SELECT count(*) FROM ticket.journal WHERE type = $1";
    let count = sqlx::query_scalar(count).bind(kind);
    count.fetch_one(&mut sql).await.unwrap()
}

fn hidden() -> (Code, String) {
    (Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE".to_owned())
}

/// Clauses SG-3, CC-1.2, CF-9.1: until the other department takes a ticket the giver's stays
/// responsible, and nobody of the other sees it; then it waits there, and duty has ended here.
#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_goes_to_the_department_that_takes_it() {
    let suite = TestSuite::start().await;
    let (li, agent, head) = (
        suite.caller(LI),
        suite.caller("ma.chao"),
        suite.caller("zhao.lei"),
    );
    let customer = enter(&li, person()).await;
    let one = open(&li, ticket(&customer.name)).await;
    let made = offer(&li, &one, "technical_support", "是技术问题")
        .await
        .unwrap();
    assert_eq!(
        (made.state(), made.reason.as_str()),
        (OfferState::Pending, "是技术问题")
    );
    assert_eq!(made.from_department, department("call_centre"));
    let mine = offers(&li, "").await;
    assert_eq!((mine.len(), &mine[0].name), (1, &made.name));
    assert_eq!(mine[0].reason, made.reason);

    let theirs = offers(&head, "state = PENDING").await;
    assert_eq!(theirs.len(), 1);
    assert_eq!(
        (&theirs[0].number, &theirs[0].reason),
        (&one.number, &made.reason)
    );
    assert_eq!(refusal(&get(&head, &one).await.unwrap_err()), hidden());
    assert_eq!(
        get(&li, &one).await.unwrap().assignee,
        name("employees", employee_id(LI))
    );
    // Whose post does not let them answer, or whose department it is not.
    let refused = accept(&agent, &made, "").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let refused = accept(&suite.caller("zhou.ting"), &made, "")
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused), hidden());
    assert!(offers(&agent, "").await.is_empty());
    let look = GetOfferRequest {
        name: made.name.clone(),
    };
    let refused = hand_overs(&agent).get_offer(look).await.unwrap_err();
    assert_eq!(refusal(&refused), hidden());

    let taken = accept(&head, &made, ID).await.unwrap();
    assert_eq!(taken.state(), OfferState::Accepted);
    assert_eq!(taken.answerer, name("employees", employee_id("zhao.lei")));
    // Answered again, it is shown again.
    let looks = journaled(&suite, "offer.viewed").await;
    assert_eq!(accept(&head, &made, ID).await.unwrap(), taken);
    assert_eq!(journaled(&suite, "offer.viewed").await, looks + 1);
    let now = get(&head, &one).await.unwrap();
    assert_eq!(
        (now.department, now.assignee),
        (department("technical_support"), String::new())
    );
    assert_eq!(refusal(&get(&li, &one).await.unwrap_err()), hidden());
    let parent = one.name.clone();
    let mut queues = QueueServiceClient::new(head.clone());
    let hands = queues
        .list_assignments(ListAssignmentsRequest { parent })
        .await;
    let hands = hands.unwrap().into_inner().assignments;
    assert_eq!(hands.last().unwrap().cause(), AssignmentCause::HandedOver);
    assert_eq!(
        hands.last().unwrap().from,
        name("employees", employee_id(LI))
    );
    // Whoever made it learns what became of it, and no more.
    assert_eq!(offers(&li, "").await[0].state(), OfferState::Accepted);
    let refused = decline(&head, &taken, "不要").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    assert_eq!(said(&refused, "state"), "ACCEPTED");
    for kind in ["offer.made", "offer.accepted", "ticket.handed_over"] {
        assert_eq!(journaled(&suite, kind).await, 1, "{kind}");
    }
}

/// Clauses SG-3, CC-1.2: what is declined, with a reason, or taken back stays where it was, and
/// can be offered again; one answer counts.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_stays_where_it_was() {
    let suite = TestSuite::start().await;
    let (li, wang) = (suite.caller(LI), suite.caller("wang.fang"));
    let head = suite.caller("zhao.lei");
    let customer = enter(&li, person()).await;
    let one = open(&li, ticket(&customer.name)).await;
    let wrong = offer(&li, &one, "call_centre", "").await.unwrap_err();
    assert_eq!(violations(&wrong), ["reason"]);
    let wrong = offer(&li, &one, "call_centre", "x").await.unwrap_err();
    assert_eq!(violations(&wrong), ["department"]);
    let refused = offer(&wang, &one, "technical_support", "x")
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused), hidden());

    let made = offer(&li, &one, "technical_support", "是技术问题")
        .await
        .unwrap();
    let twice = offer(&li, &one, "complaints", "是投诉").await.unwrap_err();
    assert_eq!(refusal(&twice).1, "STATE_NOT_ALLOWED");
    assert_eq!(
        violations(&decline(&head, &made, "").await.unwrap_err()),
        ["reason"]
    );
    assert_eq!(
        refusal(&withdraw(&wang, &made).await.unwrap_err()),
        hidden()
    );
    let (yes, no) = tokio::join!(accept(&head, &made, ""), decline(&head, &made, "不归我们"));
    assert!(yes.is_ok() != no.is_ok());
    let Ok(declined) = no else {
        // It was taken: the ticket is theirs, once.
        assert_eq!(journaled(&suite, "ticket.handed_over").await, 1);
        return;
    };
    assert_eq!(declined.answer_reason, "不归我们");
    assert_eq!(offers(&li, "").await[0].answer_reason, "不归我们");
    let same = get(&li, &one).await.unwrap();
    assert_eq!((&same.etag, &same.department), (&one.etag, &one.department));
    let again = offer(&li, &one, "complaints", "是投诉").await.unwrap();
    let back = withdraw(&li, &again).await.unwrap();
    assert_eq!(back.state(), OfferState::Withdrawn);
    let refused = accept(&suite.caller("zhou.ting"), &back, "")
        .await
        .unwrap_err();
    assert_eq!(said(&refused, "state"), "WITHDRAWN");
    assert_eq!(journaled(&suite, "ticket.handed_over").await, 0);
}

/// Clauses SG-3, CC-1.2: an offer that nobody answers lapses in its time and is told once, however
/// many instances look; the ticket stays with the giver.
#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_nobody_answers_lapses() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = 200_000).await;
    let _twin = suite.twin();
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await;
    let one = open(&li, ticket(&customer.name)).await;
    let made = offer(&li, &one, "technical_support", "是技术问题")
        .await
        .unwrap();
    suite.clock.advance(Duration::from_secs(24 * 3600));
    let (li, head) = (suite.caller(LI), suite.caller("zhao.lei"));
    // Also before it is noted.
    let refused = accept(&head, &made, "").await.unwrap_err();
    assert!(["STATE_NOT_ALLOWED", "ETAG_MISMATCH"].contains(&refusal(&refused).1.as_str()));
    eventually(async || (journaled(&suite, "offer.lapsed").await == 1).then_some(())).await;
    let mut lapsed = offers(&li, "state = LAPSED").await;
    let lapsed = lapsed.pop().unwrap();
    assert_eq!((lapsed.name, lapsed.answerer), (made.name, String::new()));
    let same = get(&li, &one).await.unwrap();
    assert_eq!(
        (&same.etag, &same.assignee),
        (&one.etag, &name("employees", employee_id(LI)))
    );
    offer(&li, &one, "complaints", "是投诉").await.unwrap();
    assert_eq!(journaled(&suite, "offer.lapsed").await, 1);
}

/// Clauses SG-3, CC-1.2: the responsible department is changed at once only by who leads it, and
/// by what is transferred.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_lead_changes_the_department_at_once() {
    let suite = TestSuite::start().await;
    let (li, head) = (suite.caller(LI), suite.caller("zhang.min"));
    let customer = enter(&li, person()).await;
    let one = open(&li, ticket(&customer.name)).await;
    let by_hand = UpdateTicketRequest {
        ticket: Some(Ticket {
            department: department("complaints"),
            ..one.clone()
        }),
        update_mask: Some(FieldMask {
            paths: vec!["department".into()],
        }),
        ..Default::default()
    };
    let refused = tickets(&li).update_ticket(by_hand).await.unwrap_err();
    assert_eq!(violations(&refused), ["update_mask.paths[0]"]);
    let pending = offer(&li, &one, "technical_support", "是技术问题")
        .await
        .unwrap();
    let request = |reason: &str| TransferTicketRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        department: department("complaints"),
        reason: reason.into(),
        ..Default::default()
    };
    let refused = hand_overs(&li)
        .transfer_ticket(request("x"))
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let refused = hand_overs(&head)
        .transfer_ticket(request(""))
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["reason"]);
    let moved = hand_overs(&head)
        .transfer_ticket(request("是投诉"))
        .await
        .unwrap();
    assert_eq!(moved.into_inner().department, department("complaints"));
    assert!(
        get(&li, &one)
            .await
            .unwrap()
            .messages
            .iter()
            .any(|one| one.body == "是投诉")
    );
    // It is no longer the giver's to hand over.
    let refused = accept(&suite.caller("zhao.lei"), &pending, "")
        .await
        .unwrap_err();
    assert_eq!(said(&refused, "state"), "MOVED");
}
