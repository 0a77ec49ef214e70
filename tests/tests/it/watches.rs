//! Tickets as they change: each sees what a list would show them, and learns of nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    time::Duration,
};

use kefu_access_control::seed::department_id;
use kefu_contracts::{
    access::{ListBindingsRequest, RevokeBindingRequest, role_service_client::RoleServiceClient},
    policy::DataClass,
    ticket::{
        ListTicketsRequest, ResolveTicketRequest, StartTicketRequest, TakeOverTicketRequest,
        Ticket, WatchTicketsRequest, WatchTicketsResponse,
        queue_service_client::QueueServiceClient, watch_service_client::WatchServiceClient,
    },
};
use kefu_service::fields::name;
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::{Code, Status, Streaming};

use crate::records::{enter, open, person, refusal, ticket, tickets, violations};

const LI: &str = "li.wei";
const WANG: &str = "wang.fang";
const HEAD: &str = "zhang.min";
const NOBODY: &str = "tickets/0190c5a8-0000-7000-8000-0000000000ab";

/// A gateway that bears that the clock is turned, and as many calls as come.
async fn unbounded() -> TestSuite {
    TestSuite::with(|gateway| {
        gateway.max_snapshot_age_seconds = 100_000;
        gateway.calls_per_second = NonZeroU32::MAX;
        gateway.burst = NonZeroU32::MAX;
    })
    .await
}

/// An open answer as a front end reads it.
struct Watching(Streaming<WatchTicketsResponse>);

impl Watching {
    async fn next(&mut self) -> Result<WatchTicketsResponse, Status> {
        let message = tokio::time::timeout(Duration::from_secs(30), self.0.message());
        let message = message.await.expect("in time");
        message.map(|message| message.expect("a stream that goes on"))
    }

    /// What comes next, which is all there is; names with the state that is shown.
    async fn all(&mut self) -> (Vec<(String, i32)>, Vec<String>, String) {
        let message = self.next().await.unwrap();
        assert!(message.caught_up && !message.relist, "{message:?}");
        let changed = message.changed.into_iter();
        let changed = changed.map(|one| (one.name, one.state)).collect();
        (changed, message.left, message.resume_token)
    }
}

async fn asked(caller: &Caller, request: WatchTicketsRequest) -> Result<Watching, Status> {
    let mut client = WatchServiceClient::new(caller.clone());
    let answer = client.watch_tickets(request).await?;
    Ok(Watching(answer.into_inner()))
}

async fn resumed(caller: &Caller, filter: &str, token: &str, held: &[&str]) -> Watching {
    let request = WatchTicketsRequest {
        filter: filter.into(),
        resume_token: token.into(),
        held: held.iter().map(|name| (*name).to_owned()).collect(),
    };
    asked(caller, request).await.unwrap()
}

/// A stream from now on, and its first token.
async fn watch(caller: &Caller, filter: &str) -> (Watching, String) {
    let mut stream = resumed(caller, filter, "", &[]).await;
    let (changed, left, token) = stream.all().await;
    assert!(changed.is_empty() && left.is_empty());
    (stream, token)
}

