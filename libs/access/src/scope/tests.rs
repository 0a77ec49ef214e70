use std::collections::HashSet;

use proptest::{prelude::*, sample::subsequence};

use super::*;
use crate::{WireError, fixture::id};

/// Few ids, so that scopes and rows meet.
pub(crate) fn any_id() -> impl Strategy<Value = Uuid> {
    (1..5_u128).prop_map(id)
}

pub(crate) fn any_purpose() -> impl Strategy<Value = Purpose> {
    prop_oneof![Just(Purpose::Sales), Just(Purpose::Marketing)]
}

pub(crate) fn any_scope() -> impl Strategy<Value = Scope> {
    let ids = || prop::collection::vec(any_id(), 0..3);
    let leaf = prop_oneof![
        1 => Just(Scope::None),
        1 => Just(Scope::All),
        2 => ids().prop_map(Scope::Departments),
        2 => ids().prop_map(Scope::Customers),
        2 => Just(Scope::Owner(id(1))),
        2 => Just(Scope::Duty(id(1))),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            (any_purpose(), inner.clone())
                .prop_map(|(purpose, inner)| Scope::Consented(purpose, Box::new(inner))),
            prop::collection::vec(inner, 0..4).prop_map(Scope::Union),
        ]
    })
}

pub(crate) fn any_row() -> impl Strategy<Value = RowFacts> {
    (
        prop::option::of(any_id()),
        prop::option::of(any_id()),
        prop::option::of(any_id()),
        prop::collection::vec(any_id(), 0..3),
        subsequence(vec![Purpose::Sales, Purpose::Marketing], 0..=2),
    )
        .prop_map(|(department, owner, customer, duty, consents)| RowFacts {
            department,
            owner,
            customer,
            duty,
            consents,
        })
}

type Facts = HashSet<String>;

/// Every way into the scope, as the facts that must all hold of a row.
fn ways_in(scope: &Scope) -> Vec<Facts> {
    let one = |fact: String| Facts::from([fact]);
    match scope {
        Scope::None => vec![],
        Scope::All => vec![Facts::new()],
        Scope::Departments(ids) => ids.iter().map(|id| one(format!("in {id}"))).collect(),
        Scope::Customers(ids) => ids.iter().map(|id| one(format!("about {id}"))).collect(),
        Scope::Owner(id) => vec![one(format!("of {id}"))],
        Scope::Duty(id) => vec![one(format!("duty {id}"))],
        Scope::Union(scopes) => scopes.iter().flat_map(ways_in).collect(),
        Scope::Consented(purpose, inner) => {
            let mut ways = ways_in(inner);
            for way in &mut ways {
                way.insert(format!("consent {purpose:?}"));
            }
            ways
        }
    }
}

fn facts_of(row: &RowFacts) -> Facts {
    let department = row.department.iter().map(|id| format!("in {id}"));
    let customer = row.customer.iter().map(|id| format!("about {id}"));
    let owner = row.owner.iter().map(|id| format!("of {id}"));
    let duty = row.duty.iter().map(|id| format!("duty {id}"));
    let consents = row.consents.iter().map(|it| format!("consent {it:?}"));
    let facts = department.chain(customer).chain(owner).chain(duty);
    facts.chain(consents).collect()
}

proptest! {
    #[test]
    fn matching_is_having_one_way_in(scope in any_scope(), row in any_row()) {
        let facts = facts_of(&row);
        let expected = ways_in(&scope).iter().any(|way| way.is_subset(&facts));
        prop_assert_eq!(scope.matches(&row), expected);
    }

    #[test]
    fn union_reaches_what_its_parts_reach(
        scopes in prop::collection::vec(any_scope(), 0..4),
        row in any_row(),
    ) {
        let any = scopes.iter().any(|scope| scope.matches(&row));
        let union = Scope::union(scopes);
        prop_assert_eq!(union.matches(&row), any);
        if let Scope::Union(parts) = union {
            prop_assert!(parts.len() > 1);
            let simple = |part: &Scope| !matches!(part, Scope::None | Scope::All | Scope::Union(_));
            prop_assert!(parts.iter().all(simple));
        }
    }

    #[test]
    fn scopes_survive_the_wire(scope in any_scope()) {
        prop_assert_eq!(Scope::from_proto(&scope.to_proto(id(1)), id(1)), Ok(scope));
    }
}

#[test]
fn union_takes_the_shortest_form() {
    let (mine, theirs) = (Scope::Owner(id(1)), Scope::Departments(vec![id(2)]));
    assert_eq!(Scope::union([]), Scope::None);
    assert_eq!(Scope::union([Scope::None, mine.clone()]), mine);
    assert_eq!(Scope::union([mine.clone(), Scope::All]), Scope::All);
    assert_eq!(
        Scope::union([
            Scope::Union(vec![mine.clone(), Scope::None]),
            theirs.clone(),
            mine.clone()
        ]),
        Scope::Union(vec![mine, theirs])
    );
}

/// Clause CC-2.2: consent to one purpose is none to another, and none to no purpose.
#[test]
fn consent_counts_for_its_own_purpose_alone() {
    let row = RowFacts {
        consents: vec![Purpose::Marketing, Purpose::Unspecified],
        ..RowFacts::default()
    };
    let consented = |purpose| Scope::Consented(purpose, Box::new(Scope::All));
    assert!(consented(Purpose::Marketing).matches(&row));
    assert!(!consented(Purpose::Sales).matches(&row));
    assert!(!consented(Purpose::Unspecified).matches(&row));
}

/// What a context cannot say of somebody else it must not say of the subject.
#[test]
fn another_persons_files_do_not_become_ones_own() {
    for scope in [Scope::Owner(id(2)), Scope::Duty(id(2))] {
        let read = Scope::from_proto(&scope.to_proto(id(1)), id(1));
        assert_eq!(read, Ok(Scope::None));
    }
}

#[test]
fn malformed_scopes_are_refused() {
    use kefu_contracts::access::{self as wire, scope};
    let read = |kind| Scope::from_proto(&wire::Scope { scope: kind }, id(1));
    let departments = scope::Departments {
        department_ids: vec![vec![1; 15]],
    };
    let customers = scope::Customers {
        customer_ids: vec![vec![]],
    };
    let consented = |purpose, inner: Option<Scope>| {
        Some(scope::Scope::Consented(Box::new(scope::Consented {
            purpose,
            inner: inner.map(|inner| Box::new(inner.to_proto(id(1)))),
        })))
    };
    let sales = Purpose::Sales as i32;
    for (kind, refusal) in [
        (None, WireError::Missing("scope")),
        (
            Some(scope::Scope::Departments(departments)),
            WireError::Uuid("scope.departments"),
        ),
        (
            Some(scope::Scope::Customers(customers)),
            WireError::Uuid("scope.customers"),
        ),
        (
            consented(0, Some(Scope::All)),
            WireError::Value("scope.consented.purpose"),
        ),
        (
            consented(99, Some(Scope::All)),
            WireError::Value("scope.consented.purpose"),
        ),
        (
            consented(sales, None),
            WireError::Missing("scope.consented.inner"),
        ),
    ] {
        assert_eq!(read(kind), Err(refusal));
    }
}

#[test]
fn scopes_nest_eight_deep_and_no_deeper() {
    let nested = |depth| (1..depth).fold(Scope::All, |inner, _| Scope::Union(vec![inner]));
    let read = |scope: &Scope| Scope::from_proto(&scope.to_proto(id(1)), id(1));
    assert_eq!(read(&nested(8)), Ok(nested(8)));
    assert_eq!(read(&nested(9)), Err(WireError::TooDeep("scope")));
}
