//! Reports: what the company wants to be told of a period, when, and whom (OP-3.2, SG-7).

pub(crate) mod cadence;
pub(crate) mod changes;
mod chart;
mod check;
#[cfg(test)]
mod fixture;
mod page;
pub(crate) mod section;
mod shipped;
mod table;
mod words;

use kefu_contracts::analytics::{
    Audience, Report, ReportDefinition, ReportFormat, ReportRulesDefinition,
};
use kefu_service::{error::Language, fields::parse_name};
use uuid::Uuid;

pub(crate) use check::check;
pub(crate) use shipped::shipped;

/// Collection of departments' names.
pub(crate) const DEPARTMENTS: &str = "departments";

/// The report of this id.
pub(crate) fn find<'r>(rules: &'r ReportRulesDefinition, id: &str) -> Option<&'r ReportDefinition> {
    rules.reports.iter().find(|report| report.id == id)
}

/// Of what reports of a period are to be made: departments, or `None`, the whole company.
pub(crate) fn audiences(
    definition: &ReportDefinition,
    headed: impl FnOnce() -> Vec<Uuid>,
) -> Vec<Option<Uuid>> {
    if definition.audience() == Audience::Company {
        return vec![None];
    }
    let departments = match definition.departments.is_empty() {
        true => headed(),
        false => named(definition),
    };
    departments.into_iter().map(Some).collect()
}

/// The departments that a definition names.
pub(crate) fn named(definition: &ReportDefinition) -> Vec<Uuid> {
    let names = definition.departments.iter();
    names
        .filter_map(|name| parse_name(name, DEPARTMENTS))
        .collect()
}

/// A file of a report.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) content_type: &'static str,
    pub(crate) content: Vec<u8>,
}

/// The file of a report in a format and a language: the same of the same report.
pub(crate) fn file(report: &Report, format: ReportFormat, language: Language) -> Option<File> {
    let (ending, content_type, content) = match format {
        ReportFormat::Unspecified => return None,
        ReportFormat::Html => (
            "html",
            "text/html; charset=utf-8",
            page::page(report, language).into_bytes(),
        ),
        ReportFormat::Csv => (
            "csv",
            "text/csv; charset=utf-8; header=present",
            table::csv(report, language),
        ),
    };
    let day = words::day(report.first_day.as_ref());
    Some(File {
        name: format!("{}-{day}-{}.{ending}", report.report, report.run),
        content_type,
        content,
    })
}
