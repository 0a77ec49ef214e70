use kefu_contracts::policy::DataClass::{self, Basic, Contact, Purchase};
use proptest::{prelude::*, sample::subsequence};

use super::*;
use crate::{
    WireError,
    fixture::{GET, at, before, id},
    scope::tests::any_scope,
};

/// An agent's context, issued at second 0 for ten seconds.
pub(crate) fn context() -> AccessContext {
    AccessContext {
        subject: Subject {
            id: id(1),
            kind: SubjectKind::Employee,
            departments: vec![id(2)],
        },
        permission: GET.into(),
        purpose: Purpose::Service,
        rules: vec![
            rule(Scope::Duty(id(1)), &[Basic], "role:agent#duty", None),
            rule(
                Scope::Duty(id(1)),
                &[Contact],
                "role:agent#duty+sensitive",
                Some(8),
            ),
            rule(
                Scope::Owner(id(1)),
                &[Basic, Purchase],
                "role:agent#own",
                Some(9),
            ),
        ],
        policy_revision: 7,
        issued_at: at(0),
        expires_at: at(10),
    }
}

fn rule(scope: Scope, classes: &[DataClass], source: &str, expires_at: Option<i64>) -> Rule {
    Rule {
        scope,
        classes: ClassSet::of(classes),
        source: source.into(),
        expires_at: expires_at.map(at),
    }
}

fn any_rule() -> impl Strategy<Value = Rule> {
    (
        any_scope(),
        subsequence(vec![Basic, Contact, Purchase], 0..=3),
        0..4,
        prop::option::of(0..10_i64),
    )
        .prop_map(|(scope, classes, source, expires_at)| {
            rule(scope, &classes, &format!("role:r#{source}"), expires_at)
        })
}

pub(crate) fn any_context() -> impl Strategy<Value = AccessContext> {
    prop::collection::vec(any_rule(), 0..6).prop_map(|rules| AccessContext { rules, ..context() })
}

proptest! {
    #[test]
    fn contexts_survive_the_wire(context in any_context()) {
        prop_assert_eq!(AccessContext::from_proto(&context.to_proto()), Ok(context));
    }
}

#[test]
fn clearance_is_of_matched_rules_alone() {
    let context = context();
    let all = context.clearance(0b111, at(0));
    assert_eq!(all.classes, ClassSet::of(&[Basic, Contact, Purchase]));
    assert_eq!(
        all.sources,
        [
            "role:agent#duty",
            "role:agent#duty+sensitive",
            "role:agent#own"
        ]
    );
    assert_eq!(all.until, Some(at(8)));
    let duty = context.clearance(0b001, at(0));
    assert_eq!(duty.classes, ClassSet::of(&[Basic]));
    assert_eq!(duty.until, None);
    assert_eq!(context.clearance(0, at(0)), Clearance::default());
    assert_eq!(context.clearance(!0b111, at(0)), Clearance::default());
}

/// Clause CF-6.3: what is lent for a time is taken back at its end, to the nanosecond.
#[test]
fn an_expired_rule_clears_nothing_from_its_end_on() {
    let context = context();
    let row = RowFacts {
        owner: Some(id(1)),
        ..RowFacts::default()
    };
    assert!(context.clearance_of(&row, before(at(9))).is_some());
    assert_eq!(context.clearance_of(&row, at(9)), None);
    assert_eq!(context.clearance(0b100, at(9)), Clearance::default());
    let sensitive = |now| context.clearance(0b011, now).classes.contains(Contact);
    assert!(sensitive(before(at(8))));
    assert!(!sensitive(at(8)));
}

#[test]
fn out_of_scope_is_not_the_same_as_nothing_cleared() {
    let mut context = context();
    context.rules = vec![rule(Scope::Owner(id(1)), &[], "role:r#bare", None)];
    let mine = RowFacts {
        owner: Some(id(1)),
        ..RowFacts::default()
    };
    let bare = context.clearance_of(&mine, at(0)).unwrap();
    assert_eq!((bare.classes, bare.sources.len()), (ClassSet::NONE, 1));
    assert_eq!(context.clearance_of(&RowFacts::default(), at(0)), None);
}

#[test]
fn malformed_contexts_are_refused() {
    type Spoil = fn(&mut kefu_contracts::access::AccessContext);
    let cases: [(Spoil, WireError); 10] = [
        (|it| it.subject = None, WireError::Missing("subject")),
        (
            |it| it.subject.as_mut().unwrap().id.truncate(15),
            WireError::Uuid("subject.id"),
        ),
        (
            |it| it.subject.as_mut().unwrap().kind = 0,
            WireError::Value("subject.kind"),
        ),
        (
            |it| it.subject.as_mut().unwrap().kind = 99,
            WireError::Value("subject.kind"),
        ),
        (|it| it.permission.clear(), WireError::Missing("permission")),
        (|it| it.purpose = 99, WireError::Value("purpose")),
        (|it| it.issued_at = None, WireError::Missing("issued_at")),
        (
            |it| it.expires_at = it.issued_at,
            WireError::Time("expires_at"),
        ),
        (
            |it| it.rules[0].scope = None,
            WireError::Missing("rule.scope"),
        ),
        (
            |it| it.rules = vec![it.rules[0].clone(); 64],
            WireError::TooMany("rules"),
        ),
    ];
    for (spoil, refusal) in cases {
        let mut message = context().to_proto();
        spoil(&mut message);
        assert_eq!(AccessContext::from_proto(&message), Err(refusal));
    }
}

/// A newer signer's class must not clear anything an older service would guess at.
#[test]
fn a_class_of_a_later_contract_clears_nothing() {
    let mut message = context().to_proto();
    message.rules[0].classes = vec![1, 15, 99, -1, 0];
    let context = AccessContext::from_proto(&message).unwrap();
    assert_eq!(context.rules[0].classes, ClassSet::of(&[Basic]));
}
