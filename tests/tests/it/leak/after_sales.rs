//! After-sales cases of every department, with something in every field, and what they make due.

use std::collections::BTreeMap;

use kefu_access::RowFacts;
use kefu_contracts::order::{
    AttemptOutcome, Case, CaseKind, CaseLine, CasePaymentKind, CasePaymentRule, CaseState,
    CompleteFollowUpRequest, Cover, CreateFollowUpRequest, FollowUp, FollowUpState,
    GetOrderRequest, ListFollowUpsRequest, Order, OrderStage, RecordAttemptRequest,
    completion_service_client::CompletionServiceClient,
    follow_up_service_client::FollowUpServiceClient,
};
use kefu_service::{clock::Clock, fields::parse_name, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use uuid::Uuid;

use super::values::Values;
use crate::{
    after_sales::{
        add_case_step, answer_plan, cancel_case, check_cover, complete_case_step, confirm_case,
        decide_on_case_payment, evaluate_case, finish_case, money, of_line, override_cover,
        plan_case, propose_case_payment, record_case_payment, register, revise, told,
    },
    records::orders,
};

/// Department, assignee; one of each order, in their order.
const CASES: &[(&str, Option<&str>)] = &[
    // To its end, for money, and not as the rules would have it.
    ("call_centre", Some("wang.fang")),
    // Under way, with money by rule and by a second person.
    ("complaints", Some("guo.jing")),
    ("technical_support", Some("ma.chao")),
    ("sales", None),
];

/// A record with what is known of it.
pub(super) struct Planted {
    pub(super) name: String,
    pub(super) facts: RowFacts,
}

impl Planted {
    pub(super) fn new(name: String, facts: RowFacts) -> Self {
        Self { name, facts }
    }
}

/// The cases.
pub(super) async fn planted(
    suite: &TestSuite,
    maker: &Caller,
    of: &[String],
    departments: &BTreeMap<String, Uuid>,
    values: &mut Values,
) -> Vec<Planted> {
    let administrator = suite.caller("han.bing");
    let rule = CasePaymentRule {
        kind: CasePaymentKind::Compensation.into(),
        currency: "CNY".into(),
        granted_units: 100,
        approved_units: 0,
    };
    revise(&administrator, |rules| rules.payments = vec![rule])
        .await
        .unwrap();
    let maker = &maker.after(&administrator);
    let mut planted = Vec::new();
    for (at, (department, assignee)) in CASES.iter().enumerate() {
        let request = GetOrderRequest {
            name: of[at].clone(),
        };
        let order = orders(maker).get_order(request).await.unwrap().into_inner();
        let wanted = Case {
            department: format!("departments/{}", departments[*department]),
            assignee: assignee
                .map(|login| format!("employees/{}", employee_id(login)))
                .unwrap_or_default(),
            ..wanted(at, &order, values)
        };
        let one = register(maker, wanted).await.unwrap();
        let one = match at {
            0 => to_its_end(suite, maker, &order, one, values).await,
            1 => under_way(suite, maker, &order, one, values).await,
            2 => cancel_case(maker, &one, true, &values.text())
                .await
                .unwrap(),
            _ => one,
        };
        let over = matches!(one.state(), CaseState::Evaluated | CaseState::Cancelled);
        let owner = assignee.map(employee_id);
        planted.push(Planted {
            name: one.name,
            facts: RowFacts {
                department: Some(departments[*department]),
                owner,
                customer: parse_name(&one.customer, "customers"),
                duty: owner.filter(|_| !over).into_iter().collect(),
                consents: Vec::new(),
            },
        });
    }
    planted
}

fn wanted(at: usize, order: &Order, values: &mut Values) -> Case {
    let kind = if at == 1 {
        CaseKind::Refund
    } else {
        CaseKind::Repair
    };
    Case {
        kind: kind.into(),
        customer: order.customer.clone(),
        order: order.name.clone(),
        lines: vec![CaseLine {
            line: 1,
            quantity: 1,
            serial_number: values.text(),
            ..CaseLine::default()
        }],
        problem: values.text(),
        ..Case::default()
    }
}

async fn to_its_end(
    suite: &TestSuite,
    maker: &Caller,
    order: &Order,
    one: Case,
    values: &mut Values,
) -> Case {
    told(maker, order, OrderStage::Delivered, suite.clock.now()).await;
    tried(&suite.caller("wang.fang").after(maker), order, values).await;
    let one = check_cover(maker, &one).await.unwrap();
    let head = suite.caller("zhang.min").after(maker);
    let reason = values.text();
    let one = override_cover(&head, &one, Cover::Chargeable, &reason)
        .await
        .unwrap();
    let maker = &maker.after(&head);
    let deadline = to_proto(suite.clock.now() + std::time::Duration::from_secs(86_400));
    let cost = Some(money(3));
    let one = plan_case(maker, &one, &values.text(), Some(deadline), cost)
        .await
        .unwrap();
    let one = answer_plan(maker, &one, true, "").await.unwrap();
    let (task, place) = (values.text(), values.text());
    let worker = format!("employees/{}", employee_id("wang.fang"));
    let one = add_case_step(maker, &one, &task, true, &place, &worker, None)
        .await
        .unwrap();
    let one = complete_case_step(maker, &one, 1, &values.text())
        .await
        .unwrap();
    let one = finish_case(maker, &one, &values.text()).await.unwrap();
    let one = confirm_case(maker, &one, true, &values.text())
        .await
        .unwrap();
    evaluate_case(maker, &one, 4, &values.text()).await.unwrap()
}

async fn under_way(
    suite: &TestSuite,
    maker: &Caller,
    order: &Order,
    one: Case,
    values: &mut Values,
) -> Case {
    told(maker, order, OrderStage::Paid, suite.clock.now()).await;
    let one = check_cover(maker, &one).await.unwrap();
    let (loss, refund) = (CasePaymentKind::Compensation, CasePaymentKind::Refund);
    let reason = values.text();
    let one = propose_case_payment(maker, &one, loss, Vec::new(), Some(money(47)), &reason);
    let one = one.await.unwrap();
    let reason = values.text();
    let one = propose_case_payment(maker, &one, refund, of_line(1), None, &reason)
        .await
        .unwrap();
    let head = suite.caller_for("zhou.ting", "complaint").after(maker);
    let reason = values.text();
    let one = decide_on_case_payment(&head, &one, 2, true, &reason)
        .await
        .unwrap();
    let maker = &maker.after(&head);
    let one = plan_case(maker, &one, &values.text(), None, None)
        .await
        .unwrap();
    let one = answer_plan(maker, &one, true, "").await.unwrap();
    record_case_payment(maker, &one, 2, &values.text())
        .await
        .unwrap()
}

/// The customer is asked whether it arrived, and nobody answers.
async fn tried(caller: &Caller, order: &Order, values: &mut Values) {
    let request = GetOrderRequest {
        name: order.name.clone(),
    };
    let now = orders(caller)
        .get_order(request)
        .await
        .unwrap()
        .into_inner();
    let attempt = RecordAttemptRequest {
        name: now.name,
        etag: now.etag,
        outcome: AttemptOutcome::NotReached.into(),
        words: values.text(),
        ..Default::default()
    };
    let mut client = CompletionServiceClient::new(caller.clone());
    client.record_attempt(attempt).await.unwrap();
}

/// The order knows that a complaint names it.
pub(super) async fn complained(maker: &Caller, order: &str) {
    eventually(async || {
        let request = GetOrderRequest { name: order.into() };
        let order = orders(maker).get_order(request).await.unwrap().into_inner();
        (!order.complaints.is_empty()).then_some(())
    })
    .await;
}

/// Something that was to be done and is, with what came of it.
pub(super) async fn done_by_hand(
    suite: &TestSuite,
    customer: &str,
    department: Uuid,
    values: &mut Values,
) {
    let head = suite.caller("zhang.min");
    let due = suite.clock.now() + std::time::Duration::from_secs(3_600);
    let wanted = FollowUp {
        customer: customer.into(),
        department: format!("departments/{department}"),
        due_time: Some(to_proto(due)),
        reason: values.text(),
        ..FollowUp::default()
    };
    let create = CreateFollowUpRequest {
        follow_up: Some(wanted),
        request_id: String::new(),
    };
    let mut client = FollowUpServiceClient::new(head);
    let made = client.create_follow_up(create).await.unwrap().into_inner();
    let complete = CompleteFollowUpRequest {
        name: made.name,
        etag: made.etag,
        outcome: values.text(),
        ..Default::default()
    };
    client.complete_follow_up(complete).await.unwrap();
}

/// Everything that is due, by whatever it was opened.
pub(super) async fn due(maker: &Caller) -> Vec<Planted> {
    let request = ListFollowUpsRequest {
        page_size: 200,
        ..Default::default()
    };
    let mut client = FollowUpServiceClient::new(maker.clone());
    let page = client.list_follow_ups(request).await.unwrap().into_inner();
    assert!(page.next_page_token.is_empty());
    page.follow_ups.into_iter().map(of_follow_up).collect()
}

fn of_follow_up(one: FollowUp) -> Planted {
    let assignee = parse_name(&one.assignee, "employees");
    let open = one.state() == FollowUpState::Open;
    Planted {
        facts: RowFacts {
            department: parse_name(&one.department, "departments"),
            owner: assignee,
            customer: parse_name(&one.customer, "customers"),
            duty: assignee.filter(|_| open).into_iter().collect(),
            consents: Vec::new(),
        },
        name: one.name,
    }
}
