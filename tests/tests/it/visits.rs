//! Visits to customers: planned ahead as the company wants them, once, and what comes of them.

use std::time::Duration;

use jiff::Timestamp;
use kefu_access_control::seed::department_id;
use kefu_contracts::{
    order::{
        CompleteFollowUpRequest, CustomerCredit, DropFollowUpRequest, DropVisitRequest,
        FollowUpKind, FollowUpState, GetRelationRequest, GetVisitRequest, Importance,
        ListRelationsRequest, ListVisitsRequest, MoveVisitRequest, RecordVisitRequest, Relation,
        RelationPlanDefinition, RelationPlans, RelationRule, ReviseRelationPlansRequest,
        ScheduleVisitRequest, SetImportanceRequest, Visit, VisitMethod, VisitOrigin,
        VisitResponsible, VisitState, follow_up_service_client::FollowUpServiceClient,
        relationship_service_client::RelationshipServiceClient,
        visit_service_client::VisitServiceClient,
    },
    policy::DataClass,
    profile::{ListTimelineRequest, TimelineEntry, timeline_service_client::TimelineServiceClient},
};
use kefu_service::{clock::Clock, fields::name, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::{Code, Status};

use crate::{
    follow_ups::{self, journaled},
    merges::{again, archived, asks, keeper, merge},
    rating::{breach, say},
    records::{enter, person, refusal, said, violations},
};

const LI: &str = "li.wei";
const HEAD: &str = "zhang.min";
const ID: &str = "0190c5a8-0000-7000-8000-00000000ad01";
const DAY: u64 = 86_400;
/// Nobody has to have heard of the policy for a while.
const LONG: u32 = 100_000_000;

pub(crate) fn visits(caller: &Caller) -> VisitServiceClient<Caller> {
    VisitServiceClient::new(caller.clone())
}

pub(crate) fn relations(caller: &Caller) -> RelationshipServiceClient<Caller> {
    RelationshipServiceClient::new(caller.clone())
}

fn rule(id: &str, every_days: i32) -> RelationRule {
    RelationRule {
        id: id.into(),
        method: VisitMethod::Phone.into(),
        every_days,
        responsible: VisitResponsible::Owner.into(),
        ..RelationRule::default()
    }
}

fn plan(rules: Vec<RelationRule>, ahead_days: i32) -> RelationPlanDefinition {
    RelationPlanDefinition {
        time_zone: "Asia/Shanghai".into(),
        rules,
        ahead_days,
        ..RelationPlanDefinition::default()
    }
}

pub(crate) async fn revise(
    caller: &Caller,
    definition: RelationPlanDefinition,
    etag: &str,
) -> Result<RelationPlans, Status> {
    let request = ReviseRelationPlansRequest {
        definition: Some(definition),
        reason: "客户关怀计划".into(),
        etag: etag.into(),
        ..Default::default()
    };
    let answer = relations(caller).revise_relation_plans(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn list(caller: &Caller, filter: &str) -> Vec<Visit> {
    let request = ListVisitsRequest {
        filter: filter.into(),
        ..Default::default()
    };
    let page = visits(caller).list_visits(request).await.unwrap();
    let page = page.into_inner();
    assert_eq!(page.total_size as usize, page.visits.len());
    page.visits
}

async fn get(caller: &Caller, visit: &Visit) -> Result<Visit, Status> {
    let name = visit.name.clone();
    let answer = visits(caller).get_visit(GetVisitRequest { name }).await;
    answer.map(|answer| answer.into_inner())
}

pub(crate) async fn schedule(
    caller: &Caller,
    customer: &str,
    due_at: Timestamp,
    reason: &str,
) -> Result<Visit, Status> {
    let request = ScheduleVisitRequest {
        visit: Some(Visit {
            customer: customer.into(),
            method: VisitMethod::OnSite.into(),
            due_time: Some(to_proto(due_at)),
            owner: name("employees", employee_id(LI)),
            reason: reason.into(),
            ..Visit::default()
        }),
        request_id: String::new(),
    };
    let answer = visits(caller).schedule_visit(request).await;
    answer.map(|answer| answer.into_inner())
}

/// The customer was reached now, and is content.
pub(crate) fn came_of_it(suite: &TestSuite, visit: &Visit) -> RecordVisitRequest {
    RecordVisitRequest {
        name: visit.name.clone(),
        etag: visit.etag.clone(),
        visit_time: Some(to_proto(suite.clock.now())),
        reached: true,
        result: "客户满意，无其他问题".into(),
        satisfaction: 5,
        ..Default::default()
    }
}

pub(crate) async fn record(caller: &Caller, request: RecordVisitRequest) -> Result<Visit, Status> {
    let answer = visits(caller).record_visit(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn move_to(caller: &Caller, visit: &Visit, at: Timestamp) -> Result<Visit, Status> {
    let request = MoveVisitRequest {
        name: visit.name.clone(),
        etag: visit.etag.clone(),
        due_time: Some(to_proto(at)),
        reason: "客户出差".into(),
        ..Default::default()
    };
    let answer = visits(caller).move_visit(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn drop_it(caller: &Caller, visit: &Visit, reason: &str) -> Result<Visit, Status> {
    let request = DropVisitRequest {
        name: visit.name.clone(),
        etag: visit.etag.clone(),
        reason: reason.into(),
        ..Default::default()
    };
    let answer = visits(caller).drop_visit(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn relation(caller: &Caller, customer: &str) -> Result<Relation, Status> {
    let name = customer.replace("customers/", "relations/");
    let request = GetRelationRequest { name };
    let answer = relations(caller).get_relation(request).await;
    answer.map(|answer| answer.into_inner())
}

async fn set(
    caller: &Caller,
    relation: &Relation,
    importance: Importance,
) -> Result<Relation, Status> {
    let request = SetImportanceRequest {
        name: relation.name.clone(),
        etag: relation.etag.clone(),
        request_id: String::new(),
        importance: importance.into(),
    };
    let answer = relations(caller).set_importance(request).await;
    answer.map(|answer| answer.into_inner())
}

/// Waits until it was looked at every customer there is, by the plan in force.
async fn looked(suite: &TestSuite) {
    let mut sql = suite.database.connect().await.unwrap();
    let now = jiff_sqlx::ToSqlx::to_sqlx(suite.clock.now());
    let left = "SELECT count(*) FROM orders.customer_relation
                WHERE look_at <= $1 OR plan_version <> (SELECT max(number) FROM orders.relation_plan_version)";
    eventually(async || {
        let left = sqlx::query_scalar::<_, i64>(left).bind(now);
        (left.fetch_one(&mut sql).await.unwrap() == 0).then_some(())
    })
    .await;
}

fn in_days(suite: &TestSuite, days: u64) -> Timestamp {
    let later = Duration::from_secs(days * DAY);
    suite.clock.now().checked_add(later).unwrap()
}

fn hidden() -> (Code, String) {
    (Code::NotFound, "NOT_FOUND_OR_OUT_OF_SCOPE".to_owned())
}

/// Clauses OP-3.3, CF-9.1: the plan makes one visit for a customer and a period, ahead of its
/// day, however many instances look and however much time goes by; it is duty of whoever has
/// the file.
#[tokio::test(flavor = "multi_thread")]
async fn a_visit_is_planned_once_for_each_period() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = LONG).await;
    let _twin = suite.twin();
    let (li, admin) = (suite.caller(LI), suite.caller("han.bing"));
    revise(&admin, plan(vec![rule("all", 30)], 7), "r1")
        .await
        .unwrap();
    let customer = enter(&li, person()).await.name;
    eventually(async || relation(&li, &customer).await.ok()).await;
    looked(&suite).await;
    assert!(list(&li, "").await.is_empty());

    suite.clock.advance(Duration::from_secs(24 * DAY));
    looked(&suite).await;
    let li = suite.caller(LI);
    let planned = list(&li, "state = PLANNED").await;
    assert_eq!(planned.len(), 1);
    let first = &planned[0];
    assert_eq!(
        (first.origin(), first.method()),
        (VisitOrigin::Plan, VisitMethod::Phone)
    );
    assert_eq!((&first.customer, first.plan_version), (&customer, 1));
    assert_eq!(first.owner, name("employees", employee_id(LI)));
    let due = follow_ups::list(&li, "assignee = me AND kind = VISIT AND state = OPEN").await;
    assert_eq!((due.len(), &due[0].subject), (1, &first.name));
    assert_eq!(due[0].due_time, first.due_time);

    // Seven periods later it is still the one that nobody made.
    suite.clock.advance(Duration::from_secs(200 * DAY));
    looked(&suite).await;
    let li = suite.caller(LI);
    assert_eq!(list(&li, "").await.len(), 1);
    assert_eq!(journaled(&suite, "visit.planned").await, 1);
    record(&li, came_of_it(&suite, first)).await.unwrap();
    looked(&suite).await;
    assert_eq!(list(&li, "state = PLANNED").await.len(), 0);

    suite.clock.advance(Duration::from_secs(400 * DAY));
    looked(&suite).await;
    let li = suite.caller(LI);
    assert_eq!(list(&li, "state = PLANNED").await.len(), 1);
    assert_eq!(journaled(&suite, "visit.planned").await, 2);
    let seen = relation(&li, &customer).await.unwrap();
    assert!(seen.last_visit_time.is_some());
}

/// Clauses OP-3.3, IH-3.2, SG-4, CF-2.3: what came of a visit closes what was to be done, is in
/// the customer's history, goes on to whom it concerns, and leads to the next one.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_of_a_visit_leads_to_the_next() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await.name;
    let planned = schedule(&li, &customer, in_days(&suite, 1), "安装后回访")
        .await
        .unwrap();
    assert_eq!(planned.state(), VisitState::Planned);
    assert_eq!(planned.origin(), VisitOrigin::Hand);
    assert_eq!(planned.reason, "安装后回访");
    let due = follow_ups::list(&li, "kind = VISIT").await;
    assert_eq!((due.len(), &due[0].subject), (1, &planned.name));
    assert!(due[0].reason.contains("安装后回访"));

    let wrong = RecordVisitRequest {
        visit_time: Some(to_proto(in_days(&suite, 1))),
        reached: false,
        result: String::new(),
        satisfaction: 6,
        needs: "更大的型号".into(),
        feedback_department: name("departments", department_id("technical_support")),
        next_method: VisitMethod::Phone.into(),
        ..came_of_it(&suite, &planned)
    };
    assert_eq!(
        violations(&record(&li, wrong).await.unwrap_err()),
        [
            "visit_time",
            "result",
            "satisfaction",
            "satisfaction",
            "needs",
            "feedback_department",
            "next_method"
        ]
    );
    let request = RecordVisitRequest {
        request_id: ID.into(),
        method: VisitMethod::Phone.into(),
        needs: "更大的型号".into(),
        feedback: "说明书看不懂".into(),
        feedback_department: name("departments", department_id("technical_support")),
        next_time: Some(to_proto(in_days(&suite, 30))),
        ..came_of_it(&suite, &planned)
    };
    let done = record(&li, request.clone()).await.unwrap();
    assert_eq!(
        (done.state(), done.method()),
        (VisitState::Done, VisitMethod::Phone)
    );
    assert_eq!((done.reached, done.satisfaction), (true, 5));
    assert_eq!(
        (&*done.needs, &*done.feedback),
        ("更大的型号", "说明书看不懂")
    );
    assert_eq!(done.closer, name("employees", employee_id(LI)));
    assert_eq!(record(&li, request).await.unwrap(), done);
    assert_eq!(journaled(&suite, "visit.viewed").await, 1);
    // They see it for having been its owner, and no longer by duty.
    let seen = Visit {
        disclosure: done.disclosure.clone(),
        ..get(&li, &done).await.unwrap()
    };
    assert_eq!(seen, done);
    let refused = record(&li, came_of_it(&suite, &done)).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    assert_eq!(said(&refused, "state"), "DONE");

    let next = list(&li, "state = PLANNED").await;
    assert_eq!((next.len(), &next[0].name), (1, &done.next_visit));
    assert_eq!(next[0].origin(), VisitOrigin::Appointment);
    let open = follow_ups::list(&li, "kind = VISIT AND state = OPEN").await;
    assert_eq!((open.len(), &open[0].subject), (1, &done.next_visit));
    let closed = follow_ups::list(&li, "kind = VISIT AND state = DONE").await;
    assert_eq!(
        (closed.len(), &*closed[0].outcome),
        (1, "已回访：客户满意，无其他问题")
    );
    let support = suite.caller("zhao.lei").after(&li);
    let told = follow_ups::list(&support, "kind = OTHER").await;
    assert_eq!((told.len(), told[0].state()), (1, FollowUpState::Open));
    assert!(told[0].reason.contains("说明书看不懂"));

    let entry = eventually(async || {
        let request = ListTimelineRequest {
            parent: customer.clone(),
            filter: "kind = VISIT".into(),
            ..Default::default()
        };
        let mut timeline = TimelineServiceClient::new(li.clone());
        let page = timeline.list_timeline(request).await.unwrap().into_inner();
        let mut entries: Vec<TimelineEntry> = page.entries;
        assert!(entries.len() < 2);
        entries.pop()
    })
    .await;
    assert_eq!(
        (entry.resource, entry.data_class),
        (done.name, DataClass::Service as i32)
    );
    assert_eq!(entry.time, done.visit_time);
    for (kind, count) in [("visit.planned", 2), ("visit.recorded", 1)] {
        assert_eq!(journaled(&suite, kind).await, count, "{kind}");
    }
}

/// Clause OP-3.3: a visit is moved or dropped with its reason, and by nothing else; of two who
/// record one, one does.
#[tokio::test(flavor = "multi_thread")]
async fn a_visit_is_moved_or_dropped_with_its_reason() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await.name;
    let planned = schedule(&li, &customer, in_days(&suite, 1), "")
        .await
        .unwrap();
    let past = suite.clock.now();
    let wrong = move_to(&li, &planned, past).await.unwrap_err();
    assert_eq!(violations(&wrong), ["due_time"]);
    let until = in_days(&suite, 3);
    let moved = move_to(&li, &planned, until).await.unwrap();
    assert_eq!((moved.state(), moved.move_count), (VisitState::Planned, 1));
    assert_eq!(moved.due_time, Some(to_proto(until)));
    let stale = drop_it(&li, &planned, "不需要").await.unwrap_err();
    assert_eq!(refusal(&stale).1, "ETAG_MISMATCH");
    let open = follow_ups::list(&li, "assignee = me AND state = OPEN").await;
    assert_eq!((open.len(), open[0].kind()), (1, FollowUpKind::Visit));
    assert_eq!(open[0].due_time, moved.due_time);

    // By the visit alone.
    let mut desk = FollowUpServiceClient::new(li.clone());
    let complete = CompleteFollowUpRequest {
        name: open[0].name.clone(),
        etag: open[0].etag.clone(),
        outcome: "做完了".into(),
        ..Default::default()
    };
    let refused = desk.complete_follow_up(complete).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    let drop = DropFollowUpRequest {
        name: open[0].name.clone(),
        etag: open[0].etag.clone(),
        reason: "不做了".into(),
        ..Default::default()
    };
    let head = FollowUpServiceClient::new(suite.caller(HEAD).after(&li));
    let refused = head.clone().drop_follow_up(drop).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");

    let wrong = drop_it(&li, &moved, " ").await.unwrap_err();
    assert_eq!(violations(&wrong), ["reason"]);
    let dropped = drop_it(&li, &moved, "客户不愿被打扰").await.unwrap();
    assert_eq!(dropped.state(), VisitState::Dropped);
    assert_eq!(dropped.result, "客户不愿被打扰");
    assert!(follow_ups::list(&li, "state = OPEN").await.is_empty());

    let another = schedule(&li, &customer, in_days(&suite, 1), "")
        .await
        .unwrap();
    let (one, two) = tokio::join!(
        record(&li, came_of_it(&suite, &another)),
        record(&li, came_of_it(&suite, &another))
    );
    assert!(one.is_ok() != two.is_ok());
    assert_eq!(journaled(&suite, "visit.recorded").await, 1);
}

/// Clause OP-3.3: who is visited is said by tier and importance; how important somebody is, by
/// whoever runs the department.
#[tokio::test(flavor = "multi_thread")]
async fn important_customers_are_visited_as_the_plan_says() {
    let suite = TestSuite::start().await;
    let (li, admin) = (suite.caller(LI), suite.caller("han.bing"));
    let mut key = rule("key", 1);
    key.importances = vec![Importance::Key.into()];
    key.method = VisitMethod::OnSite.into();
    key.responsible = VisitResponsible::Department.into();
    key.department = name("departments", department_id("sales"));
    revise(&admin, plan(vec![key], 60), "r1").await.unwrap();
    let customer = enter(&li, person()).await.name;
    let before = relation(&li, &customer).await.unwrap();
    assert_eq!(before.importance(), Importance::Normal);
    looked(&suite).await;
    assert!(list(&li, "").await.is_empty());
    let refused = set(&li, &before, Importance::Key).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let head = suite.caller(HEAD).after(&li);
    let wrong = set(&head, &before, Importance::Unspecified)
        .await
        .unwrap_err();
    assert_eq!(violations(&wrong), ["importance"]);
    let now = set(&head, &before, Importance::Key).await.unwrap();
    assert_eq!(now.importance(), Importance::Key);
    let stale = set(&head, &before, Importance::Normal).await.unwrap_err();
    assert_eq!(refusal(&stale).1, "ETAG_MISMATCH");
    looked(&suite).await;
    let mut sql = suite.database.connect().await.unwrap();
    let planned: (i16, uuid::Uuid) =
        sqlx::query_as("SELECT method, department_id FROM orders.visit")
            .fetch_one(&mut sql)
            .await
            .unwrap();
    assert_eq!(
        planned,
        (VisitMethod::OnSite as i16, department_id("sales"))
    );
    let request = ListRelationsRequest::default();
    let listed = relations(&li).list_relations(request).await;
    let listed = listed.unwrap().into_inner();
    assert_eq!(
        (listed.total_size, &listed.relations[0].name),
        (1, &now.name)
    );
}

/// Clauses OP-3.3, IH-8.2: whose credit becomes another is visited by another rule, and no relation
/// says of which it is.
#[tokio::test(flavor = "multi_thread")]
async fn customers_are_visited_by_their_credit() {
    let suite = TestSuite::start().await;
    let (li, admin) = (suite.caller(LI), suite.caller("han.bing"));
    let mut wary = rule("wary", 1);
    wary.credits = vec![CustomerCredit::C.into()];
    revise(&admin, plan(vec![wary], 60), "r1").await.unwrap();
    let customer = enter(&li, person()).await.name;
    looked(&suite).await;
    assert!(list(&li, "").await.is_empty());
    let archive = suite.caller_for("feng.yulan", "administration").after(&li);
    say(&archive, breach(&customer)).await.unwrap();
    let planned = eventually(async || list(&li, "").await.pop()).await;
    assert_eq!(planned.customer, customer);
    let mut wrong = rule("wary", 1);
    wrong.credits = vec![9];
    let refused = revise(&admin, plan(vec![wrong], 60), "r2")
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["definition.rules[0].credits[0]"]);
}

/// Clauses OP-3.3, IH-2.2: nobody is visited under a file that is part of another.
#[tokio::test(flavor = "multi_thread")]
async fn visits_to_a_file_that_became_part_of_another_end() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let survivor = archived(&suite, &erp, person()).await;
    let absorbed = archived(&suite, &erp, again()).await;
    let li = suite.caller(LI).after(&erp);
    let due_at = in_days(&suite, 1);
    let planned = eventually(async || schedule(&li, &absorbed.name, due_at, "").await.ok()).await;
    let keeper = keeper(&suite, &li);
    merge(&keeper, asks(&survivor, &absorbed)).await.unwrap();
    let ended = eventually(async || {
        let visit = get(&li, &planned).await.unwrap();
        (visit.state() != VisitState::Planned).then_some(visit)
    })
    .await;
    assert_eq!((ended.state(), &*ended.closer), (VisitState::Ended, ""));
    assert!(
        follow_ups::list(&li, "kind = VISIT AND state = OPEN")
            .await
            .is_empty()
    );
    let settled = follow_ups::list(&li, "kind = VISIT AND state = SETTLED").await;
    assert_eq!(settled.len(), 1);
    assert_eq!(journaled(&suite, "visit.ended").await, 1);
}

/// Clauses CF-6.1, CF-9.1: every call is refused where the visit is out of reach, and to posts
/// that have nothing to do with it.
#[tokio::test(flavor = "multi_thread")]
async fn visits_are_there_for_who_makes_them() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let customer = enter(&li, person()).await.name;
    let due_at = in_days(&suite, 1);
    let planned = schedule(&li, &customer, due_at, "").await.unwrap();
    let known = relation(&li, &customer).await.unwrap();
    let stranger = suite.caller("zhou.ting").after(&li);
    for refused in [
        get(&stranger, &planned).await.unwrap_err(),
        record(&stranger, came_of_it(&suite, &planned))
            .await
            .unwrap_err(),
        move_to(&stranger, &planned, due_at).await.unwrap_err(),
        drop_it(&stranger, &planned, "x").await.unwrap_err(),
        relation(&stranger, &customer).await.unwrap_err(),
        set(&stranger, &known, Importance::Key).await.unwrap_err(),
    ] {
        assert_eq!(refusal(&refused), hidden());
    }
    let request = ScheduleVisitRequest {
        visit: Some(Visit {
            customer: customer.clone(),
            method: VisitMethod::Phone.into(),
            due_time: Some(to_proto(due_at)),
            ..Visit::default()
        }),
        request_id: String::new(),
    };
    let refused = visits(&stranger).schedule_visit(request).await.unwrap_err();
    assert_eq!(refusal(&refused), hidden());
    let others = schedule(&stranger, &customer, due_at, "")
        .await
        .unwrap_err();
    assert_eq!(violations(&others), ["visit.owner"]);
    let request = ScheduleVisitRequest::default();
    let wrong = visits(&li).schedule_visit(request).await;
    assert_eq!(
        violations(&wrong.unwrap_err()),
        ["visit.customer", "visit.method", "visit.due_time"]
    );
    assert!(list(&stranger, "").await.is_empty());
    let request = ListRelationsRequest::default();
    let none = relations(&stranger).list_relations(request).await;
    assert_eq!(none.unwrap().into_inner().total_size, 0);
    let trainer = suite.caller_for("he.xiaoyan", "training");
    let refused = get(&trainer, &planned).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);

    let admin = suite.caller("han.bing");
    let refused = revise(&li, plan(vec![rule("all", 30)], 7), "r1")
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let refused = revise(&admin, plan(vec![rule("all", 0)], 0), "r1")
        .await
        .unwrap_err();
    assert_eq!(
        violations(&refused),
        ["definition.ahead_days", "definition.rules[0].every_days"]
    );
    let refused = revise(&admin, plan(vec![rule("all", 30)], 7), "r9")
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "ETAG_MISMATCH");
}

