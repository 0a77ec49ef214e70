//! Tickets that become part of another: what is shown where, what is counted, and the way back.

mod conversation;
mod files;
mod refusals;

use std::{collections::BTreeMap, time::Duration};

use kefu_contracts::{
    analytics::{Dimension, QueryMetricRequest, metrics_service_client::MetricsServiceClient},
    common::Channel,
    ticket::{
        ClockMetric, ClockState, Direction, ListTicketClocksRequest, MergeTicketsRequest,
        RateTicketRequest, ReopenTicketRequest, ReplyToTicketRequest, ResolveTicketRequest,
        SuspendTicketRequest, Ticket, TicketClock, TicketState, UnmergeTicketRequest, WaitingFor,
        clock_service_client::ClockServiceClient, merge_service_client::MergeServiceClient,
    },
};
use kefu_testkit::{Caller, TestSuite, eventually};
use tonic::{Response, Status};

use crate::{
    handovers::transfer,
    records::{enter, open, person, refusal, said, ticket, tickets},
    surveys,
    ticket_links::{at, get},
};

const HEAD: &str = "zhang.min";
const LI: &str = "li.wei";
const WANG: &str = "wang.fang";

fn merges(caller: &Caller) -> MergeServiceClient<Caller> {
    MergeServiceClient::new(caller.clone())
}

fn merge_request(source: &Ticket, target: &Ticket) -> MergeTicketsRequest {
    MergeTicketsRequest {
        name: source.name.clone(),
        etag: source.etag.clone(),
        request_id: String::new(),
        target: target.name.clone(),
        target_etag: target.etag.clone(),
        reason: "同一件事".into(),
    }
}

async fn merge(caller: &Caller, source: &Ticket, target: &Ticket) -> Result<Ticket, Status> {
    let made = merges(caller)
        .merge_tickets(merge_request(source, target))
        .await;
    made.map(Response::into_inner)
}

async fn unmerge(caller: &Caller, source: &Ticket) -> Result<Ticket, Status> {
    let request = UnmergeTicketRequest {
        name: source.name.clone(),
        reason: "是两件事".into(),
        ..Default::default()
    };
    let undone = merges(caller).unmerge_ticket(request).await;
    undone.map(Response::into_inner)
}

async fn reply(
    caller: &Caller,
    to: &Ticket,
    direction: Direction,
    body: &str,
) -> Result<Ticket, Status> {
    let request = ReplyToTicketRequest {
        name: to.name.clone(),
        etag: to.etag.clone(),
        direction: direction.into(),
        body: body.into(),
        ..Default::default()
    };
    let said = tickets(caller).reply_to_ticket(request).await;
    said.map(Response::into_inner)
}

async fn resolve(caller: &Caller, one: &Ticket) -> Result<Ticket, Status> {
    let request = ResolveTicketRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        resolution: "装好了".into(),
        ..Default::default()
    };
    let solved = tickets(caller).resolve_ticket(request).await;
    solved.map(Response::into_inner)
}

/// A ticket as whoever has it sees it now.
async fn now(caller: &Caller, one: &Ticket) -> Ticket {
    get(caller, one).await.unwrap()
}

/// Bodies of a conversation, each with the ticket that it comes from.
fn said_in(one: &Ticket) -> Vec<(String, String)> {
    let all = one.messages.iter();
    all.map(|message| (message.body.clone(), message.origin.clone()))
        .collect()
}

