//! By what points are earned, and what they are worth (OP-3.3).

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::{
    google::r#type::Money,
    order::{CustomerTier, LoyaltyDefinition, Reward},
};
use kefu_service::{error::Violation, fields::Fields};

use super::money::{is_currency, nanos};

const MOST_EARNINGS: usize = 20;
const MOST_REWARDS: usize = 200;
const MOST_BONUSES: usize = 4;
const MOST_DAYS: i32 = 3650;
const LONGEST_TITLE: usize = 80;
/// Of one posting.
pub(crate) const MOST_POINTS: i64 = 100_000_000;
/// Nanos of a hundred units, per cent of which a tier earns.
const HUNDRED: i128 = 100 * 1_000_000_000 * 100;

/// Nothing is earned before the company says by what.
pub(crate) fn shipped() -> LoyaltyDefinition {
    LoyaltyDefinition::default()
}

/// What an order of this total, of which so many nanos were paid back, earns a customer of this
/// tier, in whole points.
pub(crate) fn earned(
    rules: &LoyaltyDefinition,
    total: &Money,
    refunded: i128,
    tier: CustomerTier,
) -> i64 {
    let mut earnings = rules.earnings.iter();
    let Some(rule) = earnings.find(|rule| rule.currency == total.currency_code) else {
        return 0;
    };
    let mut bonuses = rules.bonuses.iter();
    let percent = bonuses.find(|bonus| bonus.tier() == tier);
    let percent = percent.map_or(100, |bonus| bonus.percent);
    let paid = nanos(total, &rule.currency).unwrap_or_default();
    let amount = paid.saturating_sub(refunded).max(0);
    let points = amount
        .saturating_mul(rule.points_per_hundred.into())
        .saturating_mul(percent.into())
        / HUNDRED;
    i64::try_from(points).unwrap_or(i64::MAX).min(MOST_POINTS)
}

/// How many of these points of an order go back with this refund: the share that it is of the money
/// that was left of the order, all with the last of it. Parts of a point stay the customer's.
pub(crate) fn share(points: i64, refund: i128, money_left: i128) -> i64 {
    if refund >= money_left {
        return points;
    }
    let share = i128::from(points).saturating_mul(refund.max(0)) / money_left;
    i64::try_from(share).unwrap_or(points)
}

/// When points that come at this moment end.
pub(crate) fn end(rules: &LoyaltyDefinition, from: Timestamp) -> Option<Timestamp> {
    let days = i64::from(rules.valid_days);
    let valid = SignedDuration::from_hours(24 * days);
    (days > 0).then(|| from.saturating_add(valid).unwrap_or(Timestamp::MAX))
}

/// The reward of this id.
pub(crate) fn reward<'r>(rules: &'r LoyaltyDefinition, id: &str) -> Option<&'r Reward> {
    rules.rewards.iter().find(|reward| reward.id == id)
}

/// Notes every fault of a definition.
pub(crate) fn check(fields: &mut Fields, definition: &LoyaltyDefinition) {
    let place = |field: &str, at: usize, inner: &str| format!("definition.{field}[{at}].{inner}");
    let most = |fields: &mut Fields, field: &str, count: usize, most: usize| {
        let field = format!("definition.{field}");
        fields.ensure(count <= most, field, Violation::TooMany(most));
    };
    most(fields, "earnings", definition.earnings.len(), MOST_EARNINGS);
    let mut currencies = BTreeSet::new();
    for (at, rule) in definition.earnings.iter().enumerate().take(MOST_EARNINGS) {
        let field = place("earnings", at, "currency");
        fields.ensure(is_currency(&rule.currency), &field, Violation::Currency);
        let first = currencies.insert(&rule.currency);
        fields.ensure(first, field, Violation::Duplicate);
        let sound = (1..=10_000).contains(&rule.points_per_hundred);
        let field = place("earnings", at, "points_per_hundred");
        fields.ensure(sound, field, Violation::OutOfRange(1, 10_000));
    }
    most(fields, "bonuses", definition.bonuses.len(), MOST_BONUSES);
    let mut tiers = BTreeSet::new();
    for (at, bonus) in definition.bonuses.iter().enumerate().take(MOST_BONUSES) {
        let field = place("bonuses", at, "tier");
        fields.required_enum::<CustomerTier>(&field, bonus.tier);
        fields.ensure(tiers.insert(bonus.tier), field, Violation::Duplicate);
        let sound = (1..=1000).contains(&bonus.percent);
        let field = place("bonuses", at, "percent");
        fields.ensure(sound, field, Violation::OutOfRange(1, 1000));
    }
    let days = (0..=MOST_DAYS).contains(&definition.valid_days);
    let range = Violation::OutOfRange(0, MOST_DAYS.into());
    fields.ensure(days, "definition.valid_days", range);
    most(fields, "rewards", definition.rewards.len(), MOST_REWARDS);
    let mut ids = BTreeSet::new();
    for (at, reward) in definition.rewards.iter().enumerate().take(MOST_REWARDS) {
        let field = place("rewards", at, "id");
        fields.ensure(is_key(&reward.id), &field, Violation::Format);
        fields.ensure(ids.insert(&reward.id), field, Violation::Duplicate);
        let field = place("rewards", at, "title_zh");
        fields.required_text(field, &reward.title_zh, LONGEST_TITLE);
        fields.text(
            place("rewards", at, "title_en"),
            &reward.title_en,
            LONGEST_TITLE,
        );
        let sound = (1..=MOST_POINTS).contains(&reward.points);
        let range = Violation::OutOfRange(1, MOST_POINTS);
        fields.ensure(sound, place("rewards", at, "points"), range);
    }
}

