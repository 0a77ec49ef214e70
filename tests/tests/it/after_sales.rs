//! What is done for customers after the sale: from registration to the customer's word, by rules,
//! and nothing returned twice.

use std::time::Duration;

use kefu_access_control::seed::department_id;
use kefu_contracts::{
    google::r#type::Money,
    order::{
        AddCaseStepRequest, AfterSalesDefinition, AfterSalesRules, AnswerPlanRequest,
        AssignCaseRequest, CancelCaseRequest, Case, CaseKind, CaseLine, CasePaymentKind,
        CasePaymentRule, CasePaymentState, CaseState, CheckCoverRequest, CompleteCaseStepRequest,
        ConfirmCaseRequest, Cover, CoverGround, CoverRule, DecideOnCasePaymentRequest,
        EvaluateCaseRequest, FinishCaseRequest, FollowUp, FollowUpKind, GetAfterSalesRulesRequest,
        GetCaseRequest, ListCasesRequest, ListFollowUpsRequest, Order, OrderLine, OrderStage,
        OverrideCoverRequest, PlanCaseRequest, ProposeCasePaymentRequest, RecordCasePaymentRequest,
        RecordStageRequest, RefundLine, RegisterCaseRequest, ReviseAfterSalesRulesRequest,
        after_sales_service_client::AfterSalesServiceClient,
        follow_up_service_client::FollowUpServiceClient,
    },
    profile::{
        ListDutiesRequest, ListTimelineRequest, TimelineKind,
        timeline_service_client::TimelineServiceClient,
    },
};
use kefu_service::{clock::Clock, fields::name, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use prost_types::Timestamp as Moment;
use tonic::{Code, Response, Status};

use crate::{
    handling::{ADMINISTRATOR, id, reason},
    records::{enter, order, orders, person, place, refusal, said, violations},
};

const LI: &str = "li.wei";
const WANG: &str = "wang.fang";
/// Leads the call centre.
const HEAD: &str = "zhang.min";
const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn cases(caller: &Caller) -> AfterSalesServiceClient<Caller> {
    AfterSalesServiceClient::new(caller.clone())
}

fn employee(login: &str) -> String {
    name("employees", employee_id(login))
}

pub(crate) fn money(units: i64) -> Money {
    Money {
        currency_code: "CNY".into(),
        units,
        nanos: 0,
    }
}

/// Commands on a case as it was answered last, each under a request id of its own.
macro_rules! commands {
    ($($name:ident: $request:ident { $($field:ident: $kind:ty),* };)*) => {
        $(pub(crate) async fn $name(caller: &Caller, case: &Case, $($field: $kind),*) -> Result<Case, Status> {
            let request = $request {
                name: case.name.clone(),
                etag: case.etag.clone(),
                request_id: id(),
                $($field: $field.into(),)*
            };
            cases(caller).$name(request).await.map(Response::into_inner)
        })*
    };
}

commands! {
    assign_case: AssignCaseRequest { assignee: &str };
    check_cover: CheckCoverRequest {};
    override_cover: OverrideCoverRequest { cover: Cover, reason: &str };
    plan_case: PlanCaseRequest { plan: &str, deadline: Option<Moment>, cost: Option<Money> };
    answer_plan: AnswerPlanRequest { agree: bool, words: &str };
    add_case_step: AddCaseStepRequest { task: &str, on_site: bool, place: &str, assignee: &str, due_time: Option<Moment> };
    complete_case_step: CompleteCaseStepRequest { number: i32, result: &str };
    finish_case: FinishCaseRequest { result: &str };
    confirm_case: ConfirmCaseRequest { satisfied: bool, words: &str };
    evaluate_case: EvaluateCaseRequest { score: i32, comment: &str };
    cancel_case: CancelCaseRequest { withdrawn: bool, reason: &str };
    propose_case_payment: ProposeCasePaymentRequest {
        kind: CasePaymentKind, lines: Vec<RefundLine>, amount: Option<Money>, reason: &str
    };
    decide_on_case_payment: DecideOnCasePaymentRequest { number: i32, approve: bool, reason: &str };
    record_case_payment: RecordCasePaymentRequest { number: i32, reference: &str };
}

pub(crate) async fn register(caller: &Caller, case: Case) -> Result<Case, Status> {
    let request = RegisterCaseRequest {
        case: Some(case),
        request_id: id(),
    };
    let answer = cases(caller).register_case(request).await;
    answer.map(Response::into_inner)
}

async fn get(caller: &Caller, case: &Case) -> Result<Case, Status> {
    let name = case.name.clone();
    let answer = cases(caller).get_case(GetCaseRequest { name }).await;
    answer.map(Response::into_inner)
}

async fn list(caller: &Caller, filter: &str) -> Vec<Case> {
    let request = ListCasesRequest {
        filter: filter.into(),
        ..Default::default()
    };
    let page = cases(caller)
        .list_cases(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(page.total_size as usize, page.cases.len());
    page.cases
}

/// What is due by this, open.
async fn due(caller: &Caller, case: &Case) -> Vec<FollowUp> {
    let request = ListFollowUpsRequest {
        filter: "state = OPEN".into(),
        ..Default::default()
    };
    let mut client = FollowUpServiceClient::new(caller.clone());
    let page = client.list_follow_ups(request).await.unwrap().into_inner();
    let mut all = page.follow_ups;
    all.retain(|one| one.subject.starts_with(&case.name));
    all
}

/// A case of one line of an order.
pub(crate) fn case(kind: CaseKind, order: &Order, quantity: i32) -> Case {
    Case {
        kind: kind.into(),
        customer: order.customer.clone(),
        order: order.name.clone(),
        lines: vec![CaseLine {
            line: 1,
            quantity,
            ..CaseLine::default()
        }],
        problem: "开机有异响".into(),
        ..Case::default()
    }
}

/// A refund of so much for the first line.
pub(crate) fn of_line(units: i64) -> Vec<RefundLine> {
    vec![RefundLine {
        line: 1,
        amount: Some(money(units)),
    }]
}

async fn propose(caller: &Caller, case: &Case, units: i64) -> Result<Case, Status> {
    let refund = CasePaymentKind::Refund;
    propose_case_payment(caller, case, refund, of_line(units), None, "退款").await
}

pub(crate) async fn told(caller: &Caller, order: &Order, stage: OrderStage, at: jiff::Timestamp) {
    let request = RecordStageRequest {
        name: order.name.clone(),
        stage: stage.into(),
        occurred_time: Some(to_proto(at)),
        ..Default::default()
    };
    orders(caller).record_stage(request).await.unwrap();
}

/// Two purifiers of 1299.50 each, placed, paid and delivered now.
async fn delivered(suite: &TestSuite, caller: &Caller) -> Order {
    let customer = enter(caller, person()).await;
    let bought = place(caller, order(&customer.name)).await;
    let now = suite.clock.now();
    told(caller, &bought, OrderStage::Paid, now).await;
    told(caller, &bought, OrderStage::Delivered, now).await;
    bought
}

async fn rules(caller: &Caller) -> AfterSalesRules {
    let answer = cases(caller)
        .get_after_sales_rules(GetAfterSalesRulesRequest {})
        .await;
    answer.unwrap().into_inner()
}

pub(crate) async fn revise(
    caller: &Caller,
    change: impl FnOnce(&mut AfterSalesDefinition),
) -> Result<AfterSalesRules, Status> {
    let known = rules(caller).await;
    let last = known.versions.last().unwrap();
    let mut definition = last.definition.clone().unwrap();
    change(&mut definition);
    let request = ReviseAfterSalesRulesRequest {
        etag: known.etag,
        request_id: id(),
        definition: Some(definition),
        effective_time: None,
        reason: "新的售后规定".into(),
    };
    let answer = cases(caller).revise_after_sales_rules(request).await;
    answer.map(Response::into_inner)
}

async fn journaled(suite: &TestSuite, kind: &str) -> i64 {
    let mut sql = suite.database.connect().await.unwrap();
    let count = "SELECT count(*) FROM orders.journal WHERE type = $1";
    let count = sqlx::query_scalar(count).bind(kind);
    count.fetch_one(&mut sql).await.unwrap()
}

/// Pieces and nanos that are booked of all lines of all orders.
async fn booked(suite: &TestSuite) -> (i64, String) {
    let mut sql = suite.database.connect().await.unwrap();
    let sum =
        "SELECT coalesce(sum(taken), 0), coalesce(sum(refunded), 0)::text FROM orders.line_account";
    sqlx::query_as(sum).fetch_one(&mut sql).await.unwrap()
}

fn state(refused: &Status) -> (String, String) {
    (reason(refused), said(refused, "state"))
}

/// Clauses OP-3.4.6, IH-6, IH-4, SG-4, CF-9.1, CF-2.3: registered, covered, planned, agreed, sent
/// somebody, done, closed by the customer's word and evaluated; what is due is one list all along.
#[tokio::test(flavor = "multi_thread")]
async fn a_repair_goes_its_way_to_the_customers_word() {
    let suite = TestSuite::start().await;
    let (li, head) = (suite.caller(LI), suite.caller(HEAD));
    let bought = delivered(&suite, &li).await;
    let wanted = RegisterCaseRequest {
        case: Some(case(CaseKind::Repair, &bought, 1)),
        request_id: id(),
    };
    let mut client = cases(&li);
    let one = client
        .register_case(wanted.clone())
        .await
        .unwrap()
        .into_inner();
    let again = client
        .register_case(wanted.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(again, one, "a repeated request is answered alike");
    let other = RegisterCaseRequest {
        case: Some(case(CaseKind::Repair, &bought, 2)),
        ..wanted
    };
    let reused = client.register_case(other).await.unwrap_err();
    assert_eq!(reason(&reused), "REQUEST_ID_REUSED");
    assert!(one.number.starts_with("C1"), "{}", one.number);
    assert_eq!(
        (one.state(), one.lines[0].product.as_str()),
        (CaseState::Registered, "空气净化器")
    );
    assert_eq!(
        (one.assignee.as_str(), one.registrar.as_str()),
        (&*employee(LI), &*employee(LI))
    );
    let open = due(&li, &one).await;
    assert_eq!((open.len(), open[0].kind()), (1, FollowUpKind::CaseStep));
    assert_eq!(open[0].due_time, one.due_time);

    let one = check_cover(&li, &one).await.unwrap();
    assert_eq!(one.cover(), Cover::Covered);
    assert_eq!(one.findings[0].ground(), CoverGround::WithinTerm);
    assert!(one.findings[0].until_time.is_some() && one.delivered_time.is_some());
    let deadline = suite.clock.now() + 5 * DAY;
    let one = plan_case(&li, &one, "上门更换风扇", Some(to_proto(deadline)), None)
        .await
        .unwrap();
    let one = answer_plan(&li, &one, true, "周六可以").await.unwrap();
    assert_eq!(
        (one.state(), one.due_time),
        (CaseState::Agreed, Some(to_proto(deadline)))
    );
    let soon = suite.clock.now() + DAY;
    let worker = employee(WANG);
    let visit = add_case_step(
        &li,
        &one,
        "上门更换风扇",
        true,
        "海淀区知春路1号",
        &worker,
        Some(to_proto(soon)),
    );
    let one = visit.await.unwrap();
    let one = add_case_step(&li, &one, "寄送旧件", false, "", "", None)
        .await
        .unwrap();
    assert_eq!(
        (one.state(), one.due_time),
        (CaseState::UnderWay, Some(to_proto(soon)))
    );
    // Whoever is sent sees the case, and what they have to do is theirs.
    let wang = suite.caller(WANG).after(&li);
    assert_eq!(
        get(&wang, &one).await.unwrap().steps[0].place,
        "海淀区知春路1号"
    );
    let theirs = due(&wang, &one).await;
    let theirs: Vec<_> = theirs
        .iter()
        .filter(|due| due.assignee == employee(WANG))
        .collect();
    assert_eq!(theirs.len(), 1);
    assert_eq!(theirs[0].subject, format!("{}/steps/1", one.name));
    let early = finish_case(&li, &one, "好了").await.unwrap_err();
    assert_eq!(
        (reason(&early), said(&early, "needs")),
        ("STEP_MISSING".into(), "STEPS".into())
    );
    let one = complete_case_step(&wang, &one, 1, "已更换，运转正常")
        .await
        .unwrap();
    let li = li.after(&wang);
    // Their work is done, and so is their duty.
    assert_eq!(
        refusal(&get(&wang, &one).await.unwrap_err()).0,
        Code::NotFound
    );
    let again = complete_case_step(&li, &one, 1, "再来").await.unwrap_err();
    assert_eq!(state(&again), ("STATE_NOT_ALLOWED".into(), "DONE".into()));
    let one = complete_case_step(&li, &one, 2, "已寄出").await.unwrap();
    let one = finish_case(&li, &one, "更换风扇").await.unwrap();
    let open = due(&li, &one).await;
    assert_eq!((open.len(), open[0].kind()), (1, FollowUpKind::CaseClosing));

    let one = confirm_case(&li, &one, false, "还是有声音").await.unwrap();
    assert_eq!((one.state(), one.reopen_count), (CaseState::Checked, 1));
    let one = plan_case(&li, &one, "整机检修", None, None).await.unwrap();
    let declined = answer_plan(&li, &one, false, "太久了").await.unwrap();
    assert_eq!(
        (declined.state(), declined.plan_count),
        (CaseState::Checked, 2)
    );
    let one = plan_case(&li, &declined, "次日检修", None, None)
        .await
        .unwrap();
    let one = answer_plan(&li, &one, true, "").await.unwrap();
    let one = add_case_step(&li, &one, "检修", false, "", "", None)
        .await
        .unwrap();
    let one = complete_case_step(&li, &one, 3, "轴承已换").await.unwrap();
    let one = finish_case(&li, &one, "轴承已换").await.unwrap();

    // Found by number, order, state, kind, whose it is and when it is due, in the one scope.
    let filters = [
        format!("number = {}", one.number),
        format!("order = {} AND kind = REPAIR", one.order),
        format!("customer = {} AND state = DONE", one.customer),
        format!(
            "assignee = {} AND due_time > \"{}\"",
            employee(LI),
            suite.clock.now()
        ),
        "cover = COVERED".into(),
    ];
    for filter in filters {
        assert_eq!(
            list(&li, &filter).await,
            std::slice::from_ref(&one),
            "{filter}"
        );
    }
    assert!(list(&li, "state = CLOSED").await.is_empty());
    let on_duty = async || {
        let request = ListDutiesRequest {
            filter: format!("resource = \"{}\"", one.name),
            ..Default::default()
        };
        let mut duties = TimelineServiceClient::new(head.clone());
        let duties = duties
            .list_duties(request)
            .await
            .unwrap()
            .into_inner()
            .duties;
        let standing = duties.into_iter().filter(|duty| duty.end_time.is_none());
        standing.map(|duty| duty.employee).collect::<Vec<_>>()
    };
    eventually(async || (on_duty().await == [employee(LI)]).then_some(())).await;

    let one = confirm_case(&li, &one, true, "很安静").await.unwrap();
    assert_eq!(
        (one.state(), one.close_time),
        (CaseState::Closed, one.update_time)
    );
    let one = evaluate_case(&li, &one, 5, "师傅很专业").await.unwrap();
    assert_eq!((one.state(), one.score), (CaseState::Evaluated, 5));
    assert!(due(&li, &one).await.is_empty());
    eventually(async || on_duty().await.is_empty().then_some(())).await;
    let kinds = [
        ("case.registered", 1),
        ("case.cover_checked", 1),
        ("case.planned", 3),
        ("case.plan_agreed", 2),
        ("case.plan_declined", 1),
        ("case.step_added", 3),
        ("case.step_done", 3),
        ("case.finished", 2),
        ("case.reopened", 1),
        ("case.closed", 1),
        ("case.evaluated", 1),
    ];
    for (kind, times) in kinds {
        assert_eq!(journaled(&suite, kind).await, times, "{kind}");
    }
    // It is in the customer's history.
    let history = async || {
        let request = ListTimelineRequest {
            parent: bought.customer.clone(),
            filter: "kind = AFTER_SALES".into(),
            ..Default::default()
        };
        let answer = TimelineServiceClient::new(head.clone())
            .list_timeline(request)
            .await;
        let entries = answer.unwrap().into_inner().entries;
        let told = entries
            .iter()
            .all(|entry| entry.kind() == TimelineKind::AfterSales);
        (told && entries.len() == 19).then_some(())
    };
    eventually(history).await;
}

/// Clause IH-6: cover goes by the rule of kind and category that is in force, from delivery, says
/// why, and is decided otherwise only by who may.
#[tokio::test(flavor = "multi_thread")]
async fn cover_is_by_rule_and_otherwise_by_who_may() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = 3_000_000).await;
    let (li, administrator) = (suite.caller(LI), suite.caller(ADMINISTRATOR));
    let customer = enter(&li, person()).await;
    let mut wanted = order(&customer.name);
    wanted.lines = vec![
        OrderLine {
            category: "filters".into(),
            ..wanted.lines[0].clone()
        },
        wanted.lines[0].clone(),
    ];
    let bought = place(&li, wanted).await;
    let mut back = case(CaseKind::Return, &bought, 1);
    back.lines.push(CaseLine {
        line: 2,
        ..back.lines[0].clone()
    });
    let one = register(&li, back.clone()).await.unwrap();
    let one = check_cover(&li, &one).await.unwrap();
    assert_eq!(
        (one.cover(), one.findings[0].ground()),
        (Cover::Refused, CoverGround::NotDelivered)
    );
    told(&li, &bought, OrderStage::Delivered, suite.clock.now()).await;
    let one = check_cover(&li, &one).await.unwrap();
    assert_eq!((one.cover(), one.rules_version), (Cover::Covered, 0));

    let li = li.after(&administrator);
    let refused = revise(&li, |_| {}).await.unwrap_err();
    assert_eq!(reason(&refused), "PERMISSION_MISSING");
    let wrong = revise(&administrator, |rules| rules.covers[0].months = -1)
        .await
        .unwrap_err();
    assert_eq!(violations(&wrong), ["definition.covers[0].months"]);
    let stricter = revise(&administrator, |rules| {
        rules.covers.push(CoverRule {
            kind: CaseKind::Return.into(),
            category: "filters".into(),
            days: 1,
            ..CoverRule::default()
        });
    });
    let now = stricter.await.unwrap();
    assert_eq!((now.versions.len(), now.etag.as_str()), (2, "r2"));
    let stale = ReviseAfterSalesRulesRequest {
        etag: "r1".into(),
        definition: now.versions[0].definition.clone(),
        reason: "晚了".into(),
        ..Default::default()
    };
    let stale = cases(&administrator)
        .revise_after_sales_rules(stale)
        .await
        .unwrap_err();
    assert_eq!(reason(&stale), "ETAG_MISMATCH");
    suite.clock.advance(2 * DAY);
    let li = suite.caller(LI).after(&administrator);
    let one = check_cover(&li, &one).await.unwrap();
    assert_eq!((one.cover(), one.rules_version), (Cover::Refused, 1));
    let grounds: Vec<_> = one.findings.iter().map(|one| one.ground()).collect();
    assert_eq!(grounds, [CoverGround::AfterTerm, CoverGround::WithinTerm]);
    let refused = plan_case(&li, &one, "退货", None, None).await.unwrap_err();
    assert_eq!(
        state(&refused),
        ("STATE_NOT_ALLOWED".into(), "REFUSED".into())
    );
    let refused = override_cover(&li, &one, Cover::Covered, "老客户")
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "PERMISSION_MISSING");
    let head = suite.caller(HEAD).after(&li);
    let wrong = override_cover(&head, &one, Cover::Unspecified, "")
        .await
        .unwrap_err();
    assert_eq!(violations(&wrong), ["cover", "reason"]);
    let one = override_cover(&head, &one, Cover::Chargeable, "老客户，付运费")
        .await
        .unwrap();
    assert_eq!(
        (one.cover(), one.cover_decider.as_str()),
        (Cover::Chargeable, &*employee(HEAD))
    );
    let li = li.after(&head);
    let one = plan_case(&li, &one, "退货", None, Some(money(12)))
        .await
        .unwrap();
    assert_eq!(one.cost, Some(money(12)));

    // Of goods without an order as the customer says.
    let bought_there = suite.clock.now() - 400 * DAY;
    let mut strange = Case {
        kind: CaseKind::Repair.into(),
        customer: customer.name.clone(),
        lines: vec![CaseLine {
            quantity: 1,
            product: "旧净化器".into(),
            serial_number: "SN-7".into(),
            ..CaseLine::default()
        }],
        problem: "不通电".into(),
        delivered_time: Some(to_proto(bought_there)),
        ..Case::default()
    };
    let old = register(&li, strange.clone()).await.unwrap();
    let old = check_cover(&li, &old).await.unwrap();
    assert_eq!(
        (old.cover(), old.findings[0].ground()),
        (Cover::Chargeable, CoverGround::AfterTerm)
    );
    // Guidance is finished by giving it.
    strange.kind = CaseKind::Guidance.into();
    let asked = register(&li, strange).await.unwrap();
    let told = finish_case(&li, &asked, "长按复位键").await.unwrap();
    assert_eq!(told.state(), CaseState::Done);
}

