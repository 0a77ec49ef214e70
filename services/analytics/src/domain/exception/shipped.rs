//! The rules that there are until the company says what is watched; `exceptions.toml`.

use std::sync::LazyLock;

use kefu_contracts::analytics::{
    Audience, Cadence, Dimension, Direction, ExceptionRule, ExceptionRulesDefinition,
};
use serde::Deserialize;

static SHIPPED: LazyLock<ExceptionRulesDefinition> = LazyLock::new(|| {
    let rules: Rules = toml::from_str(include_str!("../../../exceptions.toml"))
        .expect("a test reads exceptions.toml");
    rules.into()
});

/// The main figures of each department, and some of the whole company.
pub(crate) fn shipped() -> ExceptionRulesDefinition {
    SHIPPED.clone()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    time_zone: String,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    id: String,
    zh: String,
    en: String,
    metric: String,
    #[serde(default)]
    kind: String,
    cadence: String,
    audience: String,
    direction: String,
    past: i32,
    least: i32,
    deviations: f64,
    #[serde(default)]
    settle_days: i32,
}

impl From<Rules> for ExceptionRulesDefinition {
    fn from(rules: Rules) -> Self {
        Self {
            time_zone: rules.time_zone,
            rules: rules.rules.into_iter().map(Into::into).collect(),
        }
    }
}

/// What is no value of the contract becomes none, which the check of the rules finds.
impl From<Rule> for ExceptionRule {
    fn from(one: Rule) -> Self {
        let cadence = Cadence::from_str_name(&format!("CADENCE_{}", one.cadence));
        let audience = Audience::from_str_name(&format!("AUDIENCE_{}", one.audience));
        let direction = Direction::from_str_name(&format!("DIRECTION_{}", one.direction));
        let dimension = match one.kind.is_empty() {
            true => Dimension::Unspecified,
            false => Dimension::Kind,
        };
        Self {
            id: one.id,
            title_zh: one.zh,
            title_en: one.en,
            metric: one.metric,
            dimension: dimension.into(),
            value: one.kind,
            cadence: cadence.unwrap_or_default().into(),
            audience: audience.unwrap_or_default().into(),
            direction: direction.unwrap_or_default().into(),
            past_periods: one.past,
            least_records: one.least,
            deviations: one.deviations,
            settle_days: one.settle_days,
        }
    }
}