async fn start(caller: &Caller, ticket: &Ticket) -> Ticket {
    let request = StartTicketRequest {
        name: ticket.name.clone(),
        etag: ticket.etag.clone(),
        ..Default::default()
    };
    let started = tickets(caller).start_ticket(request).await;
    started.unwrap().into_inner()
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

fn shown(ticket: &Ticket) -> (String, i32) {
    (ticket.name.clone(), ticket.state)
}

async fn listed(caller: &Caller, name: &str) -> Ticket {
    let mut client = tickets(caller);
    let list = client.list_tickets(ListTicketsRequest::default());
    let all = list.await.unwrap().into_inner().tickets;
    all.into_iter().find(|one| one.name == name).unwrap()
}

async fn views(suite: &TestSuite, login: &str) -> i64 {
    let mut sql = suite.database.connect().await.unwrap();
    let viewed = "SELECT count(*) FROM ticket.journal WHERE kind = 2 AND actor_id = $1";
    let viewed = sqlx::query_scalar(viewed).bind(employee_id(login));
    viewed.fetch_one(&mut sql).await.unwrap()
}

/// Clauses SG-3, SG-5, CF-9.1: each of two people is shown what a list shows them, class by
/// class, as it changes; of what is another's not a word comes, nor a view into the journal.
#[tokio::test(flavor = "multi_thread")]
async fn each_is_shown_their_own_as_it_changes() {
    let suite = TestSuite::start().await;
    let (li, other) = (suite.caller(LI), suite.caller("ma.chao"));
    let auditor = suite.caller_for("dong.jie", "audit");
    let (mut of_li, _) = watch(&li, "").await;
    let (mut of_other, _) = watch(&other, "").await;
    let (mut of_auditor, _) = watch(&auditor, "").await;
    let before = views(&suite, "ma.chao").await;

    let customer = enter(&li, person()).await;
    let one = open(&li, ticket(&customer.name)).await;
    let message = of_li.next().await.unwrap();
    assert_eq!(message.changed, [listed(&li, &one.name).await]);
    assert_eq!(message.changed[0].subject, "净化器安装");
    // Whoever sees that there is a ticket and nothing that is in it.
    let message = of_auditor.next().await.unwrap();
    assert_eq!(message.changed, [listed(&auditor, &one.name).await]);
    let masked = &message.changed[0];
    assert_eq!(masked.subject, "");
    let disclosure = masked.disclosure.as_ref().unwrap();
    assert!(
        !disclosure
            .cleared()
            .any(|class| class == DataClass::Service)
    );
    assert!(disclosure.omitted_fields.contains(&"subject".to_owned()));

    let one = start(&li, &one).await;
    assert_eq!(of_li.all().await.0, [shown(&one)]);
    // Until then nothing was another's.
    assert_eq!(views(&suite, "ma.chao").await, before);
    let their = open(&other.after(&li), ticket(&customer.name)).await;
    assert_eq!(of_other.all().await.0, [shown(&their)]);
    assert_eq!(views(&suite, "ma.chao").await, before + 1);
    let again = start(&li, &open(&li, ticket(&customer.name)).await).await;
    loop {
        let (changed, left, _) = of_li.all().await;
        assert!(left.is_empty());
        assert!(changed.iter().all(|(name, _)| *name == again.name));
        if changed == [shown(&again)] {
            break;
        }
    }
}

/// Clauses SG-3, CF-9.1: what leaves the scope or the filter of a stream that showed it is told
/// as left, by its name alone; of what it never showed nothing is told.
#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_is_told_where_it_was_shown() {
    let suite = TestSuite::start().await;
    let (li, wang, head) = (suite.caller(LI), suite.caller(WANG), suite.caller(HEAD));
    let customer = enter(&li, person()).await;
    // Of before any of the streams.
    let unseen = open(&li, ticket(&customer.name)).await;
    all_is_in_order(&suite).await;
    let (mut mine, _) = watch(&li, "").await;
    let (mut new, _) = watch(&head, "state = NEW").await;
    let (mut all, _) = watch(&head, "").await;

    take_over(&wang.after(&li), &unseen).await;
    let one = open(&li, ticket(&customer.name)).await;
    // The one that was never shown comes before it, and leaves no trace.
    assert_eq!(mine.all().await.0, [shown(&one)]);
    let both = [unseen.name.clone(), one.name.clone()];
    let mut seen = Vec::new();
    while seen.len() < both.len() {
        seen.extend(new.all().await.0.into_iter().map(|(name, _)| name));
    }
    assert_eq!(seen, both);

    let one = start(&li, &one).await;
    assert_eq!(mine.all().await.0, [shown(&one)]);
    let (changed, left, _) = new.all().await;
    assert_eq!((changed, left), (Vec::new(), vec![one.name.clone()]));
    let taken = take_over(&wang, &one).await;
    let (changed, left, _) = mine.all().await;
    assert_eq!((changed, left), (Vec::new(), vec![one.name.clone()]));
    // It has left: what becomes of it is another's.
    let request = ResolveTicketRequest {
        name: taken.name.clone(),
        etag: taken.etag.clone(),
        resolution: "装好了".into(),
        ..Default::default()
    };
    let solved = tickets(&wang).resolve_ticket(request).await.unwrap();
    let solved = solved.into_inner();
    let next = open(&li, ticket(&customer.name)).await;
    assert_eq!(mine.all().await.0, [shown(&next)]);
    // Whoever sees the department has lost sight of nothing.
    let (mut last, mut told) = (None, Vec::new());
    while last != Some(shown(&next)) {
        let (changed, left, _) = all.all().await;
        assert!(left.is_empty());
        told.extend(changed.iter().cloned());
        last = changed.last().cloned();
    }
    assert!(told.contains(&shown(&solved)));
}

/// No transaction of this server runs any more that began before the last entry.
async fn all_is_in_order(suite: &TestSuite) {
    let mut sql = suite.database.connect().await.unwrap();
    let behind = "SELECT count(*) FROM ticket.journal
                  WHERE transaction_id >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint + ticket.journal_lead()";
    eventually(async || {
        let behind: i64 = sqlx::query_scalar(behind)
            .fetch_one(&mut sql)
            .await
            .unwrap();
        (behind == 0).then_some(())
    })
    .await;
}

