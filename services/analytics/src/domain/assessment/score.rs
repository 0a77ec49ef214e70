//! What a scheme comes to, in whole numbers alone: nothing is rounded before the end.

use kefu_contracts::analytics::{
    AssessmentConsequence, AssessmentCriterion, AssessmentResult, AssessmentScheme,
    AssessmentSource, CriterionResult,
};
use kefu_service::error::Fault;

use super::LEAST_COLLEAGUES;

/// A whole score: hundredths of a point.
pub(crate) const FULL: i32 = 10_000;

/// What is known of a criterion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    /// The sum of a figure's values in hundredths, and its records.
    Figure { sum: i64, count: i64 },
    /// What each gave.
    Given(Vec<i32>),
}

/// What a criterion comes to. Of nothing, and of too few colleagues, it is missing.
pub(crate) fn criterion(criterion: &AssessmentCriterion, known: &Known) -> CriterionResult {
    let mut result = CriterionResult {
        criterion: criterion.id.clone(),
        source: criterion.source,
        weight: criterion.weight,
        ..CriterionResult::default()
    };
    let points = match known {
        Known::Figure { sum, count } => {
            (result.numerator, result.denominator) = (*sum, *count);
            (*count > 0).then(|| of_figure(criterion, *sum, *count))
        }
        Known::Given(all) => {
            result.rater_count = i32::try_from(all.len()).unwrap_or(i32::MAX);
            let least = match criterion.source() {
                AssessmentSource::Colleague => LEAST_COLLEAGUES,
                _ => 1,
            };
            let sum: i64 = all.iter().map(|points| i64::from(*points)).sum();
            (all.len() >= least).then(|| (sum, i64::from(result.rater_count)))
        }
    };
    match points {
        Some(points) => set(&mut result, points),
        None => result.missing = true,
    }
    result
}

/// Gives a criterion its points, a fraction.
pub(crate) fn set(result: &mut CriterionResult, (numerator, denominator): (i64, i64)) {
    let common = divisor(numerator.into(), denominator.into()).max(1);
    let by = i64::try_from(common).unwrap_or(1);
    result.missing = false;
    result.points_numerator = numerator / by;
    result.points_denominator = denominator / by;
    let hundredths = rounded(i128::from(numerator) * 100, denominator.into());
    result.points = i32::try_from(hundredths).unwrap_or(FULL).clamp(0, FULL);
}

/// Points of a figure: those of the highest step that it reaches, or the mean itself.
fn of_figure(criterion: &AssessmentCriterion, sum: i64, count: i64) -> (i64, i64) {
    if criterion.steps.is_empty() {
        return (sum.clamp(0, 10_000 * count), 100 * count);
    }
    // Ten-thousandths of the value are `sum * 100 / count`.
    let reached = |at_least: i32| i128::from(sum) * 100 >= i128::from(at_least) * i128::from(count);
    let step = criterion.steps.iter().rfind(|step| reached(step.at_least));
    let points = step.map_or(criterion.points_below, |step| step.points);
    (points.into(), 1)
}

/// Adds up the criteria of a result, in the order of the scheme. Without the one above there is
/// no score, nor where too little of the weight has points; elsewhere the weight of what is
/// missing is spread over the others.
///
/// # Errors
/// When the fractions are beyond whole numbers.
pub(crate) fn total(scheme: &AssessmentScheme, result: &mut AssessmentResult) -> Result<(), Fault> {
    let counted = result.criteria.iter().filter(|one| !one.missing);
    result.counted_weight = counted.clone().map(|one| one.weight).sum();
    (result.score, result.consequence) = (0, 0);
    if !is_whole(scheme, result) {
        return Ok(());
    }
    let beyond = || Fault::internal("an assessment beyond whole numbers");
    let mut unit = 1_i128;
    for one in counted.clone() {
        unit = multiple(unit, one.points_denominator.into()).ok_or_else(beyond)?;
    }
    let mut sum = 0_i128;
    for one in counted {
        let share = unit / i128::from(one.points_denominator.max(1));
        let points = i128::from(one.points_numerator).checked_mul(share);
        let weighed = points.and_then(|points| points.checked_mul(one.weight.into()));
        sum = weighed
            .and_then(|weighed| sum.checked_add(weighed))
            .ok_or_else(beyond)?;
    }
    let parts = unit.checked_mul(result.counted_weight.into());
    let sum = sum.checked_mul(100).filter(|sum| *sum < i128::MAX / 4);
    let (sum, parts) = sum.zip(parts).ok_or_else(beyond)?;
    let score = i32::try_from(rounded(sum, parts)).unwrap_or(FULL);
    result.score = score.clamp(0, FULL);
    result.consequence = consequence(scheme, result.score).into();
    Ok(())
}

