//! Business calendars: versions that never rewrite what has passed, holidays from a file,
//! and how much of a time is open.

use std::time::Duration;

use jiff::Timestamp;
use kefu_contracts::{
    google::r#type::Date,
    ticket::{
        BusinessCalendar, CalendarDefinition, CreateCalendarRequest, DayHours, GetCalendarRequest,
        ListCalendarsRequest, MeasureTimeRequest, MeasureTimeResponse, OpenHours,
        ReviseCalendarRequest, Weekday, WeekdayHours,
        calendar_service_client::CalendarServiceClient,
    },
};
use kefu_service::{
    clock::Clock,
    time::{from_proto, to_proto},
};
use kefu_testkit::{Caller, TestSuite};
use tonic::{Code, Status};

use crate::records::{refusal, violations};

pub(crate) fn calendars(caller: &Caller) -> CalendarServiceClient<Caller> {
    CalendarServiceClient::new(caller.clone())
}

fn open(from: &str, to: &str) -> Vec<OpenHours> {
    vec![OpenHours {
        from: from.into(),
        to: to.into(),
    }]
}

/// From nine to six on weekdays.
pub(crate) fn office() -> CalendarDefinition {
    let days = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
    ];
    let week = days.map(|day| WeekdayHours {
        weekday: day.into(),
        hours: open("09:00", "18:00"),
    });
    CalendarDefinition {
        time_zone: "Asia/Shanghai".into(),
        week: week.into(),
        days: Vec::new(),
    }
}

pub(crate) async fn create(
    caller: &Caller,
    code: &str,
    holidays: &str,
) -> Result<BusinessCalendar, Status> {
    let request = CreateCalendarRequest {
        calendar: Some(BusinessCalendar {
            code: code.into(),
            title: "客服中心".into(),
            ..Default::default()
        }),
        definition: Some(office()),
        holidays: holidays.into(),
        request_id: String::new(),
        ..Default::default()
    };
    let created = calendars(caller).create_calendar(request).await;
    created.map(|answer| answer.into_inner())
}

async fn get(caller: &Caller, name: &str) -> Result<BusinessCalendar, Status> {
    let request = GetCalendarRequest { name: name.into() };
    let found = calendars(caller).get_calendar(request).await;
    found.map(|answer| answer.into_inner())
}

async fn measure(
    caller: &Caller,
    name: &str,
    start: &str,
    seconds: i64,
) -> Result<MeasureTimeResponse, Status> {
    let start: Timestamp = start.parse().unwrap();
    let request = MeasureTimeRequest {
        name: name.into(),
        start_time: Some(to_proto(start)),
        end_time: None,
        open_seconds: seconds,
    };
    let answer = calendars(caller).measure_time(request).await;
    answer.map(|answer| answer.into_inner())
}

fn due(answer: &MeasureTimeResponse) -> String {
    let at = from_proto(&answer.due_time.unwrap()).unwrap();
    at.to_string()
}

const HOLIDAYS: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//CN//\r\nBEGIN:VEVENT\r\nUID:1\r\n\
    DTSTART;VALUE=DATE:20261001\r\nDTEND;VALUE=DATE:20261008\r\nSUMMARY:国庆节（休）\r\nEND:VEVENT\r\n\
    BEGIN:VEVENT\r\nUID:2\r\nDTSTART;VALUE=DATE:20261010\r\nSUMMARY:国庆节（班）\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

/// Clauses IH-4, SG-2.1: holidays and the days worked in their place count, as a file says.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_due_by_the_calendar() {
    let suite = TestSuite::start().await;
    let administrator = suite.caller("han.bing");
    let made = create(&administrator, "service_desk", HOLIDAYS).await;
    let name = made.unwrap().name;
    let anybody = suite.caller("song.yue");
    let day = 9 * 3600;
    // Wednesday evening before the holiday: the next open day is Thursday a week later.
    let answer = measure(&anybody, &name, "2026-09-30T09:30:00Z", 3600).await;
    let answer = answer.unwrap();
    assert_eq!(due(&answer), "2026-10-08T01:30:00Z");
    assert_eq!((answer.open_seconds, answer.spans.len()), (3600, 2));
    // Friday, then Saturday, which is worked.
    let answer = measure(&anybody, &name, "2026-10-09T01:00:00Z", 2 * day).await;
    assert_eq!(due(&answer.unwrap()), "2026-10-10T10:00:00Z");

    let bad = MeasureTimeRequest {
        name: name.clone(),
        start_time: None,
        end_time: Some(to_proto(suite.clock.now())),
        open_seconds: 1,
    };
    let refused = calendars(&anybody).measure_time(bad).await.unwrap_err();
    assert_eq!(violations(&refused), ["start_time", "open_seconds"]);
    let refused = measure(&anybody, &name, "2026-10-09T01:00:00Z", 0).await;
    assert_eq!(violations(&refused.unwrap_err()), ["open_seconds"]);
}

