//! A rule as the question that is asked for it, and what is compared of the answer.

use jiff::{ToSpan, civil::Date};
use kefu_contracts::analytics::{
    Cadence, Dimension, ExceptionRule, Measure, MetricRow, QueryMetricRequest,
};
use kefu_service::error::Fault;

use super::range::{Limits, Observation};
use crate::domain::{
    catalogue,
    improvement::movement::Counted,
    only::{self, ValueOf},
    period::{Days, Zone, wire},
    question::{Door, Question},
    report::cadence::with_before,
    series,
};

/// So many years before what it is compared with a count is looked for.
const LOOKED_BACK: i32 = 5;
/// Days from one to the next that it is compared with.
const WEEK: i32 = 7;

/// Whether its figure counts how things stand now, so that what it was is known only if it was
/// kept.
pub(crate) fn is_of_now(rule: &ExceptionRule) -> bool {
    catalogue::find(&rule.metric).is_some_and(catalogue::Metric::is_of_now)
}

/// What the figure is kept under, of a rule that is of now; the same of the same figure, whatever
/// the rule is called.
pub(crate) fn key(rule: &ExceptionRule) -> String {
    let (dimension, cadence) = (rule.dimension().as_str_name(), rule.cadence().as_str_name());
    format!("{}/{dimension}={}/{cadence}", rule.metric, rule.value)
}

/// What it asks of figures.
pub(crate) fn limits(rule: &ExceptionRule) -> Limits {
    Limits {
        measure: measure(rule),
        least_records: rule.least_records.into(),
        deviations: rule.deviations,
        direction: rule.direction(),
    }
}

fn measure(rule: &ExceptionRule) -> Measure {
    let metric = catalogue::find(&rule.metric);
    match metric.map(|metric| metric.measure) {
        // Of what stands now it counts how much there is.
        Some(Measure::Duration) if is_of_now(rule) => Measure::Count,
        Some(measure) => measure,
        None => Measure::Unspecified,
    }
}

/// First days of the periods that this one is compared with, the latest first: of days the same of
/// the weeks before.
pub(crate) fn compared(rule: &ExceptionRule, period: Days) -> Vec<Date> {
    let back = |count: i32| match rule.cadence() {
        Cadence::Monthly => period.first.checked_sub(count.months()),
        _ => period.first.checked_sub((count * WEEK).days()),
    };
    (1..=rule.past_periods)
        .filter_map(|count| back(count).ok())
        .collect()
}

/// The question of a rule on a period: with all that it is compared with, or of now.
///
/// # Errors
/// With every field that is wrong.
pub(crate) fn question(
    rule: &ExceptionRule,
    period: Days,
    zone: &Zone,
    value_of: ValueOf<'_>,
) -> Result<Question, Fault> {
    let of_now = is_of_now(rule);
    let first = match rule.cadence() {
        Cadence::Monthly => with_before(Cadence::Monthly, period, rule.past_periods + 1).first,
        _ => with_before(Cadence::Weekly, period, rule.past_periods + 1).first,
    };
    let group_by = match of_now {
        true => Vec::new(),
        false => vec![bucket(rule.cadence()).into()],
    };
    let request = QueryMetricRequest {
        metric: rule.metric.clone(),
        first_day: (!of_now).then(|| wire(first)),
        last_day: Some(wire(period.last)),
        time_zone: zone.name().to_owned(),
        group_by,
        fill_gaps: !of_now,
        ..QueryMetricRequest::default()
    };
    let question = Question::read(&request, zone, Door::Figures)?;
    only::apply(question, rule.dimension(), &rule.value, value_of)
}

fn bucket(cadence: Cadence) -> Dimension {
    match cadence {
        Cadence::Monthly => Dimension::Month,
        Cadence::Weekly => Dimension::Week,
        Cadence::Daily | Cadence::Unspecified => Dimension::Day,
    }
}

/// What a row says.
pub(crate) fn observed(rule: &ExceptionRule, row: &MetricRow) -> Observation {
    let counted = Counted::of(measure(rule), row);
    Observation {
        count: counted.count,
        value: counted.value,
    }
}

/// The figure of a period of those that were asked for, by its first day.
pub(crate) fn of_day(rule: &ExceptionRule, rows: &[MetricRow], first: Date) -> Option<Observation> {
    let only = Days { first, last: first };
    let name = series::buckets(bucket(rule.cadence()), only).pop()?;
    let mut rows = rows.iter();
    let row = rows.find(|row| row.dimensions.first() == Some(&name))?;
    Some(observed(rule, row))
}

/// What its figure was in the periods that it is compared with, the latest first; there are rows
/// also of periods in which nothing was.
pub(crate) fn past(rule: &ExceptionRule, rows: &[MetricRow], days: &[Date]) -> Vec<Observation> {
    let of_day = |first: &Date| of_day(rule, rows, *first);
    days.iter().filter_map(of_day).collect()
}

