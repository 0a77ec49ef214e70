//! What is wrong with the schemes by which staff is assessed: everything at once.

use std::collections::BTreeSet;

use kefu_contracts::analytics::{
    AssessmentBand, AssessmentConsequence, AssessmentCriterion, AssessmentRulesDefinition,
    AssessmentScheme, AssessmentSource, Dimension, Measure,
};
use kefu_service::{
    error::Violation,
    fields::{Fields, is_code},
};

use super::{LEAST_COLLEAGUES, is_given, score::FULL};
use crate::domain::{
    catalogue::{self, Metric, Population},
    period::Zone,
    report::DEPARTMENTS,
};

const MOST_SCHEMES: usize = 20;
const MOST_ROLES: usize = 20;
const MOST_DEPARTMENTS: usize = 200;
const MOST_CRITERIA: usize = 20;
const MOST_STEPS: usize = 20;
const MOST_BANDS: usize = 10;
const MOST_DAYS: i32 = 60;
/// Colleagues of one assessment.
pub(crate) const MOST_COLLEAGUES: usize = 10;
const LONGEST_TITLE: usize = 80;
const LONGEST_GUIDANCE: usize = 500;
const ALL: i32 = 100;

/// Notes every fault of the rules.
pub(crate) fn check(fields: &mut Fields, rules: &AssessmentRulesDefinition) {
    let zone = Zone::parse(&rules.time_zone).is_some();
    fields.ensure(zone, "definition.time_zone", Violation::UnknownValue);
    let place = "definition.schemes";
    few(fields, place, rules.schemes.len(), MOST_SCHEMES);
    let mut ids = BTreeSet::new();
    for (at, scheme) in rules.schemes.iter().enumerate().take(MOST_SCHEMES) {
        let place = format!("{place}[{at}]");
        code(fields, &place, &scheme.id, &mut ids);
        check_scheme(fields, &place, scheme);
    }
}

fn check_scheme(fields: &mut Fields, place: &str, scheme: &AssessmentScheme) {
    titles(fields, place, &scheme.title_zh, &scheme.title_en);
    let roles = format!("{place}.roles");
    some(fields, &roles, scheme.roles.len(), MOST_ROLES);
    let mut named = BTreeSet::new();
    for (at, role) in scheme.roles.iter().enumerate().take(MOST_ROLES) {
        let field = format!("{roles}[{at}]");
        fields.ensure(is_code(role), &field, Violation::Format);
        fields.ensure(named.insert(role), &field, Violation::Duplicate);
    }
    let departments = format!("{place}.departments");
    few(
        fields,
        &departments,
        scheme.departments.len(),
        MOST_DEPARTMENTS,
    );
    let mut named = BTreeSet::new();
    let all = scheme.departments.iter().enumerate().take(MOST_DEPARTMENTS);
    for (at, name) in all {
        let field = format!("{departments}[{at}]");
        let id = fields.name(&field, name, DEPARTMENTS);
        let once = id.is_none_or(|id| named.insert(id));
        fields.ensure(once, field, Violation::Duplicate);
    }
    check_criteria(fields, place, scheme);
    check_bands(fields, place, &scheme.bands);
    for (field, days) in [
        ("scoring_days", scheme.scoring_days),
        ("appeal_days", scheme.appeal_days),
    ] {
        within(fields, format!("{place}.{field}"), days, 1, MOST_DAYS);
    }
    within(
        fields,
        format!("{place}.least_weight"),
        scheme.least_weight,
        1,
        ALL,
    );
    let mut criteria = scheme.criteria.iter();
    let (least, most) = match criteria.any(|one| one.source() == AssessmentSource::Colleague) {
        true => (LEAST_COLLEAGUES, MOST_COLLEAGUES),
        false => (0, 0),
    };
    let (least, most) = (i32::try_from(least), i32::try_from(most));
    let (least, most) = (least.unwrap_or_default(), most.unwrap_or_default());
    within(
        fields,
        format!("{place}.colleagues"),
        scheme.colleagues,
        least,
        most,
    );
}

