use kefu_contracts::{
    analytics::{
        DepartmentTitle, Dimension, MetricRow, PeriodBefore, Report, ReportFigure, SourceFreshness,
    },
    google::r#type::Date,
};
use prost_types::Timestamp;

use super::shipped;

pub(super) fn row(dimensions: &[&str], count: i64) -> MetricRow {
    MetricRow {
        dimensions: dimensions.iter().map(|one| (*one).to_owned()).collect(),
        count,
        ..Default::default()
    }
}

fn date(month: i32, day: i32) -> Option<Date> {
    Some(Date {
        year: 2026,
        month,
        day,
    })
}

const TECHNICAL: &str = "departments/0190c5a8-0000-7000-8000-0000000000ab";

/// The shipped daily report of a department whose name is not harmless.
pub(super) fn report() -> Report {
    let definition = shipped().reports.remove(0);
    let days: Vec<String> = (16..30).map(|day| format!("2026-11-{day}")).collect();
    let figures = definition.sections.iter().map(|section| {
        let by_day = section.group_by.contains(&(Dimension::Day as i32));
        let rows = match section.id.as_str() {
            "days" => (0..14)
                .map(|day| row(&[&days[day as usize]], day % 5))
                .collect(),
            "kinds" => vec![row(&["complaint"], 5), row(&["consultation"], 4)],
            "channels" => vec![row(&["phone"], 6), row(&["online"], 2), row(&[""], 1)],
            "backlog" => vec![MetricRow {
                mean: Some(5400.0),
                p50: Some(3600.0),
                p90: Some(90_000.0),
                p95: Some(100_000.0),
                ..row(&["critical"], 3)
            }],
            "responses" => vec![MetricRow {
                mean: Some(0.875),
                sum: Some("7".into()),
                ..row(&[], 8)
            }],
            _ => Vec::new(),
        };
        let total = match rows.as_slice() {
            [one] if one.dimensions.is_empty() => one.clone(),
            rows => row(&[], rows.iter().map(|row| row.count).sum()),
        };
        let before = section.compare.then(|| PeriodBefore {
            first_day: date(11, 28),
            last_day: date(11, 28),
            rows: rows.iter().take(1).cloned().collect(),
            total: Some(row(&[], 4)),
            truncated: false,
        });
        ReportFigure {
            section: section.id.clone(),
            first_day: if by_day { date(11, 16) } else { date(11, 29) },
            last_day: date(11, 29),
            rows,
            total: Some(total),
            truncated: false,
            before,
        }
    });
    Report {
        name: "reports/0190c5a8-0000-7000-8000-0000000000ac".into(),
        report: definition.id.clone(),
        version: 0,
        department: TECHNICAL.into(),
        first_day: date(11, 29),
        last_day: date(11, 29),
        time_zone: "Asia/Shanghai".into(),
        run: 1,
        make_time: Some(Timestamp {
            seconds: 1_795_968_030,
            nanos: 0,
        }),
        generation: 1,
        sources: vec![SourceFreshness {
            source: "ticket".into(),
            position: 812,
            ..Default::default()
        }],
        figures: figures.collect(),
        departments: vec![DepartmentTitle {
            department: TECHNICAL.into(),
            title: "=技术<支持> & \"售后\"".into(),
        }],
        definition: Some(definition),
        sha256: "ab".repeat(32),
        ..Default::default()
    }
}
