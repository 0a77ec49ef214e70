use kefu_contracts::google::r#type::Date;
use proptest::prelude::*;

use super::*;
use crate::domain::catalogue::metrics;

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
    Question::read(request, &shanghai(), Door::Figures)
        .unwrap_err()
        .violations
}

/// Clause CC-1.4.
#[test]
fn a_query_that_says_little_is_of_all_time_in_the_usual_zone() {
    let question = Question::read(&asking("tickets", &[]), &shanghai(), Door::Figures).unwrap();
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
    let period = Question::read(&request, &shanghai(), Door::Figures)
        .unwrap()
        .period;
    assert_eq!(period.from.unwrap().to_string(), "2024-03-30T23:00:00Z");
    assert_eq!(period.until.unwrap().to_string(), "2024-03-31T22:00:00Z");
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let request = QueryMetricRequest {
        metric: "happiness".into(),
        first_day: date(2024, 2, 30),
        last_day: date(2024, 0, 0),
        time_zone: "Asia/Atlantis".into(),
        group_by: vec![1, 1, 0, 0],
        rank_by: 9,
        ..Default::default()
    };
    let expected = [
        ("metric", Violation::UnknownValue),
        ("time_zone", Violation::UnknownValue),
        ("first_day", Violation::Date),
        ("last_day", Violation::Date),
        ("group_by", Violation::TooMany(3)),
        ("group_by[1]", Violation::Duplicate),
        ("group_by[2]", Violation::Required),
        ("rank_by", Violation::UnknownValue),
    ];
    assert_eq!(
        refused(&request),
        expected.map(|(field, what)| (field.to_owned(), what))
    );
}

