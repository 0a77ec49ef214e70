//! A report as one table: a row for each group of each section, of its period and the one before.

use ::csv::{Terminator, WriterBuilder};
use kefu_contracts::analytics::{MetricRow, Report, ReportFigure, ReportSection};
use kefu_service::error::Language;

use super::words;
use crate::domain::catalogue;

/// So that spreadsheets read it as UTF-8.
const MARK: &str = "\u{feff}";

/// More are in no section.
const GROUPS: usize = 3;

/// The table with its header, RFC 4180.
pub(crate) fn csv(report: &Report, language: Language) -> Vec<u8> {
    let mut rows = vec![header(language)];
    let sections = report.definition.iter().flat_map(|one| &one.sections);
    for section in sections {
        let mut figures = report.figures.iter();
        if let Some(figure) = figures.find(|figure| figure.section == section.id) {
            write_figure(report, section, figure, language, &mut rows);
        }
    }
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(MARK.as_bytes().to_vec());
    for row in rows {
        // Into memory, which cannot fail, and all rows are as long as the first.
        let _ = writer.write_record(row);
    }
    writer.into_inner().unwrap_or_default()
}

fn header(language: Language) -> Vec<String> {
    let names = [
        ("报表", "report"),
        ("范围", "of"),
        ("版次", "run"),
        ("章节", "section"),
        ("标题", "title"),
        ("指标", "metric"),
        ("单位", "unit"),
        ("首日", "first_day"),
        ("末日", "last_day"),
        ("期间", "period"),
        ("行", "row"),
        ("分组一", "group_1"),
        ("分组二", "group_2"),
        ("分组三", "group_3"),
        ("数量", "count"),
        ("均值", "mean"),
        ("合计", "sum"),
        ("中位数", "p50"),
        ("九成", "p90"),
        ("九成五", "p95"),
        ("占比", "share"),
    ];
    let names = names.map(|(zh, en)| words::say(language, zh, en).to_owned());
    names.to_vec()
}

fn write_figure(
    report: &Report,
    section: &ReportSection,
    figure: &ReportFigure,
    language: Language,
    rows: &mut Vec<Vec<String>>,
) {
    let metric = catalogue::find(&section.metric);
    let title = words::title(language, &section.title_zh, &section.title_en);
    let unit = metric.map(|metric| metric.unit.of(language));
    let unit = unit.into_iter().chain(words::measured(section, language));
    let unit = unit.collect::<Vec<_>>().join(" · ");
    let before = figure.before.as_ref();
    let this = (
        (&figure.first_day, &figure.last_day),
        words::say(language, "本期", "this"),
        (&figure.rows, &figure.total),
    );
    let before = before.map(|before| {
        (
            (&before.first_day, &before.last_day),
            words::say(language, "上期", "before"),
            (&before.rows, &before.total),
        )
    });
    for ((first, last), period, (groups, total)) in std::iter::once(this).chain(before) {
        let start = [
            text(&report.report),
            text(&words::audience(report, language)),
            report.run.to_string(),
            text(&section.id),
            text(title),
            text(&section.metric),
            text(&unit),
            words::day(first.as_ref()),
            words::day(last.as_ref()),
            period.to_owned(),
        ];
        let groups = groups.iter().filter(|row| !row.dimensions.is_empty());
        for row in groups.chain(total) {
            let (what, names) = match (row.rest, row.dimensions.is_empty()) {
                (true, _) => (words::say(language, "其他", "rest"), Vec::new()),
                (_, true) => (words::say(language, "合计", "total"), Vec::new()),
                _ => (
                    words::say(language, "分组", "group"),
                    words::group(report, section, row, language),
                ),
            };
            let mut line = start.to_vec();
            line.push(what.to_owned());
            let names = names.iter().map(|name| text(name));
            line.extend(names.chain(std::iter::repeat(String::new())).take(GROUPS));
            line.extend(values(row));
            rows.push(line);
        }
    }
}

/// Numbers as they are, for programs.
fn values(row: &MetricRow) -> [String; 7] {
    let decimal = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    [
        row.count.to_string(),
        decimal(row.mean),
        row.sum.clone().unwrap_or_default(),
        decimal(row.p50),
        decimal(row.p90),
        decimal(row.p95),
        decimal(row.share),
    ]
}

/// A text that no spreadsheet takes for a formula.
fn text(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::report::fixture::report;

    fn read(bytes: &[u8]) -> Vec<Vec<String>> {
        let bytes = bytes.strip_prefix(MARK.as_bytes()).unwrap();
        let mut reader = ::csv::Reader::from_reader(bytes);
        let mut rows = vec![
            reader
                .headers()
                .unwrap()
                .iter()
                .map(str::to_owned)
                .collect(),
        ];
        rows.extend(
            reader
                .records()
                .map(|row| row.unwrap().iter().map(str::to_owned).collect()),
        );
        rows
    }

    /// Clause OP-3.2: the same report is the same file, byte for byte.
    #[test]
    fn a_table_has_each_group_and_the_total_of_each_section() {
        let report = report();
        let file = csv(&report, Language::English);
        assert_eq!(file, csv(&report.clone(), Language::English));
        let rows = read(&file);
        assert!(rows.iter().all(|row| row.len() == rows[0].len()));
        let of = |section: &str| -> Vec<_> {
            let found = rows.iter().filter(|row| row[3] == section);
            found
                .map(|row| {
                    (
                        row[9].as_str(),
                        row[10].as_str(),
                        row[11].as_str(),
                        row[14].as_str(),
                    )
                })
                .collect()
        };
        assert_eq!(
            of("kinds"),
            [
                ("this", "group", "Complaint", "5"),
                ("this", "group", "Consultation", "4"),
                ("this", "total", "", "9"),
                ("before", "group", "Complaint", "5"),
                ("before", "total", "", "4"),
            ]
        );
        assert_eq!(of("channels")[2], ("this", "group", "(none)", "1"));
        assert_eq!(of("days").len(), 15);
        let text = String::from_utf8(file).unwrap();
        assert!(text.lines().count() > 20 && text.ends_with("\r\n"));
    }

    #[test]
    fn what_is_told_in_working_time_says_so() {
        let mut report = report();
        let definition = report.definition.as_mut().unwrap();
        let mut sections = definition.sections.iter_mut();
        let backlog = sections.find(|one| one.id == "backlog").unwrap();
        backlog.calendar = "calendars/0190c5a8-0000-7000-8000-0000000000ab".into();
        let rows = read(&csv(&report, Language::English));
        let units = rows[1..].iter().map(|row| row[6].contains("working time"));
        let of = rows[1..].iter().map(|row| row[3] == "backlog");
        assert!(units.eq(of));
    }

    #[test]
    fn no_text_is_taken_for_a_formula() {
        let report = report();
        let rows = read(&csv(&report, Language::Chinese));
        assert!(
            rows[1..]
                .iter()
                .all(|row| row[1] == "'=技术<支持> & \"售后\"")
        );
        for harmful in ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1"] {
            assert_eq!(text(harmful), format!("'{harmful}"));
        }
        assert_eq!(text("售后"), "售后");
    }
}
