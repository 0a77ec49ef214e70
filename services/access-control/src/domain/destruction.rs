//! Destruction: which files, and when it can no longer be stopped (CF-10.1, CF-10.2).

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::approval::case::Terms;

/// Collection of destructions in resource names.
pub const DESTRUCTIONS: &str = "destructions";
/// Kind of these requests in `approvals.toml`.
pub const KIND: &str = "destruction";
/// Most files of one destruction: they are destroyed in one transaction.
pub const MOST_FILES: usize = 100;
/// How long it is shown as active; customer-profile needs no more than to hear of it.
const ACTIVE: SignedDuration = SignedDuration::from_hours(24);

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestructionTerms {
    /// Whose files, each once, in order.
    pub customers: Vec<Uuid>,
    /// From the last approval to the destruction.
    pub cooling_off: SignedDuration,
}

impl DestructionTerms {
    /// Fields in which this asks for more than the other, by their names in the contract.
    pub fn wider_fields(&self, other: &Self) -> Vec<&'static str> {
        let all = |one: &Uuid| other.customers.contains(one);
        let more = !self.customers.iter().all(all);
        more.then_some("customers").into_iter().collect()
    }
}

impl Terms for DestructionTerms {
    fn is_within(&self, wider: &Self) -> bool {
        self.cooling_off >= wider.cooling_off && self.wider_fields(wider).is_empty()
    }

    fn beneficiaries(&self) -> &[Uuid] {
        &[]
    }

    /// Files do not get younger.
    fn over_at(&self) -> Timestamp {
        Timestamp::MAX
    }

    fn period(&self, activated_at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let start = activated_at.checked_add(self.cooling_off).ok()?;
        Some((start, start.checked_add(ACTIVE).ok()?))
    }
}

/// What the form says beside its terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destruction {
    /// Why, for the approvers.
    pub justification: String,
    /// Whether files are meant that are not due yet.
    pub early: bool,
    /// What was asked for; what is left of it is the case's.
    pub requested: DestructionTerms,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(customers: &[u128], hours: i64) -> DestructionTerms {
        DestructionTerms {
            customers: customers.iter().map(|one| Uuid::from_u128(*one)).collect(),
            cooling_off: SignedDuration::from_hours(hours),
        }
    }

    /// Clause CF-10.2: files are taken out and never put in, and nobody shortens the
    /// cooling-off.
    #[test]
    fn a_destruction_only_gets_smaller() {
        let asked = terms(&[1, 2], 24);
        assert!(terms(&[1], 24).is_within(&asked));
        assert!(!terms(&[1, 3], 24).is_within(&asked));
        assert!(!terms(&[1], 23).is_within(&asked));
        assert_eq!(terms(&[3], 24).wider_fields(&asked), ["customers"]);
    }

    /// Clause CF-10.2: it begins when the cooling-off is over.
    #[test]
    fn nothing_is_destroyed_before_the_cooling_off_is_over() {
        let now: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
        let (start, end) = terms(&[1], 24).period(now).unwrap();
        assert_eq!(start, "2026-03-03T08:00:00Z".parse().unwrap());
        assert!(end > start);
    }
}