/// Clause SG-5: after a break a stream goes on where it was, at whatever instance: what changed
/// meanwhile comes once and as it is now, and what is held and gone is told as left.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_after_a_break() {
    let suite = TestSuite::start().await;
    let twin = suite.twin();
    let (li, wang) = (suite.caller(LI), suite.caller(WANG));
    let there = suite.caller_at(&twin, LI);
    eventually(async || {
        let mut client = tickets(&there);
        let list = client.list_tickets(ListTicketsRequest::default());
        list.await.ok().map(drop)
    })
    .await;
    let customer = enter(&li, person()).await;
    let mut opened = Vec::new();
    let (mut stream, mut token) = watch(&li, "").await;
    while opened.len() < 4 {
        let one = open(&li, ticket(&customer.name)).await;
        let (changed, _, next) = stream.all().await;
        assert_eq!(changed, [shown(&one)]);
        token = next;
        opened.push(one);
    }
    drop(stream);

    let [untouched, worked, lost, solved] = opened.as_slice() else {
        unreachable!()
    };
    let worked = start(&li, worked).await;
    take_over(&wang.after(&li), lost).await;
    let solved = start(&li, solved).await;
    let request = ResolveTicketRequest {
        name: solved.name.clone(),
        etag: solved.etag.clone(),
        resolution: "装好了".into(),
        ..Default::default()
    };
    let solved = tickets(&li).resolve_ticket(request).await.unwrap();
    let solved = solved.into_inner();
    // Another's, which was never held.
    open(&wang, ticket(&customer.name)).await;

    all_is_in_order(&suite).await;
    let held: Vec<&str> = opened.iter().map(|one| one.name.as_str()).collect();
    for caller in [&li, &there] {
        let mut stream = resumed(caller, "", &token, &[held.as_slice(), &[NOBODY]].concat()).await;
        let (mut changed, mut left) = (Vec::new(), Vec::new());
        loop {
            let message = stream.next().await.unwrap();
            changed.extend(message.changed.iter().map(shown));
            left.extend(message.left);
            if message.caught_up {
                break;
            }
            assert!(message.resume_token.is_empty());
        }
        changed.sort();
        let mut expected = [shown(&worked), shown(&solved)];
        expected.sort();
        assert_eq!(changed, expected);
        left.sort();
        let mut gone = [lost.name.clone(), NOBODY.to_owned()];
        gone.sort();
        assert_eq!(left, gone);
    }
    // Both instances hear of what either does.
    let (mut here, _) = watch(&li, "").await;
    let (mut elsewhere, _) = watch(&there, "").await;
    let untouched = start(&there.after(&li), untouched).await;
    assert_eq!(here.all().await.0, [shown(&untouched)]);
    assert_eq!(elsewhere.all().await.0, [shown(&untouched)]);
}

/// Clause SG-5: a token goes on for whom and for what it was given, for a day.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_its_own_stream() {
    let suite = unbounded().await;
    let (li, wang) = (suite.caller(LI), suite.caller(WANG));
    let (_stream, token) = watch(&li, "state = NEW").await;
    let wanted = |filter: &str, token: &str| WatchTicketsRequest {
        filter: filter.into(),
        resume_token: token.into(),
        held: Vec::new(),
    };
    let refused = async |caller: &Caller, filter: &str, token: &str| {
        let refused = asked(caller, wanted(filter, token)).await.err().unwrap();
        refusal(&refused)
    };
    let invalid = (Code::InvalidArgument, "INVALID_PAGE_TOKEN".to_owned());
    assert_eq!(refused(&wang, "state = NEW", &token).await, invalid);
    assert_eq!(refused(&li, "state = OPEN", &token).await, invalid);
    assert_eq!(refused(&li, "state = NEW", &token[1..]).await, invalid);
    assert_eq!(refused(&li, "state = NEW", "x").await, invalid);
    // The same filter written otherwise.
    asked(&li, wanted("state=new AND state = NEW", &token))
        .await
        .unwrap();
    let wrong = WatchTicketsRequest {
        filter: "subject = 净化器安装".into(),
        resume_token: String::new(),
        held: vec!["tickets/1".into()],
    };
    let wrong = asked(&li, wrong).await.err().unwrap();
    assert_eq!(violations(&wrong), ["filter", "held"]);
    let many = WatchTicketsRequest {
        held: vec![NOBODY.into(); 5_001],
        ..wanted("", "")
    };
    assert_eq!(violations(&asked(&li, many).await.err().unwrap()), ["held"]);
    // Whoever may not list tickets does not watch them either.
    let stranger = suite.caller("song.yue");
    let denied = (Code::PermissionDenied, "PERMISSION_MISSING".to_owned());
    assert_eq!(refused(&stranger, "", "").await, denied);

    suite.clock.advance(Duration::from_secs(24 * 3600));
    let li = suite.caller(LI);
    assert_eq!(refused(&li, "state = NEW", &token).await, invalid);
}

