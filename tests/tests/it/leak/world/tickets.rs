//! Tickets, with everything that leaves a text in them.

use std::time::Duration;

use kefu_contracts::{
    common::Channel,
    ticket::{
        AssignTicketRequest, CloseTicketRequest, Direction, LinkKind, LinkTicketsRequest,
        NoticeEvent, NoticeRule, RateTicketRequest, ReopenTicketRequest, ReplyToTicketRequest,
        ResolveTicketRequest, TagTicketRequest, Ticket, TicketKind,
        link_service_client::LinkServiceClient, tag_service_client::TagServiceClient,
    },
};
use kefu_service::{clock::Clock, time};
use kefu_testkit::{Caller, TestSuite, employee_id};

use super::{
    World,
    complaints::{compensated, complained, judged},
    employee,
    orders::COMPLAINED,
};
use crate::{
    attachments::{announced, put},
    leak::values::Values,
    notices,
    records::{open, ticket, tickets},
};

/// Customer, department, assignee, closed.
const TICKETS: &[(usize, &str, Option<&str>, bool)] = &[
    (0, "call_centre", Some("wang.fang"), false),
    (1, "complaints", Some("guo.jing"), false),
    (2, "technical_support", Some("zhao.lei"), false),
    (3, "sales", None, false),
    (4, "it", Some("ma.chao"), true),
    (5, "call_centre", Some("hu.tao"), false),
    (5, "complaints", Some("xu.jing"), false),
];
const REQUEST: usize = 0;
const COMPLAINT: usize = 1;

/// Tickets of two desks, of one, and one that is closed.
const LINKS: &[(usize, usize)] = &[(0, 1), (0, 5), (6, 1), (4, 2)];

/// What customers are told.
const TOLD: &str = "尊敬的客户：您的工单{ticket.number}已经解决。";

/// Words that every customer says after their own.
const SAID_BY_ALL: &str = "请回电";

/// All of them, of these files, and what links them.
pub(super) async fn open_all(
    suite: &TestSuite,
    world: &mut World,
    files: &[String],
    values: &mut Values,
) {
    let maker = world.maker.clone();
    // A complaint is resolved more than once, and would be told the same again.
    let kinds = [TicketKind::Consultation, TicketKind::ServiceRequest];
    let rule = NoticeRule {
        kinds: kinds.map(Into::into).to_vec(),
        ..notices::rule("told", NoticeEvent::Resolved, TOLD)
    };
    let admin = suite.caller("han.bing");
    notices::revise(&admin, vec![rule]).await.unwrap();
    let mut made = Vec::new();
    for (at, (customer, code, assignee, closed)) in TICKETS.iter().enumerate() {
        let (file, department) = (&files[*customer], world.departments[*code]);
        let mut one = ticket(file);
        one.subject = values.text();
        one.description = values.text();
        one.department = format!("departments/{department}");
        one.external_ref = format!("CASE-{at}");
        match at {
            REQUEST => one.set_kind(TicketKind::ServiceRequest),
            // Of an order of the same customer.
            COMPLAINT => {
                one.set_kind(TicketKind::Complaint);
                one.order.clone_from(&world.reviews[COMPLAINED]);
            }
            _ => {}
        }
        let name = work(suite, &maker, one, *assignee, *closed, values).await;
        let duty = assignee.filter(|_| !closed).map(employee_id);
        made.push(name.clone());
        world.know(file, name, department, *assignee, duty);
    }
    for (from, to) in LINKS {
        let link = LinkTicketsRequest {
            kind: LinkKind::CausedBy.into(),
            from: made[*from].clone(),
            to: made[*to].clone(),
            ..Default::default()
        };
        let mut client = LinkServiceClient::new(maker.clone());
        client.link_tickets(link).await.unwrap();
        world.links.push((made[*from].clone(), made[*to].clone()));
    }
}

