use kefu_contracts::{
    common::Reason,
    ticket::{ComplaintStage, Level, Priority, TicketKind, TicketState},
};
use kefu_service::fields::Fields;
use proptest::prelude::*;

use super::*;
use crate::domain::handling::shipped;

const AT: Timestamp = Timestamp::constant(1_760_000_000, 0);

fn of(kind: TicketKind) -> Ticket {
    Ticket {
        kind: kind.into(),
        state: TicketState::New as i32,
        attempt_count: 1,
        ..Default::default()
    }
}

fn new() -> Ticket {
    of(TicketKind::Consultation)
}

fn around(rules: &HandlingDefinition) -> Around<'_> {
    Around {
        at: AT,
        now: AT,
        rules,
        rules_version: 0,
        actor: "employees/1",
        transferred: false,
    }
}

fn apply(action: &Action, ticket: &mut Ticket) -> Result<Option<Note>, Fault> {
    action.apply(ticket, around(&shipped()))
}

fn urgent() -> Change {
    let wanted = Ticket {
        impact: Level::High as i32,
        urgency: Level::High as i32,
        ..Default::default()
    };
    let paths = ["impact".into(), "urgency".into()];
    Change::parse(&mut Fields::new(), &paths, wanted)
}

fn renamed(kind: TicketKind) -> Action {
    let wanted = Ticket {
        kind: kind.into(),
        ..Default::default()
    };
    Action::Update(Change::parse(&mut Fields::new(), &["kind".into()], wanted))
}

fn analyse() -> Action {
    Action::Analyse(Analysis {
        nature: ComplaintNature::Delivery,
        gravity: Gravity::Serious,
        department: Some(Uuid::from_u128(3)),
        text: "物流错发".into(),
    })
}

fn resolve() -> Action {
    Action::Resolve("补发".into())
}

fn answer(answer: ResultAnswer) -> Action {
    Action::Answer(answer, "嗯".into())
}

fn summarise() -> Action {
    Action::Summarise {
        cause: "仓库错拣".into(),
        improvement: "复核条码".into(),
    }
}

fn actions() -> Vec<Action> {
    vec![
        Action::Update(urgent()),
        Action::Tag(Tagging::Put(vec!["加急".into()])),
        Action::Transfer(Uuid::from_u128(7), "归他们管".into()),
        Action::Check(Legitimacy::Granted, "在保".into()),
        Action::Check(Legitimacy::Refused, "过保".into()),
        analyse(),
        Action::Assign(Uuid::from_u128(5)),
        Action::Start,
        Action::Suspend(WaitingFor::Customer),
        Action::Suspend(WaitingFor::Supplier),
        Action::Reply(Note {
            direction: Direction::Out,
            body: "在查".into(),
            said: Said::default(),
        }),
        resolve(),
        answer(ResultAnswer::Satisfied),
        answer(ResultAnswer::Unsatisfied),
        Action::AskToClose("联系不上".into()),
        Action::DecideOnClosing(true, "同意".into()),
        Action::DecideOnClosing(false, "再试".into()),
        summarise(),
        Action::Compensate(
            Money {
                currency_code: "CNY".into(),
                units: 50,
                nanos: 0,
            },
            "误工".into(),
        ),
        Action::DecideOnCompensation {
            number: 1,
            approve: true,
            reason: "属实".into(),
        },
        Action::Pay {
            number: 1,
            reference: "P-1".into(),
        },
        Action::Reopen("还没到".into()),
        Action::Rate {
            score: 2,
            comment: String::new(),
        },
        Action::Close,
        Action::TakeOver {
            by: Uuid::from_u128(6),
            reason: "他在休假".into(),
        },
        Action::Release("不归我管".into()),
    ]
}

fn missing(fault: &Fault) -> &str {
    assert_eq!(fault.reason, Reason::StepMissing);
    let (_, needs) = fault
        .metadata
        .iter()
        .find(|(key, _)| *key == "needs")
        .unwrap();
    needs
}

/// Clause SG-2.1.
#[test]
fn priority_follows_impact_and_urgency() {
    let mut ticket = new();
    apply(&Action::Update(urgent()), &mut ticket).unwrap();
    assert_eq!(ticket.priority(), Priority::Critical);
    assert_eq!(ticket.state(), TicketState::New);
}