/// Clause IH-6: of two cases that want the same pieces or the same money at once, one gets them;
/// what is cancelled is free again.
#[tokio::test(flavor = "multi_thread")]
async fn money_and_goods_are_never_returned_twice() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let bought = delivered(&suite, &li).await;
    let (one, two) = tokio::join!(
        register(&li, case(CaseKind::Return, &bought, 2)),
        register(&li, case(CaseKind::Exchange, &bought, 1)),
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    let pieces = if one.is_ok() { 2 } else { 1 };
    let refused = [&one, &two]
        .into_iter()
        .find_map(|tried| tried.as_ref().err())
        .unwrap();
    assert_eq!(reason(refused), "BEYOND_LIMIT");
    assert_eq!(said(refused, "limit"), (2 - pieces).to_string());
    assert_eq!(booked(&suite).await.0, pieces);
    let first = one.or(two).unwrap();
    let gone = cancel_case(&li, &first, true, "客户改变主意")
        .await
        .unwrap();
    assert!(gone.withdrawn && gone.state() == CaseState::Cancelled);
    assert_eq!(booked(&suite).await.0, 0);
    let back = register(&li, case(CaseKind::Return, &bought, 2))
        .await
        .unwrap();
    let refused = register(&li, case(CaseKind::Return, &bought, 1))
        .await
        .unwrap_err();
    assert_eq!(said(&refused, "limit"), "0");

    // Paid were 2599; a piece may be worth a case, its money only once.
    let other = register(&li, case(CaseKind::Refund, &bought, 2))
        .await
        .unwrap();
    let (back, other) = (
        check_cover(&li, &back).await.unwrap(),
        check_cover(&li, &other).await.unwrap(),
    );
    let (left, right) = tokio::join!(propose(&li, &back, 2000), propose(&li, &other, 2000));
    assert!(left.is_ok() != right.is_ok(), "{left:?} {right:?}");
    let refused = [&left, &right]
        .into_iter()
        .find_map(|tried| tried.as_ref().err())
        .unwrap();
    assert_eq!(
        (reason(refused), said(refused, "limit")),
        ("BEYOND_LIMIT".into(), "599.000000000".into())
    );
    let (won, lost) = match left {
        Ok(won) => (won, other),
        Err(_) => (right.unwrap(), back),
    };
    let lost = propose(&li, &lost, 599).await.unwrap();
    assert_eq!(booked(&suite).await, (2, "2599000000000".into()));
    let refused = propose(&li, &won, 1).await.unwrap_err();
    assert_eq!(said(&refused, "limit"), "0.000000000");
    // A second person refuses the one, and its money is free.
    let head = suite.caller(HEAD).after(&li);
    let won = decide_on_case_payment(&head, &won, 1, false, "超过标准")
        .await
        .unwrap();
    assert_eq!(won.payments[0].state(), CasePaymentState::Refused);
    assert_eq!(booked(&suite).await.1, "599000000000");
    let lost = decide_on_case_payment(&head, &lost, 1, true, "同意")
        .await
        .unwrap();
    let li = li.after(&head);
    let lost = plan_case(&li, &lost, "退款", None, None).await.unwrap();
    let lost = answer_plan(&li, &lost, true, "").await.unwrap();
    let erp = suite.caller_for("erp", "integration").after(&li);
    // Paid at once by two, or again: once.
    let (one, two) = tokio::join!(
        record_case_payment(&erp, &lost, 1, "TK-2026-1"),
        record_case_payment(&erp, &lost, 1, "TK-2026-2"),
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    let paid = one.or(two).unwrap();
    let again = record_case_payment(&erp, &paid, 1, "TK-2026-3")
        .await
        .unwrap_err();
    assert_eq!(state(&again), ("STATE_NOT_ALLOWED".into(), "PAID".into()));
    assert_eq!(journaled(&suite, "case_payment.paid").await, 1);
    // The reference of one payment is not that of another, whichever case it is of.
    let li = li.after(&erp);
    let won = propose(&li, &won, 7).await.unwrap();
    let won = decide_on_case_payment(&suite.caller(HEAD).after(&li), &won, 2, true, "同意")
        .await
        .unwrap();
    let won = plan_case(&li, &won, "退货", None, None).await.unwrap();
    let won = answer_plan(&li, &won, true, "").await.unwrap();
    let reference = paid.payments[0].reference.clone();
    let taken = record_case_payment(&erp, &won, 2, &reference)
        .await
        .unwrap_err();
    assert_eq!(reason(&taken), "ALREADY_EXISTS");
    assert_eq!(
        get(&li, &won).await.unwrap(),
        won,
        "nothing is left of what was refused"
    );
    // A case of which something was carried out is not cancelled.
    let refused = cancel_case(&li, &paid, true, "晚了").await.unwrap_err();
    assert_eq!(
        state(&refused),
        ("STATE_NOT_ALLOWED".into(), "CARRIED_OUT".into())
    );
}

/// Clauses IH-4, IH-6: little by the company's rule, more by a second person who had no hand in it,
/// nothing beyond, nothing of what was not paid.
#[tokio::test(flavor = "multi_thread")]
async fn payments_are_by_rule_or_by_a_second_person() {
    let suite = TestSuite::start().await;
    let (li, administrator) = (suite.caller(LI), suite.caller(ADMINISTRATOR));
    let rule = |kind: CasePaymentKind| CasePaymentRule {
        kind: kind.into(),
        currency: "CNY".into(),
        granted_units: 100,
        approved_units: 500,
    };
    let payments = [CasePaymentKind::Refund, CasePaymentKind::Compensation].map(rule);
    revise(&administrator, |rules| rules.payments = payments.to_vec())
        .await
        .unwrap();
    let li = li.after(&administrator);
    let customer = enter(&li, person()).await;
    let bought = place(&li, order(&customer.name)).await;
    let one = register(&li, case(CaseKind::Refund, &bought, 1))
        .await
        .unwrap();
    let early = propose(&li, &one, 1).await.unwrap_err();
    assert_eq!(
        state(&early),
        ("STATE_NOT_ALLOWED".into(), "REGISTERED".into())
    );
    let one = check_cover(&li, &one).await.unwrap();
    let unpaid = propose(&li, &one, 1).await.unwrap_err();
    assert_eq!(
        state(&unpaid),
        ("STATE_NOT_ALLOWED".into(), "UNPAID".into())
    );
    told(&li, &bought, OrderStage::Paid, suite.clock.now()).await;
    let mut odd = of_line(5);
    odd[0].line = 2;
    odd.push(RefundLine {
        line: 2,
        amount: None,
    });
    let refund = CasePaymentKind::Refund;
    let wrong = propose_case_payment(&li, &one, refund, odd, Some(money(1)), "")
        .await
        .unwrap_err();
    let expected = [
        "amount",
        "lines[1].line",
        "lines[1].amount.currency_code",
        "lines[1].amount.currency_code",
        "lines[1].amount",
        "reason",
    ];
    assert_eq!(violations(&wrong), expected);
    let mut foreign = of_line(5);
    foreign[0].amount.as_mut().unwrap().currency_code = "USD".into();
    let wrong = propose_case_payment(&li, &one, refund, foreign, None, "退款")
        .await
        .unwrap_err();
    assert_eq!(violations(&wrong), ["lines[0].amount.currency_code"]);
    let one = propose(&li, &one, 100).await.unwrap();
    assert_eq!(
        (one.payments[0].state(), one.payments[0].by_rule),
        (CasePaymentState::Granted, true)
    );
    let one = propose(&li, &one, 1).await.unwrap();
    assert_eq!(one.payments[1].state(), CasePaymentState::Asked);
    let beyond = propose(&li, &one, 400).await.unwrap_err();
    assert_eq!(
        (reason(&beyond), said(&beyond, "limit")),
        ("BEYOND_LIMIT".into(), "500".into())
    );
    let loss = CasePaymentKind::Compensation;
    let one = propose_case_payment(&li, &one, loss, Vec::new(), Some(money(60)), "误工")
        .await
        .unwrap();
    assert_eq!(one.payments[2].state(), CasePaymentState::Granted);

    let refused = decide_on_case_payment(&li, &one, 2, true, "自己同意")
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "PERMISSION_MISSING");
    let head = suite.caller(HEAD).after(&li);
    let wrong = decide_on_case_payment(&head, &one, 0, true, "")
        .await
        .unwrap_err();
    assert_eq!(violations(&wrong), ["number", "reason"]);
    let wrong = decide_on_case_payment(&head, &one, 9, true, "同意")
        .await
        .unwrap_err();
    assert_eq!(violations(&wrong), ["number"]);
    // Whoever decided on the cover had a hand in it.
    let other = override_cover(&head, &one, Cover::Covered, "特批")
        .await
        .unwrap();
    let refused = decide_on_case_payment(&head, &other, 2, true, "同意")
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "SECOND_PERSON_REQUIRED");
    let li = li.after(&head);
    let open = register(&li, case(CaseKind::Refund, &bought, 1))
        .await
        .unwrap();
    let open = check_cover(&li, &open).await.unwrap();
    let open = propose(&li, &open, 300).await.unwrap();
    let open = plan_case(&li, &open, "退款", None, None).await.unwrap();
    let open = answer_plan(&li, &open, true, "").await.unwrap();
    let erp = suite.caller_for("erp", "integration").after(&li);
    let early = record_case_payment(&erp, &open, 1, "TK-1")
        .await
        .unwrap_err();
    assert_eq!(state(&early), ("STATE_NOT_ALLOWED".into(), "ASKED".into()));
    let refused = record_case_payment(&li, &open, 1, "TK-1")
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "PERMISSION_MISSING");
    let head = suite.caller(HEAD).after(&erp);
    let decision = DecideOnCasePaymentRequest {
        name: open.name.clone(),
        etag: open.etag.clone(),
        request_id: id(),
        number: 1,
        approve: true,
        reason: "属实".into(),
    };
    let mut client = cases(&head);
    let granted = client.decide_on_case_payment(decision.clone()).await;
    let granted = granted.unwrap().into_inner();
    let again = client.decide_on_case_payment(decision).await;
    assert_eq!(again.unwrap().into_inner(), granted);
    assert_eq!(granted.payments[0].decider, employee(HEAD));
    let open = add_case_step(&li.after(&head), &granted, "通知财务", false, "", "", None)
        .await
        .unwrap();
    let open = complete_case_step(&li, &open, 1, "已通知").await.unwrap();
    let early = finish_case(&li, &open, "已退").await.unwrap_err();
    assert_eq!(said(&early, "needs"), "PAYMENTS");
    let paid = record_case_payment(&erp.after(&li), &open, 1, "TK-2026-0042")
        .await
        .unwrap();
    let done = finish_case(&li.after(&erp), &paid, "已退").await.unwrap();
    assert_eq!(done.payments[0].reference, "TK-2026-0042");
    for (kind, times) in [
        ("case_payment.asked", 2),
        ("case_payment.granted", 3),
        ("case_payment.paid", 1),
    ] {
        assert_eq!(journaled(&suite, kind).await, times, "{kind}");
    }
}

