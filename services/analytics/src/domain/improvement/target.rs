//! The figure that an improvement is to move: whether it can be one, and how it is asked for.

use jiff::{ToSpan, civil::Date};
use kefu_contracts::analytics::{Direction, ImprovementTarget, QueryMetricRequest};
use kefu_service::{
    error::{Fault, Violation},
    fields::Fields,
};

use crate::domain::{
    catalogue::{self, Metric},
    only::{self, ValueOf},
    period::{Days, Zone, wire},
    question::{Door, Question},
};

const DEFAULT_DAYS: i32 = 28;
const LEAST_DAYS: i32 = 7;
const MOST_DAYS: i32 = 366;
/// Targets are asked for from this day on, to see whether they can be.
const SOME_DAY: Date = jiff::civil::date(2024, 2, 29);

/// Days of each of the two periods.
pub(crate) fn days(target: &ImprovementTarget) -> i32 {
    match target.days {
        0 => DEFAULT_DAYS,
        days => days,
    }
}

/// The whole days before this one.
pub(crate) fn before(target: &ImprovementTarget, today: Date) -> Option<Days> {
    Some(Days {
        first: today.checked_sub(days(target).days()).ok()?,
        last: today.yesterday().ok()?,
    })
}

/// As many days after this one.
pub(crate) fn afterwards(target: &ImprovementTarget, done: Date) -> Option<Days> {
    Some(Days {
        first: done.tomorrow().ok()?,
        last: done.checked_add(days(target).days()).ok()?,
    })
}

/// Notes every fault of a target.
pub(crate) fn check(
    fields: &mut Fields,
    place: &str,
    target: &ImprovementTarget,
    company: bool,
    value_of: ValueOf<'_>,
) {
    let metric = catalogue::find(&target.metric);
    let what = match target.metric.is_empty() {
        true => Violation::Required,
        false => Violation::UnknownValue,
    };
    let field = format!("{place}.metric");
    fields.ensure(metric.is_some(), &field, what);
    if let Some(metric) = metric {
        fields.ensure(can_be(metric, company), &field, Violation::NotApplicable);
    }
    fields.required_enum::<Direction>(format_args!("{place}.direction"), target.direction);
    let finite = target.wished_value.is_none_or(f64::is_finite);
    fields.ensure(
        finite,
        format_args!("{place}.wished_value"),
        Violation::Amount,
    );
    let days = days(target);
    let within = (LEAST_DAYS..=MOST_DAYS).contains(&days);
    let range = Violation::OutOfRange(LEAST_DAYS.into(), MOST_DAYS.into());
    fields.ensure(within, format_args!("{place}.days"), range);
    let named = (target.dimension, target.value.as_str());
    let dimension = only::check(fields, place, metric, named);
    if dimension.is_some() && metric.is_some() && within {
        let known = question(target, SOME_DAY, &Zone::utc(), value_of).is_ok();
        fields.ensure(
            known,
            format_args!("{place}.value"),
            Violation::UnknownValue,
        );
    }
}

/// Whether it says of each period what it came to then: not how things stand now, and no amounts,
/// which are in several currencies. Of a department only what is counted by department.
fn can_be(metric: &Metric, company: bool) -> bool {
    metric.is_watched(company) && !metric.is_of_now()
}

/// The question of a target, of the days before `today`.
///
/// # Errors
/// With every field that is wrong.
fn question(
    target: &ImprovementTarget,
    today: Date,
    zone: &Zone,
    value_of: ValueOf<'_>,
) -> Result<Question, Fault> {
    let out_of_calendar = || Fault::fields(vec![("days".to_owned(), Violation::Date)]);
    let days = before(target, today).ok_or_else(out_of_calendar)?;
    of_days(target, days, zone, value_of)
}