/// Clauses SG-5, OP-3.2: of two tickets about the same one remains, with what was said in both;
/// the other says where it went, and takes nothing any more.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_in_a_merged_ticket_is_shown_where_it_went() {
    let suite = TestSuite::start().await;
    let (li, erp) = (suite.caller(LI), suite.caller_for("erp", "integration"));
    let customer = enter(&li, person()).await;
    let mut source = open(&li, ticket(&customer.name)).await;
    let mut target = open(&li, ticket(&customer.name)).await;
    target = reply(&li, &target, Direction::Out, "在查").await.unwrap();
    source = reply(&li, &source, Direction::In, "还没人来")
        .await
        .unwrap();
    let request = MergeTicketsRequest {
        request_id: "0190c5a8-0000-7000-8000-00000000cc01".into(),
        ..merge_request(&source, &target)
    };
    let merged = merges(&li).merge_tickets(request.clone()).await.unwrap();
    let merged = merged.into_inner();
    assert_eq!(
        (&merged.name, merged.state()),
        (&target.name, TicketState::New)
    );
    let (own, other) = (String::new(), source.name.clone());
    let opening = format!("{}\n\n{}", source.subject, source.description);
    let expected = [
        (opening, other.clone()),
        ("在查".to_owned(), own),
        ("还没人来".to_owned(), other.clone()),
        ("同一件事".to_owned(), other),
    ];
    assert_eq!(said_in(&merged), expected);
    assert_eq!(said_in(&now(&li, &target).await), expected);
    let again = merges(&li).merge_tickets(request).await.unwrap();
    assert_eq!(again.into_inner(), merged);

    // Nothing is copied: what was said there is there.
    let erp = erp.after(&li);
    let gone = now(&erp, &source).await;
    assert_eq!(
        (gone.state(), &gone.number),
        (TicketState::Closed, &source.number)
    );
    assert_eq!(
        (&gone.merged_into, gone.merged_time),
        (&target.name, gone.closed_time)
    );
    let bodies: Vec<_> = gone.messages.iter().map(|one| one.body.as_str()).collect();
    assert_eq!(bodies, ["还没人来", "同一件事"]);
    let late = reply(&erp, &source, Direction::In, "喂").await.unwrap_err();
    assert_eq!(refusal(&late).1, "STATE_NOT_ALLOWED");
    assert_eq!(
        (said(&late, "state"), said(&late, "merged_into")),
        ("MERGED".into(), target.name.clone())
    );
    let rate = RateTicketRequest {
        name: gone.name.clone(),
        etag: gone.etag.clone(),
        score: 1,
        ..Default::default()
    };
    let refused = tickets(&erp).rate_ticket(rate).await.unwrap_err();
    assert_eq!(said(&refused, "state"), "MERGED");
    // Who is not to know of the other ticket is told that there is one, and not which.
    let head = suite.caller(HEAD).after(&erp);
    assert_eq!(now(&head, &source).await.merged_into, target.name);
    transfer(&erp, &merged, "it").await;
    let head = head.after(&erp);
    let seen = now(&head, &source).await;
    assert_eq!(
        (seen.merged_into, seen.merged_time),
        (String::new(), gone.merged_time)
    );
}

/// Clauses SG-5, OP-3.2: chains of merges lead to the end, and give way where one is undone.
#[tokio::test(flavor = "multi_thread")]
async fn chains_of_merges_lead_to_their_end() {
    let suite = TestSuite::start().await;
    let (li, head) = (suite.caller(LI), suite.caller(HEAD));
    let customer = enter(&li, person()).await;
    let mut all = Vec::new();
    for text in ["甲", "乙", "丙"] {
        let one = open(&li, ticket(&customer.name)).await;
        all.push(reply(&li, &one, Direction::In, text).await.unwrap());
    }
    all[1] = merge(&li, &all[0], &all[1]).await.unwrap();
    all[2] = merge(&li, &all[1], &all[2]).await.unwrap();
    let heard = |one: &Ticket| {
        let bodies = one.messages.iter().map(|message| message.body.as_str());
        bodies
            .filter(|body| body.chars().count() == 1)
            .collect::<String>()
    };
    assert_eq!(heard(&all[2]), "甲乙丙");
    let head = head.after(&li);
    for at in 0..2 {
        assert_eq!(now(&head, &all[at]).await.merged_into, all[2].name);
    }
    let refused = merge(&li, &all[2], &all[0]).await.unwrap_err();
    assert_eq!(
        refusal(&refused).1,
        "NOT_FOUND_OR_OUT_OF_SCOPE",
        "it is nobody's duty any more"
    );
    unmerge(&li, &all[1]).await.unwrap();
    let head = head.after(&li);
    assert_eq!(now(&head, &all[0]).await.merged_into, all[1].name);
    assert_eq!(heard(&now(&li, &all[2]).await), "丙");
    assert_eq!(heard(&now(&li, &all[1]).await), "甲乙");
}