/// The question whether a count was anything before all that it is compared with, where the
/// earliest of that says nothing of it: whether it was nothing, or nobody counted yet.
///
/// # Errors
/// As of [`question`].
pub(crate) fn question_before(
    rule: &ExceptionRule,
    (days, past): (&[Date], &[Observation]),
    zone: &Zone,
    value_of: ValueOf<'_>,
) -> Result<Option<Question>, Fault> {
    let open = measure(rule) == Measure::Count && past.last().is_some_and(|one| one.count == 0);
    let until = days.last().filter(|_| open);
    let Some(last) = until.and_then(|first| first.yesterday().ok()) else {
        return Ok(None);
    };
    let first = last.checked_sub(LOOKED_BACK.years()).unwrap_or(Date::MIN);
    let request = QueryMetricRequest {
        metric: rule.metric.clone(),
        first_day: Some(wire(first)),
        last_day: Some(wire(last)),
        time_zone: zone.name().to_owned(),
        ..QueryMetricRequest::default()
    };
    let question = Question::read(&request, zone, Door::Figures)?;
    only::apply(question, rule.dimension(), &rule.value, value_of).map(Some)
}

/// Without what was before it was ever anything: that is no past.
pub(crate) fn since_begun(mut past: Vec<Observation>) -> Vec<Observation> {
    let begun = past.iter().rposition(|one| one.count > 0);
    past.truncate(begun.map_or(0, |at| at + 1));
    past
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        domain::{
            exception::range::{LEAST_PERIODS, outside},
            report::cadence::containing,
        },
        store::query::value,
    };

    fn rule(metric: &str, cadence: Cadence) -> ExceptionRule {
        ExceptionRule {
            metric: metric.into(),
            cadence: cadence.into(),
            past_periods: 8,
            least_records: 20,
            deviations: 3.0,
            ..ExceptionRule::default()
        }
    }

    proptest! {
        /// Clause SG-7: a day is compared with the same day of the weeks before, a week with weeks
        /// and a month with months, each of them asked for.
        #[test]
        fn like_is_compared_with_like(day in 0..20_000_i32, cadence in 1..=3_i32) {
            let cadence = Cadence::try_from(cadence).unwrap();
            let on = date(1990, 1, 1).checked_add(day.days()).unwrap();
            let (rule, period) = (rule("satisfaction", cadence), containing(cadence, on));
            let compared = compared(&rule, period);
            prop_assert_eq!(compared.len(), 8);
            let question = question(&rule, period, &Zone::utc(), &value).unwrap();
            let buckets = question.buckets().unwrap().names;
            for first in compared {
                prop_assert_eq!(first.weekday() == period.first.weekday() || cadence == Cadence::Monthly, true);
                prop_assert_eq!(containing(cadence, first).first, first);
                prop_assert!(first < period.first);
                let name = series::buckets(bucket(cadence), Days { first, last: first }).pop().unwrap();
                prop_assert!(buckets.contains(&name));
            }
        }
    }

    proptest! {
        /// Clause SG-7: nothing is said of a count before there are enough periods since it was
        /// first anything, however many there were before: of a new department, or at first.
        #[test]
        fn a_count_has_no_past_before_it_was_anything(counts in prop::collection::vec(0..30_i64, 0..=8)) {
            let (rule, period) = (rule("tickets", Cadence::Weekly), containing(Cadence::Weekly, date(2026, 11, 1)));
            let compared = compared(&rule, period);
            // The latest first, and nothing before them.
            let all = counts.iter().copied().chain(std::iter::repeat(0));
            let rows = compared.iter().zip(all).map(|(first, count)| MetricRow {
                dimensions: series::buckets(Dimension::Week, Days { first: *first, last: *first }),
                count,
                ..MetricRow::default()
            });
            let rows: Vec<MetricRow> = rows.collect();
            prop_assert_eq!(rows.len(), 8);
            let whole = past(&rule, &rows, &compared);
            prop_assert_eq!(whole.len(), 8);
            let open = question_before(&rule, (&compared, &whole), &Zone::utc(), &value).unwrap();
            prop_assert_eq!(open.is_some(), rows.last().is_some_and(|row| row.count == 0));
            let days = open.and_then(|question| question.days);
            prop_assert!(days.is_none_or(|days| days.last.tomorrow().ok().as_ref() == compared.last()));
            let past = since_begun(whole);
            let kept: Vec<i64> = past.iter().map(|one| one.count).collect();
            let mut since = counts.clone();
            while since.last() == Some(&0) {
                since.pop();
            }
            prop_assert_eq!(&kept, &since);
            let now = Observation { count: 1_000, value: Some(1_000.0) };
            let found = outside(now, &past, &limits(&rule));
            prop_assert_eq!(found.is_some(), since.len() >= LEAST_PERIODS);
        }
    }

    #[test]
    fn what_stands_now_is_asked_for_as_it_is() {
        let rule = rule("backlog", Cadence::Daily);
        let period = containing(Cadence::Daily, date(2026, 11, 1));
        let question = question(&rule, period, &Zone::utc(), &value).unwrap();
        assert!(question.group_by.is_empty() && question.period.from.is_none());
        let row = MetricRow {
            count: 31,
            mean: Some(86_400.0),
            ..MetricRow::default()
        };
        let expected = Observation {
            count: 31,
            value: Some(31.0),
        };
        assert_eq!(observed(&rule, &row), expected);
        assert_eq!(limits(&rule).measure, Measure::Count);
        assert_eq!(key(&rule), "backlog/DIMENSION_UNSPECIFIED=/CADENCE_DAILY");
    }
}
