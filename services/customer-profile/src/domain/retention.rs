//! How long files are kept (CF-5.2), kept as data: by tier, from the last business on.

use kefu_contracts::{
    profile::Tier,
    ticket::{Gravity, Priority, TicketKind},
};
use serde::{Deserialize, Serialize};

/// How long files are kept, and what holds them by itself; `retention.toml` unless the
/// configuration says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionRules {
    /// After the last business with a normal customer.
    pub normal_months: u16,
    /// With a silver one.
    pub silver_months: u16,
    /// With a gold one.
    pub gold_months: u16,
    /// With a diamond one.
    pub diamond_months: u16,
    /// Priority from which on a complaint is grave: `CRITICAL`.
    pub grave_from: String,
}

impl Default for RetentionRules {
    fn default() -> Self {
        toml::from_str(include_str!("../../retention.toml")).expect("a test reads retention.toml")
    }
}

impl RetentionRules {
    /// What no schedule may say (CF-5.2), or a priority that there is none of.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let better = [self.silver_months, self.gold_months, self.diamond_months];
        if self.normal_months == 0 {
            Some("files are kept for a month at least")
        } else if better
            .into_iter()
            .any(|months| months <= self.normal_months)
        {
            Some("silver and above are kept longer than normal")
        } else if self.priority().is_none() {
            Some("grave_from is no priority of tickets")
        } else {
            None
        }
    }

    /// Months by tier.
    pub(crate) fn months(&self) -> [(Tier, u16); 4] {
        [
            (Tier::Normal, self.normal_months),
            (Tier::Silver, self.silver_months),
            (Tier::Gold, self.gold_months),
            (Tier::Diamond, self.diamond_months),
        ]
    }

    /// Whether a ticket like this holds its customer's file: a complaint as urgent as the
    /// company says, or found grave when it was analysed.
    pub(crate) fn is_grave(&self, kind: TicketKind, priority: Priority, gravity: Gravity) -> bool {
        let urgent = self.priority().is_some_and(|from| priority >= from);
        kind == TicketKind::Complaint && (urgent || gravity == Gravity::Grave)
    }

    fn priority(&self) -> Option<Priority> {
        let known = Priority::from_str_name(&format!("PRIORITY_{}", self.grave_from));
        known.filter(|priority| *priority != Priority::Unspecified)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clause CF-5.2.
    #[test]
    fn silver_and_above_are_kept_longer() {
        let shipped = RetentionRules::default();
        assert_eq!(shipped.problem(), None);
        let equal = RetentionRules {
            gold_months: shipped.normal_months,
            ..shipped.clone()
        };
        assert!(equal.problem().is_some());
        let none = RetentionRules {
            normal_months: 0,
            ..shipped.clone()
        };
        assert!(none.problem().is_some());
        let unknown = RetentionRules {
            grave_from: "UNSPECIFIED".into(),
            ..shipped
        };
        assert!(unknown.problem().is_some());
    }

    /// Clause CF-5.2.
    #[test]
    fn only_grave_complaints_hold_a_file_by_themselves() {
        let rules = RetentionRules {
            grave_from: "HIGH".into(),
            ..RetentionRules::default()
        };
        for (kind, priority, gravity, grave) in [
            (
                TicketKind::Complaint,
                Priority::Critical,
                Gravity::Unspecified,
                true,
            ),
            (TicketKind::Complaint, Priority::High, Gravity::Minor, true),
            (
                TicketKind::Complaint,
                Priority::Moderate,
                Gravity::Serious,
                false,
            ),
            (TicketKind::Complaint, Priority::Low, Gravity::Grave, true),
            (
                TicketKind::Complaint,
                Priority::Unspecified,
                Gravity::Unspecified,
                false,
            ),
            (
                TicketKind::ServiceRequest,
                Priority::Critical,
                Gravity::Unspecified,
                false,
            ),
            (
                TicketKind::ServiceRequest,
                Priority::Low,
                Gravity::Grave,
                false,
            ),
        ] {
            assert_eq!(
                rules.is_grave(kind, priority, gravity),
                grave,
                "{kind:?} {priority:?} {gravity:?}"
            );
        }
    }
}
