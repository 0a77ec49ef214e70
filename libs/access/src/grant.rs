//! Named people, named files, one purpose, one period: what two different people
//! approved, and nothing besides (promise 4; CF-6.2, CF-6.3, CF-9.1).

use jiff::Timestamp;
use kefu_contracts::{ClassSet, policy::Purpose};
use uuid::Uuid;

use crate::{index::HashSet, policy::Person, scope::Scope};

/// A grant, as it came out of an approval.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grant {
    pub(crate) id: Uuid,
    pub(crate) subjects: Vec<Uuid>,
    pub(crate) customers: Vec<Uuid>,
    pub(crate) permissions: HashSet<String>,
    pub(crate) classes: ClassSet,
    pub(crate) purpose: Purpose,
    pub(crate) starts_at: Timestamp,
    pub(crate) ends_at: Timestamp,
    /// Who has to accompany every look.
    pub(crate) companion: Option<Uuid>,
    /// First moment at which the companion no longer agrees to.
    pub(crate) accompanied_until: Option<Timestamp>,
    /// `grant:{id}`, or `grant:{id}@{companion}`: a look is journaled with both.
    pub(crate) source: String,
    pub(crate) sensitive_source: String,
}

/// First moment at which something counts, and first at which it no longer does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Period {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

impl Grant {
    /// Whether the grant speaks of this at all. Its purpose is always asked for, also
    /// by methods that need none: it was approved for that and nothing else.
    pub(crate) fn admits(&self, permission: &str, purpose: Purpose) -> bool {
        self.purpose == purpose && self.permissions.contains(permission)
    }

    /// The files it names, as far as their customers agree.
    pub(crate) fn scope(&self) -> Scope {
        Scope::Customers(self.customers.clone()).shared_for(self.purpose)
    }

    /// When it counts; `None` when it never does. With a companion, only while they
    /// agree and are with the company.
    pub(crate) fn period(&self, companion: Option<&Person>) -> Option<Period> {
        let mut period = Period {
            start: self.starts_at,
            end: self.ends_at,
        };
        if self.companion.is_some() {
            let companion = companion?;
            let left = companion.leaves_at.unwrap_or(Timestamp::MAX);
            period.end = period.end.min(self.accompanied_until?).min(left);
            period.start = period.start.max(companion.joins_at.unwrap_or(period.start));
        }
        (period.start < period.end).then_some(period)
    }
}

impl Period {
    pub(crate) fn contains(&self, now: Timestamp) -> bool {
        self.start <= now && now < self.end
    }

    /// When it begins, where that is still to come.
    pub(crate) fn yet_to_start(&self, now: Timestamp) -> Option<Timestamp> {
        (now < self.start).then_some(self.start)
    }
}
