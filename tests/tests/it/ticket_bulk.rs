//! One action on many tickets.

mod tags;
mod transfers;

use kefu_contracts::{
    common::{BulkResult, Reason},
    ticket::{
        BulkAssignTicketsRequest, BulkChangeResponse, BulkCloseTicketsRequest,
        BulkSuspendTicketsRequest, BulkTicket, BulkUpdateTicketsRequest, Level,
        ResolveTicketRequest, Ticket, TicketState, WaitingFor,
        bulk_service_client::BulkServiceClient,
    },
};
use kefu_service::fields::name;
use kefu_testkit::{Caller, TestSuite, employee_id};
use prost_types::FieldMask;
use tonic::{Response, Status};

use crate::{
    records::{enter, open, person, refusal, ticket, tickets, violations},
    ticket_links::{at, get},
};

const HEAD: &str = "zhang.min";
const LI: &str = "li.wei";

fn bulk(caller: &Caller) -> BulkServiceClient<Caller> {
    BulkServiceClient::new(caller.clone())
}

fn exactly(all: &[Ticket]) -> Vec<BulkTicket> {
    let all = all.iter();
    all.map(|one| BulkTicket {
        name: one.name.clone(),
        etag: one.etag.clone(),
    })
    .collect()
}

fn whatever(all: &[Ticket]) -> Vec<BulkTicket> {
    let all = all.iter();
    all.map(|one| BulkTicket {
        name: one.name.clone(),
        etag: String::new(),
    })
    .collect()
}

fn results(answer: Result<Response<BulkChangeResponse>, Status>) -> Vec<BulkResult> {
    answer.unwrap().into_inner().results
}

fn reasons(results: &[BulkResult]) -> Vec<Reason> {
    results.iter().map(BulkResult::reason).collect()
}

const DONE: Reason = Reason::Unspecified;

/// Clauses SG-5, SG-3: each ticket is decided upon by itself, in order, within the scope of the
/// single action; one that is refused says why and stops no other; repeated, it is the same.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_refused_stops_no_other() {
    let suite = TestSuite::start().await;
    let (li, head, erp) = (
        suite.caller(LI),
        suite.caller(HEAD),
        suite.caller_for("erp", "integration"),
    );
    let customer = enter(&erp, person()).await;
    let mut all = Vec::new();
    for department in ["call_centre", "it", "call_centre", "call_centre"] {
        all.push(open(&erp, at(department, ticket(&customer.name))).await);
    }
    let head = head.after(&erp);
    let mut given = exactly(&all);
    given[2].etag = "r7".into();
    given.push(BulkTicket {
        name: name("tickets", employee_id(LI)),
        etag: String::new(),
    });
    let request = BulkAssignTicketsRequest {
        tickets: given,
        request_id: "0190c5a8-0000-7000-8000-00000000ee01".into(),
        assignee: name("employees", employee_id(LI)),
    };
    let told = results(bulk(&head).bulk_assign_tickets(request.clone()).await);
    let unseen = Reason::NotFoundOrOutOfScope;
    assert_eq!(
        reasons(&told),
        [DONE, unseen, Reason::EtagMismatch, DONE, unseen]
    );
    let names: Vec<_> = told.iter().map(|one| &one.name).collect();
    let asked: Vec<_> = request.tickets.iter().map(|one| &one.name).collect();
    assert_eq!(names, asked);
    // Out of reach and not there are told alike, but for the name that was asked by.
    let mut like = told[4].clone();
    like.name.clone_from(&told[1].name);
    like.details[0].value.clone_from(&told[1].details[0].value);
    assert_eq!(like, told[1]);
    assert_eq!(told[2].details[0].value, all[2].etag);
    assert!(!told[2].message_zh.is_ascii() && told[2].message_en.is_ascii());
    let li = li.after(&head);
    for at in [0, 3] {
        let now = get(&li, &all[at]).await.unwrap();
        assert_eq!(
            (now.assignee, &now.etag),
            (name("employees", employee_id(LI)), &told[at].etag)
        );
    }

    // The same again is the same, whatever has happened since.
    tickets(&li)
        .resolve_ticket(ResolveTicketRequest {
            name: all[0].name.clone(),
            etag: told[0].etag.clone(),
            resolution: "装好了".into(),
            ..Default::default()
        })
        .await
        .unwrap();
    let head = head.after(&li);
    assert_eq!(
        results(bulk(&head).bulk_assign_tickets(request.clone()).await),
        told
    );
    // Also where only what became of each was kept. What is told again is which they are, and
    // nothing of their customers.
    let mut sql = suite.database.connect().await.unwrap();
    let whole = sqlx::query("DELETE FROM ticket.request WHERE request_id = $1::uuid");
    let forgotten = whole.bind(&request.request_id).execute(&mut sql).await;
    assert_eq!(forgotten.unwrap().rows_affected(), 1);
    let mut looks = async || {
        let looks =
            "SELECT count(*), count(customer_id) FROM ticket.journal WHERE type = 'ticket.viewed'";
        let looks: (i64, i64) = sqlx::query_as(looks).fetch_one(&mut sql).await.unwrap();
        looks
    };
    let (before, of_customers) = looks().await;
    let again = bulk(&head).bulk_assign_tickets(request.clone()).await;
    assert_eq!(results(again), told);
    assert_eq!(looks().await, (before + 2, of_customers));
    let other = BulkAssignTicketsRequest {
        assignee: name("employees", employee_id("wang.fang")),
        ..request
    };
    let refused = bulk(&head).bulk_assign_tickets(other).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "REQUEST_ID_REUSED");
    let erp = erp.after(&head);
    let count = async |kind: &str| {
        let mut sql = suite.database.connect().await.unwrap();
        let query = "SELECT count(*) FROM ticket.journal WHERE type = $1";
        let count: i64 = sqlx::query_scalar(query)
            .bind(kind)
            .fetch_one(&mut sql)
            .await
            .unwrap();
        count
    };
    assert_eq!(count("ticket.assigned").await, 2, "each once");
    // An agent may not give away what is not theirs.
    let mates = suite.caller("wang.fang").after(&erp);
    let request = BulkAssignTicketsRequest {
        tickets: whatever(&all),
        request_id: String::new(),
        assignee: name("employees", employee_id("wang.fang")),
    };
    let told = results(bulk(&mates).bulk_assign_tickets(request).await);
    assert_eq!(reasons(&told), [unseen; 4]);
}

