//! How fresh data is: wholly for some time after a person confirmed or changed it, then less
//! and less, in a line, until it is not at all.

use std::time::Duration;

use jiff::Timestamp;

use super::rules::QualityRules;

const DAY: i64 = 86_400;

/// How fresh data is that was confirmed then, 0–100, and when it is less.
pub(crate) fn of(
    rules: &QualityRules,
    confirmed_at: Timestamp,
    now: Timestamp,
) -> (u8, Option<Timestamp>) {
    let (fresh, stale) = bounds(rules);
    let age = now.duration_since(confirmed_at).as_secs().max(0);
    let score = score(fresh, stale, age);
    let next = (score > 0).then(|| {
        let age = falls_at(fresh, stale, score);
        let age = Duration::from_secs(u64::try_from(age).unwrap_or_default());
        confirmed_at.checked_add(age).unwrap_or(Timestamp::MAX)
    });
    (score, next)
}

/// Ages in seconds up to which data is fresh, and from which it is not at all.
fn bounds(rules: &QualityRules) -> (i64, i64) {
    let days = |days: u32| i64::from(days) * DAY;
    (days(rules.fresh_days), days(rules.stale_days))
}

fn score(fresh: i64, stale: i64, age: i64) -> u8 {
    let left = (stale - age).clamp(0, stale - fresh);
    u8::try_from(left * 100 / (stale - fresh)).unwrap_or_default()
}

/// The first age at which the score is less than this one.
fn falls_at(fresh: i64, stale: i64, score: u8) -> i64 {
    // score <= left * 100 / span: the least left for it, rounded up.
    let span = stale - fresh;
    let least = (i64::from(score) * span + 99) / 100;
    stale - least + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Clauses CF-7.3, IH-7: data gets old in a line between two ages, and the moment at
        /// which its score falls is the first second of a lower score.
        #[test]
        fn data_gets_old_in_a_line(
            fresh in 0_u32..400, more in 1_u32..400, age in 0_i64..100_000_000,
        ) {
            let rules = QualityRules { fresh_days: fresh, stale_days: fresh + more, ..QualityRules::default() };
            let confirmed = Timestamp::from_second(1_700_000_000).unwrap();
            let at = |age: i64| Timestamp::from_second(1_700_000_000 + age).unwrap();
            let (found, next) = of(&rules, confirmed, at(age));
            // Obviously so: by whether this many hundredths of the way are behind.
            let (from, span) = (i64::from(fresh) * DAY, i64::from(more) * DAY);
            let expected = (0..=100_i64).rev().find(|score| (age - from) * 100 <= span * (100 - score));
            prop_assert_eq!(i64::from(found), expected.unwrap_or(0));
            match next {
                None => prop_assert_eq!(found, 0),
                Some(next) => {
                    prop_assert!(next > at(age));
                    prop_assert!(of(&rules, confirmed, next).0 < found);
                    let before = Timestamp::from_second(next.as_second() - 1).unwrap();
                    prop_assert_eq!(of(&rules, confirmed, before).0, found);
                }
            }
        }
    }
}
