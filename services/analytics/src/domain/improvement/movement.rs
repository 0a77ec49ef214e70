//! Whether a figure moved between two periods of as many days: it did where the 95 % intervals of
//! the two have nothing in common. That is stricter than a test of the difference at 5 %, and
//! anybody can see it in the two intervals.

use kefu_contracts::analytics::{Direction, ImprovementFigure, Measure, MetricRow, Movement};

/// 97.5 % of a normal distribution lie below it: of 95 % intervals.
const Z: f64 = 1.959_963_984_540_054;
/// A share or mean of fewer records tells nothing.
pub(crate) const LEAST_RECORDS: i64 = 30;
/// Two counts that together are fewer tell nothing.
pub(crate) const LEAST_TOGETHER: i64 = 10;

/// A figure of one period.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Counted {
    /// Records.
    pub(crate) count: i64,
    /// How many of them count, of shares.
    pub(crate) numerator: Option<i64>,
    /// The share, mean, or count.
    pub(crate) value: Option<f64>,
    /// Of shares and counts.
    pub(crate) interval: Option<(f64, f64)>,
}

impl Counted {
    /// What a row of a figure says.
    pub(crate) fn of(measure: Measure, row: &MetricRow) -> Self {
        let count = row.count;
        match measure {
            Measure::Rate => {
                let sum = row.sum.as_deref().and_then(|sum| sum.parse().ok());
                let numerator = sum.unwrap_or_default();
                Self {
                    count,
                    numerator: Some(numerator),
                    value: row.mean,
                    interval: wilson(numerator, count),
                }
            }
            Measure::Count => Self {
                count,
                numerator: None,
                value: Some(float(count)),
                interval: Some(poisson(count)),
            },
            _ => Self {
                count,
                numerator: None,
                value: row.mean,
                interval: None,
            },
        }
    }
}

impl From<&ImprovementFigure> for Counted {
    fn from(figure: &ImprovementFigure) -> Self {
        Self {
            count: figure.count,
            numerator: figure.numerator,
            value: figure.value,
            interval: figure.low.zip(figure.high),
        }
    }
}

impl From<Counted> for ImprovementFigure {
    fn from(counted: Counted) -> Self {
        Self {
            count: counted.count,
            numerator: counted.numerator,
            value: counted.value,
            low: counted.interval.map(|(low, _)| low),
            high: counted.interval.map(|(_, high)| high),
            ..Self::default()
        }
    }
}

/// What two figures say, of which one was before and the other afterwards.
pub(crate) fn movement(
    measure: Measure,
    direction: Direction,
    before: &Counted,
    after: &Counted,
) -> Movement {
    let few = match measure {
        Measure::Count => before.count + after.count < LEAST_TOGETHER,
        _ => before.count.min(after.count) < LEAST_RECORDS,
    };
    if few {
        return Movement::TooFew;
    }
    let Some((before, after)) = before.interval.zip(after.interval) else {
        return Movement::NotTested;
    };
    let moved = if after.0 > before.1 {
        Direction::Up
    } else if after.1 < before.0 {
        Direction::Down
    } else {
        return Movement::NoneSeen;
    };
    match moved == direction {
        true => Movement::AsWished,
        false => Movement::Against,
    }
}

/// Whether a value is what was wished, or better.
pub(crate) fn reached(direction: Direction, wished: f64, value: f64) -> bool {
    match direction {
        Direction::Up => value >= wished,
        Direction::Down => value <= wished,
        Direction::Unspecified => false,
    }
}

/// Wilson's interval of a share; none of no records.
fn wilson(numerator: i64, count: i64) -> Option<(f64, f64)> {
    if count <= 0 {
        return None;
    }
    let (n, k) = (float(count), float(numerator));
    let (share, squared) = (k / n, Z * Z);
    let middle = (share + squared / (2.0 * n)) / (1.0 + squared / n);
    let spread = share * (1.0 - share) / n + squared / (4.0 * n * n);
    let half = Z * spread.max(0.0).sqrt() / (1.0 + squared / n);
    Some(((middle - half).max(0.0), (middle + half).min(1.0)))
}

/// The interval of how many there are to be expected, of which so many were seen; after the same
/// thought as Wilson's.
fn poisson(count: i64) -> (f64, f64) {
    let (n, squared) = (float(count), Z * Z);
    let middle = n + squared / 2.0;
    let half = Z * (n + squared / 4.0).sqrt();
    ((middle - half).max(0.0), middle + half)
}

