//! Tickets that have to do with each other, and what follows up a closed one.

use kefu_access_control::seed::department_id;
use kefu_contracts::{
    common::Channel,
    ticket::{
        ClockMetric, CloseTicketRequest, Direction, FollowUpTicketRequest, GetTicketRequest,
        LinkKind, LinkTicketsRequest, ListLinksRequest, ListTicketClocksRequest,
        ReopenTicketRequest, ResolveTicketRequest, Ticket, TicketLink, TicketState,
        UnlinkTicketsRequest, clock_service_client::ClockServiceClient,
        link_service_client::LinkServiceClient,
    },
};
use kefu_service::fields::name;
use kefu_testkit::{Caller, TestSuite, employee_id};
use tonic::{Response, Status};

use crate::records::{enter, open, person, refusal, ticket, tickets, violations};

const HEAD: &str = "zhang.min";
const LI: &str = "li.wei";
const WANG: &str = "wang.fang";

fn links(caller: &Caller) -> LinkServiceClient<Caller> {
    LinkServiceClient::new(caller.clone())
}

pub(crate) fn at(code: &str, one: Ticket) -> Ticket {
    Ticket {
        department: name("departments", department_id(code)),
        ..one
    }
}

async fn link(
    caller: &Caller,
    kind: LinkKind,
    from: &Ticket,
    to: &Ticket,
) -> Result<TicketLink, Status> {
    let request = LinkTicketsRequest {
        kind: kind.into(),
        from: from.name.clone(),
        to: to.name.clone(),
        request_id: String::new(),
    };
    let made = links(caller).link_tickets(request).await;
    made.map(Response::into_inner)
}

pub(crate) async fn linked(caller: &Caller, ticket: &Ticket) -> Result<Vec<TicketLink>, Status> {
    let request = ListLinksRequest {
        parent: ticket.name.clone(),
    };
    let found = links(caller).list_links(request).await;
    found.map(|answer| answer.into_inner().links)
}

pub(crate) async fn get(caller: &Caller, ticket: &Ticket) -> Result<Ticket, Status> {
    let request = GetTicketRequest {
        name: ticket.name.clone(),
    };
    let found = tickets(caller).get_ticket(request).await;
    found.map(Response::into_inner)
}

/// Clause SG-5: a link is seen from both sides, by whoever sees both tickets and nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_there_for_who_sees_both_tickets() {
    let suite = TestSuite::start().await;
    let (li, erp) = (suite.caller(LI), suite.caller_for("erp", "integration"));
    let customer = enter(&erp, person()).await;
    let li = li.after(&erp);
    let one = open(&li, ticket(&customer.name)).await;
    let other = open(&li, ticket(&customer.name)).await;
    let erp = erp.after(&li);
    let far = open(&erp, at("complaints", ticket(&customer.name))).await;
    let caused = link(&li, LinkKind::CausedBy, &one, &other).await.unwrap();
    assert_eq!((&caused.from, &caused.to), (&one.name, &other.name));
    assert_eq!(
        (&caused.from_number, &caused.to_number),
        (&one.number, &other.number)
    );
    assert_eq!(caused.author, name("employees", employee_id(LI)));
    let related = link(&erp, LinkKind::Related, &far, &one).await.unwrap();
    for side in [&one, &other] {
        assert_eq!(
            linked(&li, side).await.unwrap(),
            std::slice::from_ref(&caused)
        );
    }
    let head = suite.caller(HEAD).after(&erp);
    assert_eq!(
        linked(&head, &other).await.unwrap(),
        std::slice::from_ref(&caused)
    );
    let both = linked(&erp, &one).await.unwrap();
    assert_eq!(both, [caused.clone(), related.clone()]);
    let handler = suite.caller("guo.jing").after(&erp);
    assert_eq!(linked(&handler, &far).await.unwrap(), []);
    let refused = linked(&handler, &one).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");

    // Whoever does not see both can neither make it nor take it back.
    let refused = link(&li, LinkKind::DuplicateOf, &one, &far)
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    // That they tried is journaled of the one that they do not see.
    let last = "SELECT resource FROM ticket.journal WHERE type = 'link.refused'
                ORDER BY position DESC LIMIT 1";
    let mut sql = suite.database.connect().await.unwrap();
    let tried: String = sqlx::query_scalar(last).fetch_one(&mut sql).await.unwrap();
    assert_eq!(tried, far.name);
    let take_back = |link: &TicketLink, request_id: &str| UnlinkTicketsRequest {
        name: link.name.clone(),
        request_id: request_id.into(),
    };
    let refused = links(&handler)
        .unlink_tickets(take_back(&related, ""))
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    let again = take_back(&caused, "0190c5a8-0000-7000-8000-00000000bb01");
    for _ in 0..2 {
        let gone = links(&li).unlink_tickets(again.clone()).await.unwrap();
        assert_eq!(gone.into_inner(), caused);
    }
    assert_eq!(linked(&li, &one).await.unwrap(), []);
    assert_eq!(linked(&erp, &one).await.unwrap(), [related]);
}

