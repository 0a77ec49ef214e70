//! What a report says, as tables.

use std::fmt::Write;

use kefu_contracts::analytics::{Measure, MetricRow, Report};
use kefu_service::error::Language;

use super::{Part, escape};
use crate::domain::report::words::{self, say};

/// A row for each group, and the total.
pub(super) fn write_table(page: &mut String, report: &Report, part: &Part<'_>, language: Language) {
    let _ = write!(
        page,
        "<table>\n<caption>{}</caption>\n<thead><tr>",
        escape(part.title(language))
    );
    for dimension in words::grouped(part.section) {
        let name = words::dimension(dimension, language);
        let _ = write!(page, "<th scope=\"col\">{name}</th>");
    }
    for name in columns(part, language) {
        let _ = write!(page, "<th scope=\"col\" class=\"number\">{name}</th>");
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    let groups = part.section.group_by.len();
    let rows = part
        .figure
        .rows
        .iter()
        .filter(|row| !row.dimensions.is_empty());
    for row in rows {
        let names = words::group(report, part.section, row, language);
        write_row(page, part, &names, row, language);
    }
    if let Some(total) = &part.figure.total {
        let mut names = vec![say(language, "合计", "Total").to_owned()];
        names.resize(groups, String::new());
        write_row(page, part, &names, total, language);
    }
    page.push_str("</tbody>\n</table>\n");
}

fn columns(part: &Part<'_>, language: Language) -> Vec<&'static str> {
    let names: &[(&str, &str)] = match part.measure() {
        Measure::Count | Measure::Unspecified => &[("数量", "Count"), ("占比", "Share")],
        Measure::Mean => &[("数量", "Count"), ("均值", "Mean")],
        Measure::Rate => &[("数量", "Count"), ("符合", "Of which"), ("比率", "Rate")],
        Measure::Sum => &[("数量", "Count"), ("均值", "Mean"), ("合计", "Sum")],
        Measure::Duration => &[
            ("数量", "Count"),
            ("中位", "Median"),
            ("九成以内", "90% within"),
            ("95% 以内", "95% within"),
            ("均值", "Mean"),
        ],
    };
    let names = names.iter().map(|(zh, en)| say(language, zh, en));
    let compared = [
        say(language, "上期", "Before"),
        say(language, "变化", "Change"),
    ];
    let compared = compared.into_iter().filter(|_| part.compared());
    names.chain(compared).collect()
}

fn write_row(
    page: &mut String,
    part: &Part<'_>,
    names: &[String],
    row: &MetricRow,
    language: Language,
) {
    let measure = part.measure();
    let value = words::number(measure, row);
    let write = |value| words::written(measure, value, language);
    let count = words::count(row.count);
    let cells: Vec<String> = match measure {
        Measure::Count | Measure::Unspecified => {
            vec![count, row.share.map(words::percent).unwrap_or_default()]
        }
        Measure::Mean => vec![count, write(value)],
        Measure::Rate => {
            let sum = row.sum.as_deref().unwrap_or("0");
            vec![count, words::thousands(sum), write(value)]
        }
        Measure::Sum => vec![count, write(row.mean), write(value)],
        Measure::Duration => vec![
            count,
            write(row.p50),
            write(row.p90),
            write(row.p95),
            write(value),
        ],
    };
    let class = match (row.rest, row.dimensions.is_empty()) {
        (_, true) => " class=\"total\"",
        (true, _) => " class=\"rest\"",
        _ => "",
    };
    let _ = write!(page, "<tr{class}>");
    for (at, name) in names.iter().enumerate() {
        let _ = match at {
            0 => write!(page, "<th scope=\"row\">{}</th>", escape(name)),
            _ => write!(page, "<td>{}</td>", escape(name)),
        };
    }
    for cell in cells {
        write_number(page, &cell);
    }
    if part.compared() {
        let was = part
            .before(row)
            .and_then(|before| words::number(measure, before));
        write_number(page, &write(was));
        write_number(page, &difference(measure, was, value, ""));
    }
    page.push_str("</tr>\n");
}

fn write_number(page: &mut String, text: &str) {
    let _ = write!(page, "<td class=\"number\">{}</td>", escape(text));
}

/// By how much a value is another than it was: shares in points of a hundred, anything else in
/// parts of what it was. Empty where there is nothing to hold it against.
pub(super) fn difference(
    measure: Measure,
    was: Option<f64>,
    is: Option<f64>,
    before: &str,
) -> String {
    let Some((was, is)) = was.zip(is) else {
        return String::new();
    };
    let (by, unit) = match measure {
        Measure::Rate => ((is - was) * 100.0, " pp"),
        _ if was > 0.0 => ((is - was) / was * 100.0, "%"),
        _ => return String::new(),
    };
    let sign = match format!("{by:.1}").as_str() {
        "0.0" | "-0.0" => return format!("{before}±0.0{unit}"),
        _ if by > 0.0 => "▲ +",
        _ => "▼ −",
    };
    format!("{before}{sign}{:.1}{unit}", by.abs())
}

/// In what the run before said otherwise.
pub(super) fn write_changes(
    page: &mut String,
    report: &Report,
    parts: &[Part<'_>],
    language: Language,
) {
    if report.earlier.is_empty() {
        return;
    }
    let title = say(language, "与上一次相比", "Changed since the run before");
    let _ = write!(page, "<section>\n<h2>{title}</h2>\n");
    if report.changes.is_empty() {
        let _ = writeln!(
            page,
            "<p class=\"none\">{}</p>",
            say(language, "没有变化。", "Nothing has changed.")
        );
    } else {
        let _ = write!(page, "<table>\n<caption>{title}</caption>\n<thead><tr>");
        for name in [
            say(language, "章节", "Section"),
            say(language, "分组", "Group"),
            say(language, "此前", "Earlier"),
            say(language, "现在", "Now"),
        ] {
            let _ = write!(page, "<th scope=\"col\">{name}</th>");
        }
        page.push_str("</tr></thead>\n<tbody>\n");
        for change in &report.changes {
            let mut all = parts.iter();
            let Some(part) = all.find(|part| part.section.id == change.section) else {
                continue;
            };
            let row = change.later.as_ref().or(change.earlier.as_ref());
            let names = row.map(|row| words::group(report, part.section, row, language));
            let mut names = names.unwrap_or_default();
            names.retain(|name| !name.is_empty());
            let group = match names.is_empty() {
                true => say(language, "合计", "Total").to_owned(),
                false => names.join(" · "),
            };
            let _ = writeln!(
                page,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td></tr>",
                escape(part.title(language)),
                escape(&group),
                escape(&said(part.measure(), change.earlier.as_ref(), language)),
                escape(&said(part.measure(), change.later.as_ref(), language)),
            );
        }
        page.push_str("</tbody>\n</table>\n");
    }
    let _ = write!(
        page,
        "<p class=\"of\">{}</p>\n</section>\n",
        escape(&report.earlier)
    );
}

/// A value with the count that it is of.
fn said(measure: Measure, row: Option<&MetricRow>, language: Language) -> String {
    let Some(row) = row else {
        return "–".to_owned();
    };
    let value = words::written(measure, words::number(measure, row), language);
    match measure {
        Measure::Count | Measure::Unspecified => value,
        _ => format!("{value} ({})", words::count(row.count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_in_points_of_shares_and_in_parts_of_anything_else() {
        let of = |measure, was, is| difference(measure, Some(was), Some(is), "");
        assert_eq!(of(Measure::Rate, 0.5, 0.575), "▲ +7.5 pp");
        assert_eq!(of(Measure::Rate, 0.0, 0.0), "±0.0 pp");
        assert_eq!(of(Measure::Count, 8.0, 6.0), "▼ −25.0%");
        assert_eq!(of(Measure::Count, 0.0, 6.0), "", "of nothing");
        assert_eq!(difference(Measure::Mean, None, Some(1.0), ""), "");
    }
}