/// Clause OP-3.2.
#[test]
fn a_solution_that_did_not_work_is_counted_and_its_reason_kept() {
    let mut ticket = new();
    apply(&resolve(), &mut ticket).unwrap();
    assert_eq!(ticket.resolved_time, Some(to_proto(AT)));
    let note = apply(&Action::Reopen("还没到".into()), &mut ticket)
        .unwrap()
        .unwrap();
    assert_eq!(
        (note.direction, note.body.as_str()),
        (Direction::Internal, "还没到")
    );
    assert_eq!((ticket.reopen_count, ticket.resolved_time), (1, None));
    assert!(Action::Resolve("退款".into()).overwrites(&ticket));
}

/// Clause SG-2.2: nobody is set to work on what nobody checked; what is refused is answered.
#[test]
fn a_request_is_checked_before_people_are_assigned() {
    let mut ticket = of(TicketKind::ServiceRequest);
    let assign = Action::Assign(Uuid::from_u128(5));
    let refused = |action: &Action, ticket: &Ticket| {
        let fault = apply(action, &mut ticket.clone()).unwrap_err();
        missing(&fault).to_owned()
    };
    assert_eq!(refused(&assign, &ticket), "LEGITIMACY_GRANTED");
    assert_eq!(refused(&Action::Start, &ticket), "LEGITIMACY_GRANTED");
    assert_eq!(refused(&resolve(), &ticket), "LEGITIMACY_CHECKED");
    apply(
        &Action::Check(Legitimacy::Refused, "过保".into()),
        &mut ticket,
    )
    .unwrap();
    assert_eq!(refused(&assign, &ticket), "LEGITIMACY_GRANTED");
    apply(&resolve(), &mut ticket.clone()).unwrap();
    apply(
        &Action::Check(Legitimacy::Granted, "在保".into()),
        &mut ticket,
    )
    .unwrap();
    apply(&assign, &mut ticket).unwrap();
    // What has happened elsewhere is not asked for it.
    let rules = shipped();
    let transferred = Around {
        transferred: true,
        ..around(&rules)
    };
    let mut ticket = of(TicketKind::ServiceRequest);
    assert!(assign.apply(&mut ticket, transferred).is_ok());
}

/// Clauses OP-3.2, CC-2.3: the loop, step by step.
#[test]
fn a_complaint_is_closed_when_the_customer_is_satisfied() {
    let mut ticket = of(TicketKind::Complaint);
    let mut stages = Vec::new();
    for action in [
        Action::Update(urgent()),
        analyse(),
        Action::Start,
        resolve(),
        answer(ResultAnswer::Unsatisfied),
        resolve(),
        answer(ResultAnswer::Satisfied),
        summarise(),
        Action::Close,
    ] {
        apply(&action, &mut ticket).unwrap();
        stages.push(ticket.stage());
    }
    use ComplaintStage::{
        Analysed, Closed, InCoordination, Recorded, ResultTold, Satisfied, Summarised,
    };
    let expected = [
        Recorded,
        Analysed,
        InCoordination,
        ResultTold,
        InCoordination,
        ResultTold,
        Satisfied,
        Summarised,
        Closed,
    ];
    assert_eq!(stages, expected);
    assert_eq!((ticket.attempt_count, ticket.reopen_count), (2, 1));
    assert_eq!(ticket.department, name("departments", Uuid::from_u128(3)));
}

