//! A section of a report as the question that is asked for it.

use kefu_contracts::analytics::{Cadence, Dimension, QueryMetricRequest, ReportSection};
use kefu_service::error::{Fault, Violation};

use super::cadence::with_before;
use crate::domain::{
    period::{Days, Zone, wire},
    question::{Door, Question, is_time},
};

/// Number of a value of KIND, of the records of a question's figure.
pub(crate) type KindOf<'k> = &'k (dyn Fn(&Question, &str) -> Option<usize> + Sync);

/// The question of a section, in a report of this cadence on this period.
///
/// # Errors
/// With every field of the section that is wrong.
pub(crate) fn question(
    section: &ReportSection,
    cadence: Cadence,
    period: Days,
    zone: &Zone,
    kind_of: KindOf<'_>,
) -> Result<Question, Fault> {
    let days = with_before(cadence, period, section.periods);
    let by_time = |number: &i32| Dimension::try_from(*number).is_ok_and(is_time);
    let request = QueryMetricRequest {
        metric: section.metric.clone(),
        first_day: (!section.from_the_beginning).then(|| wire(days.first)),
        last_day: Some(wire(days.last)),
        time_zone: zone.name().to_owned(),
        group_by: section.group_by.clone(),
        fill_gaps: !section.from_the_beginning && section.group_by.iter().any(by_time),
        compare: section.compare,
        limit: section.limit,
        rank_by: section.rank_by,
        calendar: section.calendar.clone(),
    };
    let mut question = Question::read(&request, zone, Door::Figures).map_err(named)?;
    // A report is told exactly to whoever it reaches.
    let others = question.other_classes();
    let others: Vec<_> = others
        .map(|(at, _)| (format!("group_by[{at}]"), Violation::NotApplicable))
        .collect();
    if !others.is_empty() {
        return Err(Fault::fields(others));
    }
    if !section.kind.is_empty() {
        let number = kind_of(&question, &section.kind).ok_or_else(|| {
            let what = match question.metric.dimensions.contains(&Dimension::Kind) {
                true => Violation::UnknownValue,
                false => Violation::NotApplicable,
            };
            Fault::fields(vec![("kind".to_owned(), what)])
        })?;
        question.only = Some((Dimension::Kind, number));
    }
    Ok(question)
}

/// Under the names that the section has for what the question is asked with.
fn named(fault: Fault) -> Fault {
    let violations = fault.violations.into_iter().map(|(field, what)| {
        match field.as_str() {
            // A figure that has to have both days, or a comparison, or more days than there are.
            "first_day" if what == Violation::Required => {
                ("from_the_beginning".to_owned(), Violation::Contradiction)
            }
            "first_day" | "last_day" => ("periods".to_owned(), what),
            _ => (field, what),
        }
    });
    Fault {
        violations: violations.collect(),
        ..fault
    }
}