fn check_criteria(fields: &mut Fields, place: &str, scheme: &AssessmentScheme) {
    let criteria = format!("{place}.criteria");
    some(fields, &criteria, scheme.criteria.len(), MOST_CRITERIA);
    let mut ids = BTreeSet::new();
    for (at, criterion) in scheme.criteria.iter().enumerate().take(MOST_CRITERIA) {
        let place = format!("{criteria}[{at}]");
        code(fields, &place, &criterion.id, &mut ids);
        check_criterion(fields, &place, criterion);
    }
    let weights = scheme.criteria.iter().map(|one| i64::from(one.weight));
    if !scheme.criteria.is_empty() && scheme.criteria.len() <= MOST_CRITERIA {
        let whole = weights.sum::<i64>() == i64::from(ALL);
        fields.ensure(whole, &criteria, Violation::Contradiction);
    }
}

fn check_criterion(fields: &mut Fields, place: &str, criterion: &AssessmentCriterion) {
    titles(fields, place, &criterion.title_zh, &criterion.title_en);
    fields.text(
        format_args!("{place}.guidance"),
        &criterion.guidance,
        LONGEST_GUIDANCE,
    );
    within(fields, format!("{place}.weight"), criterion.weight, 1, ALL);
    let source =
        fields.required_enum::<AssessmentSource>(format_args!("{place}.source"), criterion.source);
    let Some(source) = source else { return };
    if is_given(source) {
        let step = criterion.step;
        within(fields, format!("{place}.step"), step, 1, ALL / 2);
        let even = !(1..=ALL / 2).contains(&step) || ALL % step == 0;
        fields.ensure(even, format_args!("{place}.step"), Violation::Contradiction);
        for (field, none) in [
            ("metric", criterion.metric.is_empty()),
            ("steps", criterion.steps.is_empty()),
            ("points_below", criterion.points_below == 0),
        ] {
            fields.ensure(
                none,
                format_args!("{place}.{field}"),
                Violation::NotApplicable,
            );
        }
        return;
    }
    fields.ensure(
        criterion.step == 0,
        format_args!("{place}.step"),
        Violation::NotApplicable,
    );
    let metric = catalogue::find(&criterion.metric);
    let what = match criterion.metric.is_empty() {
        true => Violation::Required,
        false => Violation::UnknownValue,
    };
    fields.ensure(metric.is_some(), format_args!("{place}.metric"), what);
    if let Some(metric) = metric {
        let fits = source_of(metric) == Some(source);
        fields.ensure(
            fits,
            format_args!("{place}.metric"),
            Violation::NotApplicable,
        );
    }
    check_steps(fields, place, criterion, metric);
}

fn check_steps(
    fields: &mut Fields,
    place: &str,
    criterion: &AssessmentCriterion,
    metric: Option<&Metric>,
) {
    let steps = format!("{place}.steps");
    few(fields, &steps, criterion.steps.len(), MOST_STEPS);
    let below = format!("{place}.points_below");
    if criterion.steps.is_empty() {
        let itself = metric.is_none_or(|metric| metric.of == Population::InspectionScores);
        fields.ensure(itself, &steps, Violation::Required);
        fields.ensure(criterion.points_below == 0, below, Violation::NotApplicable);
        return;
    }
    within(fields, below, criterion.points_below, 0, ALL);
    let mut last = None;
    for (at, step) in criterion.steps.iter().enumerate().take(MOST_STEPS) {
        let field = format!("{steps}[{at}]");
        within(fields, format!("{field}.points"), step.points, 0, ALL);
        let more = step.at_least > last.unwrap_or(0) || (last.is_none() && step.at_least == 0);
        fields.ensure(
            more,
            format_args!("{field}.at_least"),
            Violation::Contradiction,
        );
        last = Some(step.at_least);
    }
    let points: Vec<i32> = std::iter::once(criterion.points_below)
        .chain(criterion.steps.iter().map(|step| step.points))
        .collect();
    let up = points.is_sorted();
    let down = points.iter().rev().is_sorted();
    fields.ensure(up || down, steps, Violation::Contradiction);
}

