//! Durations in the working time of a calendar of the company.

use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use kefu_contracts::{
    analytics::{
        Audience, Cadence, GetReportRulesRequest, MetricRow, QueryMetricRequest,
        QueryMetricResponse, ReportDefinition, ReportFigure, ReportFormat, ReportRulesDefinition,
        ReportSection, RunReportRequest, metrics_service_client::MetricsServiceClient,
    },
    google::r#type::Date,
    journal::{Event, TicketChanged, event},
    ticket::{MeasureTimeRequest, ReviseCalendarRequest, TicketState},
};
use kefu_service::time::to_proto;
use kefu_testkit::{Caller, TestSuite, eventually};
use prost::Message;
use sqlx::PgConnection;
use tonic::Status;
use uuid::Uuid;

use super::rebuilt::{begin, live};
use crate::{
    calendars::{calendars, create, office},
    records::violations,
    reports::{download, reports, revise, run},
};

const NOWHERE: &str = "calendars/0190c5a8-0000-7000-8000-0000000000ab";

/// From when until when a ticket was worked on.
type Lasting = (Timestamp, Timestamp);

/// Of all lengths, over nights, weekends and the holidays of October.
fn lasting() -> Vec<Lasting> {
    let first: Timestamp = "2026-09-24T15:17:31Z".parse().unwrap();
    let all = (0..60_i64).map(|number| {
        let from = first + SignedDuration::from_secs(number * 13_577);
        (
            from,
            from + SignedDuration::from_secs(number * number * 211),
        )
    });
    all.collect()
}

/// Writes an entry as ticket would.
async fn tell(sql: &mut PgConnection, number: usize, (from, to): Lasting) {
    let event = Event {
        event: Some(event::Event::TicketChanged(TicketChanged {
            ticket_id: Uuid::from_u128(1000 + number as u128).as_bytes().to_vec(),
            state: TicketState::Resolved.into(),
            received_at: Some(to_proto(from)),
            resolved_at: Some(to_proto(to)),
            revision: 1,
            ..TicketChanged::default()
        })),
    };
    sqlx::query(
        "INSERT INTO ticket.journal (recorded_at, purpose, request_id, kind, resource, type, event)
         VALUES ($1, 1, '', 1, 'tickets/told', 'ticket.changed', $2)",
    )
    .bind(from.to_sqlx())
    .bind(event.encode_to_vec())
    .execute(sql)
    .await
    .unwrap();
}

async fn ask(caller: &Caller, metric: &str, calendar: &str) -> Result<QueryMetricResponse, Status> {
    let request = QueryMetricRequest {
        metric: metric.into(),
        calendar: calendar.into(),
        ..QueryMetricRequest::default()
    };
    let mut client = MetricsServiceClient::new(caller.clone());
    client
        .query_metric(request)
        .await
        .map(tonic::Response::into_inner)
}

async fn total(caller: &Caller, calendar: &str) -> MetricRow {
    let answer = ask(caller, "total_resolution_time", calendar).await;
    answer.unwrap().total.unwrap()
}

/// Mean and median of seconds.
fn figures(mut seconds: Vec<i64>) -> (f64, f64) {
    seconds.sort_unstable();
    let median = seconds[seconds.len().div_ceil(2) - 1];
    let sum: i64 = seconds.iter().sum();
    (sum as f64 / seconds.len() as f64, median as f64)
}

/// Clauses CC-1.4, OP-4.2, SG-2.1: how long something took is told in the working time of a calendar, by its versions, as
/// that calendar itself measures it; and it is counted anew from the journals.
#[tokio::test(flavor = "multi_thread")]
async fn durations_are_told_in_working_time() {
    const HOLIDAYS: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//CN//\r\nBEGIN:VEVENT\r\nUID:1\r\n\
        DTSTART;VALUE=DATE:20261001\r\nDTEND;VALUE=DATE:20261008\r\nSUMMARY:国庆节（休）\r\nEND:VEVENT\r\n\
        END:VCALENDAR\r\n";
    let suite = TestSuite::start().await;
    let administrator = suite.caller("han.bing");
    let made = create(&administrator, "service_desk", HOLIDAYS)
        .await
        .unwrap();
    let mut sql = suite.database.connect().await.unwrap();
    let all = lasting();
    for (number, one) in all.iter().enumerate() {
        tell(&mut sql, number, *one).await;
    }
    let leader = suite
        .caller_for("chen.guodong", "analysis")
        .after(&administrator);
    eventually(async || {
        let found = total(&leader, "").await;
        (found.count == all.len() as i64).then_some(())
    })
    .await;

    // Without a calendar every hour counts.
    let lasted = all
        .iter()
        .map(|(from, to)| to.duration_since(*from).as_secs());
    let elapsed = total(&leader, "").await;
    assert_eq!(
        (elapsed.mean.unwrap(), elapsed.p50.unwrap()),
        figures(lasted.collect())
    );

    let mut open = Vec::new();
    for (from, to) in &all {
        let request = MeasureTimeRequest {
            name: made.name.clone(),
            start_time: Some(to_proto(*from)),
            end_time: Some(to_proto(*to)),
            ..MeasureTimeRequest::default()
        };
        let measured = match to > from {
            true => {
                calendars(&administrator)
                    .measure_time(request)
                    .await
                    .unwrap()
                    .into_inner()
                    .open_seconds
            }
            false => 0,
        };
        open.push(measured);
    }
    assert!(open.contains(&0) && open.iter().any(|seconds| *seconds > 90_000));
    let (mean, median) = figures(open);
    let worked = total(&leader, &made.name).await;
    assert!(
        (worked.mean.unwrap() - mean).abs() < 1e-6,
        "{worked:?} {mean}"
    );
    assert_eq!((worked.count, worked.p50), (all.len() as i64, Some(median)));

    // Counted anew it is the same, and a calendar that has another version is measured by both.
    let admin = suite.caller_for("han.bing", "administration");
    live(&admin, &begin(&admin, "").await.name).await;
    assert_eq!(total(&leader.after(&admin), &made.name).await, worked);
    let revise = ReviseCalendarRequest {
        name: made.name.clone(),
        etag: made.etag,
        definition: Some(kefu_contracts::ticket::CalendarDefinition {
            week: Vec::new(),
            ..office()
        }),
        reason: "关门".into(),
        ..ReviseCalendarRequest::default()
    };
    calendars(&administrator)
        .revise_calendar(revise)
        .await
        .unwrap();
    let leader = suite
        .caller_for("chen.guodong", "analysis")
        .after(&administrator);
    assert_eq!(total(&leader, &made.name).await.count, worked.count);

    let refused = ask(&leader, "total_resolution_time", NOWHERE)
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["calendar"]);
    let refused = ask(&leader, "orders", &made.name).await.unwrap_err();
    assert_eq!(violations(&refused), ["calendar"]);
}

