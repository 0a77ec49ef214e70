//! The tier from amount, frequency and loyalty (CF-2.4).

use jiff::Timestamp;
use kefu_contracts::profile::Tier;
use serde::Deserialize;

use super::{Purchase, Rules, loyalty_days, total, within};

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
    pub(super) fn reaches(self, asked: Self) -> bool {
        self.amount >= asked.amount
            && self.orders >= asked.orders
            && self.loyalty_days >= asked.loyalty_days
    }
}

impl Rules {
    /// The highest tier all of whose thresholds are reached at `at`.
    pub(crate) fn rate_tier(&self, purchases: &[Purchase], at: Timestamp) -> TierRating {
        let bought = self.bought(purchases, at);
        let recent = bought
            .clone()
            .filter(|one| within(one.placed_at, at, self.tier.window_days));
        let reached = Step {
            amount: total(recent.clone()),
            orders: i64::try_from(recent.count()).unwrap_or(i64::MAX),
            loyalty_days: loyalty_days(bought, at),
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

    use super::{super::shipped, *};

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
        let bought: Vec<_> = (0..6)
            .map(|month| purchase(now(), month * 24 * 36, 400_000, "CNY"))
            .collect();
        let rating = shipped().rate_tier(&bought, now());
        assert_eq!(rating.tier, Tier::Gold);
        assert_eq!(
            rating.reached,
            Step {
                amount: 2_400_000,
                orders: 6,
                loyalty_days: 180
            }
        );
    }

    proptest! {
        /// Clause CF-2.4.
        #[test]
        fn the_tier_is_what_counting_day_by_day_gives(
            drawn in prop::collection::vec((-48_i64..12_000, 0_i64..3_000_000, any::<bool>()), 0..40),
        ) {
            let bought: Vec<_> = drawn
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
            prop_assert_eq!(shipped().rate_tier(&bought, now()).tier, expected);
        }
    }
}
