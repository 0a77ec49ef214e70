//! Figures by counting their records one by one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{civil::Date, tz::TimeZone};
use kefu_contracts::analytics::{Measure, MetricRow, QueryMetricRequest, RankBy};
use uuid::Uuid;

use super::{
    Fact,
    counted::{self, Metric},
    is_time,
};

/// A record of the population: what it is grouped by, and what is added up.
pub(super) type Member = (Vec<String>, Option<f64>, Option<String>);

pub(super) fn members(
    facts: &[Fact],
    metric: &Metric,
    request: &QueryMetricRequest,
    days: (Date, Date),
    scope: Option<Uuid>,
) -> Vec<Member> {
    let zone = TimeZone::get(&request.time_zone).unwrap();
    let in_scope = facts
        .iter()
        .filter(|fact| scope.is_none() || fact.department == scope);
    let counted = in_scope.flat_map(|fact| match metric.id {
        "product_sales" => fact.by_product(),
        _ => vec![fact.clone()],
    });
    let mut members = Vec::new();
    for fact in &counted.collect::<Vec<_>>() {
        let day = fact.at.to_zoned(zone.clone()).date();
        let Some(value) = (metric.value)(fact, facts) else {
            continue;
        };
        if fact.kind != metric.kind || day < days.0 || day > days.1 {
            continue;
        }
        let group = request
            .group_by()
            .map(|one| counted::shown(fact, facts, one, day));
        members.push((group.collect(), value, fact.currency.clone()));
    }
    members
}

fn figure(metric: &Metric, members: &[&Member]) -> MetricRow {
    let mut values: Vec<f64> = members.iter().filter_map(|(_, value, _)| *value).collect();
    values.sort_by(f64::total_cmp);
    let currencies: BTreeSet<_> = members
        .iter()
        .filter_map(|(.., currency)| currency.clone())
        .collect();
    let one = metric.measure != Measure::Sum || currencies.len() <= 1;
    let sum: f64 = values.iter().sum();
    let some = !values.is_empty() && one;
    // The smallest value that at least so many of them do not exceed.
    let percentile = |share: f64| {
        let wanted = (values.len() as f64 * share).ceil() as usize;
        values
            .get(wanted.max(1) - 1)
            .copied()
            .filter(|_| metric.measure == Measure::Duration)
    };
    MetricRow {
        count: members.len() as i64,
        mean: (some && metric.measure != Measure::Count).then(|| sum / values.len() as f64),
        sum: (some && matches!(metric.measure, Measure::Rate | Measure::Sum))
            .then(|| format!("{sum:.2}")),
        p50: percentile(0.5),
        p90: percentile(0.9),
        p95: percentile(0.95),
        ..MetricRow::default()
    }
}

/// The rows in their order, by counting one by one.
pub(super) fn expected(
    metric: &Metric,
    request: &QueryMetricRequest,
    members: &[Member],
    days: (Date, Date),
) -> (Vec<MetricRow>, MetricRow) {
    let all: Vec<&Member> = members.iter().collect();
    let total = figure(metric, &all);
    let share = |row: MetricRow| MetricRow {
        share: (total.count > 0).then(|| row.count as f64 / total.count as f64),
        ..row
    };
    if request.group_by.is_empty() {
        return (vec![share(total.clone())], total);
    }
    let mut groups: BTreeMap<Vec<String>, Vec<&Member>> = BTreeMap::new();
    for member in members {
        groups.entry(member.0.clone()).or_default().push(member);
    }
    if request.fill_gaps {
        let at = request.group_by().position(is_time).unwrap();
        let unit = request.group_by().nth(at).unwrap();
        let mut others: BTreeSet<Vec<String>> = groups.keys().cloned().collect();
        if request.group_by.len() == 1 {
            others.insert(vec![String::new()]);
        }
        let mut day = days.0;
        while day <= days.1 {
            for other in &others {
                let mut group = other.clone();
                group[at] = counted::part(unit, day);
                groups.entry(group).or_default();
            }
            day = day.tomorrow().unwrap();
        }
    }
    let row = |group: &Vec<String>, members: &Vec<&Member>| {
        let empty = members.is_empty();
        let row = MetricRow {
            dimensions: group.clone(),
            ..figure(metric, members)
        };
        if empty { row } else { share(row) }
    };
    let mut rows: Vec<MetricRow> = groups
        .iter()
        .map(|(group, members)| row(group, members))
        .collect();
    if request.limit > 0 {
        let measure = |row: &MetricRow| match request.rank_by() {
            RankBy::Unspecified => Some(row.count as f64),
            RankBy::Sum => row.sum.as_ref().map(|sum| sum.parse().unwrap()),
            RankBy::Mean => row.mean,
        };
        // Stable, so that those alike keep the order of their dimensions.
        rows.sort_by(|one, other| {
            let (one, other) = (measure(one), measure(other));
            let largest = |value: Option<f64>| value.unwrap_or(f64::NEG_INFINITY);
            largest(other).total_cmp(&largest(one))
        });
        let limit = request.limit as usize;
        if rows.len() > limit {
            rows.truncate(limit);
            let named: BTreeSet<_> = rows.iter().map(|row| row.dimensions.clone()).collect();
            let others: Vec<&Member> = members
                .iter()
                .filter(|one| !named.contains(&one.0))
                .collect();
            let rest = MetricRow {
                dimensions: vec![String::new(); request.group_by.len()],
                rest: true,
                ..figure(metric, &others)
            };
            rows.push(share(rest));
        }
    }
    (rows, total)
}

/// Alike but for the last digits of what is divided, and for how a decimal is written.
pub(super) fn alike(found: &MetricRow, expected: &MetricRow) -> bool {
    let near = |one: Option<f64>, other: Option<f64>| match (one, other) {
        (Some(one), Some(other)) => (one - other).abs() <= 1e-6 * other.abs().max(1.0),
        (one, other) => one == other,
    };
    let sum = |row: &MetricRow| row.sum.as_ref().map(|sum| sum.parse::<f64>().unwrap());
    found.dimensions == expected.dimensions
        && found.rest == expected.rest
        && found.count == expected.count
        && near(found.mean, expected.mean)
        && near(sum(found), sum(expected))
        && near(found.share, expected.share)
        && (found.p50, found.p90, found.p95) == (expected.p50, expected.p90, expected.p95)
}
