//! The question after delivery: asked, tried, answered; who is not satisfied is looked after, and a
//! complaint and its order name each other.

use std::time::Duration;

use kefu_contracts::{
    order::{
        AttemptOutcome, CompleteOrderRequest, Confirmation, FollowUp, FollowUpKind, FollowUpState,
        GetOrderRequest, Order, OrderStage, RecordAttemptRequest, RecordReviewRequest, Review,
        completion_service_client::CompletionServiceClient,
    },
    ticket::{ListTicketsRequest, Ticket, TicketKind},
};
use kefu_service::{clock::Clock, fields::name, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id};
use tonic::{Code, Response, Status};

use crate::{
    after_sales::told,
    follow_ups,
    handling::{id, reason},
    records::{
        enter, open, order, orders, person, place, refusal, said, ticket, tickets, violations,
    },
};

const LI: &str = "li.wei";
const DAY: Duration = Duration::from_secs(86_400);

async fn get(caller: &Caller, order: &Order) -> Order {
    let name = order.name.clone();
    let answer = orders(caller).get_order(GetOrderRequest { name }).await;
    answer.unwrap().into_inner()
}

async fn due(caller: &Caller, order: &Order) -> Vec<FollowUp> {
    let filter = format!("subject = \"{}\" AND state = OPEN", order.name);
    let mut all = follow_ups::list(caller, &filter).await;
    // Not that it is late, or to be taken out of the order system.
    let of_the_question = [FollowUpKind::Confirmation, FollowUpKind::Dissatisfied];
    all.retain(|one| of_the_question.contains(&one.kind()));
    all
}

pub(crate) fn attempt(order: &Order, outcome: AttemptOutcome, words: &str) -> RecordAttemptRequest {
    RecordAttemptRequest {
        name: order.name.clone(),
        etag: order.etag.clone(),
        request_id: id(),
        outcome: outcome.into(),
        words: words.into(),
        retry_time: None,
    }
}

pub(crate) async fn tried(caller: &Caller, request: RecordAttemptRequest) -> Result<Order, Status> {
    let mut client = CompletionServiceClient::new(caller.clone());
    client
        .record_attempt(request)
        .await
        .map(Response::into_inner)
}

async fn bought(caller: &Caller) -> Order {
    let customer = enter(caller, person()).await;
    place(caller, order(&customer.name)).await
}

fn word(score: i32) -> Option<Review> {
    Some(Review {
        score,
        comment: "包装破了".into(),
        arrived: true,
        ..Review::default()
    })
}

