//! What is wrong with the rules by which reports are made: everything at once.

use std::collections::BTreeSet;

use jiff::civil;
use kefu_contracts::analytics::{
    Audience, Cadence, ReportDefinition, ReportRulesDefinition, ReportSection,
};
use kefu_service::{
    error::Violation,
    fields::{Fields, is_code},
};

use super::{DEPARTMENTS, cadence::containing, section};
use crate::domain::{
    catalogue::{self, Metric},
    period::Zone,
};

const MOST_REPORTS: usize = 50;
const MOST_SECTIONS: usize = 30;
const MOST_DEPARTMENTS: usize = 500;
const MOST_PERIODS: i32 = 60;
const LONGEST_TITLE: usize = 80;
/// Sections are asked of the period with this day, to see whether they can be.
const SOME_DAY: civil::Date = civil::date(2024, 2, 29);

/// Notes every fault of the rules.
pub(crate) fn check(
    fields: &mut Fields,
    rules: &ReportRulesDefinition,
    kind_of: section::KindOf<'_>,
) {
    let zone = Zone::parse(&rules.time_zone);
    let known = zone.is_some();
    fields.ensure(known, "definition.time_zone", Violation::UnknownValue);
    let few = rules.reports.len() <= MOST_REPORTS;
    fields.ensure(few, "definition.reports", Violation::TooMany(MOST_REPORTS));
    let mut ids = BTreeSet::new();
    for (at, report) in rules.reports.iter().enumerate().take(MOST_REPORTS) {
        let place = format!("definition.reports[{at}]");
        fields.ensure(
            is_code(&report.id),
            format_args!("{place}.id"),
            Violation::Format,
        );
        let once = ids.insert(&report.id);
        fields.ensure(once, format_args!("{place}.id"), Violation::Duplicate);
        check_report(fields, &place, report, zone.as_ref(), kind_of);
    }
}

fn check_report(
    fields: &mut Fields,
    place: &str,
    report: &ReportDefinition,
    zone: Option<&Zone>,
    kind_of: section::KindOf<'_>,
) {
    titles(fields, place, &report.title_zh, &report.title_en);
    let cadence = fields.required_enum::<Cadence>(format_args!("{place}.cadence"), report.cadence);
    let audience =
        fields.required_enum::<Audience>(format_args!("{place}.audience"), report.audience);
    let departments = format!("{place}.departments");
    let for_them = report.departments.is_empty() || audience != Some(Audience::Company);
    fields.ensure(for_them, &departments, Violation::NotApplicable);
    let few = report.departments.len() <= MOST_DEPARTMENTS;
    fields.ensure(few, &departments, Violation::TooMany(MOST_DEPARTMENTS));
    let mut named = BTreeSet::new();
    for (at, name) in report.departments.iter().enumerate().take(MOST_DEPARTMENTS) {
        let field = format!("{departments}[{at}]");
        let id = fields.name(&field, name, DEPARTMENTS);
        let once = id.is_none_or(|id| named.insert(id));
        fields.ensure(once, field, Violation::Duplicate);
    }
    let sections = format!("{place}.sections");
    fields.ensure(!report.sections.is_empty(), &sections, Violation::Required);
    let few = report.sections.len() <= MOST_SECTIONS;
    fields.ensure(few, &sections, Violation::TooMany(MOST_SECTIONS));
    let mut ids = BTreeSet::new();
    for (at, section) in report.sections.iter().enumerate().take(MOST_SECTIONS) {
        let place = format!("{sections}[{at}]");
        fields.ensure(
            is_code(&section.id),
            format_args!("{place}.id"),
            Violation::Format,
        );
        let once = ids.insert(&section.id);
        fields.ensure(once, format_args!("{place}.id"), Violation::Duplicate);
        let reached = audience != Some(Audience::Departments)
            || catalogue::find(&section.metric).is_none_or(Metric::is_of_departments);
        let field = format_args!("{place}.metric");
        fields.ensure(reached, field, Violation::NotApplicable);
        let asked = cadence.zip(zone);
        check_section(fields, &place, section, asked, kind_of);
    }
}

