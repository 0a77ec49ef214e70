//! What those are told of figures who get aggregates only (CF-6.1): of other data, made of the
//! company's own by tossing a coin for each customer and one for each record. What that guarantees,
//! and what it does not, is said where the contract begins; it holds because answers are made of
//! these data and of nothing else: whatever is done with them here cannot tell more than they do.

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use kefu_access::{AccessContext, Scope};
use kefu_contracts::analytics::{Approximation, Measure, MetricRow};

use super::{
    catalogue::{Metric, Population},
    question::Question,
};

/// How small what is told may be; set by the company.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Aggregates {
    /// Fewest records and customers of a row. Counts are multiples of it.
    pub(crate) fewest: i32,
}

/// Fewest people of the company whose work is told together: of two each knows the other's.
pub(crate) const FEWEST_PEOPLE: i64 = 3;

/// Whose what is counted is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Behind {
    /// At least so many customers.
    pub(crate) customers: i64,
    /// At least so many people of the company, where at least half of it is the work of somebody.
    pub(crate) people: Option<i64>,
}

/// What a record is worth in the perturbed data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Noise {
    /// There is nothing to be worth.
    None,
    /// More or less by a tenth to a quarter.
    Scaled,
    /// In a quarter of the records a random number from the first to the second.
    Replaced(i32, i32),
}

/// Of which part of the records the worth is replaced.
pub(crate) const REPLACED: f64 = 0.25;

/// Whether the call may be told the figure as it is: each rule that lets it through clears what
/// the figure's records are of, so that it may be shown every record that is counted, and by what else
/// they are grouped. By region that is where customers are from, whose files may lie anywhere.
pub(crate) fn is_exact(context: &AccessContext, now: Timestamp, question: &Question) -> bool {
    let class = question.metric.records().class;
    let mut standing = context.rules.iter().filter(|rule| rule.stands(now));
    standing.all(|rule| {
        let clears = |class| rule.classes.contains(class);
        let reaches = rule.scope == Scope::All || !question.is_by_region();
        let mut others = question.other_classes();
        clears(class) && reaches && others.all(|(_, class)| clears(class))
    })
}

impl Noise {
    /// How the worth of a figure's records is perturbed.
    pub(crate) fn of(metric: &Metric) -> Self {
        match (metric.measure, metric.of) {
            (Measure::Unspecified | Measure::Count, _) => Self::None,
            (Measure::Sum | Measure::Duration, _) | (_, Population::InspectionScores) => {
                Self::Scaled
            }
            (Measure::Rate, _) => Self::Replaced(0, 1),
            (Measure::Mean, _) => Self::Replaced(1, 5),
        }
    }

    /// The mean of before, as the mean over perturbed records is expected to follow from it.
    fn restored(self, mean: f64) -> f64 {
        let Self::Replaced(low, high) = self else {
            return mean;
        };
        let (low, high) = (f64::from(low), f64::from(high));
        let restored = (mean - REPLACED * f64::midpoint(low, high)) / (1.0 - REPLACED);
        restored.clamp(low, high)
    }
}

impl Aggregates {
    /// A row of the perturbed data as it is told.
    pub(crate) fn tell(&self, metric: &Metric, row: MetricRow, behind: Behind) -> MetricRow {
        let Some(count) = self.count(row.count, behind) else {
            return suppressed(row);
        };
        let noise = Noise::of(metric);
        let mean = row.mean.map(|mean| noise.restored(mean));
        // So that it, too, is of many records: as many are above it.
        let enough = |value: Option<f64>, above: i64| {
            let many = row.count.saturating_mul(above) >= i64::from(self.fewest) * 100;
            value.filter(|_| many).map(rounded)
        };
        MetricRow {
            count,
            mean: mean.map(rounded),
            sum: match metric.measure {
                Measure::Rate => mean.map(|mean| format!("{:.0}", mean * float(count))),
                _ => row.sum.and_then(|sum| sum.parse::<f64>().ok()).map(written),
            },
            p50: enough(row.p50, 50),
            p90: enough(row.p90, 10),
            p95: enough(row.p95, 5),
            ..row
        }
    }

    /// A row of a series in which nothing was found.
    pub(crate) fn tell_gap(&self, row: MetricRow) -> MetricRow {
        match row.count {
            0 => suppressed(row),
            _ => row,
        }
    }

    /// How many records there are, as it is told; `None`: too few, or of too few customers or people.
    pub(crate) fn count(&self, counted: i64, behind: Behind) -> Option<i64> {
        let fewest = i64::from(self.fewest);
        let people = behind.people.is_none_or(|people| people >= FEWEST_PEOPLE);
        let told = counted >= fewest && behind.customers >= fewest && people;
        told.then(|| (counted + fewest / 2) / fewest * fewest)
    }

    /// As the contract says it.
    pub(crate) fn to_proto(self) -> Approximation {
        Approximation { base: self.fewest }
    }
}

fn suppressed(row: MetricRow) -> MetricRow {
    MetricRow {
        dimensions: row.dimensions,
        rest: row.rest,
        suppressed: true,
        ..MetricRow::default()
    }
}

/// To three digits.
fn rounded(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

/// To three digits, as a decimal.
fn written(value: f64) -> String {
    rounded(value).to_string()
}

#[expect(clippy::cast_precision_loss, reason = "no count comes near 2^53")]
fn float(count: i64) -> f64 {
    count as f64
}