fn check_bands(fields: &mut Fields, place: &str, bands: &[AssessmentBand]) {
    let place = format!("{place}.bands");
    some(fields, &place, bands.len(), MOST_BANDS);
    let mut last = None;
    for (at, band) in bands.iter().enumerate().take(MOST_BANDS) {
        let field = format!("{place}[{at}]");
        let from = format!("{field}.at_least");
        within(fields, &from, band.at_least, 0, FULL);
        let follows = match last {
            None => band.at_least == 0,
            Some(last) => band.at_least > last,
        };
        fields.ensure(follows, from, Violation::Contradiction);
        last = Some(band.at_least);
        let consequence = format!("{field}.consequence");
        fields.required_enum::<AssessmentConsequence>(consequence, band.consequence);
    }
}

/// Whose word a figure is, where it is one that is told by person: a rate or a mean.
pub(crate) fn source_of(metric: &Metric) -> Option<AssessmentSource> {
    use Population::{
        Answers, CaseScores, InspectionScores, InspectionsPassed, RatedTickets, ResultScores,
        Reviews, ServiceScores,
    };
    let by_person = metric.dimensions.contains(&Dimension::Employee);
    let plain = matches!(metric.measure, Measure::Rate | Measure::Mean);
    (by_person && plain).then_some(match metric.of {
        RatedTickets | CaseScores | Reviews | Answers | ServiceScores | ResultScores => {
            AssessmentSource::Customer
        }
        InspectionScores | InspectionsPassed => AssessmentSource::Inspection,
        _ => AssessmentSource::Data,
    })
}

fn titles(fields: &mut Fields, place: &str, zh: &str, en: &str) {
    fields.required_text(format_args!("{place}.title_zh"), zh, LONGEST_TITLE);
    fields.required_text(format_args!("{place}.title_en"), en, LONGEST_TITLE);
}

fn code<'i>(fields: &mut Fields, place: &str, id: &'i str, known: &mut BTreeSet<&'i str>) {
    fields.ensure(is_code(id), format_args!("{place}.id"), Violation::Format);
    let once = known.insert(id);
    fields.ensure(once, format_args!("{place}.id"), Violation::Duplicate);
}

fn few(fields: &mut Fields, place: &str, count: usize, most: usize) {
    fields.ensure(count <= most, place, Violation::TooMany(most));
}

fn some(fields: &mut Fields, place: &str, count: usize, most: usize) {
    fields.ensure(count > 0, place, Violation::Required);
    few(fields, place, count, most);
}

fn within(fields: &mut Fields, place: impl std::fmt::Display, value: i32, from: i32, to: i32) {
    let what = Violation::OutOfRange(from.into(), to.into());
    fields.ensure((from..=to).contains(&value), place, what);
}

#[cfg(test)]
mod tests {
    use kefu_contracts::analytics::AssessmentStep;

    use super::*;
    use crate::domain::assessment::{fixture::rules, shipped};

    fn wrong(rules: &AssessmentRulesDefinition) -> Vec<(String, &'static str)> {
        let mut fields = Fields::new();
        check(&mut fields, rules);
        let violations = fields.finish().err().map(|fault| fault.violations);
        let violations = violations.unwrap_or_default().into_iter();
        violations
            .map(|(field, what)| (field, what.name()))
            .collect()
    }

    /// Clause OP-4.2: satisfaction, timely responses, resolutions, knowledge, communication and
    /// teamwork, from data, customers, superiors and colleagues.
    #[test]
    fn the_scheme_of_the_policy_is_shipped() {
        assert_eq!(wrong(&shipped()), []);
        let scheme = &shipped().schemes[0];
        let ids: Vec<&str> = scheme.criteria.iter().map(|one| one.id.as_str()).collect();
        for asked in [
            "satisfaction",
            "timely_response",
            "resolution",
            "knowledge",
            "communication",
            "teamwork",
        ] {
            assert!(ids.contains(&asked), "{asked}");
        }
        let sources: BTreeSet<i32> = scheme.criteria.iter().map(|one| one.source).collect();
        assert_eq!(sources.len(), 5);
        let consequences: BTreeSet<i32> = scheme.bands.iter().map(|one| one.consequence).collect();
        assert_eq!(consequences.len(), 4);
        assert_eq!(wrong(&rules()), []);
    }