fn check_section(
    fields: &mut Fields,
    place: &str,
    section: &ReportSection,
    asked: Option<(Cadence, &Zone)>,
    kind_of: section::KindOf<'_>,
) {
    titles(fields, place, &section.title_zh, &section.title_en);
    let periods = format!("{place}.periods");
    let within = (0..=MOST_PERIODS).contains(&section.periods);
    let range = Violation::OutOfRange(0, MOST_PERIODS.into());
    fields.ensure(within, &periods, range);
    let either = section.periods == 0 || !section.from_the_beginning;
    fields.ensure(either, &periods, Violation::NotApplicable);
    let Some((cadence, zone)) = asked.filter(|_| within) else {
        return;
    };
    let period = containing(cadence, SOME_DAY);
    if let Err(fault) = section::question(section, cadence, period, zone, kind_of) {
        for (field, what) in fault.violations {
            fields.refuse(format_args!("{place}.{field}"), what);
        }
    }
}

fn titles(fields: &mut Fields, place: &str, zh: &str, en: &str) {
    fields.required_text(format_args!("{place}.title_zh"), zh, LONGEST_TITLE);
    fields.text(format_args!("{place}.title_en"), en, LONGEST_TITLE);
}

#[cfg(test)]
mod tests {
    use kefu_contracts::analytics::{Dimension, RankBy};

    use super::*;
    use crate::{domain::report::shipped, store::query::kind};

    fn wrong(rules: &ReportRulesDefinition) -> Vec<(String, Violation)> {
        let mut fields = Fields::new();
        check(&mut fields, rules, &kind);
        fields
            .finish()
            .err()
            .map_or_else(Vec::new, |fault| fault.violations)
    }

    /// Clauses OP-3.2, SG-7: what is shipped can be made, and complaints are reported upward.
    #[test]
    fn the_shipped_reports_are_sound() {
        let rules = shipped();
        assert_eq!(wrong(&rules), []);
        let complaints = super::super::find(&rules, "complaints").unwrap();
        assert_eq!(complaints.audience(), Audience::Company);
        let of_complaints = complaints
            .sections
            .iter()
            .filter(|one| one.kind == "complaint");
        assert!(of_complaints.count() > 5);
    }

    #[test]
    fn everything_that_is_wrong_with_the_rules_is_said_at_once() {
        let mut rules = shipped();
        rules.time_zone = "CET".into();
        let report = &mut rules.reports[0];
        report.id = "Daily".into();
        report.cadence = 0;
        report.departments = vec!["departments/x".into()];
        report.sections.clear();
        rules.reports[1].audience = Audience::Company.into();
        rules.reports[1].departments =
            vec!["departments/0190c5a8-0000-7000-8000-0000000000ab".into()];
        rules.reports[2].id = rules.reports[1].id.clone();
        let fields: Vec<_> = wrong(&rules).into_iter().map(|(field, _)| field).collect();
        assert_eq!(
            fields,
            [
                "definition.time_zone",
                "definition.reports[0].id",
                "definition.reports[0].cadence",
                "definition.reports[0].departments[0]",
                "definition.reports[0].sections",
                "definition.reports[1].departments",
                "definition.reports[2].id",
            ]
        );
    }

