//! Customers are told of trouble with their orders: by which rules, through whom, and what becomes
//! of it.

mod connected;

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::{
    common::Channel,
    order::{
        GetNoticeRequest, GetNoticeRulesRequest, Language, ListNoticesRequest,
        MarkNoticeFailedRequest, MarkNoticeSentRequest, NoticeDefinition, NoticeEvent, NoticeRule,
        NoticeState, NoticeText, Order, OrderNotice, OrderStage, ReviseNoticeRulesRequest,
        StagePromise, notice_service_client::NoticeServiceClient,
    },
    policy::Purpose,
    profile::ConsentDecision,
};
use kefu_service::{clock::Clock, fields::name, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::{Code, Response, Status};

use crate::{
    follow_ups::journaled,
    leak::dump,
    orders_in_trouble::{get, hours, promise, tell, turn},
    records::{enter, order, person, place, refusal, said, said_consent, say, violations},
};

const LI: &str = "li.wei";
const ID: &str = "0190c5a8-0000-7000-8000-0000000000ad";

fn notices(caller: &Caller) -> NoticeServiceClient<Caller> {
    NoticeServiceClient::new(caller.clone())
}

/// Tells customers this of what happened.
pub(crate) fn rule(id: &str, event: NoticeEvent, text: &str) -> NoticeRule {
    NoticeRule {
        id: id.into(),
        event: event.into(),
        texts: vec![NoticeText {
            language: Language::ZhCn.into(),
            text: text.into(),
        }],
        ..NoticeRule::default()
    }
}

/// Puts rules in force.
pub(crate) async fn revise(caller: &Caller, rules: Vec<NoticeRule>) -> Result<(), Status> {
    let mut client = notices(caller);
    let now = client.get_notice_rules(GetNoticeRulesRequest {}).await?;
    let request = ReviseNoticeRulesRequest {
        definition: Some(NoticeDefinition { rules }),
        reason: "告知客户".into(),
        etag: now.into_inner().etag,
        ..Default::default()
    };
    client.revise_notice_rules(request).await.map(drop)
}

pub(crate) async fn listed(caller: &Caller, filter: &str) -> Result<Vec<OrderNotice>, Status> {
    let request = ListNoticesRequest {
        page_size: 200,
        filter: filter.into(),
        order_by: "create_time".into(),
        ..Default::default()
    };
    let listed = notices(caller).list_notices(request).await?;
    Ok(listed.into_inner().notices)
}

/// Somebody told the customer on the phone.
pub(crate) async fn sent(
    caller: &Caller,
    notice: &OrderNotice,
    note: &str,
    reference: &str,
) -> Result<OrderNotice, Status> {
    let request = MarkNoticeSentRequest {
        name: notice.name.clone(),
        etag: notice.etag.clone(),
        channel: Channel::Phone.into(),
        note: note.into(),
        reference: reference.into(),
        ..Default::default()
    };
    let sent = notices(caller).mark_notice_sent(request).await;
    sent.map(Response::into_inner)
}

/// An order of which a stage is promised for then.
pub(crate) fn promised(customer: &str, stage: OrderStage, at: Timestamp) -> Order {
    Order {
        promises: vec![StagePromise {
            stage: stage.into(),
            promised_time: Some(to_proto(at)),
        }],
        ..order(customer)
    }
}

/// An order that is late since a minute.
async fn late(suite: &TestSuite, caller: &Caller, customer: &str) -> Order {
    let at = suite.clock.now() - SignedDuration::from_secs(60);
    place(caller, overdue(customer, at)).await
}

/// An order that was to be shipped by then, placed an hour before.
fn overdue(customer: &str, at: Timestamp) -> Order {
    Order {
        placed_time: Some(to_proto(at - SignedDuration::from_hours(1))),
        ..promised(customer, OrderStage::Shipped, at)
    }
}

/// So many notices, once they are there.
async fn written(caller: &Caller, count: usize) -> Vec<OrderNotice> {
    eventually(async || {
        let all = listed(caller, "").await.ok()?;
        (all.len() == count).then_some(all)
    })
    .await
}

/// What the database says became of all notices, in the order in which they were written.
async fn states(suite: &TestSuite) -> Vec<(i16, i32)> {
    let mut sql = suite.database.connect().await.unwrap();
    sqlx::query_as("SELECT state, attempts FROM orders.notice ORDER BY created_at, id")
        .fetch_all(&mut sql)
        .await
        .unwrap()
}

/// Clauses OP-3.4.4, SG-2.4: a customer is told by the company's rules that their order is late or
/// stuck, that another moment is promised, and that it goes on: each once, however many
/// instances look, and nothing that is no news any more.
#[tokio::test(flavor = "multi_thread")]
async fn customers_are_told_of_late_and_stuck_orders_once() {
    use NoticeEvent::{Late, LateNoMore, PromiseChanged, Stuck, StuckNoMore};
    let suite = TestSuite::start().await;
    let _twin = suite.twin();
    let (li, admin) = (suite.caller(LI), suite.caller("han.bing"));
    let customer = enter(&li, person()).await.name;
    // Before the company wrote what is told.
    let before = late(&suite, &li, &customer).await;
    eventually(async || get(&li, &before).await.late_time).await;
    let events = [Late, PromiseChanged, LateNoMore, Stuck, StuckNoMore];
    let mut rules: Vec<_> = events
        .map(|event| {
            let id = event
                .as_str_name()
                .to_lowercase()
                .replace("notice_event_", "t_");
            rule(
                &id,
                event,
                &format!("订单{{order.number}}：{{order.stage}}（{id}）"),
            )
        })
        .into();
    rules[1].texts[0].text = "订单{order.number}改于{order.new_promised_time}{order.stage}".into();
    // Of another promise nothing is known when it is late: the next rule counts.
    rules.insert(0, rule("other", Late, "改于{order.new_promised_time}"));
    revise(&admin, rules).await.unwrap();

    // What was long ago is no news.
    let long_ago = suite.clock.now() - SignedDuration::from_hours(25);
    let imported = Order {
        placed_time: Some(to_proto(long_ago - SignedDuration::from_hours(720))),
        ..overdue(&customer, long_ago)
    };
    let imported = place(&li, imported).await;
    eventually(async || get(&li, &imported).await.late_time).await;
    let one = late(&suite, &li, &customer).await;
    let [first] = written(&li, 1).await.try_into().unwrap();
    assert_eq!(first.text, format!("订单{}：发货（t_late）", one.number));
    assert_eq!((&first.order, &first.customer), (&one.name, &customer));
    assert_eq!((first.rule.as_str(), first.rules_version), ("t_late", 1));

    let then = suite.clock.now() + SignedDuration::from_hours(2);
    let now = get(&li, &one).await;
    promise(&li, &now, OrderStage::Shipped, then, "")
        .await
        .unwrap();
    let all = written(&li, 2).await;
    assert_eq!(all[1].event(), PromiseChanged);
    let start = format!("订单{}改于20", one.number);
    assert!(all[1].text.starts_with(&start), "{}", all[1].text);
    turn(&suite, hours(2)).await;
    written(&suite.caller(LI), 3).await;
    tell(
        &suite.caller(LI),
        &one,
        OrderStage::Shipped,
        suite.clock.now(),
    )
    .await;
    written(&suite.caller(LI), 4).await;
    turn(&suite, hours(240)).await;
    written(&suite.caller(LI), 5).await;
    let end = suite.clock.now();
    tell(&suite.caller(LI), &one, OrderStage::Delivered, end).await;
    let all = written(&suite.caller(LI), 6).await;
    let told: Vec<_> = all.iter().map(|one| (one.event(), one.state())).collect();
    let expected = [Late, PromiseChanged, Late, LateNoMore, Stuck, StuckNoMore];
    assert_eq!(told, expected.map(|event| (event, NoticeState::Pending)));
    assert!(all.iter().all(|notice| notice.order == one.name));
    assert_eq!(journaled(&suite, "order_notice.written").await, 6);
    let found = listed(&suite.caller(LI), "event = STUCK AND state = PENDING").await;
    assert_eq!(found.unwrap().len(), 1);
}

/// Clauses OP-3.4.4, SG-2.4: where there is no connector somebody tells the customer and says how,
/// once; what they say is sealed.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_says_how_a_customer_was_told_of_an_order() {
    let suite = TestSuite::start().await;
    let (li, admin) = (suite.caller(LI), suite.caller("han.bing"));
    let told = rule("late", NoticeEvent::Late, "订单{order.number}晚了");
    revise(&admin, vec![told]).await.unwrap();
    let customer = enter(&li, person()).await.name;
    let mut orders = Vec::new();
    for count in 1..=2 {
        orders.push(late(&suite, &li, &customer).await);
        written(&li, count).await;
    }
    let mine = written(&li, 2).await;
    let asked = GetNoticeRequest {
        name: mine[0].name.clone(),
    };
    let shown = notices(&li).get_notice(asked.clone()).await.unwrap();
    assert_eq!(shown.into_inner().text, mine[0].text);
    // Nobody else's business.
    let wang = suite.caller("wang.fang").after(&li);
    assert_eq!(listed(&wang, "").await.unwrap(), []);
    let hidden = notices(&wang).get_notice(asked).await.unwrap_err();
    assert_eq!(refusal(&hidden).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    let refused = sent(&wang, &mine[0], "打了电话", "").await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);

    // Two at once: one of them said so.
    let both = tokio::join!(
        sent(&li, &mine[0], "打了电话", "通话 17"),
        sent(&li, &mine[0], "打了电话", "通话 17")
    );
    let (done, late) = match both {
        (Ok(done), Err(late)) | (Err(late), Ok(done)) => (done, late),
        other => panic!("one of two is taken: {other:?}"),
    };
    assert_eq!(refusal(&late).1, "ETAG_MISMATCH");
    assert_eq!(
        (done.state(), done.channel()),
        (NoticeState::Sent, Channel::Phone)
    );
    let by = name("employees", employee_id(LI));
    assert_eq!((done.note.as_str(), &done.marked_by), ("打了电话", &by));
    let refused = sent(&li, &done, "又打了", "").await.unwrap_err();
    assert_eq!(said(&refused, "state"), "NOTICE_STATE_SENT");
    let failed = MarkNoticeFailedRequest {
        name: mine[1].name.clone(),
        etag: mine[1].etag.clone(),
        request_id: ID.into(),
        note: "停机".into(),
    };
    let mut client = notices(&li);
    let once = client
        .mark_notice_failed(failed.clone())
        .await
        .unwrap()
        .into_inner();
    let viewed = journaled(&suite, "order_notice.viewed").await;
    let again = client
        .mark_notice_failed(failed)
        .await
        .unwrap()
        .into_inner();
    assert_eq!((once.state(), &once), (NoticeState::Failed, &again));
    let viewed_now = journaled(&suite, "order_notice.viewed").await;
    assert_eq!(viewed_now, viewed + 1);
    assert_eq!(journaled(&suite, "order_notice.sent").await, 1);
    assert_eq!(journaled(&suite, "order_notice.failed").await, 1);
    // The order says what became of its own.
    for (order, notice) in orders.iter().zip([&done, &once]) {
        let shown = get(&li, order).await.notices;
        let shown: Vec<_> = shown
            .iter()
            .map(|one| (&one.name, one.event(), one.state(), one.channel()))
            .collect();
        let (state, channel) = (notice.state(), notice.channel());
        assert_eq!(shown, [(&notice.name, NoticeEvent::Late, state, channel)]);
    }
    for (table, text) in dump::tables(&suite.database).await {
        assert!(
            !text.contains("晚了") && !text.contains("通话 17"),
            "{table}"
        );
    }
}

