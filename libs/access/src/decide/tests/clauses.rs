//! Clauses of the policy, as decisions about the company of the fixture.

use kefu_contracts::policy::DataClass::{Financial, Identity, Purchase, Service};

use super::*;
use crate::{AccessContext, RowFacts};

fn decide(subject: u128, purpose: Purpose) -> Decision {
    snapshot(company()).decide(&query(subject, purpose), at(1))
}

fn context(allowance: Allowance) -> AccessContext {
    AccessContext {
        subject: allowance.subject,
        permission: crate::fixture::GET.into(),
        purpose: Purpose::Service,
        rules: allowance.rules,
        policy_revision: allowance.revision,
        issued_at: at(1),
        expires_at: at(31),
    }
}

fn row_in(department: u128) -> RowFacts {
    RowFacts {
        department: Some(id(department)),
        ..RowFacts::default()
    }
}

/// Clause CF-6.1: sales sees what was bought and nothing else of the file, and for
/// selling alone; marketing gets figures and no file at all.
#[test]
fn sales_sees_purchases_and_marketing_only_figures() {
    let sales = context(allowed(decide(21, Purpose::Sales)));
    let cleared = sales.clearance_of(&row_in(2), at(1)).unwrap();
    assert_eq!(cleared.classes, ClassSet::of(&[Purchase]));
    assert_eq!(
        denied(decide(21, Purpose::Service)).reason,
        Reason::PurposeNotAllowed
    );

    let file = denied(decide(22, Purpose::Marketing));
    assert_eq!(file.reason, Reason::PermissionMissing);
    let figures = Query {
        permission: "analytics.metrics.query",
        ..query(22, Purpose::Analysis)
    };
    let figures = allowed(snapshot(company()).decide(&figures, at(1)));
    assert!(figures.rules.iter().all(|rule| rule.classes.is_empty()));
}

/// Clause CF-9.1: agents query what their duties touch.
#[test]
fn an_agent_reaches_what_duty_touches() {
    let agent = context(allowed(decide(20, Purpose::Service)));
    assert_eq!(agent.clearance_of(&row_in(2), at(1)), None);
    let on_duty = RowFacts {
        duty: vec![id(20)],
        ..row_in(4)
    };
    let cleared = agent.clearance_of(&on_duty, at(1)).unwrap();
    assert_eq!(cleared.classes, ClassSet::of(&[Basic, Contact, Service]));
    let anothers = RowFacts {
        duty: vec![id(21)],
        ..row_in(2)
    };
    assert_eq!(agent.clearance_of(&anothers, at(1)), None);
}

/// Clause CF-9.1: a department head queries the department's files, those of the
/// departments below included, and no others.
#[test]
fn a_head_reaches_the_department() {
    let head = context(allowed(decide(10, Purpose::Service)));
    for (department, reached) in [(1, false), (2, true), (3, true), (4, false)] {
        let clearance = head.clearance_of(&row_in(department), at(1));
        assert_eq!(clearance.is_some(), reached, "department {department}");
    }
    assert_eq!(head.clearance_of(&RowFacts::default(), at(1)), None);
}

/// Clause CF-9.1: anyone else needs approval, and is told from whom.
#[test]
fn anyone_else_is_refused_and_told_whom_to_ask() {
    let denial = denied(decide(22, Purpose::Service));
    assert_eq!(denial.reason, Reason::PermissionMissing);
    assert_eq!(
        told(&denial.ask),
        [format!("employees/{} (head of department 4)", id(12))]
    );
}

