//! A report as one page that needs nothing else: charts, and beside each the table it is drawn
//! from. It runs no script, so that it can be kept, sent on and printed.

mod tables;

use std::fmt::Write;

use kefu_contracts::analytics::{
    Dimension, Measure, MetricRow, Report, ReportFigure, ReportSection,
};
use kefu_service::{error::Language, time};

use super::{
    chart::{Bar, Chart},
    words::{self, say},
};
use crate::domain::{
    catalogue::{self, Metric},
    period::Zone,
    question::is_time,
};

const STYLE: &str = include_str!("page.css");
/// Bars of one chart; the table has all rows.
const MOST_BARS: usize = 15;

/// A section with what was answered for it.
struct Part<'r> {
    section: &'r ReportSection,
    figure: &'r ReportFigure,
    metric: &'static Metric,
}

impl Part<'_> {
    fn title(&self, language: Language) -> &str {
        words::title(language, &self.section.title_zh, &self.section.title_en)
    }

    fn measure(&self) -> Measure {
        self.metric.measure
    }

    fn by_time(&self) -> bool {
        words::grouped(self.section).any(is_time)
    }

    /// The same group of the period before; a part of time has none.
    fn before(&self, row: &MetricRow) -> Option<&MetricRow> {
        let before = self.figure.before.as_ref()?;
        if row.dimensions.is_empty() {
            return before.total.as_ref();
        }
        let mut rows = before.rows.iter();
        rows.find(|one| (one.rest, &one.dimensions) == (row.rest, &row.dimensions))
    }

    /// Whether there is nothing in it, nor was before.
    fn is_empty(&self) -> bool {
        let before = self.figure.before.iter().flat_map(|before| &before.rows);
        let mut rows = self.figure.rows.iter().chain(before);
        rows.all(|row| row.count == 0)
    }

    /// In what its numbers are; durations and shares say so themselves.
    fn unit(&self, language: Language) -> Option<&str> {
        let written = !matches!(self.measure(), Measure::Duration | Measure::Rate);
        written.then(|| self.metric.unit.of(language))
    }

    /// Whether rows are held against those of the period before.
    fn compared(&self) -> bool {
        self.figure.before.is_some() && !self.by_time()
    }
}