/// Clauses OP-3.4.4, SG-2.4: whatever is wrong with a call is said at once, and nobody does what
/// they may not.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_about_notices_of_orders_is_refused() {
    let suite = TestSuite::start().await;
    let (li, admin) = (suite.caller(LI), suite.caller("han.bing"));
    let refused = revise(&li, Vec::new()).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let mut wrong = rule("x", NoticeEvent::Stuck, "您好{customer.name}");
    wrong.stages = vec![99];
    let refused = revise(&admin, vec![wrong]).await.unwrap_err();
    let expected = [
        "definition.rules[0].id",
        "definition.rules[0].stages[0]",
        "definition.rules[0].texts[0].text[2]",
    ];
    assert_eq!(violations(&refused), expected);
    let told = rule("late", NoticeEvent::Late, "订单{order.number}晚了");
    let stale = ReviseNoticeRulesRequest {
        definition: Some(NoticeDefinition {
            rules: vec![told.clone()],
        }),
        reason: "告知".into(),
        etag: "r9".into(),
        ..Default::default()
    };
    let refused = notices(&admin).revise_notice_rules(stale).await;
    assert_eq!(refusal(&refused.unwrap_err()).1, "ETAG_MISMATCH");
    revise(&admin, vec![told]).await.unwrap();
    let auditor = suite.caller("dong.jie");
    let mut client = notices(&auditor);
    let refused = client.get_notice_rules(GetNoticeRulesRequest {}).await;
    assert_eq!(refusal(&refused.unwrap_err()).1, "PERMISSION_MISSING");
    let refused = listed(&auditor, "").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");

    let customer = enter(&li, person()).await.name;
    late(&suite, &li, &customer).await;
    let [one] = written(&li, 1).await.try_into().unwrap();
    let mut client = notices(&li);
    let list = ListNoticesRequest {
        page_size: 500,
        filter: "text = \"晚\"".into(),
        order_by: "state".into(),
        ..Default::default()
    };
    let refused = client.list_notices(list).await.unwrap_err();
    assert_eq!(violations(&refused), ["page_size", "filter", "order_by"]);
    for (named, reason) in [
        (
            name("order-notices", uuid::Uuid::nil()),
            "NOT_FOUND_OR_OUT_OF_SCOPE",
        ),
        (one.name.replace("order-notices", "notices"), ""),
    ] {
        let get = GetNoticeRequest {
            name: named.clone(),
        };
        let refused = client.get_notice(get).await.unwrap_err();
        match reason {
            "" => assert_eq!(violations(&refused), ["name"]),
            reason => assert_eq!(refusal(&refused).1, reason),
        }
    }
    let wrong = MarkNoticeSentRequest {
        name: one.order.clone(),
        etag: "x".into(),
        request_id: "17".into(),
        channel: 99,
        note: " ".into(),
        reference: "单".repeat(201),
    };
    let refused = client.mark_notice_sent(wrong).await.unwrap_err();
    let expected = ["request_id", "name", "etag", "channel", "note", "reference"];
    assert_eq!(violations(&refused), expected);
    let wrong = MarkNoticeFailedRequest {
        name: one.order.clone(),
        ..Default::default()
    };
    let refused = client.mark_notice_failed(wrong).await.unwrap_err();
    assert_eq!(violations(&refused), ["name", "etag", "note"]);
    let failed = MarkNoticeFailedRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        note: "停机".into(),
        ..Default::default()
    };
    let refused = notices(&suite.caller("wang.fang"))
        .mark_notice_failed(failed.clone())
        .await;
    assert_eq!(
        refusal(&refused.unwrap_err()).1,
        "NOT_FOUND_OR_OUT_OF_SCOPE"
    );
    let refused = notices(&auditor).mark_notice_failed(failed.clone()).await;
    assert_eq!(refusal(&refused.unwrap_err()).1, "PERMISSION_MISSING");
    client.mark_notice_failed(failed.clone()).await.unwrap();
    let refused = client.mark_notice_failed(failed).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "ETAG_MISMATCH");
}

