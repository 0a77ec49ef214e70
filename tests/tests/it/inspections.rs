//! Quality inspection: what is drawn, scored by whom, seen by whom, and objected to.

mod afterwards;
mod appeals;
mod sampling;

use jiff::Timestamp;
use kefu_access_control::seed::department_id;
use kefu_contracts::ticket::{
    AppealInspectionRequest, AppealOutcome, AssignTicketRequest, CompleteInspectionTaskRequest,
    DecideInspectionAppealRequest, GetInspectionRequest, GetInspectionRulesRequest,
    GetInspectionTaskRequest, InspectTicketRequest, Inspection, InspectionDefinition,
    InspectionFigures, InspectionRules, InspectionState, InspectionTask, InspectionTaskKind,
    InspectionTaskState, ItemScore, KnockOutAnswer, ListInspectionTasksRequest,
    ListInspectionsRequest, ListInspectionsResponse, MeasureInspectionsRequest,
    MeasureInspectionsResponse, ResolveTicketRequest, ReviseInspectionRulesRequest, SheetComment,
    Ticket, inspection_service_client::InspectionServiceClient,
};
use kefu_service::{clock::Clock, fields::name, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::{Code, Response, Status};

use crate::{
    destruction::id,
    leak::dump::tables,
    records::{enter, open, person, refusal, ticket, tickets, violations},
};

const INSPECTORS: [&str; 2] = ["gao.yuan", "ding.lan"];
const HEAD: &str = "sun.li";
const AGENT: &str = "wang.fang";
const NORMS: [&str; 5] = [
    "courtesy",
    "clarity",
    "no_quarrel",
    "no_promise",
    "no_passing_the_buck",
];

pub(crate) fn inspections(caller: &Caller) -> InspectionServiceClient<Caller> {
    InspectionServiceClient::new(caller.clone())
}

fn employee(login: &str) -> String {
    name("employees", employee_id(login))
}

fn for_quality(suite: &TestSuite, login: &str) -> Caller {
    suite.caller_for(login, "quality")
}

async fn rules(caller: &Caller) -> InspectionRules {
    let request = GetInspectionRulesRequest {};
    let found = inspections(caller).get_inspection_rules(request).await;
    found.unwrap().into_inner()
}

async fn revise(
    caller: &Caller,
    etag: &str,
    definition: InspectionDefinition,
) -> Result<InspectionRules, Status> {
    let request = ReviseInspectionRulesRequest {
        etag: etag.into(),
        definition: Some(definition),
        reason: "质检安排".into(),
        ..ReviseInspectionRulesRequest::default()
    };
    let revised = inspections(caller).revise_inspection_rules(request).await;
    revised.map(Response::into_inner)
}

/// Says who inspects, and whatever else.
pub(crate) async fn staffed(suite: &TestSuite, change: impl FnOnce(&mut InspectionDefinition)) {
    let administrator = suite.caller("han.bing");
    let known = rules(&administrator).await;
    let last = known.versions.last().unwrap();
    let mut definition = last.definition.clone().unwrap();
    definition.department = name("departments", department_id("training_quality"));
    definition.inspectors = INSPECTORS.map(employee).to_vec();
    definition.deciders = vec![employee(HEAD)];
    change(&mut definition);
    revise(&administrator, &known.etag, definition)
        .await
        .unwrap();
}

/// A ticket of the call centre that somebody resolved, now.
async fn resolved(suite: &TestSuite, erp: &Caller, customer: &str, login: &str) -> Ticket {
    resolved_at(erp, customer, login, suite.clock.now()).await
}

/// The same, then.
async fn resolved_at(erp: &Caller, customer: &str, login: &str, at: Timestamp) -> Ticket {
    let then = Some(to_proto(at));
    let one = Ticket {
        department: name("departments", department_id("call_centre")),
        received_time: then,
        ..ticket(customer)
    };
    let opened = open(erp, one).await;
    let request = AssignTicketRequest {
        name: opened.name,
        etag: opened.etag,
        assignee: employee(login),
        occurred_time: then,
        ..AssignTicketRequest::default()
    };
    let assigned = tickets(erp).assign_ticket(request).await.unwrap();
    let assigned = assigned.into_inner();
    let request = ResolveTicketRequest {
        name: assigned.name,
        etag: assigned.etag,
        resolution: "已更换滤网".into(),
        occurred_time: then,
        ..ResolveTicketRequest::default()
    };
    let resolved = tickets(erp).resolve_ticket(request).await;
    resolved.unwrap().into_inner()
}

pub(crate) async fn order(caller: &Caller, ticket: &str, second: bool) -> Result<(), Status> {
    let request = InspectTicketRequest {
        ticket: ticket.into(),
        second,
        ..InspectTicketRequest::default()
    };
    inspections(caller).inspect_ticket(request).await.map(drop)
}

pub(crate) async fn tasks(caller: &Caller) -> Vec<InspectionTask> {
    let request = ListInspectionTasksRequest::default();
    let found = inspections(caller).list_inspection_tasks(request).await;
    found.unwrap().into_inner().inspection_tasks
}

/// How many tasks the caller is told of.
async fn counted(caller: &Caller) -> i32 {
    let request = ListInspectionTasksRequest::default();
    let found = inspections(caller).list_inspection_tasks(request).await;
    found.unwrap().into_inner().total_size
}

/// The open task of a kind, once somebody of these has it.
pub(crate) async fn given<'a>(
    callers: &[&'a Caller],
    ticket: &str,
    kind: InspectionTaskKind,
) -> (&'a Caller, InspectionTask) {
    eventually(async || {
        for caller in callers.iter().copied() {
            let open = tasks(caller).await.into_iter().find(|task| {
                let open = task.state() == InspectionTaskState::Open;
                open && task.kind() == kind && task.ticket == ticket
            });
            if let Some(task) = open {
                return Some((caller, task));
            }
        }
        None
    })
    .await
}

/// So many points of each norm, with a comment where it falls short.
pub(crate) fn sheet(
    task: &InspectionTask,
    points: i32,
    text: &str,
) -> CompleteInspectionTaskRequest {
    let comments = NORMS
        .iter()
        .filter(|_| points < 5)
        .map(|item| SheetComment {
            item: (*item).into(),
            text: text.into(),
        });
    CompleteInspectionTaskRequest {
        name: task.name.clone(),
        etag: task.etag.clone(),
        scores: NORMS
            .map(|item| ItemScore {
                item: item.into(),
                points,
            })
            .to_vec(),
        knock_outs: vec![KnockOutAnswer {
            knock_out: "no_leak".into(),
            failed: false,
        }],
        comments: comments.collect(),
        request_id: String::new(),
    }
}

pub(crate) async fn complete(
    caller: &Caller,
    request: CompleteInspectionTaskRequest,
) -> Result<InspectionTask, Status> {
    let done = inspections(caller).complete_inspection_task(request).await;
    done.map(Response::into_inner)
}

pub(crate) async fn listed(caller: &Caller, filter: &str) -> ListInspectionsResponse {
    let request = ListInspectionsRequest {
        filter: filter.into(),
        ..ListInspectionsRequest::default()
    };
    let found = inspections(caller).list_inspections(request).await;
    found.unwrap().into_inner()
}

/// The only result that the caller finds.
async fn only(caller: &Caller) -> Inspection {
    let mut found = listed(caller, "").await.inspections;
    assert_eq!(found.len(), 1);
    found.remove(0)
}

async fn get(caller: &Caller, name: &str) -> Result<Inspection, Status> {
    let request = GetInspectionRequest { name: name.into() };
    let found = inspections(caller).get_inspection(request).await;
    found.map(Response::into_inner)
}

pub(crate) async fn appeal(
    caller: &Caller,
    inspection: &Inspection,
    reason: &str,
    request_id: &str,
) -> Result<Inspection, Status> {
    let request = AppealInspectionRequest {
        name: inspection.name.clone(),
        etag: inspection.etag.clone(),
        reason: reason.into(),
        request_id: request_id.into(),
    };
    let appealed = inspections(caller).appeal_inspection(request).await;
    appealed.map(Response::into_inner)
}

pub(crate) fn upheld(task: &InspectionTask, reason: &str) -> DecideInspectionAppealRequest {
    DecideInspectionAppealRequest {
        name: task.name.clone(),
        etag: task.etag.clone(),
        outcome: AppealOutcome::Upheld.into(),
        reason: reason.into(),
        ..DecideInspectionAppealRequest::default()
    }
}

pub(crate) async fn decide(
    caller: &Caller,
    request: DecideInspectionAppealRequest,
) -> Result<InspectionTask, Status> {
    let decided = inspections(caller).decide_inspection_appeal(request).await;
    decided.map(Response::into_inner)
}

async fn measured(caller: &Caller) -> MeasureInspectionsResponse {
    let request = MeasureInspectionsRequest::default();
    let found = inspections(caller).measure_inspections(request).await;
    found.unwrap().into_inner()
}

fn figures(count: i64, average: i32, passed: i64, rate: i32) -> Option<InspectionFigures> {
    Some(InspectionFigures {
        inspection_count: count,
        average_score: average,
        passed_count: passed,
        pass_rate: rate,
    })
}

/// How often this is in the ticket service's journal.
async fn journaled(suite: &TestSuite, kind: &str) -> i64 {
    let mut sql = suite.database.connect().await.unwrap();
    sqlx::query_scalar("SELECT count(*) FROM ticket.journal WHERE type = $1")
        .bind(kind)
        .fetch_one(&mut sql)
        .await
        .unwrap()
}

/// Names of all inspections that there are, whoever may know of them.
async fn there(suite: &TestSuite) -> Vec<String> {
    let mut sql = suite.database.connect().await.unwrap();
    let all: Vec<uuid::Uuid> = sqlx::query_scalar("SELECT id FROM ticket.inspection ORDER BY id")
        .fetch_all(&mut sql)
        .await
        .unwrap();
    all.into_iter().map(|id| name("inspections", id)).collect()
}

/// Clauses OP-5, SG-7: a ticket is scored item by item by somebody who had no hand in it; the
/// agent concerned and the line above see what came of it, and nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_scored_and_shown_to_whom_it_concerns() {
    let suite = TestSuite::start().await;
    staffed(&suite, |_| {}).await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let one = resolved(&suite, &erp, &customer, AGENT).await;
    let [gao, ding] = INSPECTORS.map(|login| for_quality(&suite, login).after(&erp));
    let agent = for_quality(&suite, AGENT).after(&erp);
    let refused = order(&agent, &one.name, false).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let elsewhere = for_quality(&suite, "zhou.ting").after(&erp);
    let hidden = order(&elsewhere, &one.name, false).await.unwrap_err();
    assert_eq!(hidden.code(), Code::NotFound);
    let unresolved = open(&erp, ticket(&customer)).await;
    let refused = order(&gao.after(&erp), &unresolved.name, false)
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");

    order(&gao, &one.name, false).await.unwrap();
    order(&gao, &one.name, false).await.unwrap();
    let (mine, task) = given(&[&gao, &ding], &one.name, InspectionTaskKind::Inspect).await;
    let other = if std::ptr::eq(mine, &raw const gao) {
        &ding
    } else {
        &gao
    };
    assert_eq!(tasks(other).await, []);
    let request = GetInspectionTaskRequest {
        name: task.name.clone(),
    };
    let hidden = inspections(other).get_inspection_task(request).await;
    assert_eq!(hidden.unwrap_err().code(), Code::NotFound);
    // Until there is a result, it is there for nobody.
    let all = there(&suite).await;
    assert_eq!(all.len(), 1);
    for caller in [&agent, &for_quality(&suite, "zhang.min")] {
        assert_eq!(listed(caller, "").await.total_size, 0);
        assert_eq!(
            get(caller, &all[0]).await.unwrap_err().code(),
            Code::NotFound
        );
    }

    let mut wrong = sheet(&task, 4, "语速太快");
    wrong.scores.pop();
    wrong.comments.remove(0);
    let refused = complete(mine, wrong).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        [
            "scores.no_passing_the_buck",
            "comments[3].item",
            "comments.courtesy"
        ]
    );
    let hidden = complete(other, sheet(&task, 4, "x")).await.unwrap_err();
    assert_eq!(hidden.code(), Code::NotFound);
    let comment = "语速太快，未确认客户是否理解";
    let request = CompleteInspectionTaskRequest {
        request_id: "0190c5a8-0000-7000-8000-0000000000e1".into(),
        ..sheet(&task, 4, comment)
    };
    let done = complete(mine, request.clone()).await.unwrap();
    assert_eq!((done.score, done.passed), (8_000, true));
    assert_eq!(done.state(), InspectionTaskState::Done);
    // Answered again, it is shown again.
    let looks = journaled(&suite, "inspection_task.viewed").await;
    assert_eq!(complete(mine, request).await.unwrap(), done);
    assert_eq!(journaled(&suite, "inspection_task.viewed").await, looks + 1);
    let stale = complete(mine, sheet(&task, 5, "")).await.unwrap_err();
    assert_eq!(refusal(&stale).1, "ETAG_MISMATCH");
    let again = complete(mine, sheet(&done, 5, "")).await.unwrap_err();
    assert_eq!(refusal(&again).1, "STATE_NOT_ALLOWED");

    let head = for_quality(&suite, "zhang.min").after(mine);
    for caller in [&agent.after(mine), &head] {
        let found = only(caller).await;
        assert_eq!(found, get(caller, &found.name).await.unwrap());
        assert_eq!(
            (found.score, found.state()),
            (8_000, InspectionState::Final)
        );
        assert_eq!(found.comments[0].text, comment);
        assert_eq!((&found.agent, &found.ticket), (&employee(AGENT), &one.name));
    }
    let mate = for_quality(&suite, "li.wei").after(mine);
    for caller in [&mate, &elsewhere.after(mine)] {
        assert_eq!(listed(caller, "").await.total_size, 0);
        assert_eq!(
            get(caller, &all[0]).await.unwrap_err().code(),
            Code::NotFound
        );
    }
    let refused = get(mine, &all[0]).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let finished = order(mine, &one.name, true).await.unwrap_err();
    assert_eq!(refusal(&finished).1, "ALREADY_EXISTS");

    let found = measured(&head).await;
    assert_eq!(found.overall, figures(1, 8_000, 1, 10_000));
    let leader = suite.caller_for("chen.guodong", "analysis").after(mine);
    let score = crate::figures::query(&leader, "inspection_score", &[]).await;
    assert_eq!(score.total.unwrap().mean, Some(80.0), "in points");
    assert_eq!(found.agents[0].agent, employee(AGENT));
    assert_eq!(measured(&elsewhere).await.overall, figures(0, 0, 0, 0));
    let request = MeasureInspectionsRequest {
        agent: "employees/7".into(),
        ..MeasureInspectionsRequest::default()
    };
    let refused = inspections(&head).measure_inspections(request).await;
    assert_eq!(violations(&refused.unwrap_err()), ["agent"]);
    for (table, text) in tables(&suite.database).await {
        assert!(!text.contains(comment), "{table}");
    }
}

