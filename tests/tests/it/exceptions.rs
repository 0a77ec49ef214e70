//! Figures outside what is usual are found by themselves, once, and somebody answers for each.

use std::time::Duration;

use jiff::{
    SignedDuration,
    civil::{Date, Weekday},
};
use kefu_access_control::seed::department_id;
use kefu_contracts::{
    analytics::{
        AcknowledgeExceptionRequest, Audience, Cadence, Dimension, Direction, Exception,
        ExceptionResponse, ExceptionRule, ExceptionRules, ExceptionRulesDefinition, ExceptionState,
        GetExceptionRequest, GetExceptionRulesRequest, Improvement, ListExceptionsRequest,
        ListExceptionsResponse, ReviseExceptionRulesRequest, SuggestImprovementRequest,
        exception_service_client::ExceptionServiceClient,
        improvement_service_client::ImprovementServiceClient,
    },
    ticket::{Ticket, TicketKind},
};
use kefu_service::{clock::Clock, fields::name, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::{Code, Status};

use crate::records::{enter, open, person, refusal, ticket, violations};

/// Nobody has to have heard of the policy for a while.
const LONG: u32 = 200_000_000;
const AGENT: &str = "li.wei";
/// Heads the call centre, where the agent works.
const HEAD: &str = "zhang.min";
/// Heads technical support, a part of it.
const HEAD_BELOW: &str = "zhao.lei";
const LEADER: &str = "chen.guodong";
const ADMINISTRATOR: &str = "han.bing";
const ID: &str = "0190c5a8-0000-7000-8000-00000000ae02";

fn exceptions(caller: &Caller) -> ExceptionServiceClient<Caller> {
    ExceptionServiceClient::new(caller.clone())
}

fn department(code: &str) -> String {
    name("departments", department_id(code))
}

fn rule(id: &str, metric: &str) -> ExceptionRule {
    ExceptionRule {
        id: id.into(),
        title_zh: "当日投诉".into(),
        metric: metric.into(),
        cadence: Cadence::Daily.into(),
        audience: Audience::Departments.into(),
        direction: Direction::Up.into(),
        past_periods: 5,
        least_records: 5,
        deviations: 3.0,
        ..ExceptionRule::default()
    }
}

/// Complaints of each day, and what is open at its end.
fn watched() -> ExceptionRulesDefinition {
    let complaints = ExceptionRule {
        dimension: Dimension::Kind.into(),
        value: "complaint".into(),
        ..rule("complaints", "tickets")
    };
    ExceptionRulesDefinition {
        time_zone: "Asia/Shanghai".into(),
        rules: vec![complaints, rule("open", "backlog")],
    }
}

async fn rules(caller: &Caller) -> ExceptionRules {
    let found = exceptions(caller)
        .get_exception_rules(GetExceptionRulesRequest {})
        .await;
    found.unwrap().into_inner()
}

async fn revise(
    caller: &Caller,
    definition: ExceptionRulesDefinition,
    etag: &str,
) -> Result<ExceptionRules, Status> {
    let request = ReviseExceptionRulesRequest {
        definition: Some(definition),
        reason: "先看投诉".into(),
        etag: etag.into(),
        ..Default::default()
    };
    let revised = exceptions(caller).revise_exception_rules(request).await;
    revised.map(tonic::Response::into_inner)
}

async fn list(caller: &Caller, filter: &str) -> ListExceptionsResponse {
    let request = ListExceptionsRequest {
        filter: filter.into(),
        ..Default::default()
    };
    let page = exceptions(caller).list_exceptions(request).await;
    page.unwrap().into_inner()
}

async fn get(caller: &Caller, name: &str) -> Result<Exception, Status> {
    let request = GetExceptionRequest { name: name.into() };
    let found = exceptions(caller).get_exception(request).await;
    found.map(tonic::Response::into_inner)
}

async fn acknowledge(
    caller: &Caller,
    request: AcknowledgeExceptionRequest,
) -> Result<Exception, Status> {
    let answered = exceptions(caller).acknowledge_exception(request).await;
    answered.map(tonic::Response::into_inner)
}

async fn suggest(caller: &Caller, department: &str) -> Improvement {
    let request = SuggestImprovementRequest {
        improvement: Some(Improvement {
            title: "投诉当日复盘".into(),
            description: "投诉突增当日由主管复盘。".into(),
            department: department.into(),
            ..Improvement::default()
        }),
        request_id: String::new(),
    };
    let mut client = ImprovementServiceClient::new(caller.clone());
    let made = client.suggest_improvement(request).await;
    made.unwrap().into_inner()
}

async fn counted(suite: &TestSuite, sql: &'static str) -> i64 {
    let mut connection = suite.database.connect().await.unwrap();
    let counted = sqlx::query_scalar::<_, i64>(sql);
    counted.fetch_one(&mut connection).await.unwrap()
}

async fn until(suite: &TestSuite, sql: &'static str, expected: i64) {
    eventually(async || (counted(suite, sql).await == expected).then_some(())).await;
}

async fn complain(suite: &TestSuite, erp: &Caller, customer: &str, times: usize, weeks: i64) {
    let at = suite.clock.now() - SignedDuration::from_hours(24 * 7 * weeks);
    for _ in 0..times {
        let complaint = Ticket {
            kind: TicketKind::Complaint.into(),
            received_time: Some(to_proto(at)),
            department: department("call_centre"),
            ..ticket(customer)
        };
        open(erp, complaint).await;
    }
}

fn today(suite: &TestSuite) -> Date {
    suite.clock.now().in_tz("Asia/Shanghai").unwrap().date()
}

/// When no call of the days before this one can run any more.
async fn begin_day(suite: &TestSuite, day: Date) {
    let midnight = day.in_tz("Asia/Shanghai").unwrap().timestamp();
    let left = Duration::try_from(midnight.duration_since(suite.clock.now())).unwrap();
    suite.clock.advance(left + Duration::from_secs(61));
    suite.policy_is_fresh().await;
}

async fn end_day(suite: &TestSuite) {
    begin_day(suite, today(suite).tomorrow().unwrap()).await;
}

async fn begin_week(suite: &TestSuite) {
    let monday = today(suite).nth_weekday(1, Weekday::Monday).unwrap();
    begin_day(suite, monday).await;
}

/// Clauses SG-7, IH-7: a day with many more complaints than the same days of the weeks before is
/// told to whom it concerns, once, by whichever instance; and somebody answers for it, once.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_unusual_is_found_once_and_answered_for() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = LONG).await;
    let _twin = suite.twin();
    let administrator = suite.caller(ADMINISTRATOR);
    let known = rules(&administrator).await;
    revise(&administrator, watched(), &known.etag)
        .await
        .unwrap();
    let begun =
        "SELECT count(*) FROM analytics.exception_schedule WHERE rule IN ('complaints', 'open')";
    until(&suite, begun, 2).await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    for weeks in 1..=5 {
        complain(&suite, &erp, &customer, 2, weeks).await;
    }
    complain(&suite, &erp, &customer, 8, 0).await;
    end_day(&suite).await;
    // Of the call centre, and of the head office, of which it is a part.
    until(&suite, "SELECT count(*) FROM analytics.exception", 2).await;
    // What is open is kept for each of the eleven departments, to compare later days with.
    until(
        &suite,
        "SELECT count(*) FROM analytics.exception_figure",
        11,
    )
    .await;
    let found = "SELECT count(*) FROM analytics.journal WHERE type = 'exception.found'";
    assert_eq!(
        counted(&suite, found).await,
        2,
        "by one of the two instances"
    );

    let (head, below) = (
        suite.caller_for(HEAD, "analysis").after(&erp),
        suite.caller_for(HEAD_BELOW, "analysis"),
    );
    let leader = suite.caller_for(LEADER, "analysis");
    let page = list(&head, "rule = \"complaints\" AND state = OPEN").await;
    assert_eq!(page.total_size, 1);
    let one = page.exceptions.into_iter().next().unwrap();
    assert_eq!(one.department, department("call_centre"));
    assert_eq!(one.department_title, "呼叫中心管理部");
    assert_eq!((one.count, one.figure, one.median), (8, 8.0, 2.0));
    assert!(one.usual_low < 2.0 && one.usual_high < 8.0);
    assert_eq!((one.compared_periods, one.version), (5, 1));
    assert_eq!(one.side(), Direction::Up);
    assert_eq!(one.rule.as_ref(), watched().rules.first());
    assert_eq!(list(&leader, "").await.total_size, 2);
    assert_eq!(list(&below, "").await.total_size, 0);
    let hidden = (Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE".to_owned());
    assert_eq!(refusal(&get(&below, &one.name).await.unwrap_err()), hidden);
    let answer = AcknowledgeExceptionRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        response: ExceptionResponse::Improved.into(),
        note: "错发型号，已提改进".into(),
        request_id: ID.into(),
        ..Default::default()
    };
    let refused = acknowledge(&below, answer.clone()).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "INVALID_FIELDS");

    let agent = suite.caller_for(AGENT, "analysis");
    let of_company = suggest(&agent, "").await;
    let of_centre = suggest(&agent, &department("call_centre")).await;
    let head = head.after(&agent);
    let wrong = acknowledge(&head, answer.clone()).await.unwrap_err();
    assert_eq!(violations(&wrong), ["improvement"], "it has to be named");
    let with = |improvement: &Improvement| AcknowledgeExceptionRequest {
        improvement: improvement.name.clone(),
        ..answer.clone()
    };
    let refused = acknowledge(&below, with(&of_centre)).await.unwrap_err();
    assert_eq!(refusal(&refused), hidden);
    let wrong = acknowledge(&head, with(&of_company)).await.unwrap_err();
    assert_eq!(
        violations(&wrong),
        ["improvement"],
        "none that the head sees"
    );
    let explained = AcknowledgeExceptionRequest {
        response: ExceptionResponse::Explained.into(),
        note: String::new(),
        ..with(&of_centre)
    };
    let wrong = acknowledge(&head, explained).await.unwrap_err();
    assert_eq!(violations(&wrong), ["note", "improvement"]);

    let answered = acknowledge(&head, with(&of_centre)).await.unwrap();
    assert_eq!(answered.state(), ExceptionState::Acknowledged);
    assert_eq!(answered.improvement, of_centre.name);
    assert_eq!(answered.acknowledger, name("employees", employee_id(HEAD)));
    let looks = "SELECT count(*) FROM analytics.journal WHERE type = 'exception.viewed'";
    let looked = counted(&suite, looks).await;
    let again = acknowledge(&head, with(&of_centre)).await.unwrap();
    assert_eq!(again, answered, "the same call");
    assert_eq!(counted(&suite, looks).await, looked + 1, "shown again");
    let stale = AcknowledgeExceptionRequest {
        request_id: String::new(),
        ..with(&of_centre)
    };
    let late = acknowledge(&head, stale.clone()).await.unwrap_err();
    assert_eq!(refusal(&late).1, "ETAG_MISMATCH");
    let twice = AcknowledgeExceptionRequest {
        etag: answered.etag.clone(),
        ..stale
    };
    let twice = acknowledge(&head, twice).await.unwrap_err();
    assert_eq!(refusal(&twice).1, "STATE_NOT_ALLOWED");
    assert_eq!(list(&head, "state = OPEN").await.total_size, 0);
    let told = "SELECT count(*) FROM analytics.journal WHERE type = 'exception.acknowledged'";
    assert_eq!(counted(&suite, told).await, 1);
    assert_eq!(counted(&suite, found).await, 2);
}