/// Clauses OP-3.4.4, SG-2.4: who does not want to be asked is not, and nobody is told by a channel
/// that they left out.
#[tokio::test(flavor = "multi_thread")]
async fn customers_are_told_of_orders_as_they_want() {
    let suite = TestSuite::start().await;
    let (li, admin) = (suite.caller(LI), suite.caller("han.bing"));
    let asks = NoticeRule {
        asks_for_quality: true,
        ..rule("ask", NoticeEvent::Late, "订单{order.number}晚了，请评价")
    };
    let plain = NoticeRule {
        channels: vec![Channel::Phone.into(), Channel::Email.into()],
        ..rule("plain", NoticeEvent::Late, "订单{order.number}晚了")
    };
    revise(&admin, vec![asks, plain]).await.unwrap();
    let mut told = Vec::new();
    for decision in [
        None,
        Some(ConsentDecision::Given),
        Some(ConsentDecision::Refused),
    ] {
        let customer = enter(&li, person()).await.name;
        if let Some(decision) = decision {
            say(&li, said_consent(&customer, Purpose::Quality, decision)).await;
        }
        late(&suite, &li, &customer).await;
        let filter = format!("customer = \"{customer}\"");
        let [notice] = eventually(async || {
            let all = listed(&li, &filter).await.unwrap();
            (!all.is_empty()).then_some(all)
        })
        .await
        .try_into()
        .unwrap();
        let channels: Vec<_> = notice.channels().collect();
        told.push((notice.rule.clone(), channels));
    }
    let expected = [
        ("ask".to_owned(), vec![]),
        ("ask".to_owned(), vec![Channel::Phone]),
        ("plain".to_owned(), vec![Channel::Phone, Channel::Email]),
    ];
    assert_eq!(told, expected);
    // By no other channel than those.
    let in_person = |notice: &OrderNotice| MarkNoticeSentRequest {
        name: notice.name.clone(),
        etag: notice.etag.clone(),
        channel: Channel::OnSite.into(),
        note: "当面".into(),
        ..Default::default()
    };
    let all = listed(&li, "").await.unwrap();
    let mut client = notices(&li);
    let refused = client.mark_notice_sent(in_person(&all[1])).await;
    assert_eq!(violations(&refused.unwrap_err()), ["channel"]);
    client.mark_notice_sent(in_person(&all[0])).await.unwrap();
}