/// Clauses OP-3.4.5, SG-4: asked three days after delivery, tried again when nobody answers, answered
/// by the customer's word; what is long past is not chased.
#[tokio::test(flavor = "multi_thread")]
async fn who_got_an_order_is_asked_until_they_answer() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = 5_000_000).await;
    let li = suite.caller(LI);
    let one = bought(&li).await;
    let early = tried(&li, attempt(&one, AttemptOutcome::NotReached, ""))
        .await
        .unwrap_err();
    assert_eq!(reason(&early), "STATE_NOT_ALLOWED");
    let now = suite.clock.now();
    told(&li, &one, OrderStage::Shipped, now).await;
    assert!(due(&li, &one).await.is_empty());
    told(&li, &one, OrderStage::Delivered, now).await;
    told(&li, &one, OrderStage::Delivered, now).await;
    let open = due(&li, &one).await;
    assert_eq!(
        (open.len(), open[0].kind()),
        (1, FollowUpKind::Confirmation)
    );
    assert_eq!(open[0].due_time, Some(to_proto(now + 3 * DAY)));
    assert_eq!(open[0].assignee, name("employees", employee_id(LI)));
    let one = get(&li, &one).await;
    assert_eq!(one.confirmation(), Confirmation::Due);

    let wrong = RecordAttemptRequest {
        etag: String::new(),
        retry_time: Some(to_proto(now)),
        ..attempt(&one, AttemptOutcome::NotArrived, "")
    };
    let wrong = tried(&li, wrong).await.unwrap_err();
    assert_eq!(
        violations(&wrong),
        ["etag", "words", "retry_time", "retry_time"]
    );
    let stranger = suite.caller("ma.chao").after(&li);
    let strange = tried(&stranger, attempt(&one, AttemptOutcome::Later, "")).await;
    assert_eq!(refusal(&strange.unwrap_err()).0, Code::NotFound);
    let may_not = suite.caller_for("erp", "integration").after(&li);
    let may_not = tried(&may_not, attempt(&one, AttemptOutcome::Later, ""))
        .await
        .unwrap_err();
    assert_eq!(reason(&may_not), "PERMISSION_MISSING");
    let first = attempt(&one, AttemptOutcome::NotReached, "无人接听");
    let once = tried(&li, first.clone()).await.unwrap();
    assert_eq!(
        tried(&li, first).await.unwrap(),
        once,
        "a repeated request is answered alike"
    );
    assert_eq!(
        (once.attempts.len(), once.confirmation()),
        (1, Confirmation::Due)
    );
    let stale = tried(&li, attempt(&one, AttemptOutcome::NotReached, ""))
        .await
        .unwrap_err();
    assert_eq!(reason(&stale), "ETAG_MISMATCH");
    let (left, right) = tokio::join!(
        tried(&li, attempt(&once, AttemptOutcome::NotReached, "关机")),
        tried(&li, attempt(&once, AttemptOutcome::NotReached, "关机")),
    );
    assert!(left.is_ok() != right.is_ok());
    let twice = left.or(right).unwrap();
    let later = RecordAttemptRequest {
        retry_time: Some(to_proto(now + 5 * DAY)),
        ..attempt(&twice, AttemptOutcome::Later, "周末再打")
    };
    let later = tried(&li, later).await.unwrap();
    let open = due(&li, &one).await;
    assert_eq!(
        (open.len(), open[0].due_time),
        (1, Some(to_proto(now + 5 * DAY)))
    );
    // The third time that nobody answers closes the question; the customer's word comes all the same.
    let given_up = tried(&li, attempt(&later, AttemptOutcome::NotReached, "停机"))
        .await
        .unwrap();
    assert_eq!(
        (given_up.confirmation(), given_up.attempts.len()),
        (Confirmation::NotReached, 4)
    );
    assert!(due(&li, &one).await.is_empty());
    let over = tried(&li, attempt(&given_up, AttemptOutcome::Later, ""))
        .await
        .unwrap_err();
    assert_eq!(said(&over, "state"), "NOT_REACHED");
    let complete = CompleteOrderRequest {
        name: given_up.name.clone(),
        etag: given_up.etag.clone(),
        request_id: id(),
        review: word(5),
    };
    let done = orders(&li)
        .complete_order(complete)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(done.confirmation(), Confirmation::Answered);
    assert_eq!(get(&li, &done).await.attempts[0].words, "无人接听");

    // Delivered long before it came here; delivered and then told to be somewhere else.
    let old = bought(&li).await;
    suite.clock.advance(40 * DAY);
    let li = suite.caller(LI);
    told(&li, &old, OrderStage::Delivered, now).await;
    assert!(due(&li, &old).await.is_empty());
    assert_eq!(
        get(&li, &old).await.confirmation(),
        Confirmation::Unspecified
    );
    let back = bought(&li).await;
    let now = suite.clock.now();
    told(&li, &back, OrderStage::Delivered, now).await;
    let erp = suite.caller_for("erp", "integration");
    told(&erp, &back, OrderStage::Cancelled, now).await;
    assert!(due(&li, &back).await.is_empty());
    assert_eq!(
        get(&li, &back).await.confirmation(),
        Confirmation::Unspecified
    );
}

