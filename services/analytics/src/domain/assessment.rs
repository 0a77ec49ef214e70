//! Assessment of staff: whom, by what, by whom, and what follows from it (OP-4.2). How it goes is
//! in docs/assessments.md.

pub(crate) mod check;
pub(crate) mod draw;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod given;
pub(crate) mod score;
mod shipped;
pub(crate) mod state;

use kefu_contracts::analytics::{
    AssessmentCriterion, AssessmentRatingKind, AssessmentRulesDefinition, AssessmentRulesVersion,
    AssessmentScheme, AssessmentSource,
};

pub(crate) use shipped::shipped;

/// Collection of the names of assessments.
pub(crate) const ASSESSMENTS: &str = "assessments";
/// Of those of what somebody is asked to score.
pub(crate) const RATINGS: &str = "assessment-ratings";
/// Of those of people.
pub(crate) const EMPLOYEES: &str = "employees";
/// What colleagues gave counts, and is told, where so many did: of fewer, each could be guessed.
pub(crate) const LEAST_COLLEAGUES: usize = 3;
/// Characters of a text about somebody.
pub(crate) const LONGEST_TEXT: usize = 2_000;

/// The scheme of this id.
pub(crate) fn find<'r>(
    rules: &'r AssessmentRulesDefinition,
    id: &str,
) -> Option<&'r AssessmentScheme> {
    rules.schemes.iter().find(|scheme| scheme.id == id)
}

/// The rules of the version with this number.
pub(crate) fn of_number(
    versions: &[AssessmentRulesVersion],
    number: i32,
) -> Option<&AssessmentRulesDefinition> {
    let version = versions.iter().find(|version| version.number == number)?;
    version.definition.as_ref()
}

/// Whether points of this source are given by people.
pub(crate) fn is_given(source: AssessmentSource) -> bool {
    matches!(
        source,
        AssessmentSource::Superior | AssessmentSource::Colleague
    )
}

/// What the one above, or colleagues, are asked to score.
pub(crate) fn asked(
    scheme: &AssessmentScheme,
    kind: AssessmentRatingKind,
) -> Vec<AssessmentCriterion> {
    let source = match kind {
        AssessmentRatingKind::Superior => AssessmentSource::Superior,
        AssessmentRatingKind::Colleague => AssessmentSource::Colleague,
        AssessmentRatingKind::Unspecified => AssessmentSource::Unspecified,
    };
    let asked = scheme.criteria.iter().filter(|one| one.source() == source);
    asked.cloned().collect()
}
