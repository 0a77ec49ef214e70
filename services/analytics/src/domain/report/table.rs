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
/// Of a row: its number of records, and what it comes to.
const VALUES: usize = 7;

/// The table with its header, RFC 4180.
pub(crate) fn csv(report: &Report, language: Language) -> Vec<u8> {
    let mut rows = vec![header(language)];
    write_late(report, language, &mut rows);
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

/// A row for each source that the figures may lack something of. Of a report that lacks nothing
/// the table has none.
fn write_late(report: &Report, language: Language, rows: &mut Vec<Vec<String>>) {
    let said = words::say(
        language,
        "生成时尚未读至期末，数字可能不全",
        "not read up to the end of the period when this was made, so that figures may lack something",
    );
    for source in &report.late_sources {
        let start = [
            text(&report.report),
            text(&words::audience(report, language)),
            report.run.to_string(),
            String::new(),
            said.to_owned(),
            String::new(),
            String::new(),
            words::day(report.first_day.as_ref()),
            words::day(report.last_day.as_ref()),
            words::say(language, "本期", "this").to_owned(),
        ];
        let what = words::say(language, "来源滞后", "late_source");
        rows.push(told(&start, what, source));
    }
}

/// A row that says something of the others, and counts nothing.
fn told(start: &[String], what: &str, about: &str) -> Vec<String> {
    let mut line = start.to_vec();
    line.extend([what.to_owned(), text(about)]);
    line.extend(std::iter::repeat_n(String::new(), GROUPS - 1 + VALUES));
    line
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
        (&figure.rows, &figure.total, figure.truncated),
    );
    let before = before.map(|before| {
        (
            (&before.first_day, &before.last_day),
            words::say(language, "上期", "before"),
            (&before.rows, &before.total, before.truncated),
        )
    });
    let periods = std::iter::once(this).chain(before);
    for ((first, last), period, (groups, total, truncated)) in periods {
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
        if truncated {
            let said = words::say(
                language,
                "行数超出上限，此处不全；合计包含全部",
                "there are more rows than an answer has; the total is of all",
            );
            let what = words::say(language, "不全", "truncated");
            rows.push(told(&start, what, said));
        }
    }
}

/// Numbers as they are, for programs.
fn values(row: &MetricRow) -> [String; VALUES] {
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

    /// Clause OP-3.2: also of the period before, which is cut short by itself.
    #[test]
    fn a_table_says_where_it_is_cut_short() {
        let mut report = report();
        let whole = csv(&report, Language::English);
        let mut figures = report.figures.iter_mut();
        let kinds = figures.find(|one| one.section == "kinds").unwrap();
        kinds.truncated = true;
        kinds.before.as_mut().unwrap().truncated = true;
        let file = csv(&report, Language::English);
        let rows = read(&file);
        let cut: Vec<_> = rows.iter().filter(|row| row[10] == "truncated").collect();
        let of: Vec<_> = cut.iter().map(|row| (&row[3][..], &row[9][..])).collect();
        assert_eq!(of, [("kinds", "this"), ("kinds", "before")]);
        for row in cut {
            assert_eq!(row.len(), rows[0].len());
            assert!(row[11].starts_with("there are more rows"));
            assert!(row[12..].iter().all(String::is_empty));
        }
        let without: Vec<_> = rows.iter().filter(|row| row[10] != "truncated").collect();
        let whole = read(&whole);
        assert_eq!(without, whole.iter().collect::<Vec<_>>());
        let rows = read(&csv(&report, Language::Chinese));
        assert_eq!(rows.iter().filter(|row| row[10] == "不全").count(), 2);
    }

    /// Clause OP-3.2: a source that lagged when the report was made, as the page says it.
    #[test]
    fn a_table_says_what_lagged() {
        let mut report = report();
        let whole = read(&csv(&report, Language::English));
        report.late_sources = vec!["ticket".into(), "order".into()];
        let rows = read(&csv(&report, Language::English));
        let told = &rows[1..3];
        for (row, source) in told.iter().zip(["ticket", "order"]) {
            assert_eq!((&row[2][..], &row[3][..]), ("1", ""));
            assert!(row[4].contains("may lack something"));
            assert_eq!((&row[7][..], &row[8][..]), ("2026-11-29", "2026-11-29"));
            assert_eq!((&row[10][..], &row[11][..]), ("late_source", source));
            assert_eq!(row.len(), rows[0].len());
        }
        assert_eq!(rows[0], whole[0]);
        assert_eq!(rows[3..], whole[1..], "and nothing else is otherwise");
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