/// Opens a ticket and does with it everything that leaves a text.
async fn work(
    suite: &TestSuite,
    caller: &Caller,
    ticket: Ticket,
    assignee: Option<&str>,
    closed: bool,
    values: &mut Values,
) -> String {
    let mut client = tickets(caller);
    let mut now = open(caller, ticket).await;
    let name = now.name.clone();
    now = judged(caller, now, values).await;
    if let Some(assignee) = assignee {
        let request = AssignTicketRequest {
            name: name.clone(),
            etag: now.etag,
            assignee: employee(assignee),
            ..Default::default()
        };
        now = client.assign_ticket(request).await.unwrap().into_inner();
    }
    let tags = TagTicketRequest {
        name: name.clone(),
        etag: now.etag,
        tags: vec![assignee.unwrap_or("nobody").to_owned(), "加急".into()],
        ..Default::default()
    };
    let mut sorting = TagServiceClient::new(caller.clone());
    now = sorting.tag_ticket(tags).await.unwrap().into_inner();
    let reply = ReplyToTicketRequest {
        name: name.clone(),
        etag: now.etag,
        direction: Direction::In as i32,
        body: format!("{}，{SAID_BY_ALL}", values.text()),
        ..Default::default()
    };
    now = client.reply_to_ticket(reply).await.unwrap().into_inner();
    // Only what a person says has an author.
    if let Some(login @ "wang.fang") = assignee {
        let reply = ReplyToTicketRequest {
            name: name.clone(),
            etag: now.etag,
            direction: Direction::Out as i32,
            body: values.text(),
            ..Default::default()
        };
        let mut agent = tickets(&suite.caller(login).after(caller));
        now = agent.reply_to_ticket(reply).await.unwrap().into_inner();
        now = conversed(suite, caller, now, values).await;
    }
    let resolve = ResolveTicketRequest {
        name: name.clone(),
        etag: now.etag,
        resolution: values.text(),
        ..Default::default()
    };
    now = client.resolve_ticket(resolve).await.unwrap().into_inner();
    let rate = RateTicketRequest {
        name: name.clone(),
        etag: now.etag,
        score: 4,
        comment: values.text(),
        ..Default::default()
    };
    now = client.rate_ticket(rate).await.unwrap().into_inner();
    if now.kind() == TicketKind::Complaint {
        now = complained(caller, now, values).await;
        now = compensated(suite, caller, now, values).await;
    }
    // One is still to be done.
    if !closed && assignee == Some("wang.fang") {
        let reopen = ReopenTicketRequest {
            name: name.clone(),
            etag: now.etag.clone(),
            reason: values.text(),
            ..Default::default()
        };
        now = client.reopen_ticket(reopen).await.unwrap().into_inner();
    }
    if closed {
        let close = CloseTicketRequest {
            name: name.clone(),
            etag: now.etag,
            ..Default::default()
        };
        client.close_ticket(close).await.unwrap();
    }
    name
}

/// The customer calls, and sends a file.
async fn conversed(
    suite: &TestSuite,
    caller: &Caller,
    ticket: Ticket,
    values: &mut Values,
) -> Ticket {
    let content = format!("{}{}", values.text(), values.text());
    let name = format!("{}.txt", values.text());
    let request = announced(&ticket.name, &name, "text/plain", content.as_bytes());
    let file = put(caller, request, content.as_bytes()).await.unwrap();
    let reply = ReplyToTicketRequest {
        name: ticket.name,
        etag: ticket.etag,
        direction: Direction::In as i32,
        body: values.text(),
        attachments: vec![file.name],
        channel: Channel::Phone as i32,
        call_start_time: Some(time::to_proto(suite.clock.now() - Duration::from_secs(90))),
        call_end_time: Some(time::to_proto(suite.clock.now() - Duration::from_secs(9))),
        recording: values.text(),
        ..Default::default()
    };
    let mut client = tickets(caller);
    client.reply_to_ticket(reply).await.unwrap().into_inner()
}