/// The question of a target, of some days.
///
/// # Errors
/// With every field that is wrong.
pub(crate) fn of_days(
    target: &ImprovementTarget,
    days: Days,
    zone: &Zone,
    value_of: ValueOf<'_>,
) -> Result<Question, Fault> {
    let request = QueryMetricRequest {
        metric: target.metric.clone(),
        first_day: Some(wire(days.first)),
        last_day: Some(wire(days.last)),
        time_zone: zone.name().to_owned(),
        ..QueryMetricRequest::default()
    };
    let question = Question::read(&request, zone, Door::Figures)?;
    only::apply(question, target.dimension(), &target.value, value_of)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use kefu_contracts::analytics::Dimension;
    use proptest::prelude::*;

    use super::*;
    use crate::store::query::value;

    fn target(metric: &str) -> ImprovementTarget {
        ImprovementTarget {
            metric: metric.into(),
            direction: Direction::Up.into(),
            ..ImprovementTarget::default()
        }
    }

    fn wrong(target: &ImprovementTarget, company: bool) -> Vec<(String, &'static str)> {
        let mut fields = Fields::new();
        check(&mut fields, "target", target, company, &value);
        let fault = fields.finish().err();
        let violations = fault.into_iter().flat_map(|fault| fault.violations);
        violations
            .map(|(field, what)| (field, what.name()))
            .collect()
    }

    /// Clause SG-8: a figure that is to move says of each period what it came to then.
    #[test]
    fn what_stands_now_is_nothing_to_move() {
        let can = |metric| wrong(&target(metric), false).is_empty();
        for metric in [
            "satisfaction",
            "timely_response_rate",
            "reopening_rate",
            "tickets",
            "first_response_time",
            "inspection_score",
            "order_lateness",
            "data_accuracy",
        ] {
            assert!(can(metric), "{metric}");
        }
        for metric in [
            "backlog",
            "stuck_orders",
            "sales",
            "churn",
            "buyers",
            "reads",
        ] {
            assert!(!can(metric), "{metric}");
        }
        let of_company = wrong(&target("reads"), true);
        assert_eq!(of_company, [], "looks are of the company");
    }

    /// Clause SG-8: every fault of a target is told at once.
    #[test]
    fn every_fault_of_a_target_is_told_at_once() {
        let named = |field: &str, what| (format!("target.{field}"), what);
        let bad = ImprovementTarget {
            metric: "happiness".into(),
            direction: 9,
            wished_value: Some(f64::NAN),
            days: 6,
            ..ImprovementTarget::default()
        };
        assert_eq!(
            wrong(&bad, false),
            [
                named("metric", "UNKNOWN_VALUE"),
                named("direction", "UNKNOWN_VALUE"),
                named("wished_value", "AMOUNT"),
                named("days", "OUT_OF_RANGE"),
            ]
        );
        let of = |dimension: Dimension, value: &str| ImprovementTarget {
            dimension: dimension.into(),
            value: value.into(),
            ..target("tickets")
        };
        assert_eq!(wrong(&of(Dimension::Kind, "complaint"), false), []);
        assert_eq!(wrong(&of(Dimension::Channel, "phone"), false), []);
        let unknown = [named("value", "UNKNOWN_VALUE")];
        assert_eq!(wrong(&of(Dimension::Kind, "wish"), false), unknown);
        let refused = [named("dimension", "NOT_APPLICABLE")];
        assert_eq!(wrong(&of(Dimension::Category, "it"), false), refused);
        let too_much = [named("value", "NOT_APPLICABLE")];
        assert_eq!(wrong(&of(Dimension::Unspecified, "it"), false), too_much);
        let none = ImprovementTarget::default();
        assert_eq!(wrong(&none, false)[0], named("metric", "REQUIRED"));
    }

    proptest! {
        /// Clause SG-8: both periods have as many days, and the day of neither word is in one.
        #[test]
        fn both_periods_have_as_many_days(length in 7..=366_i32, day in 0..20_000_i32, later in 0..500_i32) {
            let target = ImprovementTarget { days: length, ..ImprovementTarget::default() };
            let agreed = date(1990, 1, 1).checked_add(day.days()).unwrap();
            let done = agreed.checked_add(later.days()).unwrap();
            let (one, other) = (before(&target, agreed).unwrap(), afterwards(&target, done).unwrap());
            let of = |days: Days| days.first.until(days.last).unwrap().get_days() + 1;
            prop_assert_eq!((of(one), of(other)), (length, length));
            prop_assert!(one.last < agreed && done < other.first);
            prop_assert_eq!(one.last.tomorrow().unwrap(), agreed);
            prop_assert_eq!(done.tomorrow().unwrap(), other.first);
        }
    }
}