/// Clauses IH-6, CF-6.1, CF-9.1: everything that is wrong is told at once, nothing is done upon an
/// old revision, and who does not reach a case learns nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_or_somebody_elses_is_refused() {
    let suite = TestSuite::start().await;
    let (li, head) = (suite.caller(LI), suite.caller(HEAD));
    let bought = delivered(&suite, &li).await;
    let wrong = Case {
        order: name("orders", uuid::Uuid::nil()),
        assignee: employee(WANG),
        kind: CaseKind::Return.into(),
        ..Case::default()
    };
    let refused = register(&li, wrong).await.unwrap_err();
    let fields = ["customer", "assignee", "problem", "lines"].map(|field| format!("case.{field}"));
    assert_eq!(violations(&refused), fields);
    let nowhere = Case {
        order: name("orders", uuid::Uuid::nil()),
        ..case(CaseKind::Return, &bought, 1)
    };
    assert_eq!(
        violations(&register(&li, nowhere).await.unwrap_err()),
        ["case.order"]
    );
    let other = enter(
        &li,
        kefu_contracts::profile::Customer {
            id_card: String::new(),
            ..person()
        },
    );
    let theirs = Case {
        customer: other.await.name,
        ..case(CaseKind::Return, &bought, 1)
    };
    assert_eq!(
        violations(&register(&li, theirs).await.unwrap_err()),
        ["case.customer"]
    );
    let mut beyond = case(CaseKind::Return, &bought, 1);
    beyond.lines[0].line = 2;
    assert_eq!(
        violations(&register(&li, beyond).await.unwrap_err()),
        ["case.lines[0].line"]
    );
    let refused = register(&head, case(CaseKind::Return, &bought, 1))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "PERMISSION_MISSING");

    let one = register(&li, case(CaseKind::Return, &bought, 1))
        .await
        .unwrap();
    let past = Some(to_proto(suite.clock.now()));
    let told = [
        (
            plan_case(&li, &one, "", past, Some(Money::default())).await,
            &["plan", "deadline", "cost.currency_code", "cost"][..],
        ),
        (answer_plan(&li, &one, false, "").await, &["words"]),
        (
            add_case_step(&li, &one, "", true, "", "x", past).await,
            &["task", "place", "assignee", "due_time"],
        ),
        (
            complete_case_step(&li, &one, 0, "").await,
            &["number", "result"],
        ),
        (finish_case(&li, &one, "").await, &["result"]),
        (confirm_case(&li, &one, false, "").await, &["words"]),
        (evaluate_case(&li, &one, 6, "").await, &["score"]),
        (cancel_case(&li, &one, false, "").await, &["reason"]),
        (assign_case(&li, &one, "").await, &["assignee"]),
        (
            assign_case(&li, &one, &employee("song.yue")).await,
            &["assignee"],
        ),
    ];
    for (answer, fields) in told {
        assert_eq!(violations(&answer.unwrap_err()), fields);
    }
    let too_early = [
        plan_case(&li, &one, "退货", None, None).await,
        answer_plan(&li, &one, true, "").await,
        add_case_step(&li, &one, "取件", false, "", "", None).await,
        complete_case_step(&li, &one, 1, "已取").await,
        finish_case(&li, &one, "已退").await,
        confirm_case(&li, &one, true, "").await,
        evaluate_case(&li, &one, 5, "").await,
    ];
    for answer in too_early {
        assert_eq!(
            state(&answer.unwrap_err()),
            ("STATE_NOT_ALLOWED".into(), "REGISTERED".into())
        );
    }
    let checked = check_cover(&li, &one).await.unwrap();
    let (left, right) = tokio::join!(
        plan_case(&li, &checked, "上门取件", None, None),
        plan_case(&li, &checked, "自行寄回", None, None),
    );
    assert!(left.is_ok() != right.is_ok());
    let refused = [&left, &right]
        .into_iter()
        .find_map(|tried| tried.as_ref().err())
        .unwrap();
    assert_eq!(reason(refused), "ETAG_MISMATCH");

    // Team mates and other departments know nothing of it, whatever they try.
    for login in [WANG, "ma.chao", "guo.jing"] {
        let stranger = suite.caller(login).after(&li);
        let hidden = [
            get(&stranger, &one).await,
            check_cover(&stranger, &one).await,
            plan_case(&stranger, &one, "退货", None, None).await,
            cancel_case(&stranger, &one, false, "不办").await,
            propose(&stranger, &one, 1).await,
        ];
        for answer in hidden {
            let refused = refusal(&answer.unwrap_err());
            assert!(
                matches!(refused.0, Code::NotFound | Code::PermissionDenied),
                "{login}: {refused:?}"
            );
        }
    }
    let wang = suite.caller(WANG).after(&li);
    assert_eq!(
        refusal(&get(&wang, &one).await.unwrap_err()).0,
        Code::NotFound
    );
    assert!(list(&wang, "").await.is_empty());
    // It is given to who may work on it, and then is theirs alone.
    let now = left.or(right).unwrap();
    let given = assign_case(&head.after(&li), &now, &employee(WANG))
        .await
        .unwrap();
    let wang = suite.caller(WANG).after(&head);
    assert_eq!(get(&wang, &given).await.unwrap().problem, "开机有异响");
    assert_eq!(
        refusal(&get(&li.after(&head), &given).await.unwrap_err()).0,
        Code::NotFound
    );
    assert_eq!(due(&wang, &given).await[0].assignee, employee(WANG));
    let mut elsewhere = case(CaseKind::Repair, &bought, 1);
    elsewhere.department = name("departments", department_id("sales"));
    let elsewhere = register(&li, elsewhere).await.unwrap();
    assert_eq!(
        refusal(&get(&head, &elsewhere).await.unwrap_err()).0,
        Code::NotFound
    );
}