/// A version counts from its moment on; what was to come and is replaced is withdrawn, and
/// kept; nothing reaches back.
#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_is_revised_and_never_rewritten() {
    let suite = TestSuite::start().await;
    let administrator = suite.caller("han.bing");
    let first = create(&administrator, "desk", "").await.unwrap();
    let revise = async |etag: &str, from: Option<Timestamp>, definition| {
        let request = ReviseCalendarRequest {
            name: first.name.clone(),
            etag: etag.into(),
            definition: Some(definition),
            effective_time: from.map(to_proto),
            reason: "延长服务时间".into(),
            ..Default::default()
        };
        let revised = calendars(&administrator).revise_calendar(request).await;
        revised.map(|answer| answer.into_inner())
    };
    let now = suite.clock.now();
    let past = now - Duration::from_secs(60);
    let refused = revise(&first.etag, Some(past), office()).await.unwrap_err();
    assert_eq!(violations(&refused), ["effective_time"]);
    let late = CalendarDefinition {
        week: vec![WeekdayHours {
            weekday: Weekday::Sunday.into(),
            hours: open("00:00", "24:00"),
        }],
        ..office()
    };
    let month = Duration::from_secs(30 * 86_400);
    let second = revise(&first.etag, Some(now + month), late.clone()).await;
    let second = second.unwrap();
    let stale = revise(&first.etag, None, office()).await.unwrap_err();
    assert_eq!(refusal(&stale), (Code::Aborted, "ETAG_MISMATCH".into()));
    let third = revise(&second.etag, Some(now + month / 2), late).await;
    let third = third.unwrap();
    let withdrawn: Vec<_> = third.versions.iter().map(|one| one.withdrawn).collect();
    assert_eq!(withdrawn, [false, true, false]);
    assert!(third.versions[2].author.starts_with("employees/"));
    assert_eq!(
        get(&suite.caller("li.wei"), &first.name).await.unwrap(),
        third
    );
    let listed = calendars(&administrator)
        .list_calendars(ListCalendarsRequest {})
        .await
        .unwrap()
        .into_inner()
        .calendars;
    let numbers: Vec<_> = listed[0].versions.iter().map(|one| one.number).collect();
    assert_eq!(numbers, [1, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_is_entered_once_and_right() {
    let suite = TestSuite::start().await;
    let administrator = suite.caller("han.bing");
    let refused = create(&suite.caller("li.wei"), "desk", "")
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::PermissionDenied, "PERMISSION_MISSING".into())
    );
    create(&administrator, "desk", "").await.unwrap();
    let twice = create(&administrator, "desk", "").await.unwrap_err();
    assert_eq!(
        refusal(&twice),
        (Code::AlreadyExists, "ALREADY_EXISTS".into())
    );
    let absent = get(
        &administrator,
        "calendars/0190c5a8-0000-7000-8000-0000000000ab",
    )
    .await;
    assert_eq!(absent.unwrap_err().code(), Code::NotFound);
    let wrong = CreateCalendarRequest {
        calendar: Some(BusinessCalendar {
            code: "Desk".into(),
            ..Default::default()
        }),
        definition: Some(CalendarDefinition {
            time_zone: "Mars".into(),
            days: vec![DayHours {
                date: Some(Date {
                    year: 2026,
                    month: 2,
                    day: 30,
                }),
                ..Default::default()
            }],
            ..office()
        }),
        holidays: "BEGIN:NOTHING".into(),
        worked_as: 9,
        request_id: "x".into(),
    };
    let refused = calendars(&administrator).create_calendar(wrong).await;
    assert_eq!(
        violations(&refused.unwrap_err()),
        [
            "request_id",
            "calendar.code",
            "calendar.title",
            "worked_as",
            "holidays",
            "definition.time_zone",
            "definition.days[0].date",
        ]
    );
    // The same request again is the same calendar.
    let request = CreateCalendarRequest {
        calendar: Some(BusinessCalendar {
            code: "night".into(),
            title: "夜班".into(),
            ..Default::default()
        }),
        definition: Some(office()),
        request_id: "0190c5a8-0000-7000-8000-0000000000cd".into(),
        ..Default::default()
    };
    let mut client = calendars(&administrator);
    let one = client.create_calendar(request.clone()).await.unwrap();
    let other = client.create_calendar(request).await.unwrap();
    assert_eq!(one.into_inner(), other.into_inner());
}