/// Clause SG-5: a merge is undone within a day, by who made it or who answers for the desk, and
/// the ticket stands where it stood.
#[tokio::test(flavor = "multi_thread")]
async fn a_merge_is_undone_within_a_day() {
    let suite = TestSuite::start().await;
    let (li, head, wang) = (suite.caller(LI), suite.caller(HEAD), suite.caller(WANG));
    let customer = enter(&li, person()).await;
    let source = open(&li, ticket(&customer.name)).await;
    let target = open(&li, ticket(&customer.name)).await;
    let suspend = SuspendTicketRequest {
        name: source.name.clone(),
        etag: source.etag.clone(),
        waiting_for: WaitingFor::Supplier.into(),
        ..Default::default()
    };
    let source = tickets(&li)
        .suspend_ticket(suspend)
        .await
        .unwrap()
        .into_inner();
    let target = merge(&li, &source, &target).await.unwrap();
    let wang = wang.after(&li);
    let refused = unmerge(&wang, &source).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    let back = unmerge(&li, &source).await.unwrap();
    assert_eq!(
        (
            back.state(),
            back.waiting_for(),
            back.merged_time,
            back.closed_time
        ),
        (TicketState::Pending, WaitingFor::Supplier, None, None)
    );
    let alone = now(&li, &target).await;
    assert_eq!(alone.messages, []);
    assert_ne!(alone.etag, target.etag, "it is another without the other");
    let head = head.after(&li);
    let refused = unmerge(&head, &source).await.unwrap_err();
    assert_eq!(said(&refused, "state"), "PENDING");

    let target = merge(&li, &back, &alone).await.unwrap();
    let head = head.after(&li);
    let back = unmerge(&head, &source).await.unwrap();
    merge(&li.after(&head), &back, &now(&li, &target).await)
        .await
        .unwrap();
    suite.clock.advance(Duration::from_secs(24 * 3600 + 1));
    let late = suite.caller(HEAD).after(&li);
    suite.policy_is_fresh().await;
    let refused = unmerge(&late, &source).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    assert_eq!(said(&refused, "state"), "MERGED");
}

/// Clause CC-1.4: of two tickets of which one is part of the other, two were received, one is
/// merged and one resolved.
#[tokio::test(flavor = "multi_thread")]
async fn a_merged_ticket_is_counted_once_and_as_that() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await;
    let source = open(&li, ticket(&customer.name)).await;
    let target = open(&li, ticket(&customer.name)).await;
    let target = merge(&li, &source, &target).await.unwrap();
    resolve(&li, &target).await.unwrap();
    let states = async |after: &Caller| {
        let leader = suite.caller_for("chen.guodong", "analysis").after(after);
        let request = QueryMetricRequest {
            metric: "tickets".into(),
            group_by: vec![Dimension::Status.into()],
            ..Default::default()
        };
        let mut metrics = MetricsServiceClient::new(leader);
        let answer = metrics.query_metric(request).await.unwrap().into_inner();
        let rows = answer.rows.into_iter();
        let rows: BTreeMap<_, _> = rows
            .map(|row| (row.dimensions[0].clone(), row.count))
            .collect();
        (rows, answer.total.unwrap().count)
    };
    let counted = |rows: [(&str, i64); 2]| -> BTreeMap<String, i64> {
        rows.map(|(state, count)| (state.to_owned(), count)).into()
    };
    assert_eq!(
        states(&li).await,
        (counted([("merged", 1), ("resolved", 1)]), 2)
    );
    unmerge(&li, &source).await.unwrap();
    assert_eq!(
        states(&li).await,
        (counted([("new", 1), ("resolved", 1)]), 2)
    );
}

async fn clocks(caller: &Caller, of: &Ticket) -> Vec<TicketClock> {
    let request = ListTicketClocksRequest {
        parent: of.name.clone(),
    };
    let mut client = ClockServiceClient::new(caller.clone());
    client
        .list_ticket_clocks(request)
        .await
        .unwrap()
        .into_inner()
        .clocks
}

async fn clock(caller: &Caller, of: &Ticket, metric: ClockMetric) -> Option<TicketClock> {
    let all = clocks(caller, of).await.into_iter();
    all.rev().find(|one| one.metric() == metric)
}

