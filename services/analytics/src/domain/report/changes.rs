//! In what two runs of a report differ: what came late, or was corrected.

use std::collections::BTreeMap;

use kefu_contracts::analytics::{MetricRow, Report, ReportChange, ReportFigure, ReportSection};

/// Whether both are of the same days, which begin and end in the same zone.
pub(crate) fn is_of_same_period(one: &Report, other: &Report) -> bool {
    let same_days = one.first_day == other.first_day && one.last_day == other.last_day;
    same_days && one.time_zone == other.time_zone
}

/// What the later run says otherwise than the earlier one, in its order, and then what only the
/// earlier one had. Sections that ask for something else are not compared.
pub(crate) fn changes(earlier: &Report, later: &Report) -> Vec<ReportChange> {
    let figures = later.figures.iter().filter_map(|figure| {
        let mut all = earlier.figures.iter();
        let before = all.find(|one| one.section == figure.section)?;
        let same = form(earlier, &figure.section)? == form(later, &figure.section)?;
        same.then(|| compare(before, figure))
    });
    figures.flatten().collect()
}

/// What a section asks for, whatever it is called.
fn form(report: &Report, section: &str) -> Option<ReportSection> {
    let mut sections = report.definition.as_ref()?.sections.iter();
    let found = sections.find(|one| one.id == section)?;
    Some(ReportSection {
        title_zh: String::new(),
        title_en: String::new(),
        compare: false,
        ..found.clone()
    })
}

fn compare(earlier: &ReportFigure, later: &ReportFigure) -> Vec<ReportChange> {
    let mut before = rows(earlier);
    let mut changes = Vec::new();
    for row in rows_in_order(later) {
        let known = before.remove(&key(row));
        if known.is_none_or(|known| !alike(known, row)) {
            changes.push(change(&later.section, known, Some(row)));
        }
    }
    // In their own order.
    let gone = rows_in_order(earlier).filter(|row| before.contains_key(&key(row)));
    changes.extend(gone.map(|row| change(&later.section, Some(row), None)));
    changes
}

/// By which rows of two figures belong together.
type Key<'r> = (bool, &'r [String]);

fn key(row: &MetricRow) -> Key<'_> {
    (row.rest, &row.dimensions)
}

fn rows(figure: &ReportFigure) -> BTreeMap<Key<'_>, &MetricRow> {
    rows_in_order(figure).map(|row| (key(row), row)).collect()
}

/// The total and the rows; grouped by nothing, the one row is the total.
fn rows_in_order(figure: &ReportFigure) -> impl Iterator<Item = &MetricRow> {
    let grouped = figure.rows.iter().filter(|row| !row.dimensions.is_empty());
    figure.total.iter().chain(grouped)
}

fn change(section: &str, earlier: Option<&MetricRow>, later: Option<&MetricRow>) -> ReportChange {
    let row = later.or(earlier);
    ReportChange {
        section: section.to_owned(),
        dimensions: row.map(|row| row.dimensions.clone()).unwrap_or_default(),
        earlier: earlier.cloned(),
        later: later.cloned(),
        rest: row.is_some_and(|row| row.rest),
    }
}

/// Whether two rows say the same by themselves: shares follow from all of them.
fn alike(one: &MetricRow, other: &MetricRow) -> bool {
    let alone = |row: &MetricRow| MetricRow {
        share: None,
        ..row.clone()
    };
    alone(one) == alone(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::report::fixture::{report, row};

    /// `section group: earlier > later`, of the counts.
    fn told(changes: &[ReportChange]) -> Vec<String> {
        let count = |row: &Option<MetricRow>| match row {
            Some(row) => row.count.to_string(),
            None => "none".to_owned(),
        };
        let each = changes.iter().map(|one| {
            let (earlier, later) = (count(&one.earlier), count(&one.later));
            let group = one.dimensions.join(", ");
            format!("{} {group}: {earlier} > {later}", one.section)
        });
        each.collect()
    }

    /// Clause OP-3.2: what came late is told beside what was said before.
    #[test]
    fn what_differs_is_told_row_by_row() {
        let earlier = report();
        assert_eq!(changes(&earlier, &earlier), []);
        let mut later = earlier.clone();
        let figure = later
            .figures
            .iter_mut()
            .find(|one| one.section == "kinds")
            .unwrap();
        // One more complaint; consultations are gone.
        figure.rows = vec![row(&["complaint"], 6), row(&["suggestion"], 1)];
        figure.total = Some(row(&[], 7));
        assert_eq!(
            told(&changes(&earlier, &later)),
            [
                "kinds : 9 > 7",
                "kinds complaint: 5 > 6",
                "kinds suggestion: none > 1",
                "kinds consultation: 4 > none",
            ]
        );
    }

    #[test]
    fn a_period_is_of_its_last_day_and_its_zone_too() {
        let day = report();
        assert!(is_of_same_period(&day, &day.clone()));
        let mut longer = day.clone();
        longer.last_day.as_mut().unwrap().day += 1;
        let elsewhere = Report {
            time_zone: "Europe/Berlin".into(),
            ..day.clone()
        };
        for other in [longer, elsewhere] {
            assert!(!is_of_same_period(&day, &other));
        }
    }

    #[test]
    fn a_section_that_asks_for_something_else_is_not_compared() {
        let earlier = report();
        let mut later = earlier.clone();
        for figure in &mut later.figures {
            figure.rows.clear();
        }
        for section in &mut later.definition.as_mut().unwrap().sections {
            section.periods += 1;
        }
        assert_eq!(changes(&earlier, &later), []);
        // What it is called counts for nothing.
        let mut renamed = earlier.clone();
        renamed.definition.as_mut().unwrap().sections[0].title_zh = "别名".into();
        renamed.figures[0].total = Some(row(&[], 1));
        assert_eq!(changes(&earlier, &renamed).len(), 1);
    }
}