/// A version of rules is added once, and told again to the same request when its moment is past.
#[tokio::test(flavor = "multi_thread")]
async fn rules_are_told_again_whatever_the_time() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = LONG).await;
    let request = ReviseRelationPlansRequest {
        definition: Some(plan(vec![rule("all", 30)], 7)),
        effective_time: Some(to_proto(in_days(&suite, 1))),
        reason: "客户关怀计划".into(),
        etag: "r1".into(),
        request_id: ID.into(),
    };
    let ask = async |request: ReviseRelationPlansRequest| {
        let mut client = relations(&suite.caller("han.bing"));
        client.revise_relation_plans(request).await
    };
    let made = ask(request.clone()).await.unwrap().into_inner();
    suite.clock.advance(Duration::from_secs(2 * DAY));
    let again = ask(request.clone()).await.unwrap().into_inner();
    assert_eq!(again, made);
    assert_eq!(journaled(&suite, "relation_plans.revised").await, 1);
    assert_eq!(journaled(&suite, "relation_plans.viewed").await, 1);
    let late = ReviseRelationPlansRequest {
        request_id: String::new(),
        etag: made.etag,
        ..request
    };
    let refused = ask(late).await.unwrap_err();
    assert_eq!(violations(&refused), ["effective_time"]);
}
