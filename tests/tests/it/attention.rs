//! Who follows a ticket, who is mentioned in one, and to whom it is given.

use std::time::Duration;

use kefu_access_control::seed::department_id;
use kefu_contracts::{
    access::{ListBindingsRequest, RevokeBindingRequest, role_service_client::RoleServiceClient},
    ticket::{
        AssignTicketRequest, Direction, GetTicketRequest, ListMentionsRequest, ListTicketsRequest,
        MarkMentionReadRequest, Mention, ReplyToTicketRequest, TakeOverTicketRequest, Ticket,
        TicketKind, TransferTicketRequest, UnwatchTicketRequest, WatchTicketRequest,
        WatchTicketsRequest, attention_service_client::AttentionServiceClient,
        hand_over_service_client::HandOverServiceClient, queue_service_client::QueueServiceClient,
        watch_service_client::WatchServiceClient,
    },
};
use kefu_service::{clock::Clock, fields::name, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::{
    handling::journaled,
    records::{enter, open, person, refusal, ticket, tickets, violations},
};

const LI: &str = "li.wei";
const WANG: &str = "wang.fang";
const HEAD: &str = "zhang.min";
const NOBODY: &str = "0190c5a8-0000-7000-8000-0000000000ab";

fn attention(caller: &Caller) -> AttentionServiceClient<Caller> {
    AttentionServiceClient::new(caller.clone())
}

fn employee(login: &str) -> String {
    name("employees", employee_id(login))
}

async fn follow(caller: &Caller, ticket: &Ticket) -> Result<(), Status> {
    let name = ticket.name.clone();
    let request = WatchTicketRequest { name };
    attention(caller).watch_ticket(request).await.map(drop)
}

async fn unfollow(caller: &Caller, ticket: &str) -> Result<(), Status> {
    let name = ticket.to_owned();
    let request = UnwatchTicketRequest { name };
    attention(caller).unwatch_ticket(request).await.map(drop)
}

/// What somebody finds, and how many the list says there are.
async fn found(caller: &Caller, filter: &str) -> (Vec<String>, i32) {
    let request = ListTicketsRequest {
        filter: filter.into(),
        ..Default::default()
    };
    let page = tickets(caller).list_tickets(request).await.unwrap();
    let page = page.into_inner();
    let names = page.tickets.into_iter().map(|one| one.name);
    (names.collect(), page.total_size)
}

async fn take_over(caller: &Caller, ticket: &Ticket) -> Ticket {
    let request = TakeOverTicketRequest {
        name: ticket.name.clone(),
        etag: ticket.etag.clone(),
        reason: "他在休假".into(),
        ..Default::default()
    };
    let mut queues = QueueServiceClient::new(caller.clone());
    queues.take_over_ticket(request).await.unwrap().into_inner()
}

fn note(ticket: &Ticket, direction: Direction, mentions: &[String]) -> ReplyToTicketRequest {
    ReplyToTicketRequest {
        name: ticket.name.clone(),
        etag: ticket.etag.clone(),
        direction: direction.into(),
        body: "请看一下".into(),
        mentions: mentions.to_vec(),
        ..Default::default()
    }
}

async fn reply(caller: &Caller, request: ReplyToTicketRequest) -> Result<Ticket, Status> {
    let answer = tickets(caller).reply_to_ticket(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn mentions(caller: &Caller, unread_only: bool) -> (Vec<Mention>, i32) {
    let request = ListMentionsRequest {
        unread_only,
        ..Default::default()
    };
    let page = attention(caller).list_mentions(request).await.unwrap();
    let page = page.into_inner();
    (page.mentions, page.total_size)
}

async fn mark(caller: &Caller, mention: &Mention) -> Result<Mention, Status> {
    let name = mention.name.clone();
    let request = MarkMentionReadRequest { name };
    let answer = attention(caller).mark_mention_read(request).await;
    answer.map(|answer| answer.into_inner())
}

/// Each field with what is wrong with it.
fn wrong(status: &Status) -> Vec<(String, String)> {
    let details = status.get_error_details();
    let all = details.bad_request().unwrap().field_violations.clone();
    let all = all.into_iter();
    all.map(|one| (one.field, one.reason)).collect()
}

fn assign(ticket: &Ticket, assignee: &str) -> AssignTicketRequest {
    AssignTicketRequest {
        name: ticket.name.clone(),
        etag: ticket.etag.clone(),
        assignee: assignee.into(),
        ..Default::default()
    }
}

async fn given(caller: &Caller, request: AssignTicketRequest) -> Result<Ticket, Status> {
    let answer = tickets(caller).assign_ticket(request).await;
    answer.map(|answer| answer.into_inner())
}

fn one(field: &str, what: &str) -> Vec<(String, String)> {
    vec![(field.to_owned(), what.to_owned())]
}

/// Clauses SG-3, CF-9.1: somebody follows what they may see, and for as long as they may; it is
/// theirs alone to know, and gives no right.
#[tokio::test(flavor = "multi_thread")]
async fn who_follows_a_ticket_finds_it_while_they_may_see_it() {
    let suite = TestSuite::start().await;
    let (li, wang, head) = (suite.caller(LI), suite.caller(WANG), suite.caller(HEAD));
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&li, person()).await;
    let first = open(&li, ticket(&customer.name)).await;
    let other = open(&li, ticket(&customer.name)).await;

    let mut watch = WatchServiceClient::new(head.clone());
    let request = WatchTicketsRequest {
        filter: "watcher = me".into(),
        ..Default::default()
    };
    let mut stream = watch.watch_tickets(request).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().unwrap().changed.is_empty());
    for _ in 0..2 {
        follow(&head, &first).await.unwrap();
    }
    let told = stream.message().await.unwrap().unwrap();
    assert_eq!(told.changed[0].name, first.name);
    assert_eq!(
        found(&head, "watcher = me").await,
        (vec![first.name.clone()], 1)
    );
    assert_eq!(
        found(&head, "watcher != me").await,
        (vec![other.name.clone()], 1)
    );
    assert_eq!(found(&li, "watcher = me").await, (vec![], 0));
    let by_name = ListTicketsRequest {
        filter: format!("watcher = {}", employee(HEAD)),
        ..Default::default()
    };
    let refused = tickets(&li).list_tickets(by_name).await.unwrap_err();
    assert_eq!(violations(&refused), ["filter"]);

    // Nobody follows what they do not see, and no system anything.
    let hidden = (Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE".to_owned());
    assert_eq!(refusal(&follow(&wang, &first).await.unwrap_err()), hidden);
    let missing = (Code::PermissionDenied, "PERMISSION_MISSING".to_owned());
    assert_eq!(refusal(&follow(&erp, &first).await.unwrap_err()), missing);
    let absent = Ticket {
        name: "tickets/1".into(),
        ..Default::default()
    };
    assert_eq!(
        violations(&follow(&li, &absent).await.unwrap_err()),
        ["name"]
    );

    // It has left, and following it brings nothing back.
    follow(&li, &first).await.unwrap();
    assert_eq!(found(&li, "watcher = me").await.1, 1);
    take_over(&wang, &first).await;
    assert_eq!(found(&li, "watcher = me").await, (vec![], 0));
    let get = GetTicketRequest {
        name: first.name.clone(),
    };
    let refused = tickets(&li).get_ticket(get).await.unwrap_err();
    assert_eq!(refusal(&refused), hidden);
    // What is out of sight can be let go, and is told like what never was.
    unfollow(&li, &first.name).await.unwrap();
    unfollow(&li, &format!("tickets/{NOBODY}")).await.unwrap();

    assert_eq!(stream.message().await.unwrap().unwrap().changed.len(), 1);
    unfollow(&head, &first.name).await.unwrap();
    assert_eq!(stream.message().await.unwrap().unwrap().left, [first.name]);
    assert_eq!(found(&head, "watcher = me").await, (vec![], 0));
    let mut sql = suite.database.connect().await.unwrap();
    let told = "SELECT type, count(*) FROM ticket.journal WHERE type LIKE 'ticket.%watched' GROUP BY 1 ORDER BY 1";
    let told: Vec<(String, i64)> = sqlx::query_as(told).fetch_all(&mut sql).await.unwrap();
    let expected = [
        ("ticket.unwatched".to_owned(), 2),
        ("ticket.watched".to_owned(), 2),
    ];
    assert_eq!(told, expected);
}

/// Clauses SG-3, CF-9.1: who is mentioned in an internal message is told while they may see the
/// ticket; nobody is mentioned who may not, and by being mentioned nobody comes to.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_mentioned_is_told_while_they_may_see_it() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let (guo, luo) = (suite.caller("guo.jing"), suite.caller("luo.yong"));
    let customer = enter(&erp, person()).await;
    let opened = Ticket {
        kind: TicketKind::Complaint.into(),
        ..ticket(&customer.name)
    };
    let opened = open(&guo.after(&erp), opened).await;
    let nobody = name("employees", NOBODY.parse().unwrap());

    let refused = async |direction, mentions: &[String]| {
        let refused = reply(&guo, note(&opened, direction, mentions)).await;
        wrong(&refused.unwrap_err())
    };
    let internal = Direction::Internal;
    let (of_luo, of_li) = (employee("luo.yong"), employee(LI));
    let outward = refused(Direction::Out, std::slice::from_ref(&of_luo)).await;
    assert_eq!(outward, one("mentions", "NOT_APPLICABLE"));
    let twice = refused(internal, &[of_luo.clone(), of_luo.clone()]).await;
    assert_eq!(twice, one("mentions[1]", "DUPLICATE"));
    let many: Vec<String> = (0..21_u128)
        .map(|at| name("employees", uuid::Uuid::from_u128(at)))
        .collect();
    assert_eq!(refused(internal, &many).await, one("mentions", "TOO_MANY"));
    // An agent of another desk sees it by no duty; nobody is not there at all.
    let strangers = refused(internal, &[of_luo.clone(), of_li, nobody]).await;
    let expected = [("mentions[1]", "NOT_ENTITLED"), ("mentions[2]", "UNKNOWN")];
    assert_eq!(
        strangers,
        expected.map(|(at, what)| (at.to_owned(), what.to_owned()))
    );

    let noted = reply(&guo, note(&opened, internal, std::slice::from_ref(&of_luo)));
    let noted = noted.await.unwrap();
    assert_eq!(noted.messages[0].mentions, [of_luo]);
    let (all, total) = mentions(&luo, true).await;
    assert_eq!((all.len(), total), (1, 1));
    let mention = &all[0];
    assert_eq!(
        (&mention.ticket, &mention.author),
        (&opened.name, &employee("guo.jing"))
    );
    assert_eq!(mentions(&guo, false).await.1, 0);
    let hidden = (Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE".to_owned());
    assert_eq!(refusal(&mark(&guo, mention).await.unwrap_err()), hidden);
    let read = mark(&luo, mention).await.unwrap();
    assert!(read.read_time.is_some());
    // That it is shown again changes nothing, and is journaled as a look.
    let looks = journaled(&suite, "mention.viewed").await;
    assert_eq!(mark(&luo, mention).await.unwrap(), read);
    assert_eq!(journaled(&suite, "mention.viewed").await, looks + 1);
    assert_eq!(mentions(&luo, true).await.1, 0);
    assert_eq!(mentions(&luo, false).await, (vec![read], 1));

    // It goes where 罗勇 does not see it, and the mention with it.
    let moved = TransferTicketRequest {
        name: noted.name.clone(),
        etag: noted.etag.clone(),
        department: name("departments", department_id("technical_support")),
        reason: "归他们管".into(),
        ..Default::default()
    };
    let mut hand_over = HandOverServiceClient::new(erp.clone());
    hand_over.transfer_ticket(moved).await.unwrap();
    assert_eq!(mentions(&luo, false).await, (vec![], 0));
    assert_eq!(refusal(&mark(&luo, mention).await.unwrap_err()), hidden);
}

/// Clauses SG-2.2, CF-9.1: a ticket is given to who may see it and work on it once it is theirs,
/// as their post is now; what a system transfers has happened.
#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_given_to_who_may_work_on_it() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let head = suite.caller(HEAD);
    let customer = enter(&erp, person()).await;
    let desk = Ticket {
        department: name("departments", department_id("call_centre")),
        ..ticket(&customer.name)
    };
    let opened = open(&erp, desk).await;
    let nobody = name("employees", NOBODY.parse().unwrap());
    let refused = async |assignee: &str| {
        let refused = given(&head, assign(&opened, assignee)).await;
        wrong(&refused.unwrap_err())
    };
    assert_eq!(refused(&nobody).await, one("assignee", "UNKNOWN"));
    // No employee, though it may work on any ticket.
    assert_eq!(refused(&employee("erp")).await, one("assignee", "UNKNOWN"));
    // Sees it and works on none; sees none.
    for login in ["chen.guodong", "song.yue"] {
        assert_eq!(
            refused(&employee(login)).await,
            one("assignee", "NOT_ENTITLED")
        );
    }
    let of_li = given(&head, assign(&opened, &employee(LI))).await.unwrap();
    assert_eq!(of_li.assignee, employee(LI));

    let mut roles = RoleServiceClient::new(suite.caller("han.bing"));
    let subject = employee(WANG);
    let held = roles.list_bindings(ListBindingsRequest { subject }).await;
    for binding in held.unwrap().into_inner().bindings {
        let request = RevokeBindingRequest {
            name: binding.name,
            ..Default::default()
        };
        roles.revoke_binding(request).await.unwrap();
    }
    let refused = given(&head, assign(&of_li, &employee(WANG)))
        .await
        .unwrap_err();
    assert_eq!(wrong(&refused), one("assignee", "NOT_ENTITLED"));
    // Of what is out of reach nothing is said, whoever is named.
    let stranger = given(&suite.caller("ma.chao"), assign(&of_li, &nobody)).await;
    assert_eq!(
        refusal(&stranger.unwrap_err()).1,
        "NOT_FOUND_OR_OUT_OF_SCOPE"
    );

    let then = suite.clock.now() - Duration::from_secs(3600);
    let past = Ticket {
        received_time: Some(to_proto(then)),
        ..ticket(&customer.name)
    };
    let past = open(&erp, past).await;
    let request = AssignTicketRequest {
        occurred_time: Some(to_proto(then)),
        ..assign(&past, &nobody)
    };
    assert_eq!(given(&erp, request).await.unwrap().assignee, nobody);
}

/// Clause SG-2.2: while nobody can say who may work on it, a ticket is given to nobody.
#[tokio::test(flavor = "multi_thread")]
async fn no_ticket_is_given_on_nobodys_word() {
    let mut suite = TestSuite::with_access_control_apart(|_| {}).await;
    let (li, wang) = (suite.caller(LI), suite.caller(WANG));
    let customer = enter(&li, person()).await;
    let opened = open(&li, ticket(&customer.name)).await;
    suite.stop_access_control().await;
    let refused = given(&li, assign(&opened, &employee(WANG)))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    suite.start_access_control().await;
    let now = eventually(async || given(&li, assign(&opened, &employee(WANG))).await.ok()).await;
    assert_eq!(now.assignee, employee(WANG));
    assert_eq!(found(&wang, "").await.1, 1);
}