/// Clause CC-2.3: not satisfied, it takes a reason and a second person.
#[test]
fn an_unsatisfied_complaint_is_closed_by_exception_alone() {
    let mut ticket = of(TicketKind::Complaint);
    assert_eq!(
        missing(&apply(&resolve(), &mut ticket.clone()).unwrap_err()),
        "ANALYSIS"
    );
    apply(&analyse(), &mut ticket).unwrap();
    apply(&resolve(), &mut ticket).unwrap();
    let refused = |action: &Action, ticket: &Ticket| {
        let fault = apply(action, &mut ticket.clone()).unwrap_err();
        missing(&fault).to_owned()
    };
    assert_eq!(refused(&Action::Close, &ticket), "OUTCOME,SUMMARY");
    assert_eq!(refused(&summarise(), &ticket), "OUTCOME");
    let agree = Action::DecideOnClosing(true, "同意".into());
    assert!(agree.by_a_second_person());
    assert_eq!(refused(&agree, &ticket), "CLOSING_ASKED");
    let ask = Action::AskToClose("联系不上".into());
    apply(&ask, &mut ticket).unwrap();
    assert_eq!(ticket.stage(), ComplaintStage::ClosingAsked);
    apply(&Action::DecideOnClosing(false, "再试".into()), &mut ticket).unwrap();
    assert_eq!(refused(&Action::Close, &ticket), "OUTCOME,SUMMARY");
    apply(&ask, &mut ticket).unwrap();
    apply(&agree, &mut ticket).unwrap();
    assert_eq!(ticket.stage(), ComplaintStage::ClosingApproved);
    assert_eq!(refused(&agree, &ticket), "CLOSING_ASKED");
    // Whoever agreed does not take the place of whoever asked.
    let once_more = apply(&ask, &mut ticket.clone()).unwrap_err();
    assert_eq!(once_more.reason, Reason::StateNotAllowed);
    apply(&summarise(), &mut ticket).unwrap();
    // A further attempt begins anew.
    let mut again = ticket.clone();
    apply(&Action::Reopen("找到客户了".into()), &mut again).unwrap();
    assert_eq!(again.closing_approved_by, "");
    apply(&resolve(), &mut again).unwrap();
    assert_eq!(refused(&Action::Close, &again), "OUTCOME,SUMMARY");
    apply(&Action::Close, &mut ticket).unwrap();
}

/// Clause OP-3.2: by the company's number; no other kind is escalated.
#[test]
fn the_nth_reopening_is_for_the_head() {
    for (kind, expected) in [
        (TicketKind::Complaint, [false, true, true]),
        (TicketKind::Consultation, [false; 3]),
    ] {
        let mut ticket = of(kind);
        ticket.set_gravity(Gravity::Minor);
        let told = expected.map(|_| {
            apply(&resolve(), &mut ticket).unwrap();
            ticket.escalated_time = None;
            apply(&Action::Reopen("又坏了".into()), &mut ticket).unwrap();
            ticket.escalated_time.is_some()
        });
        assert_eq!(told, expected, "{kind:?}");
    }
}

/// Clause OP-3.2: nobody steps out of the loop.
#[test]
fn what_was_judged_stays_of_its_kind() {
    let other = renamed(TicketKind::Consultation);
    let mut ticket = of(TicketKind::Complaint);
    apply(&other, &mut ticket.clone()).unwrap();
    apply(&analyse(), &mut ticket).unwrap();
    let fault = apply(&other, &mut ticket.clone()).unwrap_err();
    assert_eq!(fault.violations[0].0, "ticket.kind");
    apply(&renamed(TicketKind::Complaint), &mut ticket).unwrap();
}

proptest! {
    /// However actions come: times, counts and stage agree with the state, and no complaint is
    /// closed but satisfied or by exception.
    #[test]
    fn no_order_of_actions_breaks_the_record(
        kind in proptest::sample::select(vec![
            TicketKind::Consultation, TicketKind::Complaint, TicketKind::ServiceRequest,
        ]),
        done in proptest::collection::vec(proptest::sample::select(actions()), 0..60),
    ) {
        let mut ticket = of(kind);
        let mut reopened = 0;
        for action in done {
            let mut next = ticket.clone();
            if apply(&action, &mut next).is_ok() {
                let again = Action::Answer(ResultAnswer::Unsatisfied, "嗯".into());
                reopened += i32::from(matches!(action, Action::Reopen(_)) || action == again);
                ticket = next;
            }
            let over = matches!(ticket.state(), TicketState::Resolved | TicketState::Closed);
            prop_assert_eq!(ticket.resolved_time.is_some(), over);
            prop_assert_eq!(ticket.closed_time.is_some(), ticket.state() == TicketState::Closed);
            prop_assert_eq!(ticket.reopen_count, reopened);
            prop_assert_eq!(ticket.attempt_count, reopened + 1);
            prop_assert!(ticket.messages.is_empty());
            prop_assert!(kind == TicketKind::Complaint || ticket.stage == 0);
            if kind == TicketKind::Complaint && ticket.state() == TicketState::Closed {
                let satisfied = ticket.result_answer() == ResultAnswer::Satisfied;
                prop_assert!(satisfied || !ticket.closing_approved_by.is_empty());
                prop_assert!(!ticket.cause.is_empty());
            }
        }
    }
}