/// Clauses SG-5, SG-3: what a single call may not do, many do not either.
#[tokio::test(flavor = "multi_thread")]
async fn many_are_corrected_suspended_and_closed() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(open(&li, ticket(&customer.name)).await);
    }
    let update = |paths: &[&str], one: Ticket| BulkUpdateTicketsRequest {
        tickets: whatever(&all),
        request_id: String::new(),
        ticket: Some(one),
        update_mask: Some(FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        }),
    };
    let less = Ticket {
        impact: Level::Low.into(),
        urgency: Level::Low.into(),
        ..Default::default()
    };
    let wrong = update(&["kind", "state"], less.clone());
    let refused = bulk(&li).bulk_update_tickets(wrong).await.unwrap_err();
    assert!(violations(&refused).contains(&"update_mask.paths[0]".to_owned()));
    assert!(violations(&refused).contains(&"update_mask.paths[1]".to_owned()));
    let paths = ["impact", "urgency"];
    let told = results(
        bulk(&li)
            .bulk_update_tickets(update(&paths, less.clone()))
            .await,
    );
    assert_eq!(reasons(&told), [DONE; 3]);
    for one in &all {
        let now = get(&li, one).await.unwrap();
        assert_eq!(now.impact(), Level::Low);
        assert_ne!(now.priority, one.priority);
    }
    let suspend = BulkSuspendTicketsRequest {
        tickets: whatever(&all),
        request_id: String::new(),
        waiting_for: WaitingFor::Customer.into(),
    };
    let told = results(bulk(&li).bulk_suspend_tickets(suspend.clone()).await);
    assert_eq!(reasons(&told), [DONE; 3]);
    // To wait for the same again is no change.
    let told = results(bulk(&li).bulk_suspend_tickets(suspend).await);
    assert_eq!(reasons(&told), [Reason::StateNotAllowed; 3]);
    let now = get(&li, &all[1]).await.unwrap();
    let resolve = ResolveTicketRequest {
        name: now.name.clone(),
        etag: now.etag,
        resolution: "装好了".into(),
        ..Default::default()
    };
    tickets(&li).resolve_ticket(resolve).await.unwrap();
    let close = BulkCloseTicketsRequest {
        tickets: whatever(&all),
        request_id: "0190c5a8-0000-7000-8000-00000000ee02".into(),
    };
    let told = results(bulk(&li).bulk_close_tickets(close.clone()).await);
    let not_yet = Reason::StateNotAllowed;
    assert_eq!(reasons(&told), [not_yet, DONE, not_yet]);
    assert_eq!(told[0].details[0].value, "PENDING");
    // The closed one is nobody's duty any more; the answer stays.
    assert_eq!(results(bulk(&li).bulk_close_tickets(close).await), told);
    let head = suite.caller(HEAD).after(&li);
    let erp = suite.caller_for("erp", "integration").after(&head);
    assert_eq!(
        get(&erp, &all[1]).await.unwrap().state(),
        TicketState::Closed
    );
    // Who may not close one may not close many.
    let request = BulkCloseTicketsRequest {
        tickets: whatever(&all),
        request_id: String::new(),
    };
    let refused = bulk(&head).bulk_close_tickets(request).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
}

/// Clause SG-5: what cannot be read is told before anything is done.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_when_the_request_is_wrong() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await;
    let one = open(&li, ticket(&customer.name)).await;
    let close = |tickets: Vec<BulkTicket>| BulkCloseTicketsRequest {
        tickets,
        request_id: String::new(),
    };
    let refused = bulk(&li)
        .bulk_close_tickets(close(Vec::new()))
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["tickets"]);
    let mut twice = exactly(&[one.clone(), one.clone()]);
    twice[0].etag = "new".into();
    let refused = bulk(&li)
        .bulk_close_tickets(close(twice))
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["tickets[0].etag", "tickets[1].name"]);
    let many = vec![exactly(std::slice::from_ref(&one)).remove(0); 201];
    let refused = bulk(&li).bulk_close_tickets(close(many)).await.unwrap_err();
    assert!(violations(&refused).contains(&"tickets".to_owned()));
    let nobody = BulkAssignTicketsRequest {
        tickets: exactly(std::slice::from_ref(&one)),
        ..Default::default()
    };
    let refused = bulk(&li).bulk_assign_tickets(nobody).await.unwrap_err();
    assert_eq!(violations(&refused), ["assignee"]);
    assert_eq!(get(&li, &one).await.unwrap().etag, one.etag);

    // The same at once is done once.
    let request = BulkSuspendTicketsRequest {
        tickets: whatever(std::slice::from_ref(&one)),
        request_id: "0190c5a8-0000-7000-8000-00000000ee03".into(),
        waiting_for: WaitingFor::Supplier.into(),
    };
    let (mut first, mut second) = (bulk(&li), bulk(&li));
    let (first, second) = tokio::join!(
        first.bulk_suspend_tickets(request.clone()),
        second.bulk_suspend_tickets(request)
    );
    let (first, second) = (results(first), results(second));
    assert_eq!(reasons(&first), [DONE]);
    assert_eq!(first, second);
}
