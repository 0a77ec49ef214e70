use jiff::SignedDuration;
use kefu_contracts::order::{CaseLine, CasePaymentKind, CasePaymentRule, RefundLine};

use super::*;
use crate::domain::case::{due::all, rules::shipped};

const START: Timestamp = Timestamp::constant(1_700_000_000, 0);
const AGENT: &str = "employees/agent";
const HEAD: &str = "employees/head";

struct World {
    rules: AfterSalesDefinition,
    order: OrderStanding,
    now: Timestamp,
    actor: &'static str,
}

impl World {
    fn new() -> Self {
        let order = OrderStanding {
            currency: "CNY".into(),
            paid: true,
            delivered: Some(START - SignedDuration::from_hours(24)),
        };
        Self {
            rules: shipped(),
            order,
            now: START,
            actor: AGENT,
        }
    }

    fn act(&self, case: &mut Case, action: Action) -> Result<(), Fault> {
        let around = Around {
            now: self.now,
            rules: &self.rules,
            rules_version: 4,
            actor: self.actor,
            order: (!case.order.is_empty()).then_some(&self.order),
        };
        action.apply(case, around)
    }

    fn all(&self, case: &mut Case, actions: impl IntoIterator<Item = Action>) {
        for action in actions {
            self.act(case, action).unwrap();
        }
    }
}

fn registered(kind: CaseKind) -> Case {
    let mut case = Case {
        order: "orders/1".into(),
        lines: vec![CaseLine {
            line: 1,
            quantity: 1,
            ..CaseLine::default()
        }],
        registrar: AGENT.into(),
        due_time: Some(to_proto(START + SignedDuration::from_hours(24))),
        ..Case::default()
    };
    case.set_kind(kind);
    case.set_state(CaseState::Registered);
    case
}

fn plan() -> Action {
    Action::Plan {
        plan: "换主板".into(),
        deadline: None,
        cost: None,
    }
}

fn agree() -> Action {
    Action::Answer {
        agree: true,
        words: String::new(),
    }
}

fn step(hours: i64) -> Action {
    Action::AddStep(NewStep {
        task: "上门检查".into(),
        on_site: true,
        place: "客户家".into(),
        assignee: None,
        due: Some(START + SignedDuration::from_hours(hours)),
    })
}

fn done(number: i32) -> Action {
    Action::StepDone {
        number,
        result: "好了".into(),
    }
}

fn refund(units: i64) -> Action {
    let amount = Money {
        currency_code: "CNY".into(),
        units,
        nanos: 0,
    };
    Action::Propose(Proposal {
        kind: CasePaymentKind::Refund,
        lines: vec![RefundLine {
            line: 1,
            amount: Some(amount.clone()),
        }],
        amount,
        reason: "退货".into(),
    })
}

fn hours(case: &Case) -> Option<i64> {
    let due = case.due_time.as_ref().and_then(from_proto)?;
    Some(due.duration_since(START).as_hours())
}

/// Clauses IH-6, IH-4: the whole way, with what is due next at each turn of it.
#[test]
fn a_case_goes_its_way_and_says_what_is_due() {
    let world = World::new();
    let mut case = registered(CaseKind::Repair);
    world.act(&mut case, Action::Check).unwrap();
    assert_eq!((case.cover(), case.rules_version), (Cover::Covered, 4));
    assert_eq!(hours(&case), Some(24), "a plan is due since registration");
    world.act(&mut case, plan()).unwrap();
    assert_eq!(hours(&case), Some(72), "the customer is asked before long");
    world.act(&mut case, agree()).unwrap();
    assert_eq!(hours(&case), Some(240));
    world.all(&mut case, [step(48), step(30)]);
    assert_eq!(case.state(), CaseState::UnderWay);
    let steps: Vec<_> = all(&case).into_iter().map(|due| due.step).collect();
    assert_eq!((hours(&case), steps), (Some(30), vec![Some(1), Some(2)]));
    world.act(&mut case, done(2)).unwrap();
    assert_eq!(hours(&case), Some(48));
    let early = world
        .act(&mut case.clone(), Action::Finish("修好".into()))
        .unwrap_err();
    assert_eq!(early.reason, Reason::StepMissing);
    world.all(&mut case, [done(1), Action::Finish("修好".into())]);
    assert!(matches!(all(&case).as_slice(), [due] if due.closing));
    let words = Action::Confirm {
        satisfied: true,
        words: "满意".into(),
    };
    world.act(&mut case, words).unwrap();
    assert_eq!((case.state(), all(&case)), (CaseState::Closed, Vec::new()));
    let score = Action::Evaluate {
        score: 5,
        comment: String::new(),
    };
    world.act(&mut case, score).unwrap();
    assert_eq!((case.state(), case.score), (CaseState::Evaluated, 5));
}