/// Clauses SG-3, OP-7.2: a stream ends with the right that it rests on.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_binding() {
    let suite = TestSuite::start().await;
    let (mut stream, _) = watch(&suite.caller(LI), "").await;
    let (mut others, _) = watch(&suite.caller(WANG), "").await;
    let mut roles = RoleServiceClient::new(suite.caller("han.bing"));
    let request = ListBindingsRequest {
        subject: name("employees", employee_id(LI)),
    };
    let held = roles.list_bindings(request).await.unwrap().into_inner();
    for binding in held.bindings {
        let request = RevokeBindingRequest {
            name: binding.name,
            ..Default::default()
        };
        roles.revoke_binding(request).await.unwrap();
    }
    let ended = stream.next().await.unwrap_err();
    assert_eq!(ended.code(), Code::PermissionDenied);
    let wang = suite.caller(WANG);
    let customer = enter(&wang, person()).await;
    let one = open(&wang, ticket(&customer.name)).await;
    assert_eq!(others.all().await.0, [shown(&one)]);
}

/// A stream that has nothing to say says so every so often; each caller has so many; and they
/// end before the service does, to be called again.
#[tokio::test(flavor = "multi_thread")]
async fn streams_are_few_live_and_end_in_order() {
    let suite = unbounded().await;
    let li = suite.caller(LI);
    let (mut first, token) = watch(&li, "").await;
    // The service may not wait for the beat yet when the clock is turned.
    let (changed, left, fresh) = {
        let mut told = std::pin::pin!(first.all());
        loop {
            suite.clock.advance(Duration::from_secs(15));
            let soon = tokio::time::timeout(Duration::from_millis(500), told.as_mut());
            if let Ok(all) = soon.await {
                break all;
            }
        }
    };
    assert!(changed.is_empty() && left.is_empty());
    assert!(!fresh.is_empty() && fresh != token);

    let mut more = Vec::new();
    for _ in 1..16 {
        more.push(watch(&li, "").await.0);
    }
    let full = asked(&li, WatchTicketsRequest::default()).await.err();
    let overloaded = (Code::ResourceExhausted, "OVERLOADED".to_owned());
    assert_eq!(refusal(&full.unwrap()), overloaded);
    // Another's are counted apart, and a place that is left is free.
    let (mut others, _) = watch(&suite.caller(WANG), "").await;
    more.pop();
    let mut late = eventually(async || asked(&li, WatchTicketsRequest::default()).await.ok()).await;
    late.all().await;

    suite.end("ticket");
    for stream in [&mut first, &mut others, &mut late] {
        // Beats may have come before.
        let ended = loop {
            if let Err(ended) = stream.next().await {
                break ended;
            }
        };
        let unavailable = (Code::Unavailable, "UPSTREAM_UNAVAILABLE".to_owned());
        assert_eq!(refusal(&ended), unavailable);
    }
}

/// The gateway ends what it relays before it ends itself.
#[tokio::test(flavor = "multi_thread")]
async fn streams_end_before_their_gateway() {
    let suite = TestSuite::start().await;
    let (mut stream, _) = watch(&suite.caller(LI), "").await;
    suite.end("gateway");
    let ended = stream.next().await.unwrap_err();
    let unavailable = (Code::Unavailable, "UPSTREAM_UNAVAILABLE".to_owned());
    assert_eq!(refusal(&ended), unavailable);
}

/// A reader that takes nothing is caught up by what is: however often a ticket changed, it comes
/// no more often than was waited for, and as it is in the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_caught_up() {
    let suite = unbounded().await;
    let erp = suite.caller_for("erp", "integration");
    let head = suite.caller(HEAD);
    let customer = enter(&erp, person()).await;
    let (mut stream, _) = watch(&head, "").await;
    let mut all = Vec::new();
    for _ in 0..120 {
        let one = Ticket {
            department: name("departments", department_id("call_centre")),
            ..ticket(&customer.name)
        };
        let one = open(&erp, one).await;
        all.push(shown(&start(&erp, &one).await));
    }
    let mut seen = BTreeMap::new();
    let mut messages = 0;
    while seen.len() < all.len() || seen.values().any(|state| *state != all[0].1) {
        let message = stream.next().await.unwrap();
        assert!(message.changed.len() <= 100);
        seen.extend(message.changed.iter().map(shown));
        messages += 1;
    }
    assert_eq!(
        seen.into_iter().collect::<BTreeSet<_>>(),
        all.into_iter().collect()
    );
    assert!(messages <= 10, "{messages} messages for 240 changes");
}
