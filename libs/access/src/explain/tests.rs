use kefu_contracts::{
    access::{ScopeTemplate, SnapshotGrant, WatchSnapshotResponse},
    policy::DataClass::{Basic, Contact, Purchase, Service},
};
use proptest::prelude::*;

use super::*;
use crate::{
    Scope,
    decide::tests::{
        naive::{self, Answer},
        property::{any_policy, any_query},
    },
    fixture::{
        GET, at, binding, bytes, company, department, employee, grant, id, query, role, rule,
        snapshot, wire_at,
    },
};

pub(crate) fn any_row() -> impl Strategy<Value = RowFacts> {
    let one = || prop::option::of((0..6_u128).prop_map(id));
    let purposes = prop_oneof![Just(Purpose::Service), Just(Purpose::Sales)];
    // Two of them are files that grants name.
    let customers = prop::sample::select(vec![1_u128, 40, 41]).prop_map(id);
    (
        one(),
        one(),
        prop::option::of(customers),
        prop::collection::vec((1..4_u128).prop_map(id), 0..3),
        prop::collection::vec(purposes, 0..2),
    )
        .prop_map(|(department, owner, customer, duty, consents)| RowFacts {
            department,
            owner,
            customer,
            duty,
            consents,
        })
}

/// Classes, sources and end of what the account says lets through.
fn let_through(explanation: &Explanation) -> Option<Clearance> {
    let mut all = None;
    for one in &explanation.considered {
        if one.verdict == Verdict::LetsThrough {
            let clearance = all.get_or_insert_with(Clearance::default);
            clearance.classes = clearance.classes.union(one.classes);
            clearance.until = clearance.until.into_iter().chain(one.until).min();
            if !clearance.sources.contains(&one.source) {
                clearance.sources.push(one.source.clone());
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// What is explained is what is decided, and what the rules say one by one adds up
    /// to it: for any policy, question, record and time, against the slow reference.
    #[test]
    fn the_account_adds_up_to_the_decision(
        policy in any_policy(),
        query in any_query(),
        row in prop::option::of(any_row()),
        now in 0..12_i64,
    ) {
        let held = snapshot(policy.clone());
        let about = row.as_ref().map_or(About::Anything, About::Record);
        let explained = held.account(&query, about, at(now));
        prop_assert_eq!(explained.revision, 5);
        let through = |scope: &Scope| row.as_ref().is_none_or(|row| scope.matches(row));
        let expected = match naive::decide(&policy, &query, now) {
            Answer::Refused(reason) => Err(reason),
            Answer::Rules(rules) => {
                let rules: Vec<_> = rules.iter().filter(|rule| through(&rule.scope)).collect();
                let classes = rules.iter().fold(ClassSet::NONE, |all, rule| all.union(rule.classes));
                match rules.is_empty() {
                    true => Err(Reason::NotFoundOrOutOfScope),
                    false => Ok((classes, rules.iter().filter_map(|rule| rule.expires_at).min())),
                }
            }
        };
        match (&explained.outcome, expected) {
            (Outcome::Allowed(clearance), Ok((classes, until))) => {
                prop_assert_eq!((clearance.classes, clearance.until), (classes, until));
                prop_assert_eq!(let_through(&explained), Some(clearance.clone()));
                prop_assert!(explained.ask.is_empty());
            }
            (Outcome::Refused { reason, .. }, Err(expected)) => {
                prop_assert_eq!(*reason, expected);
                prop_assert_eq!(let_through(&explained), None);
            }
            (outcome, expected) => prop_assert!(false, "{outcome:?} {expected:?}"),
        }
    }

    /// A record that is not there and one that must not be known of are one answer.
    #[test]
    fn an_unknown_record_lets_nothing_through(policy in any_policy(), query in any_query(), now in 0..12_i64) {
        let held = snapshot(policy);
        let explained = held.account(&query, About::Unknown, at(now));
        prop_assert_eq!(let_through(&explained), None);
        match (explained.outcome, held.decide(&query, at(now))) {
            (Outcome::Refused { reason, rule }, Decision::Deny(denial)) => {
                prop_assert_eq!((reason, rule), (denial.reason, denial.rule));
            }
            (Outcome::Refused { reason, .. }, Decision::Allow(_)) => {
                prop_assert_eq!(reason, Reason::NotFoundOrOutOfScope);
            }
            (outcome, _) => prop_assert!(false, "{outcome:?}"),
        }
    }

    /// Known is what some purpose reaches.
    #[test]
    fn a_record_is_known_to_whom_some_purpose_reaches_it(policy in any_policy(), row in any_row(), now in 0..12_i64) {
        let held = snapshot(policy.clone());
        let by_any = (1..=10).any(|number| {
            let query = query(1, Purpose::try_from(number).unwrap());
            match naive::decide(&policy, &query, now) {
                Answer::Rules(rules) => rules.iter().any(|rule| rule.scope.matches(&row)),
                Answer::Refused(_) => false,
            }
        });
        prop_assert_eq!(held.may_know_of(id(1), GET, &row, at(now)), by_any);
    }
}

fn verdicts(explanation: &Explanation) -> Vec<(&str, &Verdict)> {
    let all = explanation.considered.iter();
    all.map(|one| (one.source.as_str(), &one.verdict)).collect()
}

fn reason(explanation: &Explanation) -> Reason {
    match &explanation.outcome {
        Outcome::Refused { reason, .. } => *reason,
        Outcome::Allowed(clearance) => panic!("{clearance:?}"),
    }
}

/// Clause CF-9.1: duty lets through, and without it the head of the record's
/// department is asked, not one's own.
#[test]
fn duty_is_what_an_agent_is_told_of() {
    let held = snapshot(company());
    let asked = query(20, Purpose::Service);
    let mut row = RowFacts {
        department: Some(id(4)),
        duty: vec![id(20)],
        ..RowFacts::default()
    };
    let through = held.account(&asked, About::Record(&row), at(1));
    assert_eq!(
        verdicts(&through),
        [
            ("role:agent#duty", &Verdict::LetsThrough),
            ("role:agent#duty+sensitive", &Verdict::LetsThrough)
        ]
    );
    assert_eq!(through.considered[0].binding, Some(id(101)));
    assert_eq!(through.considered[1].until, Some(at(1000)));
    row.duty.clear();
    let refused = held.account(&asked, About::Record(&row), at(1));
    assert_eq!(reason(&refused), Reason::NotFoundOrOutOfScope);
    assert_eq!(
        verdicts(&refused)[0].1,
        &Verdict::OutOfScope(Miss::Duty),
        "{refused:?}"
    );
    let head = format!("employees/{} (head of department 4)", id(12));
    let asked_of = |explanation: &Explanation| explanation.ask[0].to_string();
    assert_eq!(refused.ask.len(), 1);
    assert_eq!(asked_of(&refused), head);
    // Of a record that must not be known of, one's own are asked.
    let unknown = held.account(&asked, About::Unknown, at(1));
    assert_eq!(verdicts(&unknown)[0].1, &Verdict::OutOfScope(Miss::Unknown));
    assert_eq!(
        asked_of(&unknown),
        format!("employees/{} (head of department 2)", id(10))
    );
}

/// Clause CF-6.1: what is for another purpose says so.
#[test]
fn another_purpose_is_named() {
    let held = snapshot(company());
    let refused = held.account(&query(21, Purpose::Service), About::Anything, at(1));
    assert_eq!(reason(&refused), Reason::PurposeNotAllowed);
    let buying = Verdict::PurposeNotAllowed(Purpose::Service);
    assert_eq!(verdicts(&refused), [("role:sales#buying", &buying)]);
    let never = held.account(&query(22, Purpose::Analysis), About::Anything, at(1));
    assert_eq!(reason(&never), Reason::PermissionMissing);
    let figures = Verdict::PermissionNotGranted;
    assert_eq!(verdicts(&never), [("role:marketing#figures", &figures)]);
}

/// Clause CF-8.1: what is withheld says which of the two is missing.
#[test]
fn lapsed_secrecy_is_told_apart() {
    let explain = |agreement, training| {
        let mut message = company();
        let agent = &mut message.subjects[2];
        assert_eq!(agent.id, bytes(20));
        (agent.agreement_valid_until, agent.training_valid_until) = (agreement, training);
        let row = RowFacts {
            duty: vec![id(20)],
            ..RowFacts::default()
        };
        let asked = query(20, Purpose::Service);
        snapshot(message).account(&asked, About::Record(&row), at(500))
    };
    let sensitive = |explanation: &Explanation| {
        let one = &explanation.considered[1];
        assert_eq!(one.source, "role:agent#duty+sensitive");
        assert_eq!(one.classes, ClassSet::of(&[Contact]));
        let Outcome::Allowed(clearance) = &explanation.outcome else {
            panic!("the rest is let through");
        };
        assert_eq!(clearance.classes, ClassSet::of(&[Basic, Service]));
        one.verdict.clone()
    };
    let neither = explain(None, None);
    assert_eq!(sensitive(&neither), Verdict::AgreementLapsed(None));
    let training = explain(wire_at(600), wire_at(400));
    assert_eq!(sensitive(&training), Verdict::TrainingLapsed(Some(at(400))));
    let agreement = explain(wire_at(500), wire_at(600));
    assert_eq!(
        sensitive(&agreement),
        Verdict::AgreementLapsed(Some(at(500)))
    );
}

fn one_rule(template: ScopeTemplate) -> WatchSnapshotResponse {
    let only = rule("only", template, &[Purchase], &[Purpose::Service]);
    WatchSnapshotResponse {
        departments: vec![department(1, 0), department(2, 0)],
        subjects: vec![employee(1, 1)],
        roles: vec![role("r", vec![only])],
        bindings: vec![binding(1, 1, "r")],
        ..Default::default()
    }
}

#[test]
fn each_scope_says_what_it_missed() {
    let miss = |message, row: &RowFacts| {
        let asked = query(1, Purpose::Service);
        let explained = snapshot(message).account(&asked, About::Record(row), at(5));
        explained.considered[0].verdict.clone()
    };
    let row = RowFacts {
        department: Some(id(2)),
        owner: Some(id(9)),
        ..RowFacts::default()
    };
    for (template, missed) in [
        (ScopeTemplate::Departments, Miss::Department(Some(id(2)))),
        (ScopeTemplate::Owner, Miss::Owner(Some(id(9)))),
        (ScopeTemplate::Duty, Miss::Duty),
    ] {
        assert_eq!(miss(one_rule(template), &row), Verdict::OutOfScope(missed));
    }
    let mut consented = one_rule(ScopeTemplate::All);
    consented.roles[0].rules[0].consented_only = true;
    let missed = Verdict::OutOfScope(Miss::Consent(Purpose::Service));
    assert_eq!(miss(consented, &row), missed);
    let mut nowhere = one_rule(ScopeTemplate::Departments);
    nowhere.subjects[0].department_id.clear();
    assert_eq!(miss(nowhere, &row), Verdict::OutOfScope(Miss::Nothing));
    let mut ended = one_rule(ScopeTemplate::All);
    ended.bindings[0].ends_at = wire_at(5);
    assert_eq!(miss(ended, &row), Verdict::Ended(at(5)));
    let mut early = one_rule(ScopeTemplate::All);
    early.bindings[0].starts_at = wire_at(6);
    assert_eq!(miss(early, &row), Verdict::NotBegun(at(6)));
}

#[test]
fn of_strangers_and_leavers_no_rule_is_considered() {
    let mut message = company();
    message.subjects[2].leaves_at = wire_at(3);
    let held = snapshot(message);
    for number in [20, 99] {
        let explained = held.account(&query(number, Purpose::Service), About::Anything, at(3));
        assert_eq!(reason(&explained), Reason::SubjectUnknown);
        assert!(explained.considered.is_empty() && explained.ask.is_empty());
    }
}

/// A grant that does not help says why: who had it yesterday asks why not today.
#[test]
fn a_grant_that_does_not_let_through_says_why() {
    let mut policy = company();
    policy.grants.push(SnapshotGrant {
        companion_id: bytes(20),
        ..grant(500, &[22], &[60])
    });
    let verdict = |policy: &WatchSnapshotResponse, purpose, now| {
        let explained = snapshot(policy.clone()).account(&query(22, purpose), About::Anything, now);
        let considered = explained.considered;
        let grants = considered
            .into_iter()
            .filter(|one| one.source.starts_with("grant:"));
        grants.map(|one| one.verdict).collect::<Vec<_>>()
    };
    let quality = Purpose::Quality;
    assert_eq!(
        verdict(&policy, quality, at(1)),
        [Verdict::Unaccompanied(id(20))]
    );
    assert_eq!(
        verdict(&policy, quality, at(100)),
        [Verdict::Ended(at(100))]
    );
    let sales = Verdict::PurposeNotAllowed(Purpose::Sales);
    assert_eq!(verdict(&policy, Purpose::Sales, at(1)), [sales]);
    policy.grants[0].accompanied_until = wire_at(50);
    policy.grants[0].starts_at = wire_at(10);
    assert_eq!(
        verdict(&policy, quality, at(9)),
        [Verdict::NotBegun(at(10))]
    );
    assert_eq!(
        verdict(&policy, quality, at(10)),
        [Verdict::LetsThrough, Verdict::LetsThrough]
    );
    assert_eq!(
        verdict(&policy, quality, at(50)),
        [Verdict::Unaccompanied(id(20))]
    );
}