    #[test]
    fn a_section_is_a_question_that_can_be_answered() {
        let mut rules = shipped();
        rules.reports.truncate(1);
        let by = |dimension: Dimension| vec![dimension as i32];
        let plain = ReportSection {
            id: "plain".into(),
            title_zh: "工单量".into(),
            metric: "tickets".into(),
            ..Default::default()
        };
        let sections = vec![
            plain.clone(),
            ReportSection {
                id: "plain".into(),
                metric: "happiness".into(),
                ..plain.clone()
            },
            ReportSection {
                id: "people".into(),
                group_by: by(Dimension::Employee),
                ..plain.clone()
            },
            ReportSection {
                id: "wishes".into(),
                kind: "wish".into(),
                ..plain.clone()
            },
            ReportSection {
                id: "answers".into(),
                metric: "satisfaction".into(),
                kind: "complaint".into(),
                ..plain.clone()
            },
            ReportSection {
                id: "looks".into(),
                metric: "reads".into(),
                kind: "customer".into(),
                ..plain.clone()
            },
            ReportSection {
                id: "churned".into(),
                metric: "churn".into(),
                from_the_beginning: true,
                ..plain.clone()
            },
            ReportSection {
                id: "largest".into(),
                limit: 5,
                rank_by: RankBy::Mean.into(),
                ..plain.clone()
            },
            ReportSection {
                id: "ages".into(),
                periods: 61,
                ..plain.clone()
            },
            ReportSection {
                id: "regions".into(),
                metric: "customers".into(),
                group_by: by(Dimension::Region),
                ..plain.clone()
            },
            ReportSection {
                id: "working".into(),
                metric: "total_resolution_time".into(),
                calendar: "calendars/0190c5a8-0000-7000-8000-0000000000ab".into(),
                ..plain.clone()
            },
            ReportSection {
                id: "counted".into(),
                calendar: "calendars/0190c5a8-0000-7000-8000-0000000000ab".into(),
                ..plain.clone()
            },
            ReportSection {
                id: "misnamed".into(),
                metric: "backlog".into(),
                calendar: "calendars/office".into(),
                ..plain.clone()
            },
            ReportSection {
                id: "bought".into(),
                metric: "buyers".into(),
                ..plain.clone()
            },
            ReportSection {
                id: "tiers".into(),
                metric: "customers".into(),
                group_by: by(Dimension::Tier),
                ..plain.clone()
            },
            ReportSection {
                id: "credit".into(),
                metric: "customers".into(),
                group_by: by(Dimension::Credit),
                ..plain.clone()
            },
            ReportSection {
                id: "waiting".into(),
                metric: "backlog".into(),
                compare: true,
                ..plain
            },
        ];
        rules.reports[0].sections = sections;
        let found = wrong(&rules);
        let fields: Vec<_> = found
            .iter()
            .map(|(field, what)| {
                (
                    field.trim_start_matches("definition.reports[0].sections"),
                    what.name(),
                )
            })
            .collect();
        assert_eq!(
            fields,
            [
                ("[1].id", "DUPLICATE"),
                ("[1].metric", "UNKNOWN_VALUE"),
                ("[2].group_by[0]", "NOT_APPLICABLE"),
                ("[3].kind", "UNKNOWN_VALUE"),
                ("[4].kind", "NOT_APPLICABLE"),
                ("[5].metric", "NOT_APPLICABLE"),
                ("[5].kind", "UNKNOWN_VALUE"),
                ("[6].from_the_beginning", "CONTRADICTION"),
                ("[7].rank_by", "NOT_APPLICABLE"),
                ("[7].limit", "NOT_APPLICABLE"),
                ("[8].periods", "OUT_OF_RANGE"),
                ("[9].group_by[0]", "NOT_APPLICABLE"),
                ("[11].calendar", "NOT_APPLICABLE"),
                ("[12].calendar", "RESOURCE_NAME"),
                ("[15].group_by[0]", "NOT_APPLICABLE"),
                ("[16].compare", "NOT_APPLICABLE"),
            ]
        );
        // Looks are of no department, and of the whole company.
        rules.reports[0].sections[5].kind.clear();
        let of_looks = |rules: &ReportRulesDefinition| {
            let at = "definition.reports[0].sections[5].metric";
            wrong(rules).iter().any(|(field, _)| field == at)
        };
        assert!(of_looks(&rules));
        rules.reports[0].audience = Audience::Company.into();
        assert!(!of_looks(&rules));
    }
}
