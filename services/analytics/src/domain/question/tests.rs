use kefu_contracts::google::r#type::Date;
use proptest::prelude::*;

use super::*;
use crate::domain::catalogue::METRICS;

fn date(year: i32, month: i32, day: i32) -> Option<Date> {
    Some(Date { year, month, day })
}

fn shanghai() -> Zone {
    Zone::parse("Asia/Shanghai").unwrap()
}

fn asking(metric: &str, group_by: &[Dimension]) -> QueryMetricRequest {
    QueryMetricRequest {
        metric: metric.into(),
        group_by: group_by.iter().map(|dimension| *dimension as i32).collect(),
        ..Default::default()
    }
}

fn refused(request: &QueryMetricRequest) -> Vec<(String, Violation)> {
    Question::read(request, &shanghai()).unwrap_err().violations
}

/// Clause CC-1.4.
#[test]
fn a_query_that_says_little_is_of_all_time_in_the_usual_zone() {
    let question = Question::read(&asking("tickets", &[]), &shanghai()).unwrap();
    assert_eq!(question.metric.id, "tickets");
    assert_eq!(question.period, Period::default());
    assert_eq!(question.zone.name(), "Asia/Shanghai");
    assert!(question.group_by.is_empty());
}

/// Clause CC-1.4: days are counted in the zone of the query.
#[test]
fn both_bounds_are_days_of_the_zone_that_is_named() {
    let request = QueryMetricRequest {
        first_day: date(2024, 3, 31),
        last_day: date(2024, 3, 31),
        time_zone: "Europe/Berlin".into(),
        ..asking("orders", &[Dimension::Day])
    };
    let period = Question::read(&request, &shanghai()).unwrap().period;
    assert_eq!(period.from.unwrap().to_string(), "2024-03-30T23:00:00Z");
    assert_eq!(period.until.unwrap().to_string(), "2024-03-31T22:00:00Z");
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let request = QueryMetricRequest {
        metric: "churn".into(),
        first_day: date(2024, 2, 30),
        last_day: date(2024, 0, 0),
        time_zone: "Asia/Atlantis".into(),
        group_by: vec![1, 1, 0, 99],
    };
    let expected = [
        ("metric", Violation::UnknownValue),
        ("time_zone", Violation::UnknownValue),
        ("first_day", Violation::Date),
        ("last_day", Violation::Date),
        ("group_by", Violation::TooMany(3)),
        ("group_by[1]", Violation::Duplicate),
        ("group_by[2]", Violation::Required),
        ("group_by[3]", Violation::UnknownValue),
    ];
    assert_eq!(
        refused(&request),
        expected.map(|(field, what)| (field.to_owned(), what))
    );
}

#[test]
fn a_metric_must_be_named() {
    assert_eq!(
        refused(&asking("", &[])),
        [("metric".to_owned(), Violation::Required)]
    );
}

#[test]
fn the_last_day_does_not_come_before_the_first() {
    let request = QueryMetricRequest {
        first_day: date(2024, 5, 2),
        last_day: date(2024, 5, 1),
        ..asking("tickets", &[])
    };
    assert_eq!(
        refused(&request),
        [("last_day".to_owned(), Violation::Contradiction)]
    );
}

#[test]
fn days_at_the_end_of_the_calendar_are_refused_and_do_not_overflow() {
    let request = QueryMetricRequest {
        last_day: date(9999, 12, 31),
        ..asking("tickets", &[])
    };
    assert_eq!(
        refused(&request),
        [("last_day".to_owned(), Violation::Date)]
    );
}

/// Clause CC-1.4: a figure can be grouped by what its records have, and by nothing else.
#[test]
fn every_figure_takes_exactly_its_own_dimensions() {
    for metric in METRICS {
        for number in 1..=6 {
            let dimension = Dimension::try_from(number).unwrap();
            let question = Question::read(&asking(metric.id, &[dimension]), &shanghai());
            match question {
                Ok(question) => {
                    assert_eq!(question.group_by, [dimension]);
                    assert!(
                        metric.dimensions.contains(&dimension),
                        "{} {dimension:?}",
                        metric.id
                    );
                }
                Err(fault) => {
                    assert_eq!(
                        fault.violations,
                        [("group_by[0]".to_owned(), Violation::NotApplicable)]
                    );
                    assert!(
                        !metric.dimensions.contains(&dimension),
                        "{} {dimension:?}",
                        metric.id
                    );
                }
            }
        }
    }
}

proptest! {
    /// Whatever is asked, it is either refused with a violation or can be answered.
    #[test]
    fn nothing_half_read_goes_on(
        metric in prop::sample::select(vec!["tickets", "orders", "order_satisfaction", "ticket_satisfaction", "x", ""]),
        group_by in prop::collection::vec(-2..9_i32, 0..6),
        first in prop::option::of((-5..10_050_i32, -1..14_i32, -1..33_i32)),
        last in prop::option::of((-5..10_050_i32, -1..14_i32, -1..33_i32)),
        time_zone in prop::sample::select(vec!["", "UTC", "Pacific/Kiritimati", "America/New_York", "Nowhere", "CET"]),
    ) {
        let request = QueryMetricRequest {
            metric: metric.into(),
            first_day: first.and_then(|(year, month, day)| date(year, month, day)),
            last_day: last.and_then(|(year, month, day)| date(year, month, day)),
            time_zone: time_zone.into(),
            group_by: group_by.clone(),
        };
        match Question::read(&request, &shanghai()) {
            Ok(question) => {
                prop_assert_eq!(question.metric.id, metric);
                let asked: Vec<i32> = question.group_by.iter().map(|dimension| *dimension as i32).collect();
                prop_assert_eq!(&asked, &group_by);
                prop_assert!(asked.len() <= MOST_DIMENSIONS);
                prop_assert_eq!(question.period.from.is_some(), request.first_day.is_some());
                prop_assert_eq!(question.period.until.is_some(), request.last_day.is_some());
                if let (Some(from), Some(until)) = (question.period.from, question.period.until) {
                    prop_assert!(from <= until);
                }
            }
            Err(fault) => prop_assert!(!fault.violations.is_empty()),
        }
    }
}