/// Clause OP-3.4.5: who is not satisfied, or got nothing, is somebody's to look after, until a complaint
/// is opened; the complaint and the order name each other.
#[tokio::test(flavor = "multi_thread")]
async fn a_complaint_and_its_order_name_each_other() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = 2_000_000).await;
    let li = suite.caller(LI);
    let one = bought(&li).await;
    let now = suite.clock.now();
    told(&li, &one, OrderStage::Delivered, now).await;
    let current = get(&li, &one).await;
    let lost = tried(&li, attempt(&current, AttemptOutcome::NotArrived, "没收到"))
        .await
        .unwrap();
    assert_eq!(lost.confirmation(), Confirmation::NotArrived);
    let open_ones = due(&li, &one).await;
    assert_eq!(
        (open_ones.len(), open_ones[0].kind()),
        (1, FollowUpKind::Dissatisfied)
    );
    // It turns up, and is broken: asked once more, and answered.
    suite.clock.advance(Duration::from_secs(3600));
    let li = suite.caller(LI);
    told(&li, &one, OrderStage::Delivered, suite.clock.now()).await;
    let review = RecordReviewRequest {
        name: one.name.clone(),
        request_id: id(),
        review: word(2),
    };
    let reviewed = orders(&li)
        .record_review(review.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        orders(&li)
            .record_review(review)
            .await
            .unwrap()
            .into_inner(),
        reviewed
    );
    assert_eq!(reviewed.confirmation(), Confirmation::Answered);
    let kinds: Vec<_> = due(&li, &one).await.iter().map(|one| one.kind()).collect();
    assert_eq!(kinds, [FollowUpKind::Dissatisfied; 2]);
    // What was said long ago is not looked after.
    let old = Review {
        answered_time: Some(to_proto(now - 60 * DAY)),
        ..word(1).unwrap()
    };
    let old = RecordReviewRequest {
        name: one.name.clone(),
        request_id: id(),
        review: Some(old),
    };
    orders(&li).record_review(old).await.unwrap();
    assert_eq!(due(&li, &one).await.len(), 2);

    let wrong = Ticket {
        order: "orders/7".into(),
        ..ticket(&one.customer)
    };
    let request = kefu_contracts::ticket::OpenTicketRequest {
        ticket: Some(wrong),
        request_id: String::new(),
    };
    let refused = tickets(&li).open_ticket(request).await.unwrap_err();
    assert_eq!(violations(&refused), ["ticket.order"]);
    let complaint = |customer: &str| Ticket {
        kind: TicketKind::Complaint.into(),
        order: one.name.clone(),
        ..ticket(customer)
    };
    // Of another customer the order learns nothing, nor of a question.
    let other = enter(
        &li,
        kefu_contracts::profile::Customer {
            id_card: String::new(),
            ..person()
        },
    );
    open(&li, complaint(&other.await.name)).await;
    let question = Ticket {
        order: one.name.clone(),
        ..ticket(&one.customer)
    };
    open(&li, question).await;
    let opened = open(&li, complaint(&one.customer)).await;
    assert_eq!(opened.order, one.name);
    // One's own writes are read across services.
    let told_of = get(&li, &one).await;
    let named: Vec<_> = told_of
        .complaints
        .iter()
        .map(|one| one.ticket.clone())
        .collect();
    assert_eq!(named, std::slice::from_ref(&opened.name));
    assert!(due(&li, &one).await.is_empty());
    let settled = format!("subject = \"{}\" AND state = SETTLED", one.name);
    let settled = follow_ups::list(&li, &settled).await;
    assert!(
        settled
            .iter()
            .all(|one| one.state() == FollowUpState::Settled)
    );
    let found = ListTicketsRequest {
        filter: format!(
            "order = {} AND kind = COMPLAINT AND customer = {}",
            one.name, one.customer
        ),
        ..Default::default()
    };
    let found = tickets(&li).list_tickets(found).await.unwrap().into_inner();
    assert_eq!(
        (found.tickets.len(), &found.tickets[0].name),
        (1, &opened.name)
    );
}
