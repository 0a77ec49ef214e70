//! How often a customer had to turn to us, and how long was spoken.

use std::time::Duration;

use kefu_contracts::{
    analytics::{
        ListFigureRecordsRequest, QueryMetricRequest, metrics_service_client::MetricsServiceClient,
    },
    common::Channel,
    ticket::{
        Direction, MergeTicketsRequest, ReopenTicketRequest, ReplyToTicketRequest,
        ResolveTicketRequest, SplitTicketRequest, Ticket, merge_service_client::MergeServiceClient,
    },
};
use kefu_service::{clock::Clock, time::to_proto};
use kefu_testkit::{Caller, TestSuite};

use super::{
    query,
    rebuilt::{begin, live},
};
use crate::{
    records::{enter, open, person, ticket, tickets},
    ticket_links::get,
};

async fn resolve(caller: &Caller, one: Ticket) -> Ticket {
    let request = ResolveTicketRequest {
        name: one.name,
        etag: one.etag,
        resolution: "已更换滤网".into(),
        ..Default::default()
    };
    let resolved = tickets(caller).resolve_ticket(request).await;
    resolved.unwrap().into_inner()
}

async fn say(caller: &Caller, one: Ticket, direction: Direction) -> Ticket {
    let request = ReplyToTicketRequest {
        name: one.name,
        etag: one.etag,
        direction: direction.into(),
        body: "周末来".into(),
        ..Default::default()
    };
    let said = tickets(caller).reply_to_ticket(request).await;
    said.unwrap().into_inner()
}

async fn reopen(caller: &Caller, one: Ticket) -> Ticket {
    let request = ReopenTicketRequest {
        name: one.name,
        etag: one.etag,
        reason: "又坏了".into(),
        ..Default::default()
    };
    let reopened = tickets(caller).reopen_ticket(request).await;
    reopened.unwrap().into_inner()
}

async fn merge(caller: &Caller, source: Ticket, target: Ticket) -> Ticket {
    let request = MergeTicketsRequest {
        name: source.name,
        etag: source.etag,
        target: target.name,
        target_etag: target.etag,
        reason: "同一件事".into(),
        ..Default::default()
    };
    let mut client = MergeServiceClient::new(caller.clone());
    client.merge_tickets(request).await.unwrap().into_inner()
}

/// What was said becomes a ticket of its own; what is left.
async fn split(caller: &Caller, one: Ticket) -> Ticket {
    let request = SplitTicketRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        messages: one.messages.iter().map(|one| one.name.clone()).collect(),
        subject: "发票".into(),
        ..Default::default()
    };
    let mut client = MergeServiceClient::new(caller.clone());
    client.split_ticket(request).await.unwrap();
    get(caller, &one).await.unwrap()
}

/// Clauses CC-1.4, OP-4.2: solved at the first contact is what took no further message of the customer
/// until it was solved, and was never reopened; counted anew it is the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_first_contact_solved_is_told_from_what_took_more() {
    let suite = TestSuite::start().await;
    let li = suite.caller("li.wei");
    let customer = enter(&li, person()).await.name;
    let opened = async || open(&li, ticket(&customer)).await;
    let counted = async |after: &Caller| {
        let leader = suite.caller_for("chen.guodong", "analysis").after(after);
        let figure = query(&leader, "first_contact_resolution", &[]).await;
        let total = figure.total.unwrap();
        (total.count, total.sum.unwrap_or_default())
    };
    let told = |count: i64, sum: &str| (count, sum.to_owned());

    let at_once = resolve(&li, opened().await).await;
    assert_eq!(counted(&li).await, told(1, "1"));
    say(&li, at_once, Direction::In).await;
    assert_eq!(counted(&li).await, told(1, "1"), "thanked for");
    let answered = say(&li, opened().await, Direction::Out).await;
    resolve(&li, answered).await;
    assert_eq!(counted(&li).await, told(2, "2"), "we wrote");
    let asked_again = say(&li, opened().await, Direction::In).await;
    assert_eq!(counted(&li).await, told(2, "2"), "not resolved yet");
    resolve(&li, asked_again).await;
    assert_eq!(counted(&li).await, told(3, "2"), "the customer wrote");

    let resolved = resolve(&li, opened().await).await;
    assert_eq!(counted(&li).await, told(4, "3"));
    let reopened = reopen(&li, resolved).await;
    assert_eq!(counted(&li).await, told(4, "2"), "reopened");
    resolve(&li, reopened).await;
    assert_eq!(counted(&li).await, told(4, "2"), "and resolved again");

    let whole = merge(&li, opened().await, opened().await).await;
    resolve(&li, whole).await;
    assert_eq!(counted(&li).await, told(5, "2"), "came twice");
    let of_two_things = say(&li, opened().await, Direction::In).await;
    let left = split(&li, of_two_things).await;
    resolve(&li, left).await;
    assert_eq!(counted(&li).await, told(6, "3"), "what was split off");

    let admin = suite.caller_for("han.bing", "administration").after(&li);
    let begun = begin(&admin, "0198f3a0-0000-7000-8000-000000000002").await;
    live(&admin, &begun.name).await;
    assert_eq!(counted(&admin).await, told(6, "3"), "counted anew");
}