/// Clause CF-8.1: without the signed agreement, or with training missing or over,
/// a key post sees no sensitive class; to the nanosecond.
#[test]
fn no_agreement_no_sensitive_classes() {
    let sensitive = [Basic, Contact, Identity, Financial];
    let ask = |agreement, training, now| {
        let mut message = one_rule(ScopeTemplate::All, &sensitive);
        message.subjects = vec![with_secrecy(agreement, training)];
        let decision = snapshot(message).decide(&query(1, Purpose::Service), now);
        let rules = allowed(decision).rules.into_iter();
        rules.fold(ClassSet::NONE, |all, rule| all.union(rule.classes))
    };
    let all = ClassSet::of(&sensitive);
    let plain = ClassSet::of(&[Basic]);
    for (agreement, training, now, expected) in [
        (None, Some(90), at(1), plain),
        (Some(90), None, at(1), plain),
        (None, None, at(1), plain),
        (Some(10), Some(90), before(at(10)), all),
        (Some(10), Some(90), at(10), plain),
        (Some(90), Some(10), before(at(10)), all),
        (Some(90), Some(10), at(10), plain),
    ] {
        assert_eq!(
            ask(agreement, training, now),
            expected,
            "{agreement:?} {training:?} {now}"
        );
    }
}

/// Clause CC-2.1: a lapse takes the sensitive part of a running rule at its own
/// moment and leaves the rest to the end of the binding.
#[test]
fn the_sensitive_part_ends_by_itself() {
    let mut message = one_rule(ScopeTemplate::All, &[Basic, Contact]);
    message.subjects = vec![with_secrecy(Some(40), Some(30))];
    message.bindings[0].ends_at = wire_at(90);
    let held = snapshot(message);
    let ask = |now| allowed(held.decide(&query(1, Purpose::Service), now));
    let parts = |allowance: &Allowance| -> Vec<(String, ClassSet, Option<Timestamp>)> {
        let rules = allowance.rules.iter();
        rules
            .map(|rule| (rule.source.clone(), rule.classes, rule.expires_at))
            .collect()
    };
    let plain = (
        "role:r#only".to_owned(),
        ClassSet::of(&[Basic]),
        Some(at(90)),
    );
    let sensitive = (
        "role:r#only+sensitive".to_owned(),
        ClassSet::of(&[Contact]),
        Some(at(30)),
    );
    let running = ask(before(at(30)));
    assert_eq!(parts(&running), [plain.clone(), sensitive]);
    assert_eq!(running.valid_until, Some(at(30)));
    let lapsed = ask(at(30));
    assert_eq!(parts(&lapsed), [plain]);
    assert_eq!(lapsed.valid_until, Some(at(90)));
}

/// Clause CC-2.1: the sensitive part does not outlive the binding or the employment.
#[test]
fn the_sensitive_part_ends_with_the_rest_at_the_latest() {
    let mut message = one_rule(ScopeTemplate::All, &[Contact]);
    message.bindings[0].ends_at = wire_at(20);
    let ends = |message: &WatchSnapshotResponse| -> Vec<Option<Timestamp>> {
        let held = snapshot(message.clone());
        let allowance = allowed(held.decide(&query(1, Purpose::Service), at(1)));
        allowance.rules.iter().map(|rule| rule.expires_at).collect()
    };
    assert_eq!(ends(&message), [Some(at(20)); 2]);
    message.subjects[0].leaves_at = wire_at(15);
    assert_eq!(ends(&message), [Some(at(15)); 2]);
}

/// Clause CC-2.2: promotion reaches customers who consented to exactly that, and
/// selling is not promotion.
#[test]
fn promotion_lives_on_consent() {
    let mut message = company();
    message.bindings.push(binding(105, 22, "mailer"));
    let held = snapshot(message);
    let mailer = context(allowed(held.decide(&query(22, Purpose::Marketing), at(1))));
    let consenting = |consents: &[Purpose]| RowFacts {
        consents: consents.to_vec(),
        ..row_in(2)
    };
    let reached = |row| mailer.clearance_of(&row, at(1)).is_some();
    assert!(reached(consenting(&[Purpose::Marketing])));
    assert!(!reached(consenting(&[Purpose::Sales])));
    assert!(!reached(consenting(&[])));
    let selling = denied(held.decide(&query(22, Purpose::Sales), at(1)));
    assert_eq!(
        selling.rule,
        "purpose sales is not among role:mailer#mailing"
    );
}
