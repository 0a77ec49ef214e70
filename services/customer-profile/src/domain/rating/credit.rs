//! The credit rating A/B/C (IH-8.2).

use std::collections::BTreeSet;

use jiff::Timestamp;
use kefu_contracts::profile::CreditClass;
use serde::Deserialize;

use super::{Purchase, Rules, loyalty_days, total, within};

/// Figures of the credit rating.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreditRules {
    /// Days of business that count as established.
    pub established_days: u16,
    /// Days over which payments are added up.
    pub payments_days: u16,
    /// The company's standard for them, in hundredths.
    pub payments: i64,
    /// Days that a bad debt counts after it is over.
    pub breach_days: u16,
    /// Favourable conditions that make an A.
    pub favourable_needed: usize,
    /// How business is done with A, B and C.
    pub strategies: [String; 3],
}

/// The five favourable and nine unfavourable conditions, in the policy's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Condition {
    Established,
    NoBreach,
    SoundOperation,
    StrongCapital,
    PaymentsReachStandard,
    Breach,
    BreaksPromises,
    DisputedDebts,
    WeakSolvency,
    PoorOperation,
    FallingSales,
    IllegalBusiness,
    OrderedToStop,
    AccountsAtRisk,
}

/// The rating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credit {
    /// Our business first on equal terms, small favours, active relations.
    A,
    /// Part payment in advance, proof of credit and funds.
    B,
    /// No business, or full or large advance payment.
    C,
}

/// A condition that somebody found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Which one.
    pub condition: Condition,
    /// Since when.
    pub from: Timestamp,
    /// Until when; open when not known.
    pub until: Option<Timestamp>,
}

/// A rating and what it rests on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CreditRating {
    /// The rating.
    pub credit: Credit,
    /// Every condition that holds.
    pub conditions: BTreeSet<Condition>,
    /// Payments over the window, in hundredths.
    pub paid: i64,
}

impl Credit {
    /// As the contracts say it; `None` where nothing is said.
    pub(crate) fn of(class: CreditClass) -> Option<Self> {
        match class {
            CreditClass::Unspecified => None,
            CreditClass::A => Some(Self::A),
            CreditClass::B => Some(Self::B),
            CreditClass::C => Some(Self::C),
        }
    }

    /// As the contracts say it.
    pub(crate) fn class(self) -> CreditClass {
        match self {
            Self::A => CreditClass::A,
            Self::B => CreditClass::B,
            Self::C => CreditClass::C,
        }
    }
}

impl Condition {
    /// In their order.
    const ALL: [Self; 14] = [
        Self::Established,
        Self::NoBreach,
        Self::SoundOperation,
        Self::StrongCapital,
        Self::PaymentsReachStandard,
        Self::Breach,
        Self::BreaksPromises,
        Self::DisputedDebts,
        Self::WeakSolvency,
        Self::PoorOperation,
        Self::FallingSales,
        Self::IllegalBusiness,
        Self::OrderedToStop,
        Self::AccountsAtRisk,
    ];

    /// As `kefu.profile.v1.CreditCondition` numbers it.
    pub(crate) fn number(self) -> i16 {
        self as i16 + 1
    }

    /// The condition of this number.
    pub(crate) fn of(number: i16) -> Option<Self> {
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        Self::ALL.get(place).copied()
    }

    /// Whether figures tell it, and nobody has to.
    pub(crate) fn is_told_by_figures(self) -> bool {
        matches!(self, Self::Established | Self::PaymentsReachStandard)
    }

    /// Whether it speaks for the customer.
    pub(crate) fn favourable(self) -> bool {
        self <= Self::PaymentsReachStandard
    }
}

impl Rules {
    /// C when anything unfavourable holds at `at`, A when enough that is favourable does, else B.
    pub(crate) fn rate_credit(
        &self,
        purchases: &[Purchase],
        findings: &[Finding],
        at: Timestamp,
    ) -> CreditRating {
        let mut conditions: BTreeSet<_> = findings
            .iter()
            .filter(|finding| self.holds(finding, at))
            .map(|finding| finding.condition)
            .collect();
        let bought = self.bought(purchases, at);
        let days = loyalty_days(bought.clone(), at);
        if days >= i64::from(self.credit.established_days) {
            conditions.insert(Condition::Established);
        }
        let paid = total(bought.filter(|one| within(one.placed_at, at, self.credit.payments_days)));
        if paid >= self.credit.payments {
            conditions.insert(Condition::PaymentsReachStandard);
        }
        let favourable = conditions.iter().filter(|one| one.favourable()).count();
        let credit = if favourable < conditions.len() {
            Credit::C
        } else if favourable >= self.credit.favourable_needed {
            Credit::A
        } else {
            Credit::B
        };
        CreditRating {
            credit,
            conditions,
            paid,
        }
    }

    fn holds(&self, finding: &Finding, at: Timestamp) -> bool {
        let over = |until: Timestamp| {
            until <= at
                && !(finding.condition == Condition::Breach
                    && within(until, at, self.credit.breach_days))
        };
        finding.from <= at && !finding.until.is_some_and(over)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::{super::shipped, *};

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn found(index: usize, ended_days_ago: Option<i64>) -> Finding {
        let ago = |days: i64| now() - SignedDuration::from_hours(days * 24);
        Finding {
            condition: Condition::ALL[index],
            from: ago(2_000),
            until: ended_days_ago.map(ago),
        }
    }

    #[test]
    fn orders_alone_can_make_an_a() {
        let bought = [(400, 1), (10, 5_000_000)].map(|(days, amount)| Purchase {
            currency: "CNY".into(),
            amount,
            placed_at: now() - SignedDuration::from_hours(days * 24),
        });
        let rating = shipped().rate_credit(&bought, &[], now());
        assert_eq!(rating.credit, Credit::A);
        let holding = [Condition::Established, Condition::PaymentsReachStandard];
        assert_eq!(rating.conditions, holding.into());
        assert_eq!(rating.paid, 5_000_000);
    }

    proptest! {
        /// Clause IH-8.2.
        #[test]
        fn the_rating_is_what_the_policy_says(
            drawn in prop::collection::vec((0_usize..14, prop::option::of(-10_i64..1_000)), 0..5),
        ) {
            let findings: Vec<_> = drawn.iter().map(|(index, ended)| found(*index, *ended)).collect();
            let mut holds = [false; 14];
            for (index, ended) in drawn {
                let grace = if index == 5 { 730 } else { 0 };
                holds[index] |= ended.is_none_or(|days| days < grace);
            }
            let good = holds[..5].iter().filter(|one| **one).count();
            let expected = if holds[5..].contains(&true) {
                Credit::C
            } else if good >= 2 {
                Credit::A
            } else {
                Credit::B
            };
            prop_assert_eq!(shipped().rate_credit(&[], &findings, now()).credit, expected);
        }
    }
}