/// Clauses SG-5, OP-3.2: the clocks of a merged ticket end and a breach stays one; the customer
/// goes on waiting where it went, and after all in the ticket itself.
#[tokio::test(flavor = "multi_thread")]
async fn clocks_end_with_a_merge_and_go_on_when_it_is_undone() {
    let suite = TestSuite::start().await;
    let (li, erp) = (suite.caller(LI), suite.caller_for("erp", "integration"));
    let customer = enter(&li, person()).await;
    let source = open(&li, ticket(&customer.name)).await;
    let target = open(&li, ticket(&customer.name)).await;
    let target = reply(&li, &target, Direction::Out, "在查").await.unwrap();
    let first = clock(&li, &source, ClockMetric::FirstResponse)
        .await
        .unwrap();
    assert_eq!(first.state(), ClockState::Running);
    assert!(
        clock(&li, &target, ClockMetric::NextResponse)
            .await
            .is_none()
    );
    let merged = merge(&li, &source, &target).await.unwrap();
    let erp = erp.after(&li);
    let ended = clock(&erp, &source, ClockMetric::FirstResponse)
        .await
        .unwrap();
    assert_eq!(ended.state(), ClockState::Ended);
    let next = clock(&li, &merged, ClockMetric::NextResponse)
        .await
        .unwrap();
    assert_eq!((next.state(), next.attempt), (ClockState::Running, 1));
    // What is kept is as it was read.
    eventually(async || {
        let mut sql = suite.database.connect().await.unwrap();
        let stopped: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM ticket.clock WHERE stopped_at IS NOT NULL AND metric = 1",
        )
        .fetch_one(&mut sql)
        .await
        .unwrap();
        (stopped == 2).then_some(())
    })
    .await;
    let back = unmerge(&li, &source).await.unwrap();
    let again = clock(&li, &back, ClockMetric::FirstResponse).await.unwrap();
    assert_eq!(
        (
            again.state(),
            again.start_time,
            again.stop_time,
            again.attempt
        ),
        (ClockState::Running, first.start_time, None, 1)
    );
    let next = clock(&li, &target, ClockMetric::NextResponse)
        .await
        .unwrap();
    assert!(next.stop_time.is_some());

    // A day later it is too late, and stays so.
    let missed = open(
        &erp,
        Ticket {
            received_time: Some(kefu_service::time::to_proto(
                kefu_service::clock::Clock::now(&suite.clock) - Duration::from_secs(25 * 3600),
            )),
            ..at("complaints", ticket(&customer.name))
        },
    )
    .await;
    let other = open(&erp, at("complaints", ticket(&customer.name))).await;
    let handler = suite.caller("guo.jing").after(&erp);
    merge(&handler, &missed, &other).await.unwrap();
    let ended = clock(&handler, &missed, ClockMetric::FirstResponse)
        .await
        .unwrap();
    assert_eq!(ended.state(), ClockState::Missed);
}

/// Clauses SG-5, SG-4: nobody is asked about a ticket that is part of another, nor by a link
/// that was sent before.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_about_a_merged_ticket() {
    let suite = TestSuite::start().await;
    let (li, erp) = (suite.caller(LI), suite.caller_for("erp", "integration"));
    let customer = enter(&li, person()).await;
    let source = open(&li, ticket(&customer.name)).await;
    let target = open(&li, ticket(&customer.name)).await;
    let source = resolve(&li, &source).await.unwrap();
    let erp = erp.after(&li);
    let survey = surveys::listed(&erp, "").await.remove(0);
    let issued = surveys::issue(&erp, &survey, Channel::Phone).await.unwrap();
    let reopen = ReopenTicketRequest {
        name: source.name.clone(),
        etag: source.etag.clone(),
        reason: "没修好".into(),
        ..Default::default()
    };
    let source = tickets(&li)
        .reopen_ticket(reopen)
        .await
        .unwrap()
        .into_inner();
    merge(&li, &source, &target).await.unwrap();
    let erp = erp.after(&li);
    let refused = surveys::give(&erp, &issued.token, (5, 5), "")
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    let survey = surveys::listed(&erp, "").await.remove(0);
    let refused = surveys::issue(&erp, &survey, Channel::Phone)
        .await
        .unwrap_err();
    assert_eq!(said(&refused, "state"), "MERGED");
    unmerge(&li, &source).await.unwrap();
    let erp = erp.after(&li);
    surveys::give(&erp, &issued.token, (5, 5), "")
        .await
        .unwrap();
}