    /// Clause OP-4.2.
    #[test]
    fn every_fault_of_a_scheme_is_told_at_once() {
        let mut rules = rules();
        rules.time_zone = "Nowhere/Land".into();
        let scheme = &mut rules.schemes[0];
        scheme.id = "No".into();
        scheme.title_zh.clear();
        scheme.roles.clear();
        scheme.departments = vec!["departments/x".into()];
        scheme.criteria[0].weight = 60;
        scheme.criteria[0].metric = "satisfaction".into();
        scheme.criteria[0].steps.push(AssessmentStep {
            at_least: 8_000,
            points: 101,
        });
        scheme.criteria[1].step = 30;
        scheme.criteria[2].metric = "tickets".into();
        scheme.criteria[2].id = "knowledge".into();
        scheme.bands[0].at_least = 1;
        scheme.bands[2].at_least = 6_000;
        scheme.bands[3].consequence = 9;
        scheme.scoring_days = 0;
        scheme.colleagues = 2;
        scheme.least_weight = 101;
        let mut second = scheme.clone();
        second.criteria = vec![AssessmentCriterion {
            source: 0,
            ..second.criteria[0].clone()
        }];
        rules.schemes.push(second);
        let all = wrong(&rules);
        let of_first: Vec<(&str, &str)> = all
            .iter()
            .filter_map(|(field, what)| {
                Some((field.strip_prefix("definition.schemes[0].")?, *what))
            })
            .collect();
        assert_eq!(
            of_first,
            [
                ("id", "FORMAT"),
                ("title_zh", "REQUIRED"),
                ("roles", "REQUIRED"),
                ("departments[0]", "RESOURCE_NAME"),
                ("criteria[0].metric", "NOT_APPLICABLE"),
                ("criteria[0].steps[1].points", "OUT_OF_RANGE"),
                ("criteria[0].steps[1].at_least", "CONTRADICTION"),
                ("criteria[1].step", "CONTRADICTION"),
                ("criteria[2].id", "DUPLICATE"),
                ("criteria[2].metric", "NOT_APPLICABLE"),
                ("criteria", "CONTRADICTION"),
                ("bands[0].at_least", "CONTRADICTION"),
                ("bands[2].at_least", "CONTRADICTION"),
                ("bands[3].consequence", "UNKNOWN_VALUE"),
                ("scoring_days", "OUT_OF_RANGE"),
                ("least_weight", "OUT_OF_RANGE"),
                ("colleagues", "OUT_OF_RANGE"),
            ]
        );
        for told in [
            ("definition.time_zone", "UNKNOWN_VALUE"),
            ("definition.schemes[1].id", "DUPLICATE"),
            ("definition.schemes[1].criteria[0].source", "REQUIRED"),
            ("definition.schemes[1].criteria", "CONTRADICTION"),
        ] {
            assert!(
                all.contains(&(told.0.to_owned(), told.1)),
                "{told:?} in {all:?}"
            );
        }
    }

    #[test]
    fn a_figure_is_asked_for_as_what_it_is() {
        let of = |id: &str| catalogue::find(id).and_then(source_of);
        assert_eq!(of("timely_response_rate"), Some(AssessmentSource::Data));
        assert_eq!(of("satisfaction"), Some(AssessmentSource::Customer));
        assert_eq!(of("inspection_score"), Some(AssessmentSource::Inspection));
        // A count, a duration, and what is nobody's.
        for none in ["tickets", "first_response_time", "churn"] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn points_go_one_way_and_a_mean_of_scores_needs_no_steps() {
        let mut rules = rules();
        let step = |at_least, points| AssessmentStep { at_least, points };
        let criterion = &mut rules.schemes[0].criteria[0];
        criterion.metric = "reopening_rate".into();
        criterion.points_below = 100;
        criterion.steps = vec![step(500, 80), step(1_000, 40)];
        assert_eq!(wrong(&rules), [], "fewer is better");
        rules.schemes[0].criteria[0].steps.push(step(2_000, 60));
        assert_eq!(wrong(&rules).len(), 1);
        let criterion = &mut rules.schemes[0].criteria[0];
        criterion.steps.clear();
        criterion.points_below = 0;
        assert_eq!(wrong(&rules).len(), 1);
        let criterion = &mut rules.schemes[0].criteria[0];
        criterion.metric = "inspection_score".into();
        criterion.source = AssessmentSource::Inspection.into();
        assert_eq!(wrong(&rules), []);
    }
}