/// A section without a calendar, and the same one by this.
fn worked(calendar: &str) -> ReportRulesDefinition {
    let elapsed = ReportSection {
        id: "elapsed".into(),
        title_zh: "解决总时长".into(),
        metric: "total_resolution_time".into(),
        compare: true,
        ..ReportSection::default()
    };
    let sections = vec![
        elapsed.clone(),
        ReportSection {
            id: "worked".into(),
            title_zh: "解决总时长（工作时间）".into(),
            calendar: calendar.into(),
            ..elapsed
        },
    ];
    ReportRulesDefinition {
        time_zone: "Asia/Shanghai".into(),
        reports: vec![ReportDefinition {
            id: "working_time".into(),
            title_zh: "工作时间月报".into(),
            cadence: Cadence::Monthly.into(),
            audience: Audience::Company.into(),
            sections,
            ..ReportDefinition::default()
        }],
    }
}

fn day(month: i32, day: i32) -> Option<Date> {
    Some(Date {
        year: 2026,
        month,
        day,
    })
}

/// Of a month, with the one before.
async fn asked(caller: &Caller, calendar: &str) -> QueryMetricResponse {
    let request = QueryMetricRequest {
        metric: "total_resolution_time".into(),
        first_day: day(10, 1),
        last_day: day(10, 31),
        time_zone: "Asia/Shanghai".into(),
        compare: true,
        calendar: calendar.into(),
        ..QueryMetricRequest::default()
    };
    let mut client = MetricsServiceClient::new(caller.clone());
    client.query_metric(request).await.unwrap().into_inner()
}

/// Of its period and the one before.
fn totals(figure: &ReportFigure) -> [&MetricRow; 2] {
    let before = figure.before.as_ref().unwrap();
    [&figure.total, &before.total].map(|total| total.as_ref().unwrap())
}

/// Clauses CC-1.4, OP-3.2: a section tells durations in the working time of a calendar, as a query does, and its
/// files say so; of a calendar that there is not there is no section.
#[tokio::test(flavor = "multi_thread")]
async fn reports_are_told_in_working_time() {
    let suite = TestSuite::start().await;
    let administrator = suite.caller("han.bing");
    let made = create(&administrator, "service_desk", "").await.unwrap();
    let mut sql = suite.database.connect().await.unwrap();
    let all = lasting();
    for (number, one) in all.iter().enumerate() {
        tell(&mut sql, number, *one).await;
    }
    let leader = suite
        .caller_for("chen.guodong", "analysis")
        .after(&administrator);
    eventually(async || {
        let found = total(&leader, "").await;
        (found.count == all.len() as i64).then_some(())
    })
    .await;

    let administrator = administrator.after(&leader);
    let rules = reports(&administrator)
        .get_report_rules(GetReportRulesRequest {})
        .await;
    let etag = rules.unwrap().into_inner().etag;
    let refused = revise(&administrator, worked(NOWHERE), &etag).await;
    let field = "definition.reports[0].sections[1].calendar";
    assert_eq!(violations(&refused.unwrap_err()), [field]);
    let rules = worked(&made.name);
    revise(&administrator, rules, &etag).await.unwrap();

    let request = RunReportRequest {
        report: "working_time".into(),
        day: day(10, 9),
        ..RunReportRequest::default()
    };
    let report = run(&leader, request).await.unwrap();
    let [elapsed, worked] = [&report.figures[0], &report.figures[1]].map(totals);
    for (found, calendar) in [(elapsed, ""), (worked, made.name.as_str())] {
        let answer = asked(&leader, calendar).await;
        let before = answer.before.unwrap().total.unwrap();
        assert_eq!(found, [&answer.total.unwrap(), &before], "{calendar}");
    }
    for (elapsed, worked) in elapsed.into_iter().zip(worked) {
        assert!(elapsed.count > 10 && elapsed.count == worked.count);
        assert!(worked.mean < elapsed.mean, "{worked:?} {elapsed:?}");
    }

    let (_, _, page) = download(&leader, &report.name, ReportFormat::Html)
        .await
        .unwrap();
    let page = String::from_utf8(page).unwrap();
    assert_eq!(page.matches("working time").count(), 1);
}
