//! What is usual of a figure, from its own past: the median, and so many robust standard deviations
//! about it. The median absolute deviation does not move for single periods that were exceptions
//! themselves. Where it says that periods hardly differ, what chance alone does to so many records
//! is usual all the same.

use kefu_contracts::analytics::{Direction, Measure};

/// With fewer periods to compare with nothing is said.
pub(crate) const LEAST_PERIODS: usize = 5;
/// Median absolute deviations of one standard deviation, where figures are normally distributed.
const TO_STANDARD: f64 = 1.482_602_218_505_602;
/// Of means and durations so much of the median is usual.
const PART_OF_MEAN: f64 = 0.05;

/// A figure of a period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Observation {
    /// Records.
    pub(crate) count: i64,
    /// Share, mean, or the count; none of no records.
    pub(crate) value: Option<f64>,
}

/// What a rule asks of figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    pub(crate) measure: Measure,
    /// With fewer records nothing is said.
    pub(crate) least_records: i64,
    /// Robust standard deviations that are usual.
    pub(crate) deviations: f64,
    /// Which way is an exception; unspecified: both.
    pub(crate) direction: Direction,
}

/// A figure outside its range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outside {
    pub(crate) figure: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) median: f64,
    /// Above the range, or below it.
    pub(crate) side: Direction,
    /// Periods that it was compared with.
    pub(crate) periods: usize,
}

/// Whether a figure is outside of what is usual for it.
pub(crate) fn outside(now: Observation, past: &[Observation], limits: &Limits) -> Option<Outside> {
    let figure = now.value?;
    let counts = limits.measure == Measure::Count;
    let enough = |one: &&Observation| counts || one.count >= limits.least_records;
    if !enough(&&now) {
        return None;
    }
    let values = past.iter().filter(enough).filter_map(|one| one.value);
    let mut values: Vec<f64> = values.collect();
    let periods = values.len();
    if periods < LEAST_PERIODS {
        return None;
    }
    let middle = median(&mut values)?;
    // A count says itself of how many records it is.
    if counts && figure.max(middle) < float(limits.least_records) {
        return None;
    }
    let mut apart: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    let deviation = median(&mut apart)? * TO_STANDARD;
    let usual = limits.deviations * deviation.max(chance(limits.measure, middle, now.count));
    let most = match limits.measure {
        Measure::Rate => 1.0,
        _ => f64::INFINITY,
    };
    let (low, high) = ((middle - usual).max(0.0), (middle + usual).min(most));
    let side = if figure > high {
        Direction::Up
    } else if figure < low {
        Direction::Down
    } else {
        return None;
    };
    let wanted = limits.direction == Direction::Unspecified || limits.direction == side;
    wanted.then_some(Outside {
        figure,
        low,
        high,
        median: middle,
        side,
        periods,
    })
}

/// The standard deviation that chance gives a figure of so many records.
fn chance(measure: Measure, middle: f64, count: i64) -> f64 {
    match measure {
        Measure::Rate => {
            let n = float(count.max(1));
            // Also where it never happened so far, or always did.
            let share = middle.clamp(0.5 / n, 1.0 - 0.5 / n);
            (share * (1.0 - share) / n).sqrt()
        }
        Measure::Count => middle.max(1.0).sqrt(),
        _ => middle.abs() * PART_OF_MEAN,
    }
}

/// The value in the middle, of an even number the mean of the two; they are put in order.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    let upper = *values.get(half)?;
    match values.len() % 2 {
        0 => Some(f64::midpoint(*values.get(half - 1)?, upper)),
        _ => Some(upper),
    }
}