/// Clause OP-5: a second inspector learns nothing of the first, from no list, count or error,
/// until both are in; what lies too far apart is decided by a third, whose result counts.
#[tokio::test(flavor = "multi_thread")]
async fn two_score_without_knowing_of_each_other_and_a_third_decides() {
    let suite = TestSuite::start().await;
    staffed(&suite, |_| {}).await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let one = resolved(&suite, &erp, &customer, AGENT).await;
    let [gao, ding] = INSPECTORS.map(|login| for_quality(&suite, login).after(&erp));
    let (head, agent) = (for_quality(&suite, HEAD), for_quality(&suite, AGENT));
    order(&gao, &one.name, true).await.unwrap();
    let (_, first) = given(&[&gao], &one.name, InspectionTaskKind::Inspect).await;
    let (_, second) = given(&[&ding], &one.name, InspectionTaskKind::Inspect).await;
    let all = there(&suite).await;

    // All that the second can ask, before and after the first has scored.
    let asked = async || {
        let absent = get(&ding, &all[0]).await.unwrap_err();
        let foreign = GetInspectionTaskRequest {
            name: first.name.clone(),
        };
        let foreign = inspections(&ding).get_inspection_task(foreign).await;
        let scored = complete(&ding, sheet(&first, 5, "")).await.unwrap_err();
        let measured = MeasureInspectionsRequest::default();
        let measured = inspections(&ding).measure_inspections(measured).await;
        let list = ListInspectionsRequest::default();
        let list = inspections(&ding).list_inspections(list).await;
        let asked_again = order(&ding, &one.name, true).await.is_ok();
        let refusals = [
            absent,
            foreign.unwrap_err(),
            scored,
            measured.unwrap_err(),
            list.unwrap_err(),
        ];
        let refusals = refusals.map(|refused| (refused.code(), refusal(&refused).1));
        (
            tasks(&ding).await,
            counted(&ding).await,
            asked_again,
            refusals,
        )
    };
    let before = asked().await;
    complete(&gao, sheet(&first, 5, "")).await.unwrap();
    let after = asked().await;
    assert_eq!(before, after);
    assert_eq!((&after.0[..], after.1), (&[second.clone()][..], 1));
    assert_eq!(tasks(&head.after(&gao)).await, []);
    assert_eq!(listed(&agent.after(&gao), "").await.total_size, 0);
    assert_eq!(
        get(&agent, &all[0]).await.unwrap_err().code(),
        Code::NotFound
    );

    complete(&ding, sheet(&second, 3, "未用敬语"))
        .await
        .unwrap();
    let (_, third) = given(&[&head.after(&ding)], &one.name, InspectionTaskKind::Decide).await;
    // Whose is whose is not told, by their order neither.
    let mut seen = third.results.clone();
    seen.sort_by_key(|result| result.score);
    let scores: Vec<i32> = seen.iter().map(|result| result.score).collect();
    assert_eq!(scores, [6_000, 10_000]);
    assert_eq!(seen[0].comments[0].text, "未用敬语");
    assert_eq!(listed(&agent.after(&ding), "").await.total_size, 0);
    complete(&head, sheet(&third, 4, "略欠清晰")).await.unwrap();
    let found = only(&agent.after(&head)).await;
    assert_eq!((found.score, found.passed), (8_000, true));
    assert_eq!(found.comments[0].text, "略欠清晰");

    // Two results at the same time: one of them is the last.
    for (points, kind) in [((5, 5), None), ((5, 1), Some(InspectionTaskKind::Decide))] {
        let one = resolved(&suite, &erp, &customer, AGENT).await;
        order(&gao.after(&erp), &one.name, true).await.unwrap();
        let (_, first) = given(&[&gao], &one.name, InspectionTaskKind::Inspect).await;
        let (_, second) = given(&[&ding], &one.name, InspectionTaskKind::Inspect).await;
        let (a, b) = tokio::join!(
            complete(&gao, sheet(&first, points.0, "x")),
            complete(&ding, sheet(&second, points.1, "x"))
        );
        assert_eq!(
            (a.unwrap().score, b.unwrap().score),
            (points.0 * 2_000, points.1 * 2_000)
        );
        let filter = format!("ticket = {}", one.name);
        let finished = listed(&agent.after(&gao).after(&ding), &filter).await;
        assert_eq!(finished.total_size, i32::from(kind.is_none()));
        if let Some(kind) = kind {
            given(&[&head], &one.name, kind).await;
        }
    }
}
