//! A leak (IH-5): where its record stands, who may act on it, and which customers it
//! touched, worked out from the audit log.
//!
//! | state    | assess   | report   | close  |
//! |----------|----------|----------|--------|
//! | open     | assessed | –        | –      |
//! | assessed | assessed | reported | closed |
//! | reported | reported | reported | closed |
//! | closed   | –        | –        | –      |

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kefu_contracts::policy::DataClass;
use uuid::Uuid;

/// Where the record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Written down.
    Open,
    /// Its severity was judged.
    Assessed,
    /// Somebody was told.
    Reported,
    /// Nothing changes any more, nor do the customers it touched.
    Closed,
}

/// What is done to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// Judging it, or judging it again.
    Assess,
    /// Telling somebody.
    Report,
    /// Ending it.
    Close,
}

impl State {
    /// The state after the act; `None` where it cannot be done.
    pub fn after(self, act: Act) -> Option<Self> {
        match (self, act) {
            (Self::Open | Self::Assessed, Act::Assess) => Some(Self::Assessed),
            (Self::Reported, Act::Assess) | (Self::Assessed | Self::Reported, Act::Report) => {
                Some(Self::Reported)
            }
            (Self::Assessed | Self::Reported, Act::Close) => Some(Self::Closed),
            (Self::Open, Act::Report | Act::Close) | (Self::Closed, _) => None,
        }
    }
}

/// What is suspected. A dimension that names nothing bounds nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// First moment.
    pub from: Timestamp,
    /// First moment after.
    pub until: Timestamp,
    /// People.
    pub subjects: BTreeSet<Uuid>,
    /// Grants of which one is enough.
    pub grants: BTreeSet<Uuid>,
    /// Customers.
    pub customers: BTreeSet<Uuid>,
    /// gRPC paths.
    pub methods: BTreeSet<String>,
}

/// What was shown to somebody, as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// When.
    pub at: Timestamp,
    /// To whom; nobody where the service itself looked.
    pub subject: Option<Uuid>,
    /// Whose file.
    pub customer: Uuid,
    /// gRPC path.
    pub method: String,
    /// Classes in clear.
    pub cleared: BTreeSet<DataClass>,
    /// By which grants.
    pub grants: BTreeSet<Uuid>,
}

impl Bounds {
    /// Whether this belongs to the leak.
    pub fn hold(&self, shown: &Shown) -> bool {
        let within = self.from <= shown.at && shown.at < self.until;
        within
            && (self.subjects.is_empty()
                || shown
                    .subject
                    .is_some_and(|one| self.subjects.contains(&one)))
            && (self.grants.is_empty() || !self.grants.is_disjoint(&shown.grants))
            && (self.customers.is_empty() || self.customers.contains(&shown.customer))
            && (self.methods.is_empty() || self.methods.contains(&shown.method))
    }

    /// Whoever is suspected does not act on the record.
    pub fn may_act(&self, subject: Uuid) -> bool {
        !self.subjects.contains(&subject)
    }
}

/// What a leak may have told of one customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affected {
    /// Classes shown in clear.
    pub cleared: BTreeSet<DataClass>,
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
    /// To whom.
    pub subjects: BTreeSet<Uuid>,
    /// By which grants.
    pub grants: BTreeSet<Uuid>,
}

/// The customers within the bounds, by id, whatever the order of the log.
pub fn affected<'a>(
    bounds: &Bounds,
    log: impl IntoIterator<Item = &'a Shown>,
) -> BTreeMap<Uuid, Affected> {
    let mut customers: BTreeMap<Uuid, Affected> = BTreeMap::new();
    for shown in log.into_iter().filter(|shown| bounds.hold(shown)) {
        let one = customers.entry(shown.customer).or_insert_with(|| Affected {
            cleared: BTreeSet::new(),
            first: shown.at,
            last: shown.at,
            subjects: BTreeSet::new(),
            grants: BTreeSet::new(),
        });
        one.cleared.extend(&shown.cleared);
        one.first = one.first.min(shown.at);
        one.last = one.last.max(shown.at);
        one.subjects.extend(shown.subject);
        one.grants.extend(&shown.grants);
    }
    customers
}

