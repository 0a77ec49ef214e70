//! What is done for customers after the sale: from registration to the customer's word, by rules,
//! and nothing returned twice.

mod cover;
mod payments;
mod refusals;
mod way;

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
        GetCaseRequest, ListCasesRequest, Order, OrderLine, OrderStage, OverrideCoverRequest,
        PlanCaseRequest, ProposeCasePaymentRequest, RecordCasePaymentRequest, RecordStageRequest,
        RefundLine, RegisterCaseRequest, ReviseAfterSalesRulesRequest,
        after_sales_service_client::AfterSalesServiceClient,
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
    follow_ups::{self, journaled},
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
    let mut all = follow_ups::list(caller, "state = OPEN").await;
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
