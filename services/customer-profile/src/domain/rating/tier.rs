//! The tier from amount, frequency and loyalty (CF-2.4).

use jiff::Timestamp;
use kefu_contracts::profile::Tier;
use serde::Deserialize;

use super::{Past, Rules, loyalty_days, total, within};

/// What each tier asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TierRules {
    /// Days over which amount and orders are counted.
    pub window_days: u16,
    /// 银牌.
    pub silver: Step,
    /// 金牌.
    pub gold: Step,
    /// 钻石.
    pub diamond: Step,
    /// What normal, silver, gold and diamond are due.
    pub services: [String; 4],
}

/// Thresholds of one tier; all must be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// In hundredths of the currency.
    pub amount: i64,
    /// Orders in the window.
    pub orders: i64,
    /// Days since the first order.
    pub loyalty_days: i64,
    /// Tickets in the window: how often the customer turned to us.
    #[serde(default)]
    pub contacts: i64,
}

/// A tier and what it rests on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TierRating {
    /// Where the customer stands.
    pub tier: Tier,
    /// What the customer reached.
    pub reached: Step,
}

impl Step {
    /// What everybody reaches.
    pub(super) const NOTHING: Self = Self {
        amount: 0,
        orders: 0,
        loyalty_days: 0,
        contacts: 0,
    };

    pub(super) fn reaches(self, asked: Self) -> bool {
        self.amount >= asked.amount
            && self.orders >= asked.orders
            && self.loyalty_days >= asked.loyalty_days
            && self.contacts >= asked.contacts
    }
}

impl Rules {
    /// The highest tier all of whose thresholds are reached at `at`.
    pub(crate) fn rate_tier(&self, past: &Past, at: Timestamp) -> TierRating {
        let bought = self.bought(&past.purchases, at);
        let is_recent = |moment| within(moment, at, self.tier.window_days);
        let recent = bought.clone().filter(|one| is_recent(one.placed_at));
        let contacts = past.contacts.iter();
        let contacts = contacts.filter(|moment| **moment <= at && is_recent(**moment));
        let reached = Step {
            amount: total(recent.clone()),
            orders: i64::try_from(recent.count()).unwrap_or(i64::MAX),
            loyalty_days: loyalty_days(bought, at),
            contacts: i64::try_from(contacts.count()).unwrap_or(i64::MAX),
        };
        let tier = [
            (Tier::Diamond, self.tier.diamond),
            (Tier::Gold, self.tier.gold),
            (Tier::Silver, self.tier.silver),
        ]
        .into_iter()
        .find(|(_, asked)| reached.reaches(*asked))
        .map_or(Tier::Normal, |(tier, _)| tier);
        TierRating { tier, reached }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::{
        super::{Purchase, shipped},
        *,
    };

    fn bought(purchases: Vec<Purchase>) -> Past {
        Past {
            purchases,
            contacts: Vec::new(),
        }
    }

    fn purchase(at: Timestamp, hours_ago: i64, amount: i64, currency: &str) -> Purchase {
        Purchase {
            currency: currency.into(),
            amount,
            placed_at: at - SignedDuration::from_hours(hours_ago),
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    #[test]
    fn a_tier_says_what_was_reached() {
        let orders = (0..6)
            .map(|month| purchase(now(), month * 24 * 36, 400_000, "CNY"))
            .collect();
        let rating = shipped().rate_tier(&bought(orders), now());
        assert_eq!(rating.tier, Tier::Gold);
        assert_eq!(
            rating.reached,
            Step {
                amount: 2_400_000,
                orders: 6,
                loyalty_days: 180,
                contacts: 0
            }
        );
    }

    proptest! {
        /// Clause CF-2.4: where a tier asks how often the customer turned to us, those of the
        /// window are counted, hour by hour.
        #[test]
        fn contacts_count_while_they_are_in_the_window(
            hours in prop::collection::vec(-48_i64..12_000, 0..30),
            asked in 1_i64..20,
            window_days in 1_u16..400,
        ) {
            let mut rules = shipped();
            rules.tier.window_days = window_days;
            rules.tier.silver = Step { contacts: asked, ..Step::NOTHING };
            let contacts = hours.iter().map(|ago| now() - SignedDuration::from_hours(*ago)).collect();
            let past = Past { purchases: Vec::new(), contacts };
            let mut counted = 0;
            for hour in 0..i64::from(window_days) * 24 {
                counted += hours.iter().filter(|ago| **ago == hour).count();
            }
            let rating = rules.rate_tier(&past, now());
            let counted = i64::try_from(counted).unwrap();
            prop_assert_eq!(rating.reached.contacts, counted);
            prop_assert_eq!(rating.tier == Tier::Silver, counted >= asked);
        }
    }

    proptest! {
        /// Clause CF-2.4.
        #[test]
        fn the_tier_is_what_counting_day_by_day_gives(
            drawn in prop::collection::vec((-48_i64..12_000, 0_i64..3_000_000, any::<bool>()), 0..40),
        ) {
            let purchases = drawn
                .iter()
                .map(|(ago, amount, own)| purchase(now(), *ago, *amount, if *own { "CNY" } else { "USD" }))
                .collect();
            let (mut amount, mut orders, mut oldest) = (0, 0, 0);
            for (ago, price, own) in drawn {
                if own && ago >= 0 {
                    oldest = oldest.max(ago);
                    if ago < 365 * 24 {
                        amount += price;
                        orders += 1;
                    }
                }
            }
            let mut expected = Tier::Normal;
            if amount >= 500_000 && orders >= 3 { expected = Tier::Silver; }
            if amount >= 2_000_000 && orders >= 6 && oldest >= 180 * 24 { expected = Tier::Gold; }
            if amount >= 10_000_000 && orders >= 12 && oldest >= 365 * 24 { expected = Tier::Diamond; }
            prop_assert_eq!(shipped().rate_tier(&bought(purchases), now()).tier, expected);
        }
    }
}