/// Clause SG-5: no ticket is linked to itself, nor in a circle, nor twice the same.
#[tokio::test(flavor = "multi_thread")]
async fn links_make_no_circles() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await;
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(open(&erp, ticket(&customer.name)).await);
    }
    let refused = link(&erp, LinkKind::Related, &all[0], &all[0])
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["to"]);
    let refused = link(&erp, LinkKind::SplitFrom, &all[0], &all[1])
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["kind"]);
    for at in 0..2 {
        link(&erp, LinkKind::DuplicateOf, &all[at], &all[at + 1])
            .await
            .unwrap();
    }
    let refused = link(&erp, LinkKind::DuplicateOf, &all[2], &all[0])
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["to"]);
    // Of another kind it is no circle.
    link(&erp, LinkKind::CausedBy, &all[2], &all[0])
        .await
        .unwrap();
    link(&erp, LinkKind::Related, &all[2], &all[0])
        .await
        .unwrap();
    for (kind, from, to) in [
        (LinkKind::DuplicateOf, 0, 1),
        (LinkKind::Related, 2, 0),
        (LinkKind::Related, 0, 2),
    ] {
        let refused = link(&erp, kind, &all[from], &all[to]).await.unwrap_err();
        assert_eq!(refusal(&refused).1, "ALREADY_EXISTS", "{kind:?}");
    }
    // Each of two at once would be right.
    let (there, back) = tokio::join!(
        link(&erp, LinkKind::CausedBy, &all[1], &all[3]),
        link(&erp, LinkKind::CausedBy, &all[3], &all[1])
    );
    assert_ne!(there.is_ok(), back.is_ok(), "{there:?} {back:?}");
}

/// A ticket of Li's that is finished.
async fn closed(li: &Caller, customer: &str) -> Ticket {
    let one = open(li, ticket(customer)).await;
    let resolve = ResolveTicketRequest {
        name: one.name.clone(),
        etag: one.etag,
        resolution: "装好了".into(),
        ..Default::default()
    };
    let one = tickets(li)
        .resolve_ticket(resolve)
        .await
        .unwrap()
        .into_inner();
    let close = CloseTicketRequest {
        name: one.name.clone(),
        etag: one.etag,
        ..Default::default()
    };
    tickets(li).close_ticket(close).await.unwrap().into_inner()
}

fn follow_up(of: &Ticket) -> FollowUpTicketRequest {
    FollowUpTicketRequest {
        name: of.name.clone(),
        request_id: "0190c5a8-0000-7000-8000-00000000bb02".into(),
        channel: Channel::Email.into(),
        subject: "又不转了".into(),
        body: "上周装好的净化器又不转了".into(),
        ..Default::default()
    }
}

/// Clauses OP-3.2, SG-5: who comes back is served by a team mate in a ticket of its own, which
/// knows what it follows up, and the closed one stays as it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_closed_ticket_is_followed_up_and_stays_closed() {
    let suite = TestSuite::start().await;
    let (li, wang, erp) = (
        suite.caller(LI),
        suite.caller(WANG),
        suite.caller_for("erp", "integration"),
    );
    let customer = enter(&li, person()).await;
    let old = closed(&li, &customer.name).await;
    let (wang, erp) = (wang.after(&li), erp.after(&li));
    let before = get(&erp, &old).await.unwrap();
    let new = links(&wang).follow_up_ticket(follow_up(&old)).await;
    let new = new.unwrap().into_inner();
    assert_eq!(new.assignee, name("employees", employee_id(WANG)));
    assert_eq!(
        (&new.customer, &new.category, &new.department, new.kind),
        (&old.customer, &old.category, &old.department, old.kind)
    );
    assert_eq!(
        (new.state(), new.channel(), new.reopen_count),
        (TicketState::New, Channel::Email, 0)
    );
    assert_eq!(new.messages.len(), 1);
    assert_eq!(new.messages[0].direction(), Direction::In);
    assert_eq!(new.messages[0].body, "上周装好的净化器又不转了");
    let again = links(&wang).follow_up_ticket(follow_up(&old)).await;
    assert_eq!(again.unwrap().into_inner(), new);
    assert_eq!(get(&wang, &new).await.unwrap().messages, new.messages);
    let other = FollowUpTicketRequest {
        body: "不是这个".into(),
        ..follow_up(&old)
    };
    let refused = links(&wang).follow_up_ticket(other).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "REQUEST_ID_REUSED");

    let erp = erp.after(&wang);
    assert_eq!(get(&erp, &old).await.unwrap(), before);
    for side in [&old, &new] {
        let all = linked(&erp, side).await.unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].kind(), LinkKind::FollowUpOf);
        assert_eq!((&all[0].from, &all[0].to), (&new.name, &old.name));
    }
    let request = ListTicketClocksRequest {
        parent: new.name.clone(),
    };
    let mut clocks = ClockServiceClient::new(wang.clone());
    let clocks = clocks.list_ticket_clocks(request).await.unwrap();
    let first = clocks.into_inner().clocks.into_iter().next().unwrap();
    assert_eq!(first.metric(), ClockMetric::FirstResponse);
    assert_eq!(
        (first.start_time, first.stop_time),
        (new.received_time, None)
    );
    let reopen = ReopenTicketRequest {
        name: old.name.clone(),
        etag: old.etag.clone(),
        reason: "又坏了".into(),
        ..Default::default()
    };
    let refused = tickets(&erp).reopen_ticket(reopen).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
}

/// Clauses OP-3.2, SG-5.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_closed_is_not_followed_up() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await;
    let one = open(&li, ticket(&customer.name)).await;
    let refused = links(&li)
        .follow_up_ticket(follow_up(&one))
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    let nothing = FollowUpTicketRequest {
        name: one.name.clone(),
        ..Default::default()
    };
    let refused = links(&li).follow_up_ticket(nothing).await.unwrap_err();
    assert_eq!(violations(&refused), ["channel", "subject", "body"]);
    // Another desk knows of none.
    let ma = suite.caller("ma.chao").after(&li);
    let old = closed(&li, &customer.name).await;
    let refused = links(&ma)
        .follow_up_ticket(follow_up(&old))
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
}
