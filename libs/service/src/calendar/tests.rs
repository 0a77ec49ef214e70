use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use proptest::prelude::*;

use super::*;

const MINUTE: SignedDuration = SignedDuration::from_secs(60);

/// Zones that are ahead and behind, by half hours, with summer time in either half of the
/// year, at midnight (Havana, Santiago) and by half an hour (Lord Howe), and with none.
const ZONES: [&str; 9] = [
    "Asia/Shanghai",
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Havana",
    "America/Santiago",
    "Asia/Kolkata",
    "Pacific/Chatham",
];

fn hours() -> impl Strategy<Value = Hours> {
    proptest::collection::btree_set(0..=MINUTES_A_DAY / 15, 0..7).prop_map(|marks| {
        let marks: Vec<u16> = marks.into_iter().map(|mark| mark * 15).collect();
        let stretches = marks.chunks_exact(2).map(|two| (two[0], two[1]));
        Hours::new(stretches.collect()).unwrap()
    })
}

fn week() -> impl Strategy<Value = Week> {
    let otherwise = proptest::collection::btree_map(0..800_i64, hours(), 0..12);
    let zone = proptest::sample::select(&ZONES[..]);
    (zone, proptest::array::uniform7(hours()), otherwise).prop_map(|(zone, days, otherwise)| {
        let first = Date::constant(2026, 1, 1);
        Week {
            zone: TimeZone::get(zone).unwrap(),
            days,
            otherwise: otherwise
                .into_iter()
                .map(|(day, hours)| (first + SignedDuration::from_hours(day * 24), hours))
                .collect(),
        }
    })
}

/// A minute of 2026 and 2027, before and after every change of a wall clock among them.
fn minute() -> impl Strategy<Value = Timestamp> {
    (0..2 * 365 * 1440_i64).prop_map(|minute| {
        let first: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        first + SignedDuration::from_mins(minute)
    })
}

fn calendar() -> impl Strategy<Value = Calendar> {
    proptest::collection::vec((minute(), week()), 1..4).prop_map(Calendar::new)
}

/// Obviously right: every minute is asked whether it is open.
fn minutes_open(calendar: &Calendar, from: Timestamp, to: Timestamp) -> i64 {
    let mut open = 0;
    let mut at = from;
    while at < to {
        open += i64::from(calendar.is_open(at));
        at += MINUTE;
    }
    open
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Clauses IH-4, SG-2.1: open time is that of the minutes, over random calendars with
    /// versions, holidays, and summer time.
    #[test]
    fn open_time_is_that_of_each_minute(
        calendar in calendar(),
        from in minute(),
        length in 0..6 * 1440_i64,
    ) {
        let to = from + SignedDuration::from_mins(length);
        let open = calendar.open_between(from, to);
        prop_assert_eq!(open, SignedDuration::from_mins(minutes_open(&calendar, from, to)));
        let spans: Vec<Span> = calendar.spans(from, to).collect();
        prop_assert!(spans.windows(2).all(|two| two[0].end < two[1].start), "{:?}", spans);
        prop_assert!(spans.iter().all(|span| from <= span.start && span.start < span.end && span.end <= to));
    }

    /// The moment that is found is the first at which so much open time has passed.
    #[test]
    fn the_moment_found_is_the_first(
        calendar in calendar(),
        from in minute(),
        amount in 1..3 * 1440_i64,
    ) {
        let horizon = from + SignedDuration::from_hours(24 * 30);
        let amount = SignedDuration::from_mins(amount);
        match calendar.after(from, amount, horizon) {
            Some(due) => {
                prop_assert_eq!(calendar.open_between(from, due), amount);
                let before = due - SignedDuration::from_millis(1);
                prop_assert!(calendar.open_between(from, before) < amount);
            }
            None => prop_assert!(calendar.open_between(from, horizon) < amount),
        }
    }

    /// However a stretch of time is cut, its parts make the whole.
    #[test]
    fn parts_make_the_whole(
        calendar in calendar(),
        from in minute(),
        first in 0..400_000_000_i64,
        second in 0..400_000_000_i64,
    ) {
        let cut = from + SignedDuration::from_millis(first);
        let to = cut + SignedDuration::from_millis(second);
        let parts = calendar.open_between(from, cut) + calendar.open_between(cut, to);
        prop_assert_eq!(parts, calendar.open_between(from, to));
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn office(zone: &str) -> Week {
    let day = Hours::new(vec![(9 * 60, 12 * 60), (13 * 60, 18 * 60)]).unwrap();
    let none = Hours::default;
    Week {
        zone: TimeZone::get(zone).unwrap(),
        days: [
            day.clone(),
            day.clone(),
            day.clone(),
            day.clone(),
            day,
            none(),
            none(),
        ],
        otherwise: Default::default(),
    }
}

fn one(week: Week) -> Calendar {
    Calendar::new(vec![(at("2026-01-01T00:00:00Z"), week)])
}

/// An hour that comes twice is worked twice, one that does not come is not.
#[test]
fn summer_time_takes_an_hour_and_gives_it_back() {
    let mut week = office("Europe/Berlin");
    week.days[6] = Hours::new(vec![(0, 6 * 60)]).unwrap();
    let calendar = one(week);
    let sunday = |from, to| calendar.open_between(at(from), at(to));
    let spring = sunday("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
    let autumn = sunday("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
    assert_eq!(spring, SignedDuration::from_hours(5));
    assert_eq!(autumn, SignedDuration::from_hours(7));
}

/// What passed under one version is not read by the next.
#[test]
fn an_edit_counts_from_its_moment_on() {
    let closed = Week {
        days: Default::default(),
        ..office("Asia/Shanghai")
    };
    let monday = at("2026-11-23T02:00:00Z");
    let calendar = Calendar::new(vec![
        (at("2026-01-01T00:00:00Z"), office("Asia/Shanghai")),
        (monday, closed),
    ]);
    let day = calendar.open_between(at("2026-11-22T16:00:00Z"), at("2026-11-23T16:00:00Z"));
    assert_eq!(day, SignedDuration::from_hours(1));
}

#[test]
fn hours_that_touch_or_leave_the_day_are_none() {
    for wrong in [
        vec![(60, 60)],
        vec![(120, 60)],
        vec![(0, 1441)],
        vec![(0, 60), (60, 120)],
        vec![(0, 90), (60, 120)],
    ] {
        assert_eq!(Hours::new(wrong.clone()), None, "{wrong:?}");
    }
    assert!(Hours::new(vec![(600, 1440), (0, 300)]).is_some());
}
