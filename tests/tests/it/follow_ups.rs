//! What is to be done for customers: whose it is, when it is due, and what becomes of it.

use std::time::Duration;

use kefu_access_control::seed::department_id;
use kefu_contracts::{
    order::{
        AssignFollowUpRequest, CompleteFollowUpRequest, CreateFollowUpRequest, CreateOrderRequest,
        DropFollowUpRequest, FollowUp, FollowUpKind, FollowUpState, GetFollowUpRequest,
        ListFollowUpsRequest, Order, PostponeFollowUpRequest, TakeFollowUpRequest,
        follow_up_service_client::FollowUpServiceClient,
    },
    profile::{ListDutiesRequest, timeline_service_client::TimelineServiceClient},
};
use kefu_service::{clock::Clock, fields::name, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::{Code, Status};

use crate::records::{enter, order, orders, person, place, refusal, said, violations};

const LI: &str = "li.wei";
const WANG: &str = "wang.fang";
const HEAD: &str = "zhang.min";
const ID: &str = "0190c5a8-0000-7000-8000-00000000ab01";
const HOUR: Duration = Duration::from_secs(3600);

fn client(caller: &Caller) -> FollowUpServiceClient<Caller> {
    FollowUpServiceClient::new(caller.clone())
}

fn person_name(login: &str) -> String {
    name("employees", employee_id(login))
}

/// Something to be done in two hours, about an order.
fn to_do(suite: &TestSuite, customer: &str, subject: &str) -> FollowUp {
    let due = suite.clock.now().checked_add(2 * HOUR).unwrap();
    FollowUp {
        customer: customer.into(),
        subject: subject.into(),
        due_time: Some(to_proto(due)),
        reason: "回电确认安装时间".into(),
        ..FollowUp::default()
    }
}

async fn create(caller: &Caller, follow_up: FollowUp, id: &str) -> Result<FollowUp, Status> {
    let request = CreateFollowUpRequest {
        follow_up: Some(follow_up),
        request_id: id.into(),
    };
    let answer = client(caller).create_follow_up(request).await;
    answer.map(|answer| answer.into_inner())
}

/// All that a filter finds for who asks.
pub(crate) async fn list(caller: &Caller, filter: &str) -> Vec<FollowUp> {
    let request = ListFollowUpsRequest {
        filter: filter.into(),
        ..Default::default()
    };
    let page = client(caller).list_follow_ups(request).await.unwrap();
    let page = page.into_inner();
    assert_eq!(page.total_size as usize, page.follow_ups.len());
    page.follow_ups
}

async fn get(caller: &Caller, one: &FollowUp) -> Result<FollowUp, Status> {
    let name = one.name.clone();
    let answer = client(caller)
        .get_follow_up(GetFollowUpRequest { name })
        .await;
    answer.map(|answer| answer.into_inner())
}

async fn assign(caller: &Caller, one: &FollowUp, to: &str) -> Result<FollowUp, Status> {
    let request = AssignFollowUpRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        assignee: to.into(),
        ..Default::default()
    };
    let answer = client(caller).assign_follow_up(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn take(caller: &Caller, one: &FollowUp) -> Result<FollowUp, Status> {
    let request = TakeFollowUpRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        ..Default::default()
    };
    let answer = client(caller).take_follow_up(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn postpone(
    caller: &Caller,
    one: &FollowUp,
    until: jiff::Timestamp,
) -> Result<FollowUp, Status> {
    let request = PostponeFollowUpRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        due_time: Some(to_proto(until)),
        reason: "客户出差".into(),
        ..Default::default()
    };
    let answer = client(caller).postpone_follow_up(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn complete(
    caller: &Caller,
    one: &FollowUp,
    outcome: &str,
    id: &str,
) -> Result<FollowUp, Status> {
    let request = CompleteFollowUpRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        request_id: id.into(),
        outcome: outcome.into(),
    };
    let answer = client(caller).complete_follow_up(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn drop_it(caller: &Caller, one: &FollowUp) -> Result<FollowUp, Status> {
    let request = DropFollowUpRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        reason: "客户不再需要".into(),
        ..Default::default()
    };
    let answer = client(caller).drop_follow_up(request).await;
    answer.map(|answer| answer.into_inner())
}

/// Entries of this type in the journal of orders.
pub(crate) async fn journaled(suite: &TestSuite, kind: &str) -> i64 {
    let mut sql = suite.database.connect().await.unwrap();
    let count = "SELECT count(*) FROM orders.journal WHERE type = $1";
    let count = sqlx::query_scalar(count).bind(kind);
    count.fetch_one(&mut sql).await.unwrap()
}

/// Who has duty by this, as customer-profile keeps it.
async fn on_duty(suite: &TestSuite, one: &FollowUp) -> Vec<String> {
    let mut duties = TimelineServiceClient::new(suite.caller(HEAD));
    let request = ListDutiesRequest {
        filter: format!("resource = \"{}\"", one.name),
        ..Default::default()
    };
    let duties = duties.list_duties(request).await.unwrap().into_inner();
    let standing = duties
        .duties
        .into_iter()
        .filter(|duty| duty.end_time.is_none());
    standing.map(|duty| duty.employee).collect()
}

fn hidden() -> (Code, String) {
    (Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE".to_owned())
}

/// Clauses OP-3.3, IH-3.2, CF-9.1: what is due for oneself is one list; whose it is has duty on
/// the file until it is done, and a repeated call is answered alike.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_one_list_and_is_done_once() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await;
    let bought = place(&li, order(&customer.name)).await;
    let mine = FollowUp {
        assignee: person_name(LI),
        ..to_do(&suite, &customer.name, &bought.name)
    };
    let made = create(&li, mine.clone(), ID).await.unwrap();
    assert_eq!(
        (made.kind(), made.state(), made.reason.as_str()),
        (FollowUpKind::Other, FollowUpState::Open, "回电确认安装时间")
    );
    assert_eq!(create(&li, mine, ID).await.unwrap(), made);
    let until = suite.clock.now().checked_add(24 * HOUR).unwrap();
    let due = format!("assignee = me AND state = OPEN AND due_time < \"{until}\"");
    let all = list(&li, &due).await;
    assert_eq!(
        (all.len(), &all[0].name, &all[0].reason),
        (1, &made.name, &made.reason)
    );
    assert!(list(&suite.caller(WANG), &due).await.is_empty());
    eventually(async || (on_duty(&suite, &made).await == [person_name(LI)]).then_some(())).await;

    assert_eq!(
        violations(&complete(&li, &made, "", "").await.unwrap_err()),
        ["outcome"]
    );
    let done = complete(&li, &made, "约在周六上午", ID).await;
    assert_eq!(refusal(&done.unwrap_err()).1, "REQUEST_ID_REUSED");
    let id = "0190c5a8-0000-7000-8000-00000000ab02";
    let done = complete(&li, &made, "约在周六上午", id).await.unwrap();
    assert_eq!(
        (done.state(), done.outcome.as_str(), done.closer.clone()),
        (FollowUpState::Done, "约在周六上午", person_name(LI))
    );
    assert!(done.close_time.is_some());
    assert_eq!(
        complete(&li, &made, "约在周六上午", id).await.unwrap(),
        done
    );
    assert!(list(&li, &due).await.is_empty());
    eventually(async || on_duty(&suite, &made).await.is_empty().then_some(())).await;
    let again = complete(&li, &done, "再做一次", "").await.unwrap_err();
    assert_eq!(
        (refusal(&again).1, said(&again, "state")),
        ("STATE_NOT_ALLOWED".into(), "DONE".into())
    );
    for kind in ["follow_up.opened", "follow_up.completed"] {
        assert_eq!(journaled(&suite, kind).await, 1, "{kind}");
    }
}

/// Clause OP-3.3: a request that comes again is answered alike, though by now its time is past, and
/// what is shown again is a view.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_is_answered_whatever_the_time() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = 2_000_000).await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await;
    let bought = place(&li, order(&customer.name)).await;
    let mine = FollowUp {
        assignee: person_name(LI),
        ..to_do(&suite, &customer.name, &bought.name)
    };
    let made = create(&li, mine.clone(), ID).await.unwrap();
    let until = suite.clock.now().checked_add(3 * HOUR).unwrap();
    let put_off = PostponeFollowUpRequest {
        name: made.name.clone(),
        etag: made.etag.clone(),
        request_id: "0190c5a8-0000-7000-8000-00000000ab03".into(),
        due_time: Some(to_proto(until)),
        reason: "客户出差".into(),
    };
    let postponed = client(&li).postpone_follow_up(put_off.clone()).await;
    let postponed = postponed.unwrap().into_inner();
    assert_eq!(journaled(&suite, "follow_up.viewed").await, 0);
    // Without a time of its own it is placed now.
    let promised = CreateOrderRequest {
        order: Some(Order {
            promised_time: mine.due_time,
            ..order(&customer.name)
        }),
        request_id: ID.into(),
    };
    let wang = suite.caller(WANG).after(&li);
    let placed = orders(&wang).create_order(promised.clone()).await;
    let placed = placed.unwrap().into_inner();

    // All are due by then.
    suite.clock.advance(4 * HOUR);
    let li = suite.caller(LI);
    let again = create(&li, mine.clone(), ID).await.unwrap();
    assert_eq!((&again.name, &again.etag), (&made.name, &made.etag));
    let again = client(&li).postpone_follow_up(put_off).await;
    let again = again.unwrap().into_inner();
    assert_eq!(again.etag, postponed.etag);
    assert_eq!(journaled(&suite, "follow_up.viewed").await, 2);
    assert_eq!(journaled(&suite, "follow_up.postponed").await, 1);
    let again = orders(&suite.caller(WANG)).create_order(promised).await;
    assert_eq!(again.unwrap().into_inner().name, placed.name);
    // Another request is held against the clock, whatever its id.
    for id in ["", ID] {
        let late = FollowUp {
            reason: "另一件事".into(),
            ..mine.clone()
        };
        let refused = create(&li, late, id).await.unwrap_err();
        assert_eq!(violations(&refused), ["follow_up.due_time"]);
    }
}

/// Clauses CF-9.1, OP-7.2: opening one is no way to somebody's file: it takes an order that one
/// reaches, or a department that one runs.
#[tokio::test(flavor = "multi_thread")]
async fn opening_one_is_no_way_into_a_file() {
    let suite = TestSuite::start().await;
    let (li, wang, head) = (suite.caller(LI), suite.caller(WANG), suite.caller(HEAD));
    let customer = enter(&li, person()).await;
    let wang = wang.after(&li);
    let bought = place(&li, order(&customer.name)).await;
    // An order of somebody else's, one that is not there, one of another customer.
    let for_me = |subject: &str| FollowUp {
        assignee: person_name(WANG),
        ..to_do(&suite, &customer.name, subject)
    };
    let nobody = name("orders", uuid::Uuid::nil());
    for subject in [bought.name.as_str(), nobody.as_str()] {
        let refused = create(&wang, for_me(subject), "").await.unwrap_err();
        assert_eq!(violations(&refused), ["follow_up.subject"], "{subject}");
    }
    let refused = create(&wang, for_me(""), "").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let other = enter(
        &li,
        kefu_contracts::profile::Customer {
            id_card: String::new(),
            ..person()
        },
    )
    .await;
    let mixed = to_do(&suite, &other.name, &bought.name);
    let refused = create(&li, mixed, "").await.unwrap_err();
    assert_eq!(violations(&refused), ["follow_up.subject"]);
    // To others it is given by who may assign.
    let refused = create(&li, for_me(&bought.name), "").await.unwrap_err();
    assert_eq!(violations(&refused), ["follow_up.assignee"]);
    let wrong = FollowUp {
        subject: "tickets/1".into(),
        due_time: Some(to_proto(suite.clock.now())),
        ..FollowUp::default()
    };
    let refused = create(&li, wrong, "").await.unwrap_err();
    let expected =
        ["customer", "reason", "due_time", "subject"].map(|field| format!("follow_up.{field}"));
    assert_eq!(violations(&refused), expected);
    let mut from_head = to_do(&suite, &customer.name, "");
    from_head.department = name("departments", department_id("call_centre"));
    let made = create(&head.after(&li), from_head.clone(), "")
        .await
        .unwrap();
    assert_eq!(made.assignee, "");
    from_head.department = name("departments", department_id("complaints"));
    let refused = create(&suite.caller("ma.chao"), from_head, "")
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    assert_eq!(journaled(&suite, "follow_up.opened").await, 1);
}

/// Clauses OP-3.4.4, CF-9.1: what waits for a department is seen there without its words, and is
/// somebody's once it is taken, or given to who may work on it; each with the etag it had.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_nobodys_is_taken_once_or_given() {
    let suite = TestSuite::start().await;
    let (li, wang, head) = (suite.caller(LI), suite.caller(WANG), suite.caller(HEAD));
    let customer = enter(&li, person()).await;
    let bought = place(&li, order(&customer.name)).await;
    let made = create(&li, to_do(&suite, &customer.name, &bought.name), "")
        .await
        .unwrap();
    let waiting = list(&wang, "state = OPEN").await;
    assert_eq!((waiting.len(), waiting[0].reason.as_str()), (1, ""));
    let omitted = &waiting[0].disclosure.as_ref().unwrap().omitted_fields;
    assert!(omitted.contains(&"reason".to_owned()), "{omitted:?}");
    // Another department knows nothing of it.
    let stranger = suite.caller("ma.chao");
    assert!(list(&stranger, "").await.is_empty());
    assert_eq!(refusal(&get(&stranger, &made).await.unwrap_err()), hidden());
    assert_eq!(
        refusal(&take(&stranger, &made).await.unwrap_err()),
        hidden()
    );
    // Team mates see it, and do with it only what is theirs to do.
    let refused = complete(&wang, &made, "做了", "").await.unwrap_err();
    assert_eq!(refusal(&refused), hidden());
    let refused = assign(&wang, &made, &person_name(WANG)).await.unwrap_err();
    assert_eq!(refusal(&refused).0, Code::PermissionDenied);
    assert_eq!(
        refusal(&drop_it(&li, &made).await.unwrap_err()).0,
        Code::PermissionDenied
    );

    let (one, two) = tokio::join!(take(&wang, &made), take(&li, &made));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    let refused = [&one, &two]
        .into_iter()
        .find_map(|taken| taken.as_ref().err())
        .unwrap();
    assert_eq!(refusal(refused).1, "ETAG_MISMATCH");
    let taken = one.or(two).unwrap();
    let refused = take(&li, &taken).await.unwrap_err();
    assert_eq!(
        (refusal(&refused).1, said(&refused, "state")),
        ("STATE_NOT_ALLOWED".into(), "ASSIGNED".into())
    );
    // To somebody whose post does not let them work on it.
    let refused = assign(&head, &taken, &person_name("zheng.xue"))
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["assignee"]);
    let refused = assign(&head, &made, &person_name(WANG)).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "ETAG_MISMATCH");
    let given = assign(&head, &taken, &person_name(WANG)).await.unwrap();
    assert_eq!(get(&wang, &given).await.unwrap().reason, made.reason);
    let dropped = drop_it(&head, &given).await.unwrap();
    assert_eq!(dropped.state(), FollowUpState::Dropped);
    assert_eq!(dropped.outcome, "客户不再需要");
}

