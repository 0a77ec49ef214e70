//! The reports that there are until the company says which it wants; `reports.toml`.

use std::sync::LazyLock;

use kefu_contracts::analytics::{
    Audience, Cadence, Dimension, ReportDefinition, ReportRulesDefinition, ReportSection,
};
use serde::Deserialize;

static SHIPPED: LazyLock<ReportRulesDefinition> = LazyLock::new(|| {
    let rules: Rules =
        toml::from_str(include_str!("../../../reports.toml")).expect("a test reads reports.toml");
    rules.into()
});

/// A daily, a weekly and a monthly one, and that of complaints.
pub(crate) fn shipped() -> ReportRulesDefinition {
    SHIPPED.clone()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    time_zone: String,
    reports: Vec<Definition>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Definition {
    id: String,
    zh: String,
    en: String,
    cadence: String,
    audience: String,
    sections: Vec<Section>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Section {
    id: String,
    zh: String,
    en: String,
    metric: String,
    by: Vec<String>,
    kind: String,
    periods: i32,
    from_the_beginning: bool,
    compare: bool,
    limit: i32,
}

impl From<Rules> for ReportRulesDefinition {
    fn from(rules: Rules) -> Self {
        Self {
            time_zone: rules.time_zone,
            reports: rules.reports.into_iter().map(Into::into).collect(),
        }
    }
}

/// What is no value of the contract becomes none, which the check of the rules finds.
impl From<Definition> for ReportDefinition {
    fn from(one: Definition) -> Self {
        let cadence = Cadence::from_str_name(&format!("CADENCE_{}", one.cadence));
        let audience = Audience::from_str_name(&format!("AUDIENCE_{}", one.audience));
        Self {
            id: one.id,
            title_zh: one.zh,
            title_en: one.en,
            cadence: cadence.unwrap_or_default().into(),
            audience: audience.unwrap_or_default().into(),
            departments: Vec::new(),
            sections: one.sections.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Section> for ReportSection {
    fn from(one: Section) -> Self {
        let by = one.by.iter().map(|name| {
            let dimension = Dimension::from_str_name(&format!("DIMENSION_{name}"));
            dimension.unwrap_or_default().into()
        });
        Self {
            group_by: by.collect(),
            id: one.id,
            title_zh: one.zh,
            title_en: one.en,
            metric: one.metric,
            kind: one.kind,
            periods: one.periods,
            from_the_beginning: one.from_the_beginning,
            compare: one.compare,
            limit: one.limit,
            ..Self::default()
        }
    }
}