#[expect(clippy::cast_precision_loss, reason = "no count comes near 2^53")]
fn float(count: i64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(numerator: i64, count: i64) -> Counted {
        let row = MetricRow {
            count,
            mean: (count > 0).then(|| float(numerator) / float(count)),
            sum: (count > 0).then(|| numerator.to_string()),
            ..MetricRow::default()
        };
        Counted::of(Measure::Rate, &row)
    }

    fn number(count: i64) -> Counted {
        let row = MetricRow {
            count,
            ..MetricRow::default()
        };
        Counted::of(Measure::Count, &row)
    }

    const BACK: [(Movement, Movement); 4] = [
        (Movement::AsWished, Movement::Against),
        (Movement::Against, Movement::AsWished),
        (Movement::NoneSeen, Movement::NoneSeen),
        (Movement::TooFew, Movement::TooFew),
    ];

    fn back(movement: Movement) -> Movement {
        BACK.iter().find(|(of, _)| *of == movement).unwrap().1
    }

    proptest! {
        /// Clause SG-8: the interval is what the test says that it is inverted from: at its ends,
        /// and at no place within, the share that was seen is 1.96 standard errors away.
        #[test]
        fn an_interval_holds_what_could_have_been_seen_so(count in 1..5000_i64, part in 0.0..=1.0_f64, at in 0.001..0.999_f64) {
            #[expect(clippy::cast_possible_truncation, reason = "within the count")]
            let numerator = (part * float(count)).floor() as i64;
            let (low, high) = wilson(numerator, count).unwrap();
            let seen = float(numerator) / float(count);
            prop_assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
            prop_assert!(low <= seen + 1e-12 && seen <= high + 1e-12);
            let apart = |p: f64| (seen - p).powi(2) - Z * Z * p * (1.0 - p) / float(count);
            prop_assert!(apart(low).abs() < 1e-9 && apart(high).abs() < 1e-9);
            prop_assert!(apart(low + (high - low) * at) < 1e-12);
        }

        /// Clause SG-8: the same of counts.
        #[test]
        fn a_count_is_as_far_from_its_ends_as_said(count in 0..100_000_i64) {
            let (low, high) = poisson(count);
            prop_assert!(low <= float(count) && float(count) <= high);
            let apart = |mean: f64| (float(count) - mean).powi(2) - Z * Z * mean;
            prop_assert!(apart(low).abs() < 1e-3 && apart(high).abs() < 1e-3);
        }

        /// Clause SG-8: what is said does not hang on which of two directions is called up, and
        /// nothing is said of few.
        #[test]
        fn what_moved_one_way_moved_back_the_other(
            one in (0..400_i64, 0..400_i64), other in (0..400_i64, 0..400_i64), counts in any::<bool>(),
        ) {
            let of = |(a, b): (i64, i64)| match counts {
                true => number(a),
                false => share(a.min(b), a.max(b)),
            };
            let measure = if counts { Measure::Count } else { Measure::Rate };
            let (before, after) = (of(one), of(other));
            let up = movement(measure, Direction::Up, &before, &after);
            prop_assert_eq!(movement(measure, Direction::Down, &before, &after), back(up));
            prop_assert_eq!(movement(measure, Direction::Up, &after, &before), back(up));
            let few = match counts {
                true => before.count + after.count < 10,
                false => before.count < 30 || after.count < 30,
            };
            prop_assert_eq!(few, up == Movement::TooFew);
            if up == Movement::AsWished {
                prop_assert!(after.value > before.value);
            }
            prop_assert_eq!(movement(measure, Direction::Up, &before, &before) == Movement::AsWished, false);
        }
    }

    /// Clause SG-8: examples that anybody can look up.
    #[test]
    fn intervals_are_those_of_the_books() {
        let near = |(low, high): (f64, f64), expected: (f64, f64)| {
            assert!((low - expected.0).abs() < 5e-4 && (high - expected.1).abs() < 5e-4);
        };
        // Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        near(wilson(81, 263).unwrap(), (0.2553, 0.3662));
        near(wilson(15, 148).unwrap(), (0.0624, 0.1605));
        near(wilson(0, 20).unwrap(), (0.0, 0.1611));
        near(wilson(1, 29).unwrap(), (0.0061, 0.1718));
        assert_eq!(wilson(0, 0), None);
        let told = movement(
            Measure::Rate,
            Direction::Up,
            &share(60, 100),
            &share(85, 100),
        );
        assert_eq!(told, Movement::AsWished);
        let told = movement(
            Measure::Rate,
            Direction::Up,
            &share(60, 100),
            &share(65, 100),
        );
        assert_eq!(told, Movement::NoneSeen);
        let told = movement(Measure::Count, Direction::Down, &number(12), &number(0));
        assert_eq!(told, Movement::AsWished);
    }

    #[test]
    fn of_means_no_test_is_made() {
        let row = |count| MetricRow {
            count,
            mean: Some(3.5),
            ..MetricRow::default()
        };
        let of = |count| Counted::of(Measure::Mean, &row(count));
        let told = |after| movement(Measure::Mean, Direction::Up, &of(100), &of(after));
        assert_eq!(told(100), Movement::NotTested);
        assert_eq!(told(29), Movement::TooFew);
        assert!(reached(Direction::Up, 3.5, 3.5) && !reached(Direction::Up, 3.6, 3.5));
        assert!(reached(Direction::Down, 3.5, 3.5) && !reached(Direction::Down, 3.4, 3.5));
    }
}
