//! What is written is evaluated by a small reader of SQL with its three values, and
//! has to say what `matches` says. (The same is done elsewhere with PostgreSQL.)

mod reader;

use kefu_contracts::ClassSet;
use proptest::prelude::*;
use reader::{Parts, evaluate, number};

use super::*;
use crate::{
    context::tests::any_context,
    fixture::{at, id},
    scope::{
        RowFacts,
        tests::{any_row, any_scope},
    },
};

pub(super) const EVERYTHING: ScopeColumns = ScopeColumns {
    department: Some("department"),
    owner: Some("owner"),
    customer: Some("customer"),
    duty: Some(DutySql {
        before: "HAS_DUTY (",
        after: ")",
    }),
    consent: Some(ConsentSql {
        before: "CONSENTED (",
        after: ")",
    }),
};

fn sql(scope: &Scope, columns: &ScopeColumns) -> String {
    let mut parts = Parts::default();
    scope.write_sql(columns, &mut parts);
    parts.to_string()
}

proptest! {
    #[test]
    fn sql_says_what_matches_says_and_never_null(scope in any_scope(), row in any_row()) {
        let mut parts = Parts::default();
        scope.write_sql(&EVERYTHING, &mut parts);
        prop_assert_eq!(evaluate(&parts, &row), Some(scope.matches(&row)), "{}", parts);
    }

    /// A table that does not know something is like a row where it is absent.
    #[test]
    fn what_a_table_does_not_know_reads_false(
        scope in any_scope(),
        row in any_row(),
        knows in prop::array::uniform5(any::<bool>()),
    ) {
        let [department, owner, customer, duty, consent] = knows;
        let columns = ScopeColumns {
            department: EVERYTHING.department.filter(|_| department),
            owner: EVERYTHING.owner.filter(|_| owner),
            customer: EVERYTHING.customer.filter(|_| customer),
            duty: EVERYTHING.duty.filter(|_| duty),
            consent: EVERYTHING.consent.filter(|_| consent),
        };
        let poorer = RowFacts {
            department: row.department.filter(|_| department),
            owner: row.owner.filter(|_| owner),
            customer: row.customer.filter(|_| customer),
            duty: if duty { row.duty.clone() } else { vec![] },
            consents: if consent { row.consents.clone() } else { vec![] },
        };
        let mut parts = Parts::default();
        scope.write_sql(&columns, &mut parts);
        prop_assert_eq!(evaluate(&parts, &row), Some(scope.matches(&poorer)), "{}", parts);
    }

    /// Clause CF-9.1: the list, the row and what is cleared on it are one decision.
    #[test]
    fn what_is_listed_is_what_is_cleared(
        context in any_context(),
        row in any_row(),
        now in 0..10_i64,
    ) {
        let now = at(now);
        let clearance = context.clearance_of(&row, now);

        let mut scope = Parts::default();
        write_scope(&context, now, &EVERYTHING, &mut scope);
        prop_assert_eq!(evaluate(&scope, &row), Some(clearance.is_some()), "{}", scope);

        let mut matched = Parts::default();
        write_matched(&context, now, &EVERYTHING, &mut matched);
        let bits = number(&matched, &row);
        prop_assert_eq!(context.clearance(bits, now), clearance.clone().unwrap_or_default());

        let classes = clearance.map_or(ClassSet::NONE, |clearance| clearance.classes);
        for class in [DataClass::Basic, DataClass::Contact, DataClass::Purchase] {
            let mut cleared = Parts::default();
            write_scope_for_class(&context, now, class, &EVERYTHING, &mut cleared);
            prop_assert_eq!(evaluate(&cleared, &row), Some(classes.contains(class)), "{}", cleared);
            if is_cleared_throughout(&context, now, class) {
                prop_assert_eq!(evaluate(&cleared, &row), evaluate(&scope, &row));
            }
        }
    }
}