/// Clause OP-3.3: a missed one escalates by steps, each told once however many instances look
/// and however the clock jumps, and begins anew when it is put off.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_missed_escalates() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = 2_000_000).await;
    let _twin = suite.twin();
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await;
    let bought = place(&li, order(&customer.name)).await;
    let mine = FollowUp {
        assignee: person_name(LI),
        ..to_do(&suite, &customer.name, &bought.name)
    };
    let made = create(&li, mine, "").await.unwrap();
    let now = suite.clock.now();
    let refused = postpone(&li, &made, now.checked_add(HOUR).unwrap())
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["due_time"]);
    // Those of what becomes late meanwhile are told as well.
    let missed_of = async |all: &[&FollowUp]| {
        let mut sql = suite.database.connect().await.unwrap();
        let names: Vec<_> = all.iter().map(|one| one.name.clone()).collect();
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM orders.journal WHERE type = 'follow_up.escalated' AND resource = ANY($1)",
        )
        .bind(names)
        .fetch_one(&mut sql)
        .await
        .unwrap();
        count
    };
    // Due in two hours, missed by four.
    suite.clock.advance(6 * HOUR);
    let escalated = async |level: i32| {
        eventually(async || {
            let li = suite.caller(LI);
            let one = get(&li, &made).await.unwrap();
            (one.escalation == level).then_some(one)
        })
        .await
    };
    escalated(1).await;
    assert_eq!(missed_of(&[&made]).await, 1);
    // Two steps at once are told as where they lead.
    suite.clock.advance(80 * HOUR);
    let missed = escalated(3).await;
    assert_eq!(missed_of(&[&made]).await, 2);
    let (li, head) = (suite.caller(LI), suite.caller(HEAD));
    assert_eq!(
        list(&head, "escalation >= 3 AND state = OPEN").await.len(),
        1
    );
    let until = suite.clock.now().checked_add(24 * HOUR).unwrap();
    let put_off = postpone(&li, &missed, until).await.unwrap();
    assert_eq!((put_off.escalation, put_off.postponements), (0, 1));
    assert_eq!(put_off.outcome, "客户出差");
    let done = complete(&li, &put_off, "已联系", "").await.unwrap();
    suite.clock.advance(200 * HOUR);
    // Of what is done nothing is missed: what comes after it is.
    let li = suite.caller(LI);
    let next = FollowUp {
        assignee: person_name(LI),
        ..to_do(&suite, &customer.name, &bought.name)
    };
    let next = create(&li, next, "").await.unwrap();
    suite.clock.advance(6 * HOUR);
    eventually(async || {
        let li = suite.caller(LI);
        (get(&li, &next).await.unwrap().escalation == 1).then_some(())
    })
    .await;
    let li = suite.caller(LI);
    let still = get(&li, &done).await.unwrap();
    assert_eq!((still.etag, still.escalation), (done.etag, 0));
    assert_eq!(missed_of(&[&made, &next]).await, 3);
}