/// Clause IH-6: declined is planned anew; who is not satisfied is served again, and it is counted.
#[test]
fn what_the_customer_does_not_want_leads_back_to_a_plan() {
    let mut world = World::new();
    let mut case = registered(CaseKind::Repair);
    world.all(&mut case, [Action::Check, plan()]);
    world.now = START + SignedDuration::from_hours(10);
    let decline = Action::Answer {
        agree: false,
        words: "太久".into(),
    };
    world.act(&mut case, decline).unwrap();
    assert_eq!((case.state(), hours(&case)), (CaseState::Checked, Some(34)));
    world.all(
        &mut case,
        [
            plan(),
            agree(),
            step(20),
            done(1),
            Action::Finish("修好".into()),
        ],
    );
    assert_eq!(case.plan_count, 2);
    let unsatisfied = Action::Confirm {
        satisfied: false,
        words: "还是坏的".into(),
    };
    world.act(&mut case, unsatisfied.clone()).unwrap();
    assert_eq!((case.state(), case.reopen_count), (CaseState::Checked, 1));
    assert!(case.done_time.is_none() && case.deadline.is_none());
    // What was carried out is not taken back by cancelling.
    let cancel = Action::Cancel {
        withdrawn: true,
        reason: "不要了".into(),
    };
    assert!(world.act(&mut case.clone(), cancel).is_err());
    world.all(
        &mut case,
        [
            plan(),
            agree(),
            step(40),
            done(2),
            Action::Finish("修好".into()),
        ],
    );
    world.act(&mut case, unsatisfied).unwrap();
    assert_eq!(case.reopen_count, 2);
}

/// Clause IH-6: what is refused is planned only once a second person decided otherwise, and what is
/// covered costs nothing.
#[test]
fn cover_decides_on_plan_and_cost() {
    let mut world = World::new();
    world.order.delivered = Some(START - SignedDuration::from_hours(24 * 8));
    let mut case = registered(CaseKind::Return);
    world.act(&mut case, Action::Check).unwrap();
    assert_eq!(case.cover(), Cover::Refused);
    assert_eq!(
        world.act(&mut case, plan()).unwrap_err().reason,
        Reason::StateNotAllowed
    );
    let otherwise = || Action::Override(Cover::Covered, "老客户".into());
    let own = world.act(&mut case, otherwise()).unwrap_err();
    assert_eq!(own.reason, Reason::SecondPersonRequired);
    world.actor = HEAD;
    world.act(&mut case, otherwise()).unwrap();
    assert_eq!(
        (case.cover(), case.cover_decider.as_str()),
        (Cover::Covered, HEAD)
    );
    let dear = Action::Plan {
        plan: "退货".into(),
        deadline: None,
        cost: Some(Money::default()),
    };
    assert_eq!(
        world.act(&mut case.clone(), dear).unwrap_err().reason,
        Reason::InvalidFields
    );
    world.act(&mut case, plan()).unwrap();
}

/// Clauses IH-6, IH-4: by rule up to its amount, by a second person up to theirs, nothing beyond.
#[test]
fn money_is_granted_by_rule_or_asked_for() {
    let mut world = World::new();
    world.rules.payments = vec![CasePaymentRule {
        kind: CasePaymentKind::Refund.into(),
        currency: "CNY".into(),
        granted_units: 100,
        approved_units: 300,
    }];
    let mut case = registered(CaseKind::Return);
    world.all(&mut case, [Action::Check, refund(60), refund(60)]);
    let states: Vec<_> = case.payments.iter().map(|one| one.state()).collect();
    assert_eq!(states, [CasePaymentState::Granted, CasePaymentState::Asked]);
    let beyond = world.act(&mut case.clone(), refund(181)).unwrap_err();
    assert_eq!(
        (beyond.reason, &beyond.metadata[0].1),
        (Reason::BeyondLimit, &"300".to_owned())
    );
    let decide = |approve| Action::Decide {
        number: 2,
        approve,
        reason: "同意".into(),
    };
    world.act(&mut case, decide(false)).unwrap();
    world.all(&mut case, [plan(), agree()]);
    let pay = |number| Action::Pay {
        number,
        reference: "TK-1".into(),
    };
    assert!(world.act(&mut case.clone(), pay(2)).is_err());
    world.act(&mut case, pay(1)).unwrap();
    assert!(world.act(&mut case, pay(1)).is_err(), "it is paid once");
    assert_eq!(case.state(), CaseState::UnderWay);
    world.order.paid = false;
    assert!(world.act(&mut case, refund(1)).is_err(), "nothing was paid");
}

/// Clause IH-6: what is cancelled before anything was done drops what was promised.
#[test]
fn a_cancelled_case_promises_nothing() {
    let world = World::new();
    let mut case = registered(CaseKind::Return);
    let cancel = Action::Cancel {
        withdrawn: true,
        reason: "不退了".into(),
    };
    world.all(&mut case, [Action::Check, refund(5), cancel]);
    assert_eq!(case.payments[0].state(), CasePaymentState::Dropped);
    assert_eq!(
        (case.state(), all(&case)),
        (CaseState::Cancelled, Vec::new())
    );
    assert!(case.withdrawn && case.close_time.is_some());
    for action in [
        Action::Check,
        plan(),
        refund(1),
        Action::Assign(Uuid::nil()),
    ] {
        assert_eq!(
            world.act(&mut case, action).unwrap_err().reason,
            Reason::StateNotAllowed
        );
    }
}