#[test]
fn more_dimensions_than_there_may_be_are_not_gone_through() {
    let unknown = QueryMetricRequest {
        group_by: vec![99; 10_000],
        ..asking("tickets", &[])
    };
    let expected = [
        ("group_by", Violation::TooMany(3)),
        ("group_by[0]", Violation::UnknownValue),
        ("group_by[1]", Violation::UnknownValue),
        ("group_by[2]", Violation::UnknownValue),
    ];
    assert_eq!(
        refused(&unknown),
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

/// Clauses CC-1.4, OP-4.2, IH-8.1: a figure can be grouped by what its records have, and by
/// nothing else; by people and customers behind their own doors alone.
#[test]
fn every_figure_takes_exactly_its_own_dimensions() {
    let doors = [
        Door::Figures,
        Door::Staff,
        Door::Customers,
        Door::Records,
        Door::StaffRecords,
    ];
    for (metric, door) in metrics().flat_map(|metric| doors.map(|door| (metric, door))) {
        for number in 1..=23 {
            let dimension = Dimension::try_from(number).unwrap();
            let request = QueryMetricRequest {
                first_day: date(2024, 5, 1),
                last_day: date(2024, 5, 31),
                ..asking(metric.id, &[dimension])
            };
            let allowed = metric.dimensions.contains(&dimension)
                && match dimension {
                    Employee => matches!(door, Door::Staff | Door::StaffRecords),
                    Customer => matches!(door, Door::Customers | Door::Records),
                    _ => true,
                };
            let refused = match Question::read(&request, &shanghai(), door) {
                Ok(question) => {
                    assert_eq!(question.group_by, [dimension]);
                    false
                }
                Err(fault) => {
                    let what = ("group_by[0]".to_owned(), Violation::NotApplicable);
                    fault.violations.contains(&what)
                }
            };
            assert_eq!(refused, !allowed, "{} {dimension:?} {door:?}", metric.id);
        }
    }
}

/// Clause CC-1.4.
#[test]
fn a_comparison_is_with_the_period_right_before() {
    let request = QueryMetricRequest {
        first_day: date(2024, 3, 1),
        last_day: date(2024, 3, 31),
        compare: true,
        ..asking("tickets", &[Dimension::Day])
    };
    let question = Question::read(&request, &shanghai(), Door::Figures).unwrap();
    let before = question.before().unwrap();
    assert_eq!(
        before.period.from.unwrap().to_string(),
        "2024-01-31T16:00:00Z"
    );
    assert_eq!(before.period.until, question.period.from);
    assert!(before.before().is_none());
}

/// Clause CC-1.4: how things stand now is not compared with what is left of the period before.
#[test]
fn what_stands_now_is_compared_with_nothing() {
    let of_april = |metric: &str, compare| QueryMetricRequest {
        first_day: date(2024, 4, 1),
        last_day: date(2024, 4, 30),
        compare,
        ..asking(metric, &[])
    };
    for metric in metrics() {
        for compare in [false, true] {
            let request = of_april(metric.id, compare);
            let found = Question::read(&request, &shanghai(), Door::Figures);
            let violations = found.err().map(|fault| fault.violations);
            let refused = compare && metric.is_of_now();
            let what = ("compare".to_owned(), Violation::NotApplicable);
            let expected = refused.then(|| vec![what]);
            assert_eq!(violations, expected, "{}", metric.id);
        }
    }
    let backlog = of_april("backlog", true);
    assert_eq!(refused(&backlog)[0].0, "compare");
}

/// A figure that compares periods, a comparison and a series without gaps need both days.
#[test]
fn what_needs_a_period_asks_for_it() {
    let churn = asking("churn", &[]);
    let compared = QueryMetricRequest {
        compare: true,
        ..asking("tickets", &[])
    };
    let filled = QueryMetricRequest {
        fill_gaps: true,
        ..asking("tickets", &[Dimension::Month])
    };
    for request in [churn, compared, filled] {
        let expected = [
            ("first_day".to_owned(), Violation::Required),
            ("last_day".to_owned(), Violation::Required),
        ];
        assert_eq!(refused(&request), expected, "{request:?}");
    }
}

#[test]
fn what_cannot_be_ranked_or_filled_is_refused() {
    let ranked = |metric: &str, by: &[Dimension], limit, rank_by: RankBy| QueryMetricRequest {
        limit,
        rank_by: rank_by.into(),
        ..asking(metric, by)
    };
    use Dimension::{Department, Month, Priority};
    let cases = [
        (ranked("tickets", &[Month], 5, RankBy::Unspecified), "limit"),
        (ranked("tickets", &[], 5, RankBy::Unspecified), "limit"),
        (
            ranked("tickets", &[Priority], 1001, RankBy::Unspecified),
            "limit",
        ),
        (
            ranked("tickets", &[Priority], -1, RankBy::Unspecified),
            "limit",
        ),
        (ranked("tickets", &[Priority], 5, RankBy::Mean), "rank_by"),
        (ranked("backlog", &[Priority], 5, RankBy::Sum), "rank_by"),
        (ranked("sales", &[Department], 0, RankBy::Sum), "rank_by"),
    ];
    for (request, field) in cases {
        let found = refused(&request);
        assert_eq!(found.len(), 1, "{request:?}");
        assert_eq!(found[0].0, field, "{request:?}");
    }
    let filled = QueryMetricRequest {
        first_day: date(2024, 1, 1),
        last_day: date(2024, 1, 2),
        fill_gaps: true,
        ..asking("tickets", &[Department])
    };
    assert_eq!(
        refused(&filled),
        [("fill_gaps".to_owned(), Violation::NotApplicable)]
    );
    let twice = asking("tickets", &[Dimension::Day, Dimension::Month]);
    assert_eq!(
        refused(&twice),
        [("group_by[1]".to_owned(), Violation::Contradiction)]
    );
}

/// Clause IH-8.1: customers are named only in a list that has an end.
#[test]
fn a_ranking_of_customers_is_by_customer_and_has_an_end() {
    let request = asking("sales", &[Dimension::Currency]);
    let fault = Question::read(&request, &shanghai(), Door::Customers).unwrap_err();
    assert_eq!(
        fault.violations,
        [
            ("group_by".to_owned(), Violation::Required),
            ("limit".to_owned(), Violation::Required)
        ]
    );
}

proptest! {
    /// Whatever is asked, it is either refused with a violation or can be answered.
    #[test]
    fn nothing_half_read_goes_on(
        metric in prop::sample::select(vec!["tickets", "orders", "order_satisfaction", "ticket_satisfaction", "sales", "churn", "x", ""]),
        group_by in prop::collection::vec(-2..26_i32, 0..6),
        (fill_gaps, compare, limit, rank_by) in (any::<bool>(), any::<bool>(), -1..1002_i32, -1..4_i32),
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
            fill_gaps,
            compare,
            limit,
            rank_by,
            calendar: String::new(),
        };
        match Question::read(&request, &shanghai(), Door::Figures) {
            Ok(question) => {
                prop_assert_eq!(question.metric.id, metric);
                let asked: Vec<i32> = question.group_by.iter().map(|dimension| *dimension as i32).collect();
                prop_assert_eq!(&asked, &group_by);
                prop_assert!(asked.len() <= MOST_DIMENSIONS);
                prop_assert_eq!(question.period.from.is_some(), request.first_day.is_some());
                prop_assert_eq!(question.period.until.is_some(), request.last_day.is_some());
                prop_assert_eq!(question.before().is_some(), compare);
                prop_assert_eq!(question.top.is_some(), limit != 0);
                prop_assert_eq!(question.buckets().is_some(), fill_gaps);
                if let (Some(from), Some(until)) = (question.period.from, question.period.until) {
                    prop_assert!(from <= until);
                }
            }
            Err(fault) => prop_assert!(!fault.violations.is_empty()),
        }
    }
}

/// Clauses CC-1.4, OP-4.2: working time is asked of what lasts, by the name of a calendar.
#[test]
fn working_time_is_of_what_lasts() {
    let by = |metric: &str, calendar: &str| {
        let request = QueryMetricRequest {
            calendar: calendar.into(),
            ..asking(metric, &[])
        };
        Question::read(&request, &shanghai(), Door::Figures)
    };
    let name = "calendars/0190c5a8-0000-7000-8000-0000000000ab";
    for metric in [
        "first_response_time",
        "next_response_time",
        "resolution_time",
        "total_resolution_time",
        "backlog",
    ] {
        assert!(by(metric, name).unwrap().calendar.is_some(), "{metric}");
        assert!(by(metric, "").unwrap().calendar.is_none(), "{metric}");
        let wrong = by(metric, "service_desk").unwrap_err().violations;
        assert_eq!(wrong[0].0, "calendar");
    }
    for metric in [
        "tickets",
        "orders",
        "stuck_orders",
        "call_duration",
        "timely_response_rate",
    ] {
        let wrong = by(metric, name).unwrap_err().violations;
        assert_eq!(
            wrong,
            [("calendar".to_owned(), Violation::NotApplicable)],
            "{metric}"
        );
    }
}
