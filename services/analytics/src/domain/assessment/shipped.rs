//! The scheme that there is until the company says which it wants; `assessments.toml`.

use std::sync::LazyLock;

use kefu_contracts::analytics::{
    AssessmentBand, AssessmentConsequence, AssessmentCriterion, AssessmentRulesDefinition,
    AssessmentScheme, AssessmentSource, AssessmentStep,
};
use serde::Deserialize;

static SHIPPED: LazyLock<AssessmentRulesDefinition> = LazyLock::new(|| {
    let rules: Rules = toml::from_str(include_str!("../../../assessments.toml"))
        .expect("a test reads assessments.toml");
    rules.into()
});

/// One, for whoever serves customers.
pub(crate) fn shipped() -> AssessmentRulesDefinition {
    SHIPPED.clone()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    time_zone: String,
    schemes: Vec<Scheme>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scheme {
    id: String,
    zh: String,
    en: String,
    monthly: bool,
    roles: Vec<String>,
    criteria: Vec<Criterion>,
    bands: Vec<Band>,
    scoring_days: i32,
    appeal_days: i32,
    colleagues: i32,
    least_weight: i32,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Criterion {
    id: String,
    zh: String,
    en: String,
    source: String,
    weight: i32,
    metric: String,
    steps: Vec<(i32, i32)>,
    points_below: i32,
    step: i32,
    guidance: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Band {
    at_least: i32,
    consequence: String,
}

impl From<Rules> for AssessmentRulesDefinition {
    fn from(rules: Rules) -> Self {
        Self {
            time_zone: rules.time_zone,
            schemes: rules.schemes.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Scheme> for AssessmentScheme {
    fn from(one: Scheme) -> Self {
        Self {
            id: one.id,
            title_zh: one.zh,
            title_en: one.en,
            monthly: one.monthly,
            roles: one.roles,
            departments: Vec::new(),
            criteria: one.criteria.into_iter().map(Into::into).collect(),
            bands: one.bands.into_iter().map(Into::into).collect(),
            scoring_days: one.scoring_days,
            appeal_days: one.appeal_days,
            colleagues: one.colleagues,
            least_weight: one.least_weight,
        }
    }
}

/// What is no value of the contract becomes none, which the check of the rules finds.
impl From<Criterion> for AssessmentCriterion {
    fn from(one: Criterion) -> Self {
        let source = AssessmentSource::from_str_name(&format!("ASSESSMENT_SOURCE_{}", one.source));
        let steps = one.steps.into_iter();
        Self {
            id: one.id,
            title_zh: one.zh,
            title_en: one.en,
            source: source.unwrap_or_default().into(),
            weight: one.weight,
            metric: one.metric,
            steps: steps
                .map(|(at_least, points)| AssessmentStep { at_least, points })
                .collect(),
            points_below: one.points_below,
            step: one.step,
            guidance: one.guidance,
        }
    }
}

impl From<Band> for AssessmentBand {
    fn from(one: Band) -> Self {
        let name = format!("ASSESSMENT_CONSEQUENCE_{}", one.consequence);
        let consequence = AssessmentConsequence::from_str_name(&name);
        Self {
            at_least: one.at_least,
            consequence: consequence.unwrap_or_default().into(),
        }
    }
}