#[expect(clippy::cast_precision_loss, reason = "no count comes near 2^53")]
fn float(count: i64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limits(measure: Measure) -> Limits {
        Limits {
            measure,
            least_records: 20,
            deviations: 3.0,
            direction: Direction::Unspecified,
        }
    }

    fn share(numerator: i64, count: i64) -> Observation {
        Observation {
            count,
            value: (count > 0).then(|| float(numerator) / float(count)),
        }
    }

    fn number(count: i64) -> Observation {
        Observation {
            count,
            value: Some(float(count)),
        }
    }

    fn shares() -> impl Strategy<Value = Vec<Observation>> {
        let one = (0..300_i64, 0..300_i64).prop_map(|(a, b)| share(a.min(b), a.max(b)));
        prop::collection::vec(one, 0..15)
    }

    proptest! {
        /// Clause SG-7: half of what it is compared with is at most the median away that is said,
        /// so that the range holds at least half of them, and the figure is not in it.
        #[test]
        fn what_is_outside_is_further_off_than_most(past in shares(), now in (0..300_i64, 0..300_i64)) {
            let now = share(now.0.min(now.1), now.0.max(now.1));
            let Some(found) = outside(now, &past, &limits(Measure::Rate)) else { return Ok(()) };
            let compared: Vec<f64> = past.iter().filter(|one| one.count >= 20).filter_map(|one| one.value).collect();
            prop_assert_eq!(found.periods, compared.len());
            prop_assert!(found.periods >= 5);
            let within = compared.iter().filter(|value| (found.low..=found.high).contains(*value)).count();
            prop_assert!(within * 2 >= compared.len());
            prop_assert!(!(found.low..=found.high).contains(&found.figure));
            prop_assert_eq!(found.side == Direction::Up, found.figure > found.median);
            prop_assert!(found.low <= found.median && found.median <= found.high);
        }

        /// Clause SG-7: small cells never alarm, and are nothing to compare with, whatever they say.
        #[test]
        fn small_cells_are_as_if_they_were_not(
            past in shares(), small in prop::collection::vec((0..20_i64, 0..20_i64), 0..15), now in (0..300_i64, 0..300_i64),
        ) {
            let of = |(a, b): (i64, i64)| share(a.min(b), a.max(b));
            let limits = limits(Measure::Rate);
            for one in &small {
                prop_assert_eq!(outside(of(*one), &past, &limits), None);
            }
            let mut more = past.clone();
            more.extend(small.into_iter().map(of));
            prop_assert_eq!(outside(of(now), &more, &limits), outside(of(now), &past, &limits));
            let few = [number(19); 10];
            prop_assert_eq!(outside(number(0), &few, &limits_of_counts()), None);
        }

        /// Clause SG-7: the order of the past says nothing, nor does asking for one direction
        /// change what is found in it.
        #[test]
        fn it_hangs_on_the_figures_alone(past in shares(), now in (20..300_i64, 20..300_i64)) {
            let now = share(now.0.min(now.1), now.0.max(now.1));
            let both = limits(Measure::Rate);
            let mut turned = past.clone();
            turned.reverse();
            let found = outside(now, &past, &both);
            prop_assert_eq!(found, outside(now, &turned, &both));
            for direction in [Direction::Up, Direction::Down] {
                let one = Limits { direction, ..both };
                let expected = found.filter(|found| found.side == direction);
                prop_assert_eq!(outside(now, &past, &one), expected);
            }
        }

        /// Clause SG-7: what is usual to the last record is no exception.
        #[test]
        fn the_same_again_is_no_exception(numerator in 0..300_i64, more in 0..300_i64, counts in any::<bool>()) {
            let (one, measure) = match counts {
                true => (number(numerator), Measure::Count),
                false => (share(numerator, numerator + more), Measure::Rate),
            };
            prop_assert_eq!(outside(one, &[one; 8], &limits(measure)), None);
        }

        /// Clause SG-7: one period that was an exception itself hides no other one.
        #[test]
        fn an_exception_of_the_past_hides_none(spike in 400..100_000_i64) {
            let past = [98, 102, 100, 99, 101, 103, 97].map(number);
            let mut spiked = past.to_vec();
            spiked.push(number(spike));
            let limits = limits_of_counts();
            prop_assert!(outside(number(200), &spiked, &limits).is_some());
            prop_assert_eq!(outside(number(105), &spiked, &limits), None);
        }
    }

    fn limits_of_counts() -> Limits {
        limits(Measure::Count)
    }

    /// Clause SG-7: examples.
    #[test]
    fn a_fall_is_found_where_it_is_one() {
        let past = [90, 92, 88, 91, 89].map(|good| share(good, 100));
        let found = outside(share(60, 100), &past, &limits(Measure::Rate)).unwrap();
        assert_eq!((found.side, found.periods), (Direction::Down, 5));
        assert!((found.median - 0.9).abs() < 1e-9);
        // 3 × √(0.9 × 0.1 ÷ 100), as the shares hardly differ.
        assert!((found.low - 0.81).abs() < 1e-3 && (found.high - 0.99).abs() < 1e-3);
        assert_eq!(outside(share(85, 100), &past, &limits(Measure::Rate)), None);
        assert_eq!(
            outside(share(0, 100), &past[..4], &limits(Measure::Rate)),
            None,
            "too few periods"
        );
        let seldom = [0, 1, 0, 2, 1, 0].map(number);
        let found = outside(number(25), &seldom, &limits_of_counts()).unwrap();
        assert_eq!(found.side, Direction::Up);
        assert_eq!(outside(number(19), &seldom, &limits_of_counts()), None);
        let never = [0; 6].map(|bad| share(bad, 50));
        assert_eq!(outside(share(1, 50), &never, &limits(Measure::Rate)), None);
        assert!(outside(share(10, 50), &never, &limits(Measure::Rate)).is_some());
    }
}