/// Clause IH-6: whoever dies while a refund is booked leaves nothing of it; asked once more under the
/// same request id, it is booked once.
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_is_cut_off_leaves_nothing_hanging() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let bought = delivered(&suite, &li).await;
    let one = register(&li, case(CaseKind::Refund, &bought, 1))
        .await
        .unwrap();
    let one = check_cover(&li, &one).await.unwrap();
    // It stops after its accounts are written, until it is let go on.
    let mut sql = suite.database.connect().await.unwrap();
    sqlx::raw_sql(
        "CREATE FUNCTION orders.stop() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END';
         CREATE TRIGGER stop BEFORE UPDATE ON orders.after_sales_case FOR EACH ROW EXECUTE FUNCTION orders.stop();
         SELECT pg_advisory_lock(4711);",
    )
    .execute(&mut sql)
    .await
    .unwrap();
    let request = ProposeCasePaymentRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        request_id: id(),
        kind: CasePaymentKind::Refund.into(),
        lines: of_line(100),
        amount: None,
        reason: "退款".into(),
    };
    let (mut client, sent) = (cases(&li), request.clone());
    let asked = tokio::spawn(async move { client.propose_case_payment(sent).await });
    let cut_off = eventually(|| async {
        let mut admin = suite.database.connect().await.unwrap();
        sqlx::query_scalar::<_, bool>(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory'",
        )
        .fetch_optional(&mut admin)
        .await
        .unwrap()
    })
    .await;
    assert!(cut_off);
    assert!(asked.await.unwrap().is_err());
    assert_eq!(booked(&suite).await.1, "0");
    sqlx::raw_sql("SELECT pg_advisory_unlock(4711)")
        .execute(&mut sql)
        .await
        .unwrap();
    assert_eq!(get(&li, &one).await.unwrap(), one);
    for _ in 0..2 {
        let answer = cases(&li).propose_case_payment(request.clone()).await;
        assert_eq!(answer.unwrap().into_inner().payments.len(), 1);
    }
    assert_eq!(booked(&suite).await.1, "100000000000");
    assert_eq!(journaled(&suite, "case_payment.asked").await, 1);
}