/// The page.
pub(super) fn page(report: &Report, language: Language) -> String {
    let definition = report.definition.clone().unwrap_or_default();
    let parts = definition.sections.iter().filter_map(|section| {
        let mut figures = report.figures.iter();
        Some(Part {
            section,
            figure: figures.find(|figure| figure.section == section.id)?,
            metric: catalogue::find(&section.metric)?,
        })
    });
    let parts: Vec<Part<'_>> = parts.collect();
    let title = words::title(language, &definition.title_zh, &definition.title_en);
    let mut page = String::new();
    let period = words::days(
        report.first_day.as_ref(),
        report.last_day.as_ref(),
        language,
    );
    let of = words::audience(report, language);
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{} · {} · {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
        language.tag(),
        escape(title),
        escape(&of),
        escape(&period)
    );
    write_head(&mut page, report, title, (&of, &period), language);
    write_tiles(&mut page, &parts, language);
    for part in parts
        .iter()
        .filter(|part| !part.section.group_by.is_empty())
    {
        write_section(&mut page, report, part, language);
    }
    tables::write_changes(&mut page, report, &parts, language);
    write_definitions(&mut page, &parts, language);
    write_foot(&mut page, report, language);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

/// Text in which nothing is taken for a tag.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

fn write_head(
    page: &mut String,
    report: &Report,
    title: &str,
    (of, period): (&str, &str),
    language: Language,
) {
    let cadence = report.definition.as_ref().map(|one| one.cadence());
    let made = report.make_time.as_ref().and_then(time::from_proto);
    let zone = Zone::parse(&report.time_zone);
    let made = made.zip(zone).map(|(at, zone)| zone.clock(at));
    let _ = write!(
        page,
        "<header>\n<p class=\"kind\">{} · {}</p>\n<h1>{}</h1>\n<p class=\"period\">{}</p>\n\
         <p class=\"made\">{} {} ({}) · {} · {} {}</p>\n",
        escape(of),
        words::cadence(cadence.unwrap_or_default(), language),
        escape(title),
        escape(period),
        say(language, "生成于", "Made at"),
        escape(&made.unwrap_or_default()),
        escape(&report.time_zone),
        words::run(report.run, language),
        say(language, "规则版本", "Rules, version"),
        report.version,
    );
    if !report.late_sources.is_empty() {
        let _ = writeln!(
            page,
            "<p class=\"warning\" role=\"note\">{} {}</p>",
            say(
                language,
                "以下来源在生成时尚未读至期末，数字可能不全：",
                "Not read up to the end of the period when this was made, so that figures may lack something:",
            ),
            escape(&report.late_sources.join(", "))
        );
    }
    page.push_str("</header>\n");
}

/// Figures that are one number each.
fn write_tiles(page: &mut String, parts: &[Part<'_>], language: Language) {
    let tiles = parts.iter().filter(|part| part.section.group_by.is_empty());
    let tiles: Vec<&Part<'_>> = tiles.collect();
    if tiles.is_empty() {
        return;
    }
    let _ = writeln!(
        page,
        "<section class=\"tiles\" aria-label=\"{}\">",
        say(language, "要点", "Key figures")
    );
    for part in tiles {
        let Some(total) = &part.figure.total else {
            continue;
        };
        let measure = part.measure();
        let value = words::number(measure, total);
        let _ = write!(
            page,
            "<div class=\"tile\">\n<h2>{}</h2>\n<p class=\"figure\">{}</p>\n",
            escape(part.title(language)),
            escape(&words::written(measure, value, language))
        );
        if measure != Measure::Count {
            let measured = words::measured(part.section, language);
            let measured = measured.map_or_else(String::new, |said| format!(" · {said}"));
            let _ = writeln!(
                page,
                "<p class=\"of\">{} {}{measured}</p>",
                say(language, "计数", "Of"),
                words::count(total.count)
            );
        }
        if let Some(before) = part.before(total) {
            let was = words::number(measure, before);
            let _ = writeln!(
                page,
                "<p class=\"before\">{} {}{}</p>",
                say(language, "上期", "Before:"),
                escape(&words::written(measure, was, language)),
                escape(&tables::difference(measure, was, value, " · ")),
            );
        }
        page.push_str("</div>\n");
    }
    page.push_str("</section>\n");
}

fn write_section(page: &mut String, report: &Report, part: &Part<'_>, language: Language) {
    let title = part.title(language);
    let figure = part.figure;
    let days = words::days(
        figure.first_day.as_ref(),
        figure.last_day.as_ref(),
        language,
    );
    let unit = part.unit(language).into_iter();
    let measured = words::measured(part.section, language);
    let about = [part.metric.title.of(language)].into_iter().chain(unit);
    let about: Vec<&str> = about.chain(measured).chain([days.as_str()]).collect();
    let _ = write!(
        page,
        "<section>\n<h2>{}</h2>\n<p class=\"of\">{}</p>\n",
        escape(title),
        escape(&about.join(" · ")),
    );
    if part.is_empty() {
        let _ = write!(
            page,
            "<p class=\"none\">{}</p>\n</section>\n",
            say(language, "没有记录。", "There were none.")
        );
        return;
    }
    if figure.truncated {
        let _ = writeln!(
            page,
            "<p class=\"warning\" role=\"note\">{}</p>",
            say(
                language,
                "行数超出上限，此处不全；合计包含全部。",
                "There are more rows than an answer has; the total is of all.",
            )
        );
    }
    write_chart(page, report, part, language);
    tables::write_table(page, report, part, language);
    page.push_str("</section>\n");
}

fn write_chart(page: &mut String, report: &Report, part: &Part<'_>, language: Language) {
    let measure = part.measure();
    let write = |value: Option<f64>| words::short(measure, value, language);
    let rows = part
        .figure
        .rows
        .iter()
        .filter(|row| !row.dimensions.is_empty());
    let in_time = part.by_time() && part.section.group_by.len() == 1;
    let most = if in_time { usize::MAX } else { MOST_BARS };
    let bars = rows.take(most).map(|row| {
        let before = part.before(row).filter(|_| part.compared());
        Bar {
            label: match in_time {
                true => moment(part.section, row),
                false => {
                    let mut names = words::group(report, part.section, row, language);
                    names.retain(|name| !name.is_empty());
                    names.join(" · ")
                }
            },
            value: words::number(measure, row),
            before: before.and_then(|row| words::number(measure, row)),
            rest: row.rest,
        }
    });
    let bars: Vec<Bar> = bars.collect();
    let chart = Chart {
        title: part.title(language),
        unit: unit(measure, &bars),
        bars,
        whole: (measure == Measure::Rate).then_some(1.0),
        write: &write,
    };
    if chart.is_empty() {
        return;
    }
    let svg = if in_time {
        chart.columns()
    } else {
        chart.bars()
    };
    let _ = writeln!(page, "<figure>{svg}</figure>");
}

/// Of what the axis is to have a round number: of a duration the largest unit in it.
fn unit(measure: Measure, bars: &[Bar]) -> f64 {
    let values = bars.iter().filter_map(|bar| bar.value);
    let most = values.fold(0.0, f64::max);
    let units = [86_400.0, 3600.0, 60.0].into_iter();
    let mut within = units.filter(|unit| measure == Measure::Duration && *unit <= most);
    within.next().unwrap_or(1.0)
}

/// A day as short as an axis needs it: `11-30`, or `2026-11` of a month.
fn moment(section: &ReportSection, row: &MetricRow) -> String {
    let name = row.dimensions.first().map_or("", String::as_str);
    match words::grouped(section).next() {
        Some(Dimension::Month) => name.to_owned(),
        _ => name.get(5..).unwrap_or(name).to_owned(),
    }
}

/// What each figure counts, once.
fn write_definitions(page: &mut String, parts: &[Part<'_>], language: Language) {
    let _ = write!(
        page,
        "<section class=\"definitions\">\n<h2>{}</h2>\n<dl>\n",
        say(language, "口径", "What is counted")
    );
    for (at, part) in parts.iter().enumerate() {
        let metric = part.metric;
        if parts[..at].iter().any(|other| other.metric.id == metric.id) {
            continue;
        }
        let _ = writeln!(
            page,
            "<dt>{}</dt><dd>{}{}{} ({})</dd>",
            escape(metric.title.of(language)),
            escape(metric.definition.of(language)),
            say(language, "。", ". "),
            escape(metric.population.of(language)),
            escape(&metric.clauses.join(", "))
        );
    }
    page.push_str("</dl>\n</section>\n");
}

/// From what it was counted, so that it can be traced.
fn write_foot(page: &mut String, report: &Report, language: Language) {
    let sources = report.sources.iter();
    let sources = sources.map(|one| format!("{} {}", one.source, one.position));
    let sources: Vec<String> = sources.collect();
    let _ = write!(
        page,
        "<footer>\n<p>{} {} · {} {} · {} {}</p>\n<p class=\"digest\">SHA-256 {}</p>\n</footer>\n",
        say(language, "编号", "Number"),
        escape(&report.name),
        say(language, "数据代次", "Generation of figures"),
        report.generation,
        say(language, "日志读至", "Journals read up to"),
        escape(&sources.join(", ")),
        escape(&report.sha256)
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::report::fixture::report;

    const LANGUAGES: [Language; 2] = [Language::Chinese, Language::English];

    /// Clause OP-3.2: the same report is the same file, byte for byte.
    #[test]
    fn the_same_report_is_the_same_page() {
        for language in LANGUAGES {
            assert_eq!(page(&report(), language), page(&report().clone(), language));
        }
    }

    #[test]
    fn a_page_needs_nothing_else() {
        for language in LANGUAGES {
            let page = page(&report(), language);
            for outside in [
                "<script",
                "<link",
                "<img",
                "<iframe",
                "http://",
                "https://",
                "url(",
                "@import",
                "javascript:",
            ] {
                assert!(!page.contains(outside), "{outside}");
            }
            assert!(page.starts_with("<!DOCTYPE html>"));
        }
    }

    #[test]
    fn no_text_is_taken_for_a_tag() {
        let page = page(&report(), Language::Chinese);
        assert!(!page.contains("技术<支持>"));
        assert!(page.contains("=技术&lt;支持&gt; &amp; &quot;售后&quot;"));
    }

    #[test]
    fn each_chart_stands_beside_its_table() {
        let report = report();
        for language in LANGUAGES {
            let page = page(&report, language);
            let tables = page.matches("<table>").count();
            assert_eq!(
                page.matches("<svg role=\"img\"").count(),
                4,
                "one has nothing in it, and says so"
            );
            assert_eq!(
                page.matches("<figure>").count(),
                page.matches("</svg>").count()
            );
            assert_eq!(tables, 4, "each other section by groups has one");
            assert_eq!(page.matches("<caption>").count(), tables);
            for tag in [
                "section", "table", "thead", "tbody", "tr", "th", "td", "figure", "svg", "dl",
                "div", "p",
            ] {
                let opened = page.matches(&format!("<{tag}>")).count()
                    + page.matches(&format!("<{tag} ")).count();
                assert_eq!(
                    opened,
                    page.matches(&format!("</{tag}>")).count(),
                    "<{tag}>"
                );
            }
        }
        let chinese = page(&report, Language::Chinese);
        assert!(chinese.contains("<html lang=\"zh-CN\">") && chinese.contains("服务日报"));
        assert!(chinese.contains("投诉") && chinese.contains("1 小时 30 分"));
        let english = page(&report, Language::English);
        assert!(english.contains("Daily service report") && english.contains("Complaint"));
        assert!(english.contains("87.5%"));
    }

    /// Clause CC-1.4: in a tile as well as above a table.
    #[test]
    fn what_is_told_in_working_time_says_so() {
        let mut report = report();
        for (section, said) in [
            ("responses", "Of 8 · working time"),
            ("backlog", "working time · 2026-11-29"),
        ] {
            let mut page_of = |calendar: &str| {
                let definition = report.definition.as_mut().unwrap();
                let mut sections = definition.sections.iter_mut();
                let found = sections.find(|one| one.id == section).unwrap();
                found.calendar = calendar.into();
                page(&report, Language::English)
            };
            let id = "calendars/0190c5a8-0000-7000-8000-0000000000ab";
            assert!(page_of(id).contains(said), "{section}");
            assert!(!page_of("").contains("working time"), "{section}");
        }
    }

    #[test]
    fn what_lagged_is_said() {
        let mut report = report();
        assert!(!page(&report, Language::English).contains("may lack something"));
        report.late_sources = vec!["ticket".into()];
        assert!(page(&report, Language::English).contains("may lack something: ticket"));
    }
}