#[cfg(test)]
mod tests {
    use proptest::{collection::btree_set, prelude::*};

    use super::*;

    #[test]
    fn acts_lead_where_the_table_says() {
        use State::{Assessed, Closed, Open, Reported};
        for (state, assess, report, close) in [
            (Open, Some(Assessed), None, None),
            (Assessed, Some(Assessed), Some(Reported), Some(Closed)),
            (Reported, Some(Reported), Some(Reported), Some(Closed)),
            (Closed, None, None, None),
        ] {
            assert_eq!(state.after(Act::Assess), assess);
            assert_eq!(state.after(Act::Report), report);
            assert_eq!(state.after(Act::Close), close);
        }
    }

    fn ids() -> impl Strategy<Value = BTreeSet<Uuid>> {
        btree_set((0..4_u128).prop_map(Uuid::from_u128), 0..3)
    }

    fn moment(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn shown() -> impl Strategy<Value = Shown> {
        let class = prop_oneof![Just(DataClass::Basic), Just(DataClass::Contact)];
        (
            0..20_i64,
            proptest::option::of(0..4_u128),
            0..4_u128,
            "[ab]",
            btree_set(class, 0..3),
            ids(),
        )
            .prop_map(|(at, subject, customer, method, cleared, grants)| Shown {
                at: moment(at),
                subject: subject.map(Uuid::from_u128),
                customer: Uuid::from_u128(customer),
                method,
                cleared,
                grants,
            })
    }

    fn bounds() -> impl Strategy<Value = Bounds> {
        (
            0..20_i64,
            0..20_i64,
            ids(),
            ids(),
            ids(),
            btree_set("[ab]", 0..2),
        )
            .prop_map(
                |(from, long, subjects, grants, customers, methods)| Bounds {
                    from: moment(from),
                    until: moment(from + long),
                    subjects,
                    grants,
                    customers,
                    methods,
                },
            )
    }

    /// One after the other, each bound taken away what does not meet it.
    fn naive(bounds: &Bounds, log: &[Shown]) -> Vec<Shown> {
        let mut left = log.to_vec();
        left.retain(|one| one.at >= bounds.from);
        left.retain(|one| one.at < bounds.until);
        if !bounds.subjects.is_empty() {
            left.retain(|one| bounds.subjects.iter().any(|id| one.subject == Some(*id)));
        }
        if !bounds.grants.is_empty() {
            left.retain(|one| one.grants.iter().any(|id| bounds.grants.contains(id)));
        }
        if !bounds.customers.is_empty() {
            left.retain(|one| bounds.customers.iter().any(|id| one.customer == *id));
        }
        if !bounds.methods.is_empty() {
            left.retain(|one| bounds.methods.iter().any(|path| one.method == *path));
        }
        left
    }

    proptest! {
        #[test]
        fn nobody_within_the_bounds_is_left_out_and_nobody_else_is_named(
            bounds in bounds(),
            mut log in proptest::collection::vec(shown(), 0..40),
        ) {
            let found = affected(&bounds, &log);
            let left = naive(&bounds, &log);
            for number in 0..4 {
                let id = Uuid::from_u128(number);
                let own: Vec<_> = left.iter().filter(|one| one.customer == id).collect();
                let expected = (!own.is_empty()).then(|| Affected {
                    cleared: own.iter().flat_map(|one| one.cleared.clone()).collect(),
                    first: own.iter().map(|one| one.at).min().unwrap(),
                    last: own.iter().map(|one| one.at).max().unwrap(),
                    subjects: own.iter().filter_map(|one| one.subject).collect(),
                    grants: own.iter().flat_map(|one| one.grants.clone()).collect(),
                });
                prop_assert_eq!(found.get(&id), expected.as_ref());
            }
            log.reverse();
            prop_assert_eq!(affected(&bounds, &log), found);
        }

        #[test]
        fn whoever_is_suspected_does_not_act(bounds in bounds()) {
            for id in (0..4).map(Uuid::from_u128) {
                prop_assert_eq!(bounds.may_act(id), !bounds.subjects.iter().any(|one| *one == id));
            }
        }
    }
}
