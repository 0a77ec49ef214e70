//! Any policy, any question, any time: decide says what the slow reference says, and
//! keeps its word on how long.

use kefu_contracts::access::{
    RoleRule as WireRule, SnapshotBinding, SnapshotDepartment, SnapshotGrant, SnapshotRole,
    SubjectKind,
};
use proptest::{prelude::*, sample::subsequence};

use super::{
    naive::{Answer, second},
    *,
};
use crate::explain::tests::any_row;

const PERMISSIONS: [&str; 2] = ["profile.customers.get", "ticket.tickets.get"];

fn any_time() -> impl Strategy<Value = Option<i64>> {
    prop::option::of(0..12_i64)
}

fn any_departments() -> impl Strategy<Value = Vec<SnapshotDepartment>> {
    // Any parent at all, so that there are loops and parents nobody knows.
    prop::array::uniform5(0..7_u128).prop_map(|parents| {
        let numbered = (1..6).zip(parents);
        numbered
            .map(|(id, parent)| department(id, parent))
            .collect()
    })
}

fn any_subject(id: u128) -> impl Strategy<Value = SnapshotSubject> {
    let kinds =
        prop_oneof![3 => Just(SubjectKind::Employee), 1 => Just(SubjectKind::SystemAccount)];
    let times = (any_time(), any_time(), any_time(), any_time());
    (kinds, 0..6_u128, times).prop_map(move |(kind, department, times)| SnapshotSubject {
        id: bytes(id),
        kind: kind as i32,
        department_id: bytes(department),
        agreement_valid_until: times.0.and_then(wire_at),
        training_valid_until: times.1.and_then(wire_at),
        leaves_at: times.2.and_then(wire_at),
        joins_at: times.3.and_then(|second| wire_at(second / 3)),
    })
}

fn any_rule() -> impl Strategy<Value = WireRule> {
    (
        subsequence(PERMISSIONS.to_vec(), 0..=2),
        1..=4_i32,
        subsequence((1..=8).collect::<Vec<i32>>(), 0..=4),
        subsequence(vec![1, 4, 5], 0..=2),
        any::<bool>(),
    )
        .prop_map(
            |(permissions, scope, classes, purposes, consented_only)| WireRule {
                id: String::new(),
                permissions: permissions.into_iter().map(String::from).collect(),
                scope,
                classes,
                purposes,
                consented_only,
            },
        )
}

fn any_role(id: &'static str) -> impl Strategy<Value = SnapshotRole> {
    prop::collection::vec(any_rule(), 0..3).prop_map(move |mut rules| {
        for (at, rule) in rules.iter_mut().enumerate() {
            rule.id = format!("rule{at}");
        }
        role(id, rules)
    })
}

fn any_bindings() -> impl Strategy<Value = Vec<SnapshotBinding>> {
    let departments = prop::collection::vec(1..7_u128, 0..3);
    // Role c is not there.
    let one = (1..4_u128, "[abc]", departments, 0..12_i64, any_time());
    prop::collection::vec(one, 0..6).prop_map(|all| {
        let numbered = all.into_iter().zip(1..);
        numbered
            .map(
                |((subject, role, departments, start, end), number)| SnapshotBinding {
                    department_ids: departments.into_iter().map(bytes).collect(),
                    starts_at: wire_at(start),
                    ends_at: end.and_then(wire_at),
                    ..binding(number, subject, &role)
                },
            )
            .collect()
    })
}

fn any_grants() -> impl Strategy<Value = Vec<SnapshotGrant>> {
    let people = subsequence(vec![1_u128, 2, 7], 0..=3);
    let files = subsequence(vec![40_u128, 41], 0..=2);
    let times = (0..12_i64, 0..12_i64, any_time());
    let what = (
        subsequence(PERMISSIONS.to_vec(), 0..=2),
        subsequence((1..=8).collect::<Vec<i32>>(), 0..=4),
        prop::sample::select(vec![1, 4, 5]),
    );
    // Nobody has to come along, one of the two, or somebody who is not there.
    let companion = prop::sample::select(vec![0_u128, 0, 1, 2, 9]);
    let one = (people, files, times, what, companion);
    prop::collection::vec(one, 0..4).prop_map(|all| {
        let numbered = all.into_iter().zip(1..);
        numbered
            .map(
                |((people, files, times, what, companion), number)| SnapshotGrant {
                    id: bytes(number),
                    subject_ids: people.into_iter().map(bytes).collect(),
                    customer_ids: files.into_iter().map(bytes).collect(),
                    permissions: what.0.into_iter().map(String::from).collect(),
                    classes: what.1,
                    purpose: what.2,
                    starts_at: wire_at(times.0),
                    ends_at: wire_at(times.1),
                    companion_id: bytes(companion),
                    accompanied_until: times.2.and_then(wire_at),
                },
            )
            .collect()
    })
}

pub(crate) fn any_policy() -> impl Strategy<Value = WatchSnapshotResponse> {
    let subjects = (any_subject(1), any_subject(2));
    let roles = (any_role("a"), any_role("b"));
    (
        any_departments(),
        subjects,
        roles,
        any_bindings(),
        any_grants(),
    )
        .prop_map(
            |(departments, subjects, roles, bindings, grants)| WatchSnapshotResponse {
                revision: 5,
                grants,
                departments,
                subjects: vec![subjects.0, subjects.1],
                roles: vec![roles.0, roles.1],
                bindings,
                ..Default::default()
            },
        )
}