/// 1–40 lower-case letters, digits and `_`.
pub(crate) fn is_key(text: &str) -> bool {
    let sound = |letter: u8| matches!(letter, b'a'..=b'z' | b'0'..=b'9' | b'_');
    (1..=40).contains(&text.len()) && text.bytes().all(sound)
}

#[cfg(test)]
mod tests {
    use kefu_contracts::order::{EarningRule, TierBonus};
    use proptest::prelude::*;

    use super::*;

    fn rules(points_per_hundred: i32, gold: i32) -> LoyaltyDefinition {
        let mut bonus = TierBonus {
            percent: gold,
            ..TierBonus::default()
        };
        bonus.set_tier(CustomerTier::Gold);
        LoyaltyDefinition {
            earnings: vec![EarningRule {
                currency: "CNY".into(),
                points_per_hundred,
            }],
            bonuses: vec![bonus],
            ..LoyaltyDefinition::default()
        }
    }

    fn yuan(units: i64, nanos: i32) -> Money {
        Money {
            currency_code: "CNY".into(),
            units,
            nanos,
        }
    }

    #[test]
    fn only_whole_points_are_given_and_only_for_a_currency_that_earns() {
        let rules = rules(100, 150);
        assert_eq!(
            earned(&rules, &yuan(99, 999_999_999), 0, CustomerTier::Normal),
            99
        );
        assert_eq!(earned(&rules, &yuan(99, 0), 0, CustomerTier::Gold), 148);
        assert_eq!(earned(&rules, &yuan(-5, 0), 0, CustomerTier::Gold), 0);
        let dollars = Money {
            currency_code: "USD".into(),
            ..yuan(100, 0)
        };
        assert_eq!(earned(&rules, &dollars, 0, CustomerTier::Gold), 0);
        assert_eq!(earned(&shipped(), &yuan(100, 0), 0, CustomerTier::Gold), 0);
        assert_eq!(
            earned(&rules, &yuan(i64::MAX, 0), 0, CustomerTier::Gold),
            MOST_POINTS
        );
    }

    proptest! {
        /// Clause OP-3.3: the same as by the fen, where a fen is worth so much of a point.
        #[test]
        fn points_are_what_counting_by_the_fen_gives(
            fen in 0..10_000_000_i64, points in 1..10_000_i32, percent in 1..1000_i32,
        ) {
            let total = yuan(fen / 100, i32::try_from(fen % 100).unwrap() * 10_000_000);
            let by_hand = fen * i64::from(points) * i64::from(percent) / (100 * 100 * 100);
            let found = earned(&rules(points, percent), &total, 0, CustomerTier::Gold);
            prop_assert_eq!(found, by_hand.min(MOST_POINTS));
        }
    }

    proptest! {
        /// Clause OP-3.3: in whatever parts an order is paid back, of its points there is never less
        /// than nothing and, while some of its money is left, never less than the share of that
        /// money; with the last of it all are gone.
        #[test]
        fn points_go_back_with_the_money(
            points in 0..1_000_000_i64, parts in prop::collection::vec(1..100_000_i64, 1..8),
        ) {
            let total: i64 = parts.iter().sum();
            let (mut left, mut money) = (points, total);
            for part in parts {
                let back = share(left, part.into(), money.into());
                prop_assert!((0..=left).contains(&back));
                left -= back;
                money -= part;
                prop_assert!(i128::from(left) * i128::from(total) >= i128::from(points) * i128::from(money));
            }
            prop_assert_eq!(left, 0);
        }
    }

    #[test]
    fn every_fault_of_the_rules_is_told() {
        let wrong = LoyaltyDefinition {
            earnings: vec![
                EarningRule {
                    currency: "yuan".into(),
                    points_per_hundred: 0,
                };
                2
            ],
            bonuses: vec![TierBonus::default()],
            valid_days: -1,
            rewards: vec![Reward {
                id: "No".into(),
                ..Reward::default()
            }],
        };
        let mut fields = Fields::new();
        check(&mut fields, &wrong);
        let fault = fields.finish().unwrap_err();
        let named: Vec<_> = fault
            .violations
            .iter()
            .map(|(field, _)| field.as_str())
            .collect();
        let expected = [
            "definition.earnings[0].currency",
            "definition.earnings[0].points_per_hundred",
            "definition.earnings[1].currency",
            "definition.earnings[1].currency",
            "definition.earnings[1].points_per_hundred",
            "definition.bonuses[0].tier",
            "definition.bonuses[0].percent",
            "definition.valid_days",
            "definition.rewards[0].id",
            "definition.rewards[0].title_zh",
            "definition.rewards[0].points",
        ];
        assert_eq!(named, expected);
        let mut fields = Fields::new();
        check(&mut fields, &rules(100, 150));
        assert!(fields.is_clean());
    }
}
