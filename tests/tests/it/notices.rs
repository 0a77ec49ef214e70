//! Customers are kept informed: by which rules, through whom, and what becomes of it.

mod connected;

use std::time::Duration;

use kefu_contracts::{
    common::Channel,
    policy::Purpose,
    profile::{
        ConsentDecision, RecordConsentRequest, consent_service_client::ConsentServiceClient,
    },
    ticket::{
        AssignTicketRequest, CloseTicketRequest, GetNoticeRequest, GetNoticeRulesRequest,
        GetTargetsRequest, GetTicketRequest, Language, ListNoticesRequest, MarkNoticeFailedRequest,
        MarkNoticeSentRequest, Notice, NoticeDefinition, NoticeEvent, NoticeRule, NoticeState,
        NoticeText, ReopenTicketRequest, ResolveTicketRequest, ReviseNoticeRulesRequest,
        ReviseTargetsRequest, StartTicketRequest, SuspendTicketRequest, TargetRule,
        TargetsDefinition, Ticket, WaitingFor, notice_service_client::NoticeServiceClient,
        target_service_client::TargetServiceClient,
    },
};
use kefu_service::{clock::Clock, fields::name, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::{Code, Response, Status};

use crate::{
    leak::dump,
    records::{enter, open, person, refusal, said, said_consent, ticket, tickets, violations},
};

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

pub(crate) async fn listed(caller: &Caller, filter: &str) -> Result<Vec<Notice>, Status> {
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
    notice: &Notice,
    note: &str,
    reference: &str,
) -> Result<Notice, Status> {
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

async fn get(caller: &Caller, ticket: &Ticket) -> Ticket {
    let request = GetTicketRequest {
        name: ticket.name.clone(),
    };
    let found = tickets(caller).get_ticket(request).await;
    found.unwrap().into_inner()
}

async fn count(suite: &TestSuite, kind: &str) -> i64 {
    let mut sql = suite.database.connect().await.unwrap();
    sqlx::query_scalar("SELECT count(*) FROM ticket.journal WHERE type = $1")
        .bind(kind)
        .fetch_one(&mut sql)
        .await
        .unwrap()
}

/// What the database says became of all notices, in the order in which they were written.
async fn states(suite: &TestSuite) -> Vec<(i16, i32)> {
    let mut sql = suite.database.connect().await.unwrap();
    sqlx::query_as("SELECT state, attempts FROM ticket.notice ORDER BY created_at, id")
        .fetch_all(&mut sql)
        .await
        .unwrap()
}

macro_rules! step {
    ($caller:expr, $of:expr, $method:ident, $request:ident { $($field:ident: $value:expr),* }) => {{
        let now = get($caller, $of).await;
        let request = $request { name: now.name, etag: now.etag, $($field: $value,)* ..Default::default() };
        tickets($caller).$method(request).await.unwrap().into_inner()
    }};
}

/// Clause SG-2.4: of each step that the company has a rule for the customer is told, written
/// with the step; who does it by hand says how, once.
#[tokio::test(flavor = "multi_thread")]
async fn customers_are_told_of_each_step_and_somebody_says_how() {
    use NoticeEvent::{
        Assigned, Closed, Received, Reopened, Resolved, Started, WaitingForCustomer,
    };
    let suite = TestSuite::start().await;
    let (admin, erp) = (
        suite.caller("han.bing"),
        suite.caller_for("erp", "integration"),
    );
    let (li, wang) = (suite.caller("li.wei"), suite.caller("wang.fang"));
    let steps = [
        Received,
        Assigned,
        Started,
        WaitingForCustomer,
        Resolved,
        Reopened,
        Closed,
    ];
    let rules = steps.map(|event| {
        let id = event
            .as_str_name()
            .to_lowercase()
            .replace("notice_event_", "t_");
        // Of the promised time nothing is known: the next rule counts.
        let unknown = rule(&format!("{id}_due"), event, "{ticket.promised_time}前解决");
        let text = format!("工单{{ticket.number}}：{{ticket.subject}}（{id}）");
        [unknown, rule(&id, event, &text)]
    });
    let customer = enter(&erp, person()).await.name;
    let before = open(&erp, ticket(&customer)).await;
    let refused = revise(&li, Vec::new()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let wrong = rule("x", Closed, "您好{customer.name}");
    let refused = revise(&admin, vec![wrong]).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        [
            "definition.rules[0].id",
            "definition.rules[0].texts[0].text[2]"
        ]
    );
    revise(&admin, rules.concat()).await.unwrap();
    assert_eq!(get(&erp, &before).await.notices, []);

    // What was long ago is no news.
    let long_ago = suite.clock.now() - Duration::from_secs(25 * 3600);
    let imported = Ticket {
        received_time: Some(to_proto(long_ago)),
        ..ticket(&customer)
    };
    open(&erp, imported).await;
    let one = open(&erp, ticket(&customer)).await;
    let li_name = name("employees", employee_id("li.wei"));
    step!(
        &erp,
        &one,
        assign_ticket,
        AssignTicketRequest { assignee: li_name }
    );
    let li = li.after(&erp);
    step!(&li, &one, start_ticket, StartTicketRequest {});
    let whom = WaitingFor::Customer.into();
    step!(
        &li,
        &one,
        suspend_ticket,
        SuspendTicketRequest { waiting_for: whom }
    );
    step!(
        &li,
        &one,
        resolve_ticket,
        ResolveTicketRequest {
            resolution: "已寄出".into()
        }
    );
    step!(
        &li,
        &one,
        reopen_ticket,
        ReopenTicketRequest {
            reason: "没收到".into()
        }
    );
    step!(
        &li,
        &one,
        resolve_ticket,
        ResolveTicketRequest {
            resolution: "已补寄".into()
        }
    );
    let now = get(&li, &one).await;
    let told: Vec<_> = now
        .notices
        .iter()
        .map(|one| (one.event(), one.state()))
        .collect();
    let expected = [
        Received,
        Assigned,
        Started,
        WaitingForCustomer,
        Resolved,
        Reopened,
        Resolved,
    ];
    assert_eq!(told, expected.map(|event| (event, NoticeState::Pending)));
    assert_eq!(count(&suite, "notice.written").await, 7);

    let mine = listed(&li, "state = PENDING").await.unwrap();
    assert_eq!(mine.len(), 7);
    assert_eq!(
        mine[0].text,
        format!("工单{}：净化器安装（t_received）", now.number)
    );
    // Nobody else's business.
    let wang = wang.after(&li);
    assert_eq!(listed(&wang, "").await.unwrap(), []);
    let hidden = notices(&wang)
        .get_notice(GetNoticeRequest {
            name: mine[0].name.clone(),
        })
        .await
        .unwrap_err();
    assert_eq!(refusal(&hidden).1, "NOT_FOUND_OR_OUT_OF_SCOPE");
    let refused = sent(&wang, &mine[0], "打了电话", "").await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);

    let refused = sent(&li, &mine[0], " ", "").await.unwrap_err();
    assert_eq!(violations(&refused), ["note"]);
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
    assert_eq!(
        (done.note.as_str(), done.marked_by.as_str()),
        ("打了电话", li_id().as_str())
    );
    let refused = sent(&li, &done, "又打了", "").await.unwrap_err();
    assert_eq!(said(&refused, "state"), "NOTICE_STATE_SENT");
    let failed = MarkNoticeFailedRequest {
        name: mine[1].name.clone(),
        etag: mine[1].etag.clone(),
        request_id: "0190c5a8-0000-7000-8000-0000000000ac".into(),
        note: "停机".into(),
    };
    let mut client = notices(&li);
    let once = client
        .mark_notice_failed(failed.clone())
        .await
        .unwrap()
        .into_inner();
    let looks = count(&suite, "notice.viewed").await;
    let again = client
        .mark_notice_failed(failed)
        .await
        .unwrap()
        .into_inner();
    assert_eq!((once.state(), &once), (NoticeState::Failed, &again));
    // Answered again, it is shown again.
    assert_eq!(count(&suite, "notice.viewed").await, looks + 1);
    assert_eq!(count(&suite, "notice.sent").await, 1);
    assert_eq!(count(&suite, "notice.failed").await, 1);
    let shown = get(&li, &one).await.notices;
    assert_eq!(
        (shown[0].state(), shown[0].channel()),
        (NoticeState::Sent, Channel::Phone)
    );
    assert_eq!(shown[1].state(), NoticeState::Failed);
    for (table, text) in dump::tables(&suite.database).await {
        assert!(
            !text.contains("t_received）") && !text.contains("通话 17"),
            "{table}"
        );
    }
    let closing = get(&li, &one).await;
    let close = CloseTicketRequest {
        name: closing.name,
        etag: closing.etag,
        ..Default::default()
    };
    tickets(&li).close_ticket(close).await.unwrap();
    let erp = erp.after(&li);
    assert_eq!(
        get(&erp, &one).await.notices.last().unwrap().event(),
        Closed
    );
}

fn li_id() -> String {
    name("employees", employee_id("li.wei"))
}

/// Clause SG-2.4: who does not want to be asked is not, and nobody is told by a channel
/// that they left out.
#[tokio::test(flavor = "multi_thread")]
async fn customers_are_told_as_they_want() {
    let suite = TestSuite::start().await;
    let (admin, erp) = (
        suite.caller("han.bing"),
        suite.caller_for("erp", "integration"),
    );
    let asks = NoticeRule {
        asks_for_quality: true,
        ..rule("ask", NoticeEvent::Received, "请评价{ticket.number}")
    };
    let plain = NoticeRule {
        channels: vec![Channel::Phone.into(), Channel::Email.into()],
        ..rule("plain", NoticeEvent::Received, "已受理{ticket.number}")
    };
    revise(&admin, vec![asks, plain]).await.unwrap();
    let mut told = Vec::new();
    for decision in [
        None,
        Some(ConsentDecision::Given),
        Some(ConsentDecision::Refused),
    ] {
        let customer = enter(&erp, person()).await.name;
        if let Some(decision) = decision {
            let request = RecordConsentRequest {
                consent: Some(said_consent(&customer, Purpose::Quality, decision)),
                request_id: String::new(),
            };
            let mut consents = ConsentServiceClient::new(erp.clone());
            consents.record_consent(request).await.unwrap();
        }
        let one = open(&erp, ticket(&customer)).await;
        let filter = format!("ticket = \"{}\"", one.name);
        let [notice] = listed(&erp, &filter).await.unwrap().try_into().unwrap();
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
    let by_email = |notice: &Notice| MarkNoticeSentRequest {
        name: notice.name.clone(),
        etag: notice.etag.clone(),
        channel: Channel::OnSite.into(),
        note: "当面".into(),
        ..Default::default()
    };
    let all = listed(&erp, "").await.unwrap();
    let mut client = notices(&erp);
    let refused = client
        .mark_notice_sent(by_email(&all[1]))
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["channel"]);
    client.mark_notice_sent(by_email(&all[0])).await.unwrap();
}

/// Clause SG-2.4: when the solution is due at another time than was said, that is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_promise_that_moves_is_told_once() {
    let suite = TestSuite::start().await;
    let (admin, erp) = (
        suite.caller("han.bing"),
        suite.caller_for("erp", "integration"),
    );
    let text = "工单{ticket.number}预计{ticket.promised_time}前解决";
    revise(
        &admin,
        vec![rule("moved", NoticeEvent::PromiseChanged, text)],
    )
    .await
    .unwrap();
    let mut targets = TargetServiceClient::new(admin.clone());
    let etag = targets
        .get_targets(GetTargetsRequest {})
        .await
        .unwrap()
        .into_inner()
        .etag;
    let request = ReviseTargetsRequest {
        definition: Some(TargetsDefinition {
            rules: vec![TargetRule {
                id: "solve".into(),
                resolution_seconds: 8 * 3600,
                pauses_for: vec![WaitingFor::Customer.into()],
                ..TargetRule::default()
            }],
        }),
        reason: "八小时".into(),
        etag,
        ..Default::default()
    };
    targets.revise_targets(request).await.unwrap();
    let customer = enter(&erp, person()).await.name;
    let one = open(&erp, ticket(&customer)).await;
    let promised = async |suite: &TestSuite| -> Option<String> {
        let mut sql = suite.database.connect().await.unwrap();
        sqlx::query_scalar(
            "SELECT promised_at::text FROM ticket.clock WHERE metric = 3 AND due_at IS NOT NULL",
        )
        .fetch_optional(&mut sql)
        .await
        .unwrap()
    };
    let first = eventually(async || promised(&suite).await).await;
    step!(&erp, &one, start_ticket, StartTicketRequest {});
    let whom = WaitingFor::Customer.into();
    step!(
        &erp,
        &one,
        suspend_ticket,
        SuspendTicketRequest { waiting_for: whom }
    );
    eventually(async || promised(&suite).await.is_none().then_some(())).await;
    assert_eq!(states(&suite).await, []);
    suite.clock.advance(Duration::from_secs(3600));
    let erp = suite.caller_for("erp", "integration");
    suite.policy_is_fresh().await;
    step!(&erp, &one, start_ticket, StartTicketRequest {});
    eventually(async || (!states(&suite).await.is_empty()).then_some(())).await;
    assert_ne!(promised(&suite).await.unwrap(), first);
    let [told] = listed(&erp, "").await.unwrap().try_into().unwrap();
    assert!(told.text.contains("预计20"), "{}", told.text);
    assert_eq!(count(&suite, "notice.written").await, 1);
}