/// Whether there is a result: the one above has scored what is theirs, and there are points for
/// as much of the weight as there have to be.
pub(crate) fn is_whole(scheme: &AssessmentScheme, result: &AssessmentResult) -> bool {
    let superior = |one: &CriterionResult| one.source() == AssessmentSource::Superior;
    let held = result
        .criteria
        .iter()
        .any(|one| superior(one) && one.missing);
    !held && result.counted_weight >= scheme.least_weight.max(1)
}

/// What follows from a score: that of the highest band it reaches.
pub(crate) fn consequence(scheme: &AssessmentScheme, score: i32) -> AssessmentConsequence {
    let reached = scheme.bands.iter().rfind(|band| score >= band.at_least);
    reached.map_or(AssessmentConsequence::Unspecified, |band| {
        band.consequence()
    })
}

/// The nearest whole number, half up; of nothing it is 0.
fn rounded(sum: i128, parts: i128) -> i128 {
    match parts {
        0 => 0,
        parts => (2 * sum + parts).div_euclid(2 * parts),
    }
}

fn divisor(one: i128, other: i128) -> i128 {
    let (mut a, mut b) = (one.abs(), other.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The least number that both go into.
fn multiple(one: i128, other: i128) -> Option<i128> {
    let other = other.max(1);
    (one / divisor(one, other).max(1)).checked_mul(other)
}

#[cfg(test)]
mod tests {
    use kefu_contracts::analytics::AssessmentStep;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::assessment::{find, fixture::scheme, shipped};

    fn figure(sum: i64, count: i64) -> Known {
        Known::Figure { sum, count }
    }

    fn named(id: &str) -> AssessmentCriterion {
        let rules = shipped();
        let scheme = find(&rules, "service_staff").unwrap();
        let mut criteria = scheme.criteria.iter();
        criteria.find(|one| one.id == id).unwrap().clone()
    }

    #[test]
    fn a_rate_has_the_points_of_the_highest_step_it_reaches() {
        let criterion_ = AssessmentCriterion {
            source: AssessmentSource::Data.into(),
            steps: vec![
                AssessmentStep {
                    at_least: 8_000,
                    points: 60,
                },
                AssessmentStep {
                    at_least: 9_000,
                    points: 100,
                },
            ],
            points_below: 20,
            ..named("timely_response")
        };
        let points = |sum, count| criterion(&criterion_, &figure(sum, count)).points;
        assert_eq!(points(799, 10), 2_000);
        assert_eq!(points(800, 10), 6_000, "80 % is reached by 8 of 10");
        assert_eq!(
            points(899_900, 10_000),
            6_000,
            "and 90 % not by 8,999 of 10,000"
        );
        assert_eq!(points(900_000, 10_000), 10_000);
        assert!(criterion(&criterion_, &figure(0, 0)).missing);
    }

    #[test]
    fn a_mean_of_inspections_counts_as_it_is() {
        let third = criterion(&named("inspections"), &figure(25_000, 3));
        assert_eq!((third.points_numerator, third.points_denominator), (250, 3));
        assert_eq!(third.points, 8_333);
    }

    /// Clause OP-4.2: of two colleagues each could be guessed by the other.
    #[test]
    fn colleagues_count_from_three_on() {
        let of = |all: &[i32]| criterion(&named("teamwork"), &Known::Given(all.to_vec()));
        assert!(of(&[]).missing && of(&[80, 90]).missing);
        let three = of(&[80, 90, 90]);
        assert_eq!((three.points_numerator, three.points_denominator), (260, 3));
        assert_eq!(three.points, 8_667);
    }

    /// Clause OP-4.2: without the one above there is no result, and none of too little; else the
    /// weight of what is missing is spread.
    #[test]
    fn what_is_missing_holds_the_result_or_is_spread() {
        let scheme = scheme();
        let result = |figures: Known, superior: &[i32], colleagues: &[i32]| {
            let known = scheme.criteria.iter().map(|one| match one.source() {
                AssessmentSource::Superior => criterion(one, &Known::Given(superior.to_vec())),
                AssessmentSource::Colleague => criterion(one, &Known::Given(colleagues.to_vec())),
                _ => criterion(one, &figures),
            });
            let mut result = AssessmentResult {
                criteria: known.collect(),
                ..AssessmentResult::default()
            };
            total(&scheme, &mut result).unwrap();
            result
        };
        // 50 % figures (80 points), 30 % the one above, 20 % colleagues.
        let all = result(figure(900, 10), &[60], &[90, 90, 90]);
        assert_eq!((all.counted_weight, all.score), (100, 7_600));
        let spread = result(figure(900, 10), &[60], &[90, 90]);
        assert_eq!((spread.counted_weight, spread.score), (80, 7_250));
        let held = result(figure(900, 10), &[], &[90, 90, 90]);
        assert_eq!((held.score, held.consequence), (0, 0));
        let little = result(figure(0, 0), &[60], &[90, 90]);
        assert_eq!((little.counted_weight, little.consequence), (30, 0));
        assert_eq!(all.consequence(), AssessmentConsequence::None);
        assert_eq!(spread.consequence(), AssessmentConsequence::Coaching);
    }

    /// The obvious way: each fraction over all denominators multiplied.
    fn obvious(parts: &[(i32, i64, i64)]) -> i128 {
        let all: i128 = parts.iter().map(|(.., d)| i128::from(*d)).product();
        let weight: i128 = parts.iter().map(|(w, ..)| i128::from(*w)).sum();
        let sum: i128 = parts
            .iter()
            .map(|(w, n, d)| i128::from(*w) * i128::from(*n) * (all / i128::from(*d)))
            .sum();
        // floor(x + 1/2)
        (sum * 200 + all * weight).div_euclid(2 * all * weight)
    }

    proptest! {
        /// Clause OP-4.2: a score is what its fractions come to, to the last hundredth.
        #[test]
        fn an_assessment_is_what_its_fractions_come_to(
            parts in prop::collection::vec((1..=100_i32, 0..=100_i64, 1..=60_i64, any::<bool>()), 1..8),
        ) {
            let scheme = AssessmentScheme { least_weight: 1, ..scheme() };
            let criteria = parts.iter().map(|(weight, points, parts, missing)| {
                let mut one = CriterionResult { weight: *weight, ..CriterionResult::default() };
                // So many points, less one part of them: no whole number of points.
                let all = points * parts;
                set(&mut one, (all - all.min(1), *parts));
                one.missing = *missing;
                one
            });
            let mut result = AssessmentResult { criteria: criteria.collect(), ..AssessmentResult::default() };
            let counted: Vec<_> = result.criteria.iter().filter(|one| !one.missing)
                .map(|one| (one.weight, one.points_numerator, one.points_denominator)).collect();
            total(&scheme, &mut result).unwrap();
            if counted.is_empty() {
                prop_assert_eq!(result.consequence, 0);
            } else {
                prop_assert_eq!(i128::from(result.score), obvious(&counted));
            }
        }

        /// Clause OP-4.2: more of a figure never gives fewer points where the steps go up.
        #[test]
        fn more_of_a_figure_is_never_less(sum in 0..=10_000_i64, more in 0..=1_000_i64, count in 1..=100_i64) {
            let criterion_ = named("satisfaction");
            let points = |sum: i64| criterion(&criterion_, &figure(sum, count)).points;
            prop_assert!(points(sum) <= points(sum + more));
        }
    }
}
