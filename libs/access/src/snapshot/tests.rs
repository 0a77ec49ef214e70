mod malformed;

use std::collections::BTreeMap;

use kefu_contracts::{
    access::{
        ScopeTemplate, SnapshotBinding, SnapshotDepartment, SnapshotGrant, SnapshotRole,
        SnapshotSubject,
    },
    policy::{DataClass, Purpose},
};
use proptest::prelude::*;

use super::*;
use crate::{
    Decision,
    fixture::{
        at, binding, bytes, company, department, employee, id, query, role, rule, snapshot, wire_at,
    },
};

fn any_department() -> impl Strategy<Value = SnapshotDepartment> {
    (1..6_u128, 0..6_u128).prop_map(|(id, parent)| department(id, parent))
}

fn any_subject() -> impl Strategy<Value = SnapshotSubject> {
    (1..5_u128, 0..6_u128).prop_map(|(id, department)| employee(id, department))
}

fn any_role() -> impl Strategy<Value = SnapshotRole> {
    let templates = prop::collection::vec(1..=4_i32, 0..3);
    ("[ab]", templates).prop_map(|(id, templates)| {
        let rules = templates.into_iter().enumerate().map(|(at, template)| {
            let template = ScopeTemplate::try_from(template).unwrap();
            rule(
                &format!("r{at}"),
                template,
                &[DataClass::Basic],
                &[Purpose::Service],
            )
        });
        role(&id, rules.collect())
    })
}

fn any_binding() -> impl Strategy<Value = SnapshotBinding> {
    let departments = prop::collection::vec(1..6_u128, 0..3);
    (1..7_u128, 1..5_u128, "[abc]", departments).prop_map(|(id, subject, role, departments)| {
        SnapshotBinding {
            department_ids: departments.into_iter().map(bytes).collect(),
            ..binding(id, subject, &role)
        }
    })
}

fn any_grant() -> impl Strategy<Value = SnapshotGrant> {
    let people = prop::collection::vec(1..5_u128, 0..3);
    (1..7_u128, people, 1..9_i64).prop_map(|(id, people, end)| SnapshotGrant {
        id: bytes(id),
        subject_ids: people.into_iter().map(bytes).collect(),
        purpose: Purpose::Service as i32,
        starts_at: wire_at(0),
        ends_at: wire_at(end),
        ..Default::default()
    })
}

fn any_delta() -> impl Strategy<Value = WatchSnapshotResponse> {
    (
        prop::collection::vec(any_department(), 0..4),
        prop::collection::vec(any_subject(), 0..4),
        prop::collection::vec(any_role(), 0..2),
        prop::collection::vec(any_binding(), 0..4),
        prop::collection::vec((1..7_u128).prop_map(bytes), 0..3),
        prop::collection::vec(any_grant(), 0..4),
        prop::collection::vec((1..7_u128).prop_map(bytes), 0..3),
    )
        .prop_map(
            |(departments, subjects, roles, bindings, removed, grants, ended)| {
                WatchSnapshotResponse {
                    grants,
                    removed_grant_ids: ended,
                    departments,
                    subjects,
                    roles,
                    bindings,
                    removed_binding_ids: removed,
                    ..Default::default()
                }
            },
        )
}

/// The end state of messages, kept as messages.
fn end_state(messages: &[WatchSnapshotResponse]) -> WatchSnapshotResponse {
    let mut departments = BTreeMap::new();
    let mut subjects = BTreeMap::new();
    let mut roles = BTreeMap::new();
    let mut bindings = BTreeMap::new();
    let mut grants = BTreeMap::new();
    let mut revision = 0;
    for message in messages {
        revision = message.revision;
        let of = message.clone();
        departments.extend(of.departments.into_iter().map(|it| (it.id.clone(), it)));
        subjects.extend(of.subjects.into_iter().map(|it| (it.id.clone(), it)));
        roles.extend(of.roles.into_iter().map(|it| (it.id.clone(), it)));
        bindings.extend(of.bindings.into_iter().map(|it| (it.id.clone(), it)));
        bindings.retain(|id, _| !message.removed_binding_ids.contains(id));
        grants.extend(of.grants.into_iter().map(|it| (it.id.clone(), it)));
        grants.retain(|id, _| !message.removed_grant_ids.contains(id));
    }
    WatchSnapshotResponse {
        revision,
        full: true,
        departments: departments.into_values().collect(),
        subjects: subjects.into_values().collect(),
        roles: roles.into_values().collect(),
        bindings: bindings.into_values().collect(),
        removed_binding_ids: vec![],
        grants: grants.into_values().collect(),
        removed_grant_ids: vec![],
    }
}