/// Clause SG-7: of a rule that was one of days and becomes one of weeks, a day and the week that
/// begins with it are each an exception.
#[tokio::test(flavor = "multi_thread")]
async fn a_day_and_its_week_are_each_an_exception() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = LONG).await;
    begin_week(&suite).await;
    let complaints = |cadence: Cadence| {
        let mut definition = watched();
        definition.rules.truncate(1);
        definition.rules[0].cadence = cadence.into();
        definition
    };
    let administrator = suite.caller(ADMINISTRATOR);
    let known = rules(&administrator).await;
    let daily = complaints(Cadence::Daily);
    let daily = revise(&administrator, daily, &known.etag).await.unwrap();
    let begun = "SELECT count(*) FROM analytics.exception_schedule WHERE rule = 'complaints'";
    until(&suite, begun, 1).await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    for weeks in 1..=5 {
        complain(&suite, &erp, &customer, 2, weeks).await;
    }
    complain(&suite, &erp, &customer, 8, 0).await;
    end_day(&suite).await;
    // Of the call centre, and of the head office, of which it is a part.
    let found = "SELECT count(*) FROM analytics.exception WHERE rule = 'complaints'";
    until(&suite, found, 2).await;
    let administrator = suite.caller(ADMINISTRATOR);
    let weekly = complaints(Cadence::Weekly);
    let weekly = revise(&administrator, weekly, &daily.etag).await;
    assert_eq!(weekly.unwrap().versions.len(), 3);
    begin_week(&suite).await;
    until(&suite, found, 4).await;
    let head = suite.caller_for(HEAD, "analysis");
    let page = list(&head, "rule = \"complaints\"").await;
    let [week, day] = page.exceptions.as_slice() else {
        panic!("{:?}", page.exceptions);
    };
    assert_eq!((week.count, day.count), (8, 8));
    assert_eq!(week.first_day, day.first_day);
    assert_eq!(day.last_day, day.first_day);
    assert_ne!(week.last_day, day.last_day);
}