/// Clause CC-1.4: every call that is over counts, also those of later replies; each once, however often
/// the reply is sent, and counted anew the same. They open into their ticket.
#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_counted_once() {
    let suite = TestSuite::start().await;
    let li = suite.caller("li.wei");
    let customer = enter(&li, person()).await.name;
    let at = |before: u64| Some(to_proto(suite.clock.now() - Duration::from_secs(before)));
    let by_phone = Ticket {
        call_start_time: at(600),
        call_end_time: at(540),
        ..ticket(&customer)
    };
    let opened = open(&li, by_phone).await;
    let call = |one: &Ticket, direction: Direction, (start, end): (_, _)| ReplyToTicketRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        request_id: format!("0198f3a0-0000-7000-8000-00000000ca0{}", direction as i32),
        direction: direction.into(),
        body: "周末来".into(),
        channel: Channel::Phone.into(),
        call_start_time: start,
        call_end_time: end,
        ..Default::default()
    };
    let asked = call(&opened, Direction::In, (at(500), at(380)));
    let said = tickets(&li).reply_to_ticket(asked.clone()).await;
    let said = said.unwrap().into_inner();
    tickets(&li).reply_to_ticket(asked).await.unwrap();
    let answered = call(&said, Direction::Out, (at(300), at(270)));
    let said = tickets(&li).reply_to_ticket(answered).await;
    let under_way = ReplyToTicketRequest {
        request_id: String::new(),
        ..call(&said.unwrap().into_inner(), Direction::In, (at(10), None))
    };
    tickets(&li).reply_to_ticket(under_way).await.unwrap();

    let counted = async |after: &Caller| {
        let leader = suite.caller_for("chen.guodong", "analysis").after(after);
        let total = query(&leader, "call_duration", &[]).await.total.unwrap();
        (total.count, total.mean, total.p50, total.p90)
    };
    let told = (3, Some(70.0), Some(60.0), Some(120.0));
    assert_eq!(counted(&li).await, told);
    let figure = QueryMetricRequest {
        metric: "call_duration".into(),
        ..Default::default()
    };
    let row = ListFigureRecordsRequest {
        query: Some(figure),
        ..Default::default()
    };
    let leader = suite.caller_for("chen.guodong", "analysis").after(&li);
    let mut client = MetricsServiceClient::new(leader);
    let listed = client.list_figure_records(row).await.unwrap().into_inner();
    let [record] = listed.records.as_slice() else {
        panic!("{listed:?}")
    };
    assert_eq!((&record.name, record.counted), (&opened.name, 3));

    let admin = suite.caller_for("han.bing", "administration").after(&li);
    let begun = begin(&admin, "0198f3a0-0000-7000-8000-000000000003").await;
    live(&admin, &begun.name).await;
    assert_eq!(counted(&admin).await, told, "counted anew");
}
