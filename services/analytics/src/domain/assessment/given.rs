//! Points that people give.

use std::collections::BTreeSet;

use kefu_contracts::analytics::{
    AssessmentCriterion, AssessmentScheme, DecidedPoints, GivenPoints,
};
use kefu_service::{error::Violation, fields::Fields};

use super::LONGEST_TEXT;

/// Notes every fault: each criterion that was asked is scored once, in its steps, and each score
/// has a reason.
pub(crate) fn check(fields: &mut Fields, asked: &[AssessmentCriterion], given: &[GivenPoints]) {
    let mut scored = BTreeSet::new();
    for (at, one) in given.iter().enumerate() {
        let place = format!("points[{at}]");
        let criterion = asked.iter().find(|criterion| criterion.id == one.criterion);
        let Some(criterion) = criterion else {
            fields.refuse(format_args!("{place}.criterion"), Violation::Unknown);
            continue;
        };
        let once = scored.insert(one.criterion.as_str());
        fields.ensure(
            once,
            format_args!("{place}.criterion"),
            Violation::Duplicate,
        );
        check_points(fields, &place, one.points);
        let even = one.points % criterion.step.max(1) == 0;
        fields.ensure(even, format_args!("{place}.points"), Violation::Format);
        fields.required_text(format_args!("{place}.comment"), &one.comment, LONGEST_TEXT);
    }
    for criterion in asked {
        let there = scored.contains(criterion.id.as_str());
        fields.ensure(
            there,
            format_args!("points.{}", criterion.id),
            Violation::Required,
        );
    }
}

/// Notes every fault of points that a decision sets: of the scheme, each once, at least one.
pub(crate) fn check_decided(
    fields: &mut Fields,
    scheme: &AssessmentScheme,
    decided: &[DecidedPoints],
) {
    fields.ensure(!decided.is_empty(), "points", Violation::Required);
    let mut set = BTreeSet::new();
    for (at, one) in decided.iter().enumerate() {
        let place = format!("points[{at}]");
        let known = scheme
            .criteria
            .iter()
            .any(|known| known.id == one.criterion);
        fields.ensure(known, format_args!("{place}.criterion"), Violation::Unknown);
        let once = set.insert(one.criterion.as_str());
        fields.ensure(
            once || !known,
            format_args!("{place}.criterion"),
            Violation::Duplicate,
        );
        check_points(fields, &place, one.points);
    }
}

fn check_points(fields: &mut Fields, place: &str, points: i32) {
    let within = (0..=100).contains(&points);
    fields.ensure(
        within,
        format_args!("{place}.points"),
        Violation::OutOfRange(0, 100),
    );
}

#[cfg(test)]
mod tests {
    use kefu_contracts::analytics::AssessmentRatingKind;

    use super::*;
    use crate::domain::assessment::{asked, fixture::scheme};

    fn wrong(check: impl FnOnce(&mut Fields)) -> Vec<(String, &'static str)> {
        let mut fields = Fields::new();
        check(&mut fields);
        let violations = fields.finish().err().map(|fault| fault.violations);
        let violations = violations.unwrap_or_default().into_iter();
        violations
            .map(|(field, what)| (field, what.name()))
            .collect()
    }

    fn given(criterion: &str, points: i32, comment: &str) -> GivenPoints {
        GivenPoints {
            criterion: criterion.into(),
            points,
            comment: comment.into(),
        }
    }

    /// Clause OP-4.2: points have steps, and a reason.
    #[test]
    fn every_fault_of_a_rating_is_told_at_once() {
        let asked = asked(&scheme(), AssessmentRatingKind::Superior);
        let one = |given: &[GivenPoints]| wrong(|fields| check(fields, &asked, given));
        assert_eq!(one(&[given("knowledge", 80, "熟悉产品")]), []);
        assert_eq!(one(&[]), [("points.knowledge".to_owned(), "REQUIRED")]);
        let all = one(&[
            given("knowledge", 105, ""),
            given("knowledge", 80, "x"),
            given("teamwork", 80, "not theirs to score"),
        ]);
        let expected = [
            ("points[0].points", "OUT_OF_RANGE"),
            ("points[0].points", "FORMAT"),
            ("points[0].comment", "REQUIRED"),
            ("points[1].criterion", "DUPLICATE"),
            ("points[2].criterion", "UNKNOWN"),
        ];
        assert_eq!(all, expected.map(|(field, what)| (field.to_owned(), what)));
    }

    #[test]
    fn a_decision_sets_points_of_the_scheme() {
        let decided = |criterion: &str, points| DecidedPoints {
            criterion: criterion.into(),
            points,
        };
        let of = |all: &[DecidedPoints]| wrong(|fields| check_decided(fields, &scheme(), all));
        assert_eq!(of(&[decided("resolution", 83)]), [], "also of a figure");
        assert_eq!(of(&[]), [("points".to_owned(), "REQUIRED")]);
        assert_eq!(
            of(&[
                decided("x", -1),
                decided("teamwork", 1),
                decided("teamwork", 2)
            ])
            .len(),
            3
        );
    }
}
