//! An alert that was raised: it grows and is acknowledged, and never becomes smaller.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Finding, Rule, Window};

/// Collection of alerts in resource names.
pub const ALERTS: &str = "alerts";
/// Most characters of what an acknowledgement says.
pub const MOST_NOTE: usize = 1000;

/// What a rule found in one window of one person, kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Its key.
    pub id: Uuid,
    /// Why.
    pub rule: Rule,
    /// Whom it is about.
    pub subject: Uuid,
    /// Whether that is another company system.
    pub system_account: bool,
    /// Where it was looked.
    pub window: Window,
    /// The finding; its bound is the one that held when the alert was first raised.
    pub finding: Finding,
    /// When it was raised.
    pub raised_at: Timestamp,
    /// When it last grew.
    pub grown_at: Option<Timestamp>,
    /// Who looked into it last.
    pub acknowledged: Option<Acknowledged>,
    /// Counts the changes, from 1.
    pub revision: i64,
}

/// Somebody looked into an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Uuid,
    /// What it counted then.
    pub count: usize,
    /// With what result.
    pub note: String,
}

impl Alert {
    /// Takes in what the rule finds now in the same window; whether that is more. What was
    /// found stays found, also where the rules have changed since.
    pub fn grow(&mut self, finding: Finding, now: Timestamp) -> bool {
        if finding.count <= self.finding.count {
            return false;
        }
        self.finding = Finding {
            bound: self.finding.bound,
            ..finding
        };
        self.grown_at = Some(now);
        true
    }

    /// Whether nobody has looked into it as large as it is.
    pub fn is_open(&self) -> bool {
        let seen = self.acknowledged.as_ref().map(|one| one.count);
        seen.is_none_or(|count| count < self.finding.count)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn finding(count: usize, bound: usize) -> Finding {
        Finding {
            count,
            bound,
            first_seq: 1,
            last_seq: count as i64,
            customers: BTreeSet::new(),
        }
    }

    proptest! {
        #[test]
        fn whatever_is_found_an_alert_shows_the_most_against_its_first_bound(
            counts in proptest::collection::vec((1..50_usize, 0..9_usize, any::<bool>()), 1..12),
        ) {
            let now = Timestamp::UNIX_EPOCH;
            let (first, bound, _) = counts[0];
            let mut alert = Alert {
                id: Uuid::nil(),
                rule: Rule::Reads,
                subject: Uuid::nil(),
                system_account: false,
                window: Window { from: now, until: now },
                finding: finding(first, bound),
                raised_at: now,
                grown_at: None,
                acknowledged: None,
                revision: 1,
            };
            let (mut most, mut told) = (first, 0);
            for (count, other, acknowledge) in counts {
                prop_assert_eq!(alert.grow(finding(count, other), now), count > most);
                most = most.max(count);
                if acknowledge {
                    told = most;
                    alert.acknowledged = Some(Acknowledged {
                        at: now,
                        by: Uuid::nil(),
                        count: alert.finding.count,
                        note: "x".into(),
                    });
                }
                prop_assert_eq!((alert.finding.count, alert.finding.bound), (most, bound));
                prop_assert_eq!(alert.is_open(), told < most);
            }
        }
    }
}
