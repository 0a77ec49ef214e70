//! Grants, to the second, as decisions about the company of the fixture.

use kefu_contracts::{
    access::SnapshotGrant,
    policy::DataClass::{Basic, Contact},
};

use super::*;
use crate::{
    RowFacts,
    fixture::{GET, grant, wire_at},
};

/// 22 of marketing, who may see no file, is let into file 60.
fn with(grant: SnapshotGrant) -> Snapshot {
    let mut policy = company();
    policy.grants.push(grant);
    snapshot(policy)
}

fn quality(subject: u128) -> Query<'static> {
    query(subject, Purpose::Quality)
}

/// Clauses CF-6.2, CF-6.3: these people, these files, this purpose, these classes.
#[test]
fn a_grant_lets_in_whom_it_names_where_it_names() {
    let held = with(grant(500, &[22], &[60]));
    let allowance = allowed(held.decide(&quality(22), at(1)));
    let clears: Vec<_> = allowance.rules.iter().map(|rule| rule.classes).collect();
    assert_eq!(clears, [ClassSet::of(&[Basic]), ClassSet::of(&[Contact])]);
    let source = format!("grant:{}", id(500));
    assert_eq!(allowance.rules[0].source, source);
    assert_eq!(allowance.rules[1].source, format!("{source}+sensitive"));
    let about = |customer| RowFacts {
        customer: Some(id(customer)),
        ..RowFacts::default()
    };
    for rule in &allowance.rules {
        assert!(rule.scope.matches(&about(60)));
        assert!(!rule.scope.matches(&about(61)));
    }
    denied(held.decide(&quality(21), at(1)));
    let other = denied(held.decide(&query(22, Purpose::Marketing), at(1)));
    assert_eq!(other.reason, Reason::PurposeNotAllowed);
    assert_eq!(
        other.rule,
        format!("purpose marketing is not among {source}")
    );
}

/// Clause CF-6.3: taken back when it expires, to the nanosecond, and the refusal says so.
#[test]
fn a_grant_does_not_outlive_its_moment() {
    let held = with(grant(500, &[22], &[60]));
    let end = at(100);
    let allowance = allowed(held.decide(&quality(22), before(end)));
    assert_eq!(allowance.valid_until, Some(end));
    assert_eq!(allowance.rules[0].expires_at, Some(end));
    let over = denied(held.decide(&quality(22), end));
    assert_eq!(over.reason, Reason::PermissionMissing);
    assert_eq!(
        over.rule,
        format!(
            "permission {GET}: grant:{} ended at 1970-01-01T00:01:40Z",
            id(500)
        )
    );
}

#[test]
fn a_grant_to_come_says_when() {
    let held = with(SnapshotGrant {
        starts_at: wire_at(50),
        ..grant(500, &[22], &[60])
    });
    let early = denied(held.decide(&quality(22), before(at(50))));
    assert!(
        early.rule.ends_with("begins at 1970-01-01T00:00:50Z"),
        "{}",
        early.rule
    );
    allowed(held.decide(&quality(22), at(50)));
}

/// Clause CF-9.1: whoever has to be accompanied sees nothing alone, and what they see
/// is journaled with the companion's name.
#[test]
fn an_accompanied_grant_needs_the_companions_consent() {
    let accompanied = |until| SnapshotGrant {
        companion_id: bytes(20),
        accompanied_until: until,
        ..grant(500, &[22], &[60])
    };
    let alone = denied(with(accompanied(None)).decide(&quality(22), at(1)));
    assert!(
        alone
            .rule
            .ends_with(&format!("needs the consent of employees/{}", id(20)))
    );
    let held = with(accompanied(wire_at(10)));
    let together = allowed(held.decide(&quality(22), at(1)));
    assert_eq!(together.valid_until, Some(at(10)));
    assert_eq!(
        together.rules[0].source,
        format!("grant:{}@{}", id(500), id(20))
    );
    denied(held.decide(&quality(22), at(10)));
}

/// Clause CF-8.1: a grant lends no secrecy that was not sworn.
#[test]
fn a_grant_clears_no_sensitive_class_without_agreement() {
    let mut policy = company();
    policy.grants.push(grant(500, &[22], &[60]));
    policy.subjects[4].agreement_valid_until = None;
    let allowance = allowed(snapshot(policy).decide(&quality(22), at(1)));
    assert_eq!(allowance.rules.len(), 1);
    assert_eq!(allowance.rules[0].classes, ClassSet::of(&[Basic]));
}

/// Clause CF-6.3: taken back at once.
#[test]
fn a_removed_grant_is_gone() {
    let mut held = with(grant(500, &[22], &[60]));
    allowed(held.decide(&quality(22), at(1)));
    let removal = WatchSnapshotResponse {
        revision: 8,
        removed_grant_ids: vec![bytes(500)],
        ..Default::default()
    };
    held.apply(&removal).unwrap();
    denied(held.decide(&quality(22), at(1)));
}

/// Clause CC-2.2: no approval stands in for the customer's own consent to selling and
/// promotion.
#[test]
fn a_grant_for_promotion_reaches_who_consented_to_it() {
    let held = with(SnapshotGrant {
        purpose: Purpose::Marketing as i32,
        ..grant(500, &[21], &[60])
    });
    let allowance = allowed(held.decide(&query(21, Purpose::Marketing), at(1)));
    let file = |consents| RowFacts {
        customer: Some(id(60)),
        consents,
        ..RowFacts::default()
    };
    for rule in &allowance.rules {
        assert!(!rule.scope.matches(&file(vec![])));
        assert!(!rule.scope.matches(&file(vec![Purpose::Sales])));
        assert!(rule.scope.matches(&file(vec![Purpose::Marketing])));
    }
}