pub(crate) fn any_query() -> impl Strategy<Value = Query<'static>> {
    let purposes = prop_oneof![
        Just(Purpose::Unspecified),
        Just(Purpose::Service),
        Just(Purpose::Sales),
        Just(Purpose::Marketing),
        Just(Purpose::Audit),
    ];
    (1..4_u128, 0..2_usize, purposes, any::<bool>()).prop_map(
        |(subject, permission, purpose, purpose_required)| Query {
            subject: id(subject),
            permission: PERMISSIONS[permission],
            purpose,
            purpose_required,
        },
    )
}

fn answer(decision: &Decision) -> Answer {
    match decision {
        Decision::Allow(allowance) => Answer::Rules(allowance.rules.clone()),
        Decision::Deny(denial) => Answer::Refused(denial.reason),
    }
}

/// The first second after now at which the reference says something else.
fn next_change(policy: &WatchSnapshotResponse, query: &Query<'_>, now: i64) -> Option<i64> {
    let current = naive::decide(policy, query, now);
    (now + 1..20).find(|later| naive::decide(policy, query, *later) != current)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn decide_says_what_the_slow_reference_says(
        policy in any_policy(),
        query in any_query(),
        now in 0..12_i64,
    ) {
        let decision = snapshot(policy.clone()).decide(&query, at(now));
        prop_assert_eq!(answer(&decision), naive::decide(&policy, &query, now));
        if let Decision::Allow(allowance) = decision {
            prop_assert_eq!(allowance.revision, 5);
            prop_assert_eq!(allowance.subject.id, query.subject);
            let expected = next_change(&policy, &query, now);
            prop_assert_eq!(allowance.valid_until, expected.map(at));
        }
    }

    /// The short way to a yes or no is the slow reference, read row by row.
    #[test]
    fn classes_of_a_row_are_those_of_the_slow_reference(
        policy in any_policy(),
        query in any_query(),
        rows in prop::collection::vec(any_row(), 1..8),
        now in 0..12_i64,
    ) {
        let held = snapshot(policy.clone());
        for row in rows {
            let expected = match naive::decide(&policy, &query, now) {
                Answer::Refused(_) => None,
                Answer::Rules(rules) => {
                    let reached = rules.iter().filter(|rule| rule.scope.matches(&row));
                    reached.map(|rule| rule.classes).reduce(ClassSet::union)
                }
            };
            prop_assert_eq!(held.classes_of(&query, &row, at(now)), expected);
        }
    }

    /// Up to the last nanosecond before its end a decision is the same one.
    #[test]
    fn a_decision_keeps_to_the_nanosecond(policy in any_policy(), query in any_query(), now in 0..12_i64) {
        let held = snapshot(policy);
        let decision = held.decide(&query, at(now));
        if let Decision::Allow(Allowance { valid_until: Some(end), .. }) = &decision {
            prop_assert_eq!(held.decide(&query, before(*end)), decision.clone());
            prop_assert_ne!(held.decide(&query, *end), decision);
        }
    }

    /// Clauses CF-6.2, CF-6.3: without a role, whatever is let through is what a standing
    /// grant names: these files, these classes, this purpose, not past its end.
    #[test]
    fn a_grant_is_exact(policy in any_policy(), query in any_query(), now in 0..12_i64) {
        let policy = WatchSnapshotResponse { bindings: vec![], ..policy };
        let decision = snapshot(policy.clone()).decide(&query, at(now));
        let Decision::Allow(allowance) = decision else { return Ok(()) };
        for rule in &allowance.rules {
            let backed = policy.grants.iter().any(|grant| {
                let files: Vec<Uuid> =
                    grant.customer_ids.iter().map(|id| Uuid::from_slice(id).unwrap()).collect();
                let named = ClassSet::from_numbers(&grant.classes);
                rule.source.starts_with(&format!("grant:{}", Uuid::from_slice(&grant.id).unwrap()))
                    && (rule.scope == Scope::Customers(files.clone())
                        || rule.scope == Scope::Consented(query.purpose, Box::new(Scope::Customers(files))))
                    && rule.classes.without(named).is_empty()
                    && grant.purpose == query.purpose as i32
                    && grant.subject_ids.iter().any(|id| id == query.subject.as_bytes())
                    && second(&grant.starts_at).unwrap() <= now
                    && rule.expires_at.is_some_and(|end| end <= at(second(&grant.ends_at).unwrap()))
            });
            prop_assert!(backed, "{rule:?}");
        }
    }

    /// Clause CF-8.1: no sensitive class without agreement and training, whatever
    /// the roles say.
    #[test]
    fn no_role_clears_sensitive_classes_by_itself(
        policy in any_policy(),
        query in any_query(),
        now in 0..12_i64,
    ) {
        let person = policy.subjects.iter().find(|it| it.id == query.subject.as_bytes());
        let unsworn = person.is_some_and(|person| {
            let valid = |until| second(until).is_some_and(|until| now < until);
            person.kind == SubjectKind::Employee as i32
                && !(valid(&person.agreement_valid_until) && valid(&person.training_valid_until))
        });
        if let (true, Decision::Allow(allowance)) = (unsworn, snapshot(policy).decide(&query, at(now))) {
            let sensitive = |rule: &Rule| !rule.classes.intersection(ClassSet::SENSITIVE).is_empty();
            prop_assert!(!allowance.rules.iter().any(sensitive));
        }
    }
}
