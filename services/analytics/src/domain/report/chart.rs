//! Charts as SVG. Each says in words what it is of, and stands beside the table that it is
//! drawn from: nothing is told by it alone.

use std::fmt::Write;

use super::page::escape;

/// What is drawn.
pub(super) struct Chart<'c> {
    /// What it is of, for who does not see it.
    pub(super) title: &'c str,
    pub(super) bars: Vec<Bar>,
    /// The largest there can be, where there is one: 1 of shares.
    pub(super) whole: Option<f64>,
    /// Of what the axis has a round number: 3600 of hours.
    pub(super) unit: f64,
    /// How a value is written.
    pub(super) write: &'c dyn Fn(Option<f64>) -> String,
}

/// One value.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: Option<f64>,
    /// The same of the period before.
    pub(super) before: Option<f64>,
    /// Of all others together.
    pub(super) rest: bool,
}

const WIDTH: f64 = 720.0;

impl Chart<'_> {
    /// Whether there is anything to be seen.
    pub(super) fn is_empty(&self) -> bool {
        let values = self.bars.iter().flat_map(|bar| [bar.value, bar.before]);
        values.flatten().all(|value| value <= 0.0)
    }

    fn most(&self) -> f64 {
        let values = self.bars.iter().flat_map(|bar| [bar.value, bar.before]);
        let most = values.flatten().fold(0.0, f64::max);
        self.whole.unwrap_or(most).max(most)
    }

    /// Columns in time, from left to right.
    pub(super) fn columns(&self) -> String {
        const LEFT: f64 = 64.0;
        const TOP: f64 = 22.0;
        const FOOT: f64 = 178.0;
        let top = round_up(self.most() / self.unit, self.whole.is_some()) * self.unit;
        let mut svg = self.begin(204.0);
        for part in [0.0, 0.5, 1.0] {
            let y = FOOT - part * (FOOT - TOP);
            let value = (self.write)(Some(top * part));
            let _ = write!(
                svg,
                r#"<line class="grid" x1="{LEFT:.1}" x2="{WIDTH:.1}" y1="{y:.1}" y2="{y:.1}"/><text class="axis" text-anchor="end" x="{:.1}" y="{:.1}">{}</text>"#,
                LEFT - 6.0,
                y + 4.0,
                escape(&value)
            );
        }
        let count = self.bars.len().max(1);
        let step = (WIDTH - LEFT) / float(count);
        let every = count.div_ceil(14);
        for (at, bar) in self.bars.iter().enumerate() {
            let middle = LEFT + step * (float(at) + 0.5);
            let width = (step * 0.62).min(44.0);
            if let Some(value) = bar.value {
                let height = value / top * (FOOT - TOP);
                let y = FOOT - height;
                let _ = write!(
                    svg,
                    r#"<rect class="bar" x="{:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#,
                    middle - width / 2.0
                );
                if count <= 14 {
                    let _ = write!(
                        svg,
                        r#"<text class="value" text-anchor="middle" x="{middle:.1}" y="{:.1}">{}</text>"#,
                        y - 5.0,
                        escape(&(self.write)(bar.value))
                    );
                }
            }
            if at % every == 0 {
                let _ = write!(
                    svg,
                    r#"<text class="axis" text-anchor="middle" x="{middle:.1}" y="{:.1}">{}</text>"#,
                    FOOT + 17.0,
                    escape(&bar.label)
                );
            }
        }
        svg.push_str("</svg>");
        svg
    }

    /// Bars side by side with their names, from top to bottom.
    pub(super) fn bars(&self) -> String {
        const LEFT: f64 = 176.0;
        const ROOM: f64 = WIDTH - LEFT - 92.0;
        const STEP: f64 = 30.0;
        let most = self.most();
        let mut svg = self.begin(STEP * float(self.bars.len()) + 6.0);
        for (at, bar) in self.bars.iter().enumerate() {
            let y = STEP * float(at) + 4.0;
            let class = if bar.rest { "bar rest" } else { "bar" };
            let length = |value: f64| value / most * ROOM;
            let long = bar.value.map_or(0.0, length);
            let short = bar.before.map_or(0.0, length);
            let _ = write!(
                svg,
                r#"<text class="label" text-anchor="end" x="{:.1}" y="{:.1}">{}</text><rect class="{class}" x="{LEFT:.1}" y="{y:.1}" width="{long:.1}" height="15"/>"#,
                LEFT - 8.0,
                y + 13.0,
                escape(&cut(&bar.label))
            );
            if bar.before.is_some() {
                let _ = write!(
                    svg,
                    r#"<rect class="before" x="{LEFT:.1}" y="{:.1}" width="{short:.1}" height="5"/>"#,
                    y + 17.0
                );
            }
            let _ = write!(
                svg,
                r#"<text class="value" x="{:.1}" y="{:.1}">{}</text>"#,
                LEFT + long.max(short) + 6.0,
                y + 13.0,
                escape(&(self.write)(bar.value))
            );
        }
        svg.push_str("</svg>");
        svg
    }

    fn begin(&self, height: f64) -> String {
        let title = escape(self.title);
        format!(
            r#"<svg role="img" aria-label="{title}" viewBox="0 0 {WIDTH:.0} {height:.0}" width="{WIDTH:.0}" height="{height:.0}"><title>{title}</title>"#
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are few bars")]
fn float(count: usize) -> f64 {
    count as f64
}

/// Up to where an axis goes: 1, 2 or 5 of a power of ten, or what there can be.
fn round_up(most: f64, bounded: bool) -> f64 {
    if bounded || most <= 0.0 {
        return most.max(1.0);
    }
    let power = 10_f64.powf(most.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= most).unwrap_or(most)
}

/// As much of a label as there is room for; the table has the whole.
fn cut(label: &str) -> String {
    const ROOM: usize = 26;
    let width = |letter: char| if letter.is_ascii() { 1 } else { 2 };
    let all: usize = label.chars().map(width).sum();
    if all <= ROOM {
        return label.to_owned();
    }
    let (mut cut, mut taken) = (String::new(), 0);
    for letter in label.chars() {
        taken += width(letter);
        if taken > ROOM - 2 {
            break;
        }
        cut.push(letter);
    }
    format!("{cut}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(label: &str, value: Option<f64>) -> Bar {
        Bar {
            label: label.into(),
            value,
            before: None,
            rest: false,
        }
    }

    fn plain(value: Option<f64>) -> String {
        value.map_or_else(|| "–".into(), |value| format!("{value}"))
    }

    #[test]
    fn a_chart_says_what_it_is_of_and_ends_where_it_may() {
        let mut chart = Chart {
            title: "<量>",
            bars: vec![bar("a", Some(3.0)), bar("<b>", None), bar("c", Some(7.0))],
            whole: None,
            unit: 1.0,
            write: &plain,
        };
        assert!(!chart.is_empty());
        for svg in [chart.columns(), chart.bars()] {
            assert!(
                svg.starts_with("<svg role=\"img\" aria-label=\"&lt;量&gt;\""),
                "{svg}"
            );
            assert!(svg.ends_with("</svg>") && svg.contains("&lt;b&gt;") && !svg.contains("<b>"));
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
        assert!(
            chart.columns().contains(">10</text>"),
            "the axis ends above all"
        );
        for bar in &mut chart.bars {
            bar.value = Some(0.0);
        }
        assert!(chart.is_empty());
        assert!(!chart.columns().contains("NaN"));
    }

    #[test]
    fn axes_end_at_round_numbers() {
        for (most, end) in [
            (0.0, 1.0),
            (1.0, 1.0),
            (3.0, 5.0),
            (12.0, 20.0),
            (99.0, 100.0),
            (0.3, 0.5),
        ] {
            let found = round_up(most, false);
            assert!((found - end).abs() < 1e-9, "{most}: {found}");
        }
        assert!((round_up(1.0, true) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_label_that_is_too_long_is_cut() {
        assert_eq!(cut("技术支持部"), "技术支持部");
        let cut = cut(&"部".repeat(20));
        assert_eq!(cut.chars().count(), 13);
        assert!(cut.ends_with('…'));
    }
}