/// Clause SG-7: what is watched is the company's to say, in versions; who has no such post sees no
/// exception.
#[tokio::test(flavor = "multi_thread")]
async fn the_company_says_what_is_watched() {
    let suite = TestSuite::start().await;
    let administrator = suite.caller(ADMINISTRATOR);
    let known = rules(&suite.caller_for("song.yue", "")).await;
    assert_eq!((known.versions.len(), known.versions[0].number), (1, 0));
    let refused = revise(&suite.caller(LEADER), watched(), &known.etag).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let mut wrong = watched();
    wrong.rules[0].least_records = 1;
    wrong.rules[1].metric = "sales".into();
    let wrong = revise(&administrator, wrong, &known.etag).await;
    assert_eq!(
        violations(&wrong.unwrap_err()),
        [
            "definition.rules[0].least_records",
            "definition.rules[1].metric"
        ]
    );
    let revised = revise(&administrator, watched(), &known.etag)
        .await
        .unwrap();
    assert_eq!(revised.versions[1].definition, Some(watched()));
    let late = revise(&administrator, watched(), &known.etag).await;
    assert_eq!(refusal(&late.unwrap_err()).1, "ETAG_MISMATCH");
    for login in ["wang.fang", "zheng.xue", ADMINISTRATOR] {
        let caller = suite.caller_for(login, "analysis");
        let request = ListExceptionsRequest::default();
        let refused = exceptions(&caller).list_exceptions(request).await;
        assert_eq!(
            refused.unwrap_err().code(),
            Code::PermissionDenied,
            "{login}"
        );
    }
    let nothing = AcknowledgeExceptionRequest {
        name: name("exceptions", ID.parse().unwrap()),
        etag: "r1".into(),
        response: ExceptionResponse::Handled.into(),
        note: "已处理".into(),
        ..Default::default()
    };
    let leader = suite.caller_for(LEADER, "analysis");
    let refused = acknowledge(&leader, nothing).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
}