proptest! {
    #[test]
    fn deltas_lead_where_the_whole_leads(mut deltas in prop::collection::vec(any_delta(), 1..6)) {
        let mut led = snapshot(WatchSnapshotResponse::default());
        for (at, delta) in deltas.iter_mut().enumerate() {
            delta.revision = at as i64 + 1;
            led.apply(delta).unwrap();
        }
        prop_assert_eq!(led, snapshot(end_state(&deltas)));
    }

    #[test]
    fn the_whole_replaces_whatever_was_held(before in any_delta(), after in any_delta()) {
        let mut held = snapshot(before);
        let whole = WatchSnapshotResponse { full: true, ..after.clone() };
        held.apply(&whole).unwrap();
        prop_assert_eq!(held, snapshot(after));
    }
}

#[test]
fn a_heartbeat_changes_nothing() {
    let mut held = snapshot(company());
    let beat = WatchSnapshotResponse {
        revision: 7,
        ..Default::default()
    };
    held.apply(&beat).unwrap();
    assert_eq!(held, snapshot(company()));
    assert_eq!(held.revision(), 7);
    assert_eq!(Snapshot::default().revision(), 0);
}

#[test]
fn a_delta_to_an_older_revision_is_refused_and_the_whole_is_not() {
    let mut held = snapshot(company());
    let mut older = WatchSnapshotResponse {
        revision: 6,
        bindings: vec![binding(900, 20, "head")],
        ..Default::default()
    };
    let refusal = SnapshotError::Backwards {
        held: 7,
        offered: 6,
    };
    assert_eq!(held.apply(&older), Err(refusal));
    assert_eq!(held, snapshot(company()));
    older.full = true;
    assert_eq!(held.apply(&older), Ok(()));
    assert_eq!(held.revision(), 6);
}

#[test]
fn subjects_are_known_by_id() {
    let held = snapshot(company());
    let agent = held.subject(id(20)).unwrap();
    assert_eq!((agent.id, agent.departments), (id(20), vec![id(2)]));
    assert!(held.subject(id(30)).unwrap().departments.is_empty());
    assert_eq!(held.subject(id(99)), None);
}

/// Clause CF-6.3: what is revoked is gone with the message that says so.
#[test]
fn a_removed_binding_grants_nothing_more() {
    let mut held = snapshot(company());
    let asked = query(20, Purpose::Service);
    assert!(matches!(held.decide(&asked, at(1)), Decision::Allow(_)));
    let delta = WatchSnapshotResponse {
        revision: 8,
        // Put and taken away in one message: it is gone.
        bindings: vec![binding(101, 20, "agent")],
        removed_binding_ids: vec![bytes(101), bytes(12345)],
        ..Default::default()
    };
    held.apply(&delta).unwrap();
    assert!(matches!(held.decide(&asked, at(1)), Decision::Deny(_)));
}

#[test]
fn a_role_that_comes_later_counts_from_then_on() {
    let mut held = snapshot(WatchSnapshotResponse {
        subjects: vec![employee(1, 0)],
        bindings: vec![binding(1, 1, "late")],
        ..Default::default()
    });
    let asked = query(1, Purpose::Service);
    assert!(matches!(held.decide(&asked, at(1)), Decision::Deny(_)));
    let all = rule("all", ScopeTemplate::All, &[], &[Purpose::Service]);
    let delta = WatchSnapshotResponse {
        revision: 1,
        roles: vec![role("late", vec![all])],
        ..Default::default()
    };
    held.apply(&delta).unwrap();
    assert!(matches!(held.decide(&asked, at(1)), Decision::Allow(_)));
}

/// During a rolling upgrade a newer policy must not take a gateway down, nor widen it.
#[test]
fn purposes_and_classes_of_a_later_contract_grant_nothing() {
    let mut message = company();
    let rule = &mut message.roles[0].rules[0];
    rule.purposes = vec![64, 99, -1, Purpose::Service as i32];
    rule.classes = vec![15, 99, -1, DataClass::Basic as i32];
    let held = snapshot(message);
    let Decision::Allow(allowance) = held.decide(&query(20, Purpose::Service), at(1)) else {
        panic!("the known part still counts");
    };
    assert_eq!(allowance.rules.len(), 1);
    assert_eq!(allowance.rules[0].classes.to_numbers(), [1]);
    let complaint = held.decide(&query(20, Purpose::Complaint), at(1));
    assert!(matches!(complaint, Decision::Deny(_)));
}
