//! A small scheme for tests.

use kefu_contracts::analytics::{
    AssessmentBand, AssessmentConsequence, AssessmentCriterion, AssessmentRulesDefinition,
    AssessmentScheme, AssessmentSource, AssessmentStep,
};

/// Half a figure, 30 % the one above, 20 % colleagues.
pub(crate) fn scheme() -> AssessmentScheme {
    let criterion = |id: &str, source: AssessmentSource, weight| AssessmentCriterion {
        id: id.into(),
        title_zh: "标准".into(),
        title_en: "Criterion".into(),
        source: source.into(),
        weight,
        ..AssessmentCriterion::default()
    };
    let band = |at_least, consequence: AssessmentConsequence| AssessmentBand {
        at_least,
        consequence: consequence.into(),
    };
    AssessmentScheme {
        id: "small".into(),
        title_zh: "考核".into(),
        title_en: "Assessment".into(),
        monthly: false,
        roles: vec!["agent".into()],
        departments: Vec::new(),
        criteria: vec![
            AssessmentCriterion {
                metric: "resolution_rate".into(),
                steps: vec![AssessmentStep {
                    at_least: 9_000,
                    points: 80,
                }],
                ..criterion("resolution", AssessmentSource::Data, 50)
            },
            AssessmentCriterion {
                step: 10,
                ..criterion("knowledge", AssessmentSource::Superior, 30)
            },
            AssessmentCriterion {
                step: 10,
                ..criterion("teamwork", AssessmentSource::Colleague, 20)
            },
        ],
        bands: vec![
            band(0, AssessmentConsequence::Warning),
            band(6_000, AssessmentConsequence::Coaching),
            band(7_500, AssessmentConsequence::None),
            band(9_000, AssessmentConsequence::Commendation),
        ],
        scoring_days: 5,
        appeal_days: 5,
        colleagues: 3,
        least_weight: 50,
    }
}

/// Rules with that scheme.
pub(crate) fn rules() -> AssessmentRulesDefinition {
    AssessmentRulesDefinition {
        time_zone: "Asia/Shanghai".into(),
        schemes: vec![scheme()],
    }
}
