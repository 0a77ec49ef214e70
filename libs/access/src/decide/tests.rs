mod clauses;
mod grants;
pub(crate) mod naive;
pub(crate) mod property;
mod refusals;

use kefu_contracts::{
    access::{ScopeTemplate, SnapshotSubject, WatchSnapshotResponse},
    common::Reason,
    policy::DataClass::{self, Basic, Contact},
};

use super::*;
use crate::{
    Scope, Whom,
    fixture::{
        at, before, binding, bytes, company, department, employee, id, query, role, rule, snapshot,
        wire_at,
    },
};

fn allowed(decision: Decision) -> Allowance {
    match decision {
        Decision::Allow(allowance) => allowance,
        Decision::Deny(denial) => panic!("denied: {denial:?}"),
    }
}

fn denied(decision: Decision) -> Denial {
    match decision {
        Decision::Deny(denial) => denial,
        Decision::Allow(allowance) => panic!("allowed: {allowance:?}"),
    }
}

/// Whom to ask, as it is written in English.
fn told(ask: &[Whom]) -> Vec<String> {
    ask.iter().map(ToString::to_string).collect()
}

fn sources(allowance: &Allowance) -> Vec<&str> {
    allowance
        .rules
        .iter()
        .map(|rule| rule.source.as_str())
        .collect()
}

/// One employee (1, in department 1) with one binding to a role of one rule.
fn one_rule(template: ScopeTemplate, classes: &[DataClass]) -> WatchSnapshotResponse {
    let only = rule("only", template, classes, &[Purpose::Service]);
    WatchSnapshotResponse {
        revision: 3,
        departments: vec![department(1, 0)],
        subjects: vec![employee(1, 1)],
        roles: vec![role("r", vec![only])],
        bindings: vec![binding(1, 1, "r")],
        ..Default::default()
    }
}

fn scope_of(message: WatchSnapshotResponse) -> Scope {
    let decision = snapshot(message).decide(&query(1, Purpose::Service), at(1));
    allowed(decision).rules[0].scope.clone()
}

#[test]
fn templates_are_filled_in_by_the_binding() {
    let ids = |numbers: &[u128]| numbers.iter().map(|number| id(*number)).collect();
    let tree = vec![
        department(1, 0),
        department(2, 1),
        department(3, 2),
        department(4, 0),
    ];
    let with = |template, over: &[u128]| {
        let mut message = one_rule(template, &[Basic]);
        message.departments = tree.clone();
        message.bindings[0].department_ids = over.iter().map(|id| bytes(*id)).collect();
        message
    };
    assert_eq!(scope_of(with(ScopeTemplate::All, &[])), Scope::All);
    assert_eq!(
        scope_of(with(ScopeTemplate::Owner, &[])),
        Scope::Owner(id(1))
    );
    assert_eq!(scope_of(with(ScopeTemplate::Duty, &[])), Scope::Duty(id(1)));
    let departments = |over: &[u128]| scope_of(with(ScopeTemplate::Departments, over));
    assert_eq!(departments(&[]), Scope::Departments(ids(&[1, 2, 3])));
    assert_eq!(departments(&[4, 3]), Scope::Departments(ids(&[3, 4])));
    assert_eq!(departments(&[9]), Scope::Departments(ids(&[9])));
    let mut nowhere = with(ScopeTemplate::Departments, &[]);
    nowhere.subjects[0].department_id.clear();
    assert_eq!(scope_of(nowhere), Scope::None);
}

#[test]
fn a_tree_with_a_loop_is_walked_once() {
    let mut message = one_rule(ScopeTemplate::Departments, &[Basic]);
    message.departments = vec![department(1, 3), department(2, 1), department(3, 2)];
    let everything = Scope::Departments(vec![id(1), id(2), id(3)]);
    assert_eq!(scope_of(message.clone()), everything);
    // Asking upwards for somebody to turn to ends as well.
    let denial = denied(snapshot(message).decide(&query(1, Purpose::Sales), at(1)));
    assert!(denial.ask.is_empty());
}

#[test]
fn consent_is_to_the_purpose_of_the_call() {
    let mut message = one_rule(ScopeTemplate::All, &[Basic]);
    message.roles[0].rules[0].consented_only = true;
    let consented = Scope::Consented(Purpose::Service, Box::new(Scope::All));
    assert_eq!(scope_of(message.clone()), consented);
    // A method that needs no purpose does not free the rule from consent.
    for purpose in [Purpose::Unspecified, Purpose::Sales] {
        let lax = Query {
            purpose_required: false,
            ..query(1, purpose)
        };
        let denial = denied(snapshot(message.clone()).decide(&lax, at(1)));
        assert_eq!(denial.reason, Reason::PurposeNotAllowed);
    }
}