#[test]
fn each_scope_has_its_form() {
    let columns = &EVERYTHING;
    let departments = Scope::Departments(vec![id(1), id(2)]);
    let consented = Scope::Consented(Purpose::Sales, Box::new(Scope::Owner(id(3))));
    for (scope, expected) in [
        (Scope::All, "(TRUE)"),
        (Scope::None, "(FALSE)"),
        (
            departments.clone(),
            "(department IS NOT NULL AND department = ANY({1,2}))",
        ),
        (
            Scope::Customers(vec![id(9)]),
            "(customer IS NOT NULL AND customer = ANY({9}))",
        ),
        (Scope::Customers(vec![]), "(FALSE)"),
        (Scope::Owner(id(3)), "(owner IS NOT NULL AND owner = 3)"),
        (Scope::Duty(id(3)), "(HAS_DUTY (3))"),
        (
            consented,
            "((CONSENTED (4)) AND (owner IS NOT NULL AND owner = 3))",
        ),
        (
            Scope::Consented(Purpose::Unspecified, Box::new(Scope::All)),
            "(FALSE)",
        ),
        (Scope::Union(vec![]), "(FALSE)"),
        (
            Scope::Union(vec![Scope::Duty(id(3)), departments.clone()]),
            "((HAS_DUTY (3)) OR (department IS NOT NULL AND department = ANY({1,2})))",
        ),
        (Scope::Union(vec![departments, Scope::All]), "(TRUE)"),
    ] {
        assert_eq!(sql(&scope, columns), expected);
        assert!(
            matches!(scope, Scope::All | Scope::Union(_))
                || sql(&scope, &ScopeColumns::default()) == "(FALSE)"
        );
    }
}

#[test]
fn equal_scopes_are_asked_for_once_and_bits_keep_their_rule() {
    let mut context = crate::context::tests::context();
    let rule = |scope, expires_at: Option<i64>| Rule {
        scope,
        classes: ClassSet::of(&[DataClass::Basic]),
        source: "role:agent#duty".into(),
        expires_at: expires_at.map(at),
    };
    context.rules = vec![
        rule(Scope::Duty(id(1)), None),
        rule(Scope::All, Some(5)),
        rule(Scope::Duty(id(1)), Some(9)),
        rule(Scope::Owner(id(1)), None),
    ];
    let matched = |now| {
        let mut parts = Parts::default();
        write_matched(&context, at(now), &EVERYTHING, &mut parts);
        parts.to_string()
    };
    let owner = "CASE WHEN (owner IS NOT NULL AND owner = 1) THEN 8 ELSE 0 END";
    assert_eq!(
        matched(5),
        format!("(CASE WHEN (HAS_DUTY (1)) THEN 5 ELSE 0 END | {owner})::int8")
    );
    assert_eq!(
        matched(9),
        format!("(CASE WHEN (HAS_DUTY (1)) THEN 1 ELSE 0 END | {owner})::int8")
    );
    context.rules.clear();
    let mut parts = Parts::default();
    write_matched(&context, at(0), &EVERYTHING, &mut parts);
    assert_eq!(parts.to_string(), "(0)::int8");
}

#[test]
fn a_class_is_cleared_throughout_where_each_scope_has_a_rule_that_clears_it() {
    let mut context = crate::context::tests::context();
    let rule = |scope, class, expires_at: Option<i64>| Rule {
        scope,
        classes: ClassSet::of(&[class]),
        source: "role:agent#duty".into(),
        expires_at: expires_at.map(at),
    };
    let throughout =
        |context: &AccessContext, now| is_cleared_throughout(context, at(now), DataClass::Contact);
    context.rules = vec![
        rule(Scope::All, DataClass::Basic, None),
        rule(Scope::All, DataClass::Contact, Some(5)),
    ];
    assert!(throughout(&context, 4));
    assert!(!throughout(&context, 5));
    context
        .rules
        .push(rule(Scope::Owner(id(1)), DataClass::Basic, None));
    assert!(!throughout(&context, 4));
    context.rules.clear();
    assert!(throughout(&context, 4), "nothing is reached");
}

#[test]
fn rule_sixty_three_has_the_last_bit_and_the_next_none() {
    let mut context = crate::context::tests::context();
    let rule = |number: u128| Rule {
        scope: Scope::Departments(vec![id(number)]),
        classes: ClassSet::of(&[DataClass::Basic]),
        source: format!("role:r{number}#all"),
        expires_at: None,
    };
    context.rules = (1..=64).map(rule).collect();
    let row = |department| RowFacts {
        department: Some(id(department)),
        ..RowFacts::default()
    };
    let mut parts = Parts::default();
    write_matched(&context, at(0), &EVERYTHING, &mut parts);
    assert_eq!(number(&parts, &row(63)), 1 << 62);
    assert_eq!(context.clearance(1 << 62, at(0)).sources, ["role:r63#all"]);
    assert_eq!(number(&parts, &row(64)), 0);
    assert_eq!(context.clearance_of(&row(64), at(0)), None);
    assert!(context.clearance(i64::MIN, at(0)).sources.is_empty());
}
