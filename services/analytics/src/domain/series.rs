//! Series in time: the parts of a period, and rows for those in which nothing was.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{ToSpan, civil::Date};
use kefu_contracts::analytics::{
    Dimension::{self, Age, Attempt, Frequency, Monetary, Month, Recency, Week},
    MetricRow,
};

use super::period::Days;

/// The parts of a period, in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Buckets {
    /// Which of the dimensions is by them.
    pub(crate) at: usize,
    pub(crate) names: Vec<String>,
}

/// Every part that has a day of the period, in order.
pub(crate) fn buckets(dimension: Dimension, days: Days) -> Vec<String> {
    let mut names = Vec::new();
    let mut part = begin(dimension, days.first);
    while part <= days.last {
        names.push(match dimension {
            Month => format!("{:04}-{:02}", part.year(), part.month()),
            _ => part.to_string(),
        });
        let next = match dimension {
            Month => part.checked_add(1.month()),
            Week => part.checked_add(1.week()),
            _ => part.tomorrow(),
        };
        match next {
            Ok(next) => part = next,
            Err(_) => break,
        }
    }
    names
}

/// First day of the part that a day is in.
pub(crate) fn begin(dimension: Dimension, day: Date) -> Date {
    match dimension {
        Month => day.first_of_month(),
        Week => {
            let since = i32::from(day.weekday().to_monday_zero_offset());
            day.saturating_sub(since.days())
        }
        _ => day,
    }
}

/// Rows also for the parts of the period in which there is none: for each combination of the
/// other dimensions that there is at all. Grouped by nothing else there is one, whether or not
/// anything was. In the order of the dimensions, at most `most`; whether there were more.
pub(crate) fn fill(
    rows: Vec<MetricRow>,
    group_by: &[Dimension],
    buckets: &Buckets,
    most: usize,
) -> (Vec<MetricRow>, bool) {
    let without = |dimensions: &[String]| {
        let mut others = dimensions.to_vec();
        others.remove(buckets.at);
        others
    };
    let mut known: BTreeMap<Vec<String>, MetricRow> = BTreeMap::new();
    let mut others: BTreeSet<Vec<String>> = BTreeSet::new();
    if group_by.len() == 1 {
        others.insert(Vec::new());
    }
    for row in rows {
        others.insert(without(&row.dimensions));
        known.insert(row.dimensions.clone(), row);
    }
    for other in &others {
        for name in &buckets.names {
            if known.len() > most {
                break;
            }
            let mut dimensions = other.clone();
            dimensions.insert(buckets.at, name.clone());
            known
                .entry(dimensions.clone())
                .or_insert_with(|| MetricRow {
                    dimensions,
                    ..MetricRow::default()
                });
        }
    }
    let mut filled: Vec<MetricRow> = known.into_values().collect();
    filled.sort_by_cached_key(|row| order(group_by, &row.dimensions));
    let more = filled.len() > most;
    filled.truncate(most);
    (filled, more)
}

/// By what rows are ordered: numbers by their value, everything else by its bytes.
fn order(group_by: &[Dimension], dimensions: &[String]) -> Vec<(i64, String)> {
    let each = group_by.iter().zip(dimensions).map(|(dimension, text)| {
        let number = is_number(*dimension).then(|| text.parse().unwrap_or(-1));
        (number.unwrap_or_default(), text.clone())
    });
    each.collect()
}

/// Whether its values are numbers.
pub(crate) fn is_number(dimension: Dimension) -> bool {
    matches!(dimension, Attempt | Age | Recency | Frequency | Monetary)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use kefu_contracts::analytics::Dimension::{Day, Department};
    use proptest::prelude::*;

    use super::*;

    fn days(first: Date, last: Date) -> Days {
        Days { first, last }
    }

    /// Clause CC-1.4.
    #[test]
    fn parts_go_over_the_ends_of_months_and_years() {
        let end = days(date(2024, 12, 30), date(2025, 1, 2));
        assert_eq!(
            buckets(Day, end),
            ["2024-12-30", "2024-12-31", "2025-01-01", "2025-01-02"]
        );
        assert_eq!(buckets(Month, end), ["2024-12", "2025-01"]);
        assert_eq!(buckets(Week, end), ["2024-12-30"]);
        let sunday = days(date(2025, 1, 5), date(2025, 1, 6));
        assert_eq!(buckets(Week, sunday), ["2024-12-30", "2025-01-06"]);
    }

    #[test]
    fn a_period_without_anything_is_a_row_of_nothing_for_each_part() {
        let days = days(date(2024, 2, 28), date(2024, 3, 1));
        let parts = Buckets {
            at: 0,
            names: buckets(Day, days),
        };
        let (rows, more) = fill(Vec::new(), &[Day], &parts, 10);
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().all(|row| row.count == 0 && row.mean.is_none()) && !more);
        let (rows, more) = fill(Vec::new(), &[Day], &parts, 2);
        assert_eq!(
            (rows.len(), more),
            (2, true),
            "and never more than there may be"
        );
        let (rows, _) = fill(Vec::new(), &[Day, Department], &parts, 10);
        assert_eq!(rows, [], "there is no department to have nothing");
    }

    proptest! {
        /// Clause CC-1.4: filling adds rows of nothing alone, and every part is there for everything
        /// that is there at all, once and in order.
        #[test]
        fn filling_adds_nothing_but_what_is_missing(
            found in prop::collection::btree_map((0..5_usize, 0..3_usize), 1..9_i64, 0..12),
            first in 0..2_usize,
        ) {
            let names = buckets(Day, days(date(2024, 2, 27), date(2024, 3, 2)));
            let group_by = if first == 0 { [Day, Department] } else { [Department, Day] };
            let rows = found.iter().map(|((day, department), count)| {
                let mut dimensions = vec![names[*day].clone(), format!("departments/{department}")];
                if first == 1 {
                    dimensions.reverse();
                }
                MetricRow { dimensions, count: *count, ..MetricRow::default() }
            });
            let rows: Vec<MetricRow> = rows.collect();
            let parts = Buckets { at: first, names: names.clone() };
            let (filled, more) = fill(rows.clone(), &group_by, &parts, 1000);
            prop_assert!(!more);
            let there: BTreeSet<usize> = found.keys().map(|(_, department)| *department).collect();
            prop_assert_eq!(filled.len(), there.len() * names.len());
            prop_assert!(filled.windows(2).all(|two| two[0].dimensions < two[1].dimensions));
            let some: Vec<_> = filled.iter().filter(|row| row.count > 0).cloned().collect();
            let mut expected = rows;
            expected.sort_by(|one, other| one.dimensions.cmp(&other.dimensions));
            prop_assert_eq!(some, expected);
        }
    }
}