#[test]
fn where_no_purpose_is_needed_none_is_asked_for() {
    let held = snapshot(one_rule(ScopeTemplate::All, &[Basic]));
    for purpose in [Purpose::Unspecified, Purpose::Sales, Purpose::Service] {
        let lax = Query {
            purpose_required: false,
            ..query(1, purpose)
        };
        assert_eq!(sources(&allowed(held.decide(&lax, at(1)))), ["role:r#only"]);
    }
    let denial = denied(held.decide(&query(1, Purpose::Unspecified), at(1)));
    assert_eq!(denial.reason, Reason::PurposeNotAllowed);
    assert_eq!(
        denial.rule,
        "no purpose is stated, and one is needed by role:r#only"
    );
}

#[test]
fn a_binding_counts_from_its_start_to_before_its_end() {
    let mut message = one_rule(ScopeTemplate::All, &[Basic]);
    message.bindings[0].starts_at = wire_at(10);
    message.bindings[0].ends_at = wire_at(20);
    let held = snapshot(message);
    let ask = |now| held.decide(&query(1, Purpose::Service), now);
    for inside in [at(10), before(at(20))] {
        let allowance = allowed(ask(inside));
        assert_eq!(allowance.valid_until, Some(at(20)));
        assert_eq!(allowance.rules[0].expires_at, Some(at(20)));
        assert_eq!(allowance.revision, 3);
    }
    let early = denied(ask(before(at(10))));
    assert_eq!(early.reason, Reason::PermissionMissing);
    assert!(
        early
            .rule
            .ends_with("role:r begins at 1970-01-01T00:00:10Z"),
        "{}",
        early.rule
    );
    let late = denied(ask(at(20)));
    assert_eq!(late.reason, Reason::PermissionMissing);
    assert!(
        late.rule.ends_with("role:r ended at 1970-01-01T00:00:20Z"),
        "{}",
        late.rule
    );
}

#[test]
fn a_binding_that_is_to_start_ends_the_decision() {
    let mut message = one_rule(ScopeTemplate::All, &[Basic]);
    let mut next = binding(2, 1, "r");
    next.starts_at = wire_at(50);
    let mut never = binding(3, 1, "r");
    (never.starts_at, never.ends_at) = (wire_at(30), wire_at(30));
    message.bindings.extend([next, never]);
    let held = snapshot(message);
    let ask = |now| allowed(held.decide(&query(1, Purpose::Service), now));
    assert_eq!(ask(before(at(50))).valid_until, Some(at(50)));
    assert_eq!(ask(at(50)).valid_until, None);
    assert_eq!(ask(at(50)).rules.len(), 2);
}

#[test]
fn very_many_rules_are_folded_and_none_is_lost() {
    let mut message = one_rule(ScopeTemplate::Departments, &[Basic, Contact]);
    message.bindings = (1..=40)
        .map(|number| crate::fixture::binding(number, 1, "r"))
        .map(|mut binding| {
            binding.department_ids = vec![binding.id.clone()];
            binding.ends_at = wire_at(i64::from(binding.id[15]) + 100);
            binding
        })
        .collect();
    let allowance = allowed(snapshot(message).decide(&query(1, Purpose::Service), at(1)));
    assert_eq!(
        sources(&allowance),
        ["role:r#only", "role:r#only+sensitive"]
    );
    assert_eq!(allowance.valid_until, Some(at(101)));
    for rule in &allowance.rules {
        assert_eq!(rule.expires_at, Some(at(101)));
        assert!(matches!(&rule.scope, Scope::Union(parts) if parts.len() == 40));
    }
}

#[test]
fn machines_need_no_oath_and_their_rules_are_not_split() {
    let held = snapshot(company());
    let allowance = allowed(held.decide(&query(30, Purpose::Integration), at(5000)));
    assert_eq!(sources(&allowance), ["role:integration#sync"]);
    assert_eq!(allowance.rules[0].classes, ClassSet::of(&[Basic, Contact]));
    assert_eq!(allowance.valid_until, None);
}

fn with_secrecy(agreement: Option<i64>, training: Option<i64>) -> SnapshotSubject {
    SnapshotSubject {
        agreement_valid_until: agreement.and_then(wire_at),
        training_valid_until: training.and_then(wire_at),
        ..employee(1, 1)
    }
}
