use proptest::{prelude::*, sample::subsequence};

use kefu_contracts::policy::DataClass::{Basic, Contact, Purchase};

use super::*;
use crate::{
    AccessContext,
    context::tests::context,
    fixture::{at, id},
    scope::RowFacts,
    scope::tests::{any_row, any_scope},
};

fn any_rules(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Rule>> {
    let classes = subsequence(vec![Basic, Contact, Purchase], 0..=3);
    let rule = (any_scope(), classes, 0..5, prop::option::of(5..9_i64));
    let rule = rule.prop_map(|(scope, classes, source, end)| Rule {
        scope,
        classes: classes.into_iter().collect(),
        source: format!("role:r#{source}"),
        expires_at: end.map(at),
    });
    prop::collection::vec(rule, count)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn folding_loses_no_row_and_gains_no_class(rules in any_rules(64..90), row in any_row()) {
        let first_end = rules.iter().filter_map(|rule| rule.expires_at).min();
        let whole: Vec<Rule> = rules.clone();
        let folded = fold(rules);
        prop_assert!(folded.len() <= MAX_RULES);

        let reached = whole.iter().filter(|rule| rule.scope.matches(&row));
        let expected = reached.fold(None, |all: Option<ClassSet>, rule| {
            Some(all.unwrap_or_default().union(rule.classes))
        });
        let context = AccessContext { rules: folded, ..context() };
        let clearance = context.clearance_of(&row, at(1));
        prop_assert_eq!(clearance.map(|clearance| clearance.classes), expected);
        let earliest = context.rules.iter().filter_map(|rule| rule.expires_at).min();
        prop_assert_eq!(earliest, first_end, "no part outlives its end");
    }

    #[test]
    fn what_fits_is_left_alone(rules in any_rules(0..64)) {
        prop_assert_eq!(fold(rules.clone()), rules);
    }
}

/// A row that only rules without classes reach stays visible, with nothing cleared.
#[test]
fn rules_that_clear_nothing_still_show_their_rows() {
    let rule = |department: u128| Rule {
        scope: Scope::Departments(vec![id(department)]),
        classes: match department {
            70 => ClassSet::NONE,
            _ => ClassSet::of(&[Basic]),
        },
        source: "role:r#all".into(),
        expires_at: None,
    };
    let context = AccessContext {
        rules: fold((1..=70).map(rule).collect()),
        ..context()
    };
    let cleared = |department| {
        let row = RowFacts {
            department: Some(id(department)),
            ..RowFacts::default()
        };
        context.clearance_of(&row, at(1)).map(|it| it.classes)
    };
    assert_eq!(cleared(70), Some(ClassSet::NONE));
    assert_eq!(cleared(1), Some(ClassSet::of(&[Basic])));
    assert_eq!(cleared(71), None);
}
