//! Messages of a ticket become one of their own.

use kefu_contracts::ticket::{
    Direction, LinkKind, Message, ReplyToTicketRequest, SplitTicketRequest, Ticket, TicketKind,
    merge_service_client::MergeServiceClient,
};
use kefu_testkit::{Caller, TestSuite};
use tonic::{Response, Status};

use crate::{
    handovers::transfer,
    records::{enter, open, person, refusal, ticket, tickets, violations},
    ticket_links::{get, linked},
};

const LI: &str = "li.wei";

async fn say(caller: &Caller, to: &Ticket, direction: Direction, body: &str) -> Ticket {
    let request = ReplyToTicketRequest {
        name: to.name.clone(),
        etag: to.etag.clone(),
        direction: direction.into(),
        body: body.into(),
        ..Default::default()
    };
    let said = tickets(caller).reply_to_ticket(request).await;
    said.unwrap().into_inner()
}

fn split_request(of: &Ticket, messages: &[&Message]) -> SplitTicketRequest {
    SplitTicketRequest {
        name: of.name.clone(),
        etag: of.etag.clone(),
        messages: messages.iter().map(|one| one.name.clone()).collect(),
        subject: "发票".into(),
        kind: TicketKind::ServiceRequest.into(),
        ..Default::default()
    }
}

async fn split(caller: &Caller, request: SplitTicketRequest) -> Result<Ticket, Status> {
    let mut client = MergeServiceClient::new(caller.clone());
    client.split_ticket(request).await.map(Response::into_inner)
}

fn bodies(one: &Ticket) -> Vec<&str> {
    one.messages.iter().map(|one| one.body.as_str()).collect()
}

/// Clauses SG-5, OP-3.2: two things at once are two tickets, the second received when it was
/// first said; what was moved is shown in both, marked in the first.
#[tokio::test(flavor = "multi_thread")]
async fn messages_become_a_ticket_of_their_own() {
    let suite = TestSuite::start().await;
    let (li, erp) = (suite.caller(LI), suite.caller_for("erp", "integration"));
    let customer = enter(&li, person()).await;
    let mut one = open(&li, ticket(&customer.name)).await;
    for (direction, body) in [
        (Direction::In, "什么时候来"),
        (Direction::In, "还要开发票"),
        (Direction::Out, "发票抬头是什么"),
        (Direction::Out, "周六来"),
    ] {
        one = say(&li, &one, direction, body).await;
    }
    let moved = [&one.messages[1], &one.messages[2]];
    let request = SplitTicketRequest {
        request_id: "0190c5a8-0000-7000-8000-00000000dd01".into(),
        ..split_request(&one, &moved)
    };
    let new = split(&li, request.clone()).await.unwrap();
    assert_eq!(split(&li, request).await.unwrap(), new);
    assert_eq!(bodies(&new), ["还要开发票", "发票抬头是什么"]);
    assert!(
        new.messages
            .iter()
            .all(|message| message.origin == one.name)
    );
    assert_eq!(new.received_time, moved[0].time);
    assert_eq!(
        (
            &new.customer,
            &new.category,
            new.kind(),
            new.subject.as_str()
        ),
        (
            &one.customer,
            &one.category,
            TicketKind::ServiceRequest,
            "发票"
        )
    );
    let left = get(&li, &one).await.unwrap();
    assert_ne!(left.etag, one.etag);
    assert_eq!(
        bodies(&left),
        ["什么时候来", "还要开发票", "发票抬头是什么", "周六来"]
    );
    let marks: Vec<bool> = left
        .messages
        .iter()
        .map(|one| one.moved_to == new.name)
        .collect();
    assert_eq!(marks, [false, true, true, false]);
    for side in [&left, &new] {
        let links = linked(&li, side).await.unwrap();
        assert_eq!(links.len(), 1);
        assert_eq!(links[0].kind(), LinkKind::SplitFrom);
        assert_eq!((&links[0].from, &links[0].to), (&new.name, &one.name));
    }
    // What goes on there does so by itself.
    let new = say(&li, &new, Direction::In, "抬头是张三丰").await;
    assert_eq!(bodies(&new).len(), 3);
    assert_eq!(bodies(&get(&li, &one).await.unwrap()).len(), 4);

    // Who does not see the new ticket is not told that there is one.
    let erp = erp.after(&li);
    transfer(&erp, &get(&erp, &new).await.unwrap(), "it").await;
    let head = suite.caller("zhang.min").after(&erp);
    let seen = get(&head, &one).await.unwrap();
    assert_eq!(bodies(&seen).len(), 4);
    assert!(seen.messages.iter().all(|one| one.moved_to.is_empty()));
    assert_eq!(linked(&head, &one).await.unwrap(), []);
}

/// Clause SG-5: only what was said there is moved, and once.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_moved_or_is_not_there_is_not_moved() {
    let suite = TestSuite::start().await;
    let (li, wang) = (suite.caller(LI), suite.caller("wang.fang"));
    let customer = enter(&li, person()).await;
    let one = open(&li, ticket(&customer.name)).await;
    let one = say(&li, &one, Direction::In, "甲").await;
    let one = say(&li, &one, Direction::In, "乙").await;
    let other = open(&li, ticket(&customer.name)).await;
    let other = say(&li, &other, Direction::In, "丙").await;
    let nothing = SplitTicketRequest::default();
    let refused = split(&li, nothing).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        ["name", "etag", "messages", "subject"]
    );
    let twice = split_request(&one, &[&one.messages[0], &one.messages[0]]);
    assert_eq!(
        violations(&split(&li, twice).await.unwrap_err()),
        ["messages[1]"]
    );
    let foreign = split_request(&one, &[&one.messages[0], &other.messages[0]]);
    assert_eq!(
        violations(&split(&li, foreign).await.unwrap_err()),
        ["messages[1]"]
    );
    let wang = wang.after(&li);
    let theirs = split_request(&one, &[&one.messages[0]]);
    let refused = split(&wang, theirs.clone()).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");

    // Of two at once one is made.
    let (first, second) = tokio::join!(split(&li, theirs.clone()), split(&li, theirs));
    assert_ne!(first.is_ok(), second.is_ok());
    let now = get(&li, &one).await.unwrap();
    let again = split_request(&now, &[&now.messages[0]]);
    assert_eq!(
        violations(&split(&li, again).await.unwrap_err()),
        ["messages[0]"]
    );
    let rest = split(&li, split_request(&now, &[&now.messages[1]])).await;
    assert_eq!(bodies(&rest.unwrap()), ["乙"]);
}
