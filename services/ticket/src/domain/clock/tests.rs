use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use kefu_contracts::ticket::{ClockMetric, Direction, TicketState, WaitingFor};
use kefu_service::calendar::{Calendar, Hours, Week};
use proptest::prelude::*;

use super::*;

const WHOM: [WaitingFor; 2] = [WaitingFor::Customer, WaitingFor::Supplier];

fn minute(minute: i64) -> Timestamp {
    let first: Timestamp = "2026-03-23T00:00:00Z".parse().unwrap();
    first + SignedDuration::from_mins(minute)
}

fn what() -> impl Strategy<Value = What> {
    let said = [Direction::In, Direction::Out, Direction::Internal].map(What::Said);
    let came = [
        What::Came(TicketState::Open, WaitingFor::Unspecified),
        What::Came(TicketState::Pending, WHOM[0]),
        What::Came(TicketState::Pending, WHOM[1]),
        What::Came(TicketState::Resolved, WaitingFor::Unspecified),
        What::Came(TicketState::Closed, WaitingFor::Unspecified),
    ];
    proptest::sample::select([&said[..], &came[..]].concat())
}

fn happened() -> impl Strategy<Value = Vec<Happened>> {
    proptest::collection::btree_map(1..5 * 1440_i64, what(), 0..20).prop_map(|all| {
        let all = all.into_iter();
        all.map(|(at, what)| Happened {
            at: minute(at),
            what,
        })
        .collect()
    })
}

fn calendar() -> impl Strategy<Value = Option<Calendar>> {
    let hours = (0..12_u16, 13..24_u16).prop_map(|(from, to)| {
        Hours::new(vec![(from * 60, 12 * 60), (12 * 60 + 30, to * 60)]).unwrap()
    });
    let zone = proptest::sample::select(&["Asia/Shanghai", "Europe/Berlin"][..]);
    let week = (zone, proptest::array::uniform7(hours)).prop_map(|(zone, days)| Week {
        zone: TimeZone::get(zone).unwrap(),
        days,
        otherwise: Default::default(),
    });
    proptest::option::of(week.prop_map(|week| Calendar::new(vec![(Timestamp::MIN, week)])))
}

/// Obviously right: goes through the minutes with what is then known, and counts. Gives the
/// minutes of each attempt that counted, in order.
fn counted(happened: &[Happened], calendar: Option<&Calendar>, until: i64) -> Vec<Vec<i64>> {
    let (mut answered, mut waits, mut next) = (false, false, Vec::new());
    let (mut first, mut solved) = (Vec::new(), vec![Vec::new()]);
    let (mut over, mut stands) = (false, false);
    let (mut closed, mut closing) = (false, Vec::new());
    for at in 0..until {
        for one in happened.iter().filter(|one| one.at == minute(at)) {
            match one.what {
                What::Said(Direction::Out) => (answered, waits) = (true, false),
                What::Said(Direction::In) if answered && !waits => {
                    waits = true;
                    next.push(Vec::new());
                }
                What::Came(state @ (TicketState::Resolved | TicketState::Closed), _) => {
                    closed |= state == TicketState::Closed;
                    (answered, waits, over, stands) = (true, false, true, false);
                }
                What::Came(TicketState::Open, _) => {
                    if over {
                        solved.push(Vec::new());
                    }
                    (over, stands) = (false, false);
                }
                What::Came(TicketState::Pending, whom) => stands = whom == WHOM[0],
                _ => {}
            }
        }
        if calendar.is_some_and(|calendar| {
            calendar
                .open_between(minute(at), minute(at) + SignedDuration::from_nanos(1))
                .is_zero()
        }) {
            continue;
        }
        if !closed {
            closing.push(at);
        }
        if !answered {
            first.push(at);
        }
        if waits {
            next.last_mut().unwrap().push(at);
        }
        if !over && !stands {
            solved.last_mut().unwrap().push(at);
        }
    }
    let first = std::iter::once(first);
    first.chain(next).chain(solved).chain([closing]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Clauses IH-4, SG-2.1: every clock reads what going through the minutes gives, is due
    /// at the minute at which its target is used up, and is explained without gaps.
    #[test]
    fn clocks_read_what_the_minutes_give(
        happened in happened(),
        calendar in calendar(),
        length in 1..6 * 1440_i64,
        target in 1..2000_usize,
    ) {
        // What happens later is not known.
        let known: Vec<Happened> =
            happened.into_iter().filter(|one| one.at < minute(length)).collect();
        let now = minute(length);
        let found = attempts(minute(0), &known, &[WHOM[0]]);
        let expected = counted(&known, calendar.as_ref(), length);
        prop_assert_eq!(found.len(), expected.len());
        for (attempt, minutes) in found.iter().zip(&expected) {
            let reading = Reading { attempt, calendar: calendar.as_ref() };
            let used = SignedDuration::from_mins(minutes.len() as i64);
            prop_assert_eq!(reading.used(now), used, "{:?}", attempt);
            let due = reading.crossing(SignedDuration::from_mins(target as i64));
            match minutes.get(target - 1) {
                Some(last) => prop_assert_eq!(due, Some(minute(last + 1))),
                None => prop_assert!(due.is_none_or(|due| due > now || attempt.stopped_at.is_some_and(|at| due > at))),
            }
            let stretches = reading.stretches(now);
            let end = attempt.stopped_at.unwrap_or(now);
            let mut at = attempt.started_at;
            let mut counted = SignedDuration::ZERO;
            for stretch in &stretches {
                prop_assert_eq!(stretch.span.start, at);
                at = stretch.span.end;
                if stretch.kind == StretchKind::Counted {
                    counted += stretch.span.length();
                }
            }
            prop_assert_eq!((at, counted), (end.max(attempt.started_at), used));
        }
    }
}

/// A ticket that is reopened has two attempts at a solution, and the customer's second
/// message is answered by itself.
#[test]
fn each_reopening_is_an_attempt() {
    let said = |at, direction| Happened {
        at: minute(at),
        what: What::Said(direction),
    };
    let came = |at, state| Happened {
        at: minute(at),
        what: What::Came(state, WaitingFor::Unspecified),
    };
    let happened = [
        said(10, Direction::Out),
        came(20, TicketState::Resolved),
        said(25, Direction::In),
        came(30, TicketState::Open),
        said(35, Direction::Out),
        came(50, TicketState::Resolved),
    ];
    let found: Vec<_> = attempts(minute(0), &happened, &[])
        .into_iter()
        .map(|one| (one.metric, one.number, one.started_at, one.stopped_at))
        .collect();
    let of = |metric, number, from, to| (metric, number, minute(from), Some(minute(to)));
    assert_eq!(
        found,
        [
            of(ClockMetric::FirstResponse, 1, 0, 10),
            of(ClockMetric::NextResponse, 1, 25, 35),
            of(ClockMetric::Resolution, 1, 0, 20),
            of(ClockMetric::Resolution, 2, 30, 50),
            (ClockMetric::Closing, 1, minute(0), None),
        ]
    );
}

/// What a merge brings is awaited from then on, until it is answered or taken back; what the
/// customer asked here goes on whatever is taken back.
#[test]
fn waiting_comes_with_a_merge_and_goes_with_it() {
    let said = |at, direction| Happened {
        at: minute(at),
        what: What::Said(direction),
    };
    let brought = |at| Happened {
        at: minute(at),
        what: What::Brought,
    };
    let taken = |at, brought_at| Happened {
        at: minute(at),
        what: What::TookBack(minute(brought_at)),
    };
    let later = |happened: &[Happened]| {
        let all = attempts(minute(0), happened, &[]).into_iter();
        let all = all.filter(|one| one.metric == ClockMetric::NextResponse);
        all.map(|one| (one.started_at, one.stopped_at))
            .collect::<Vec<_>>()
    };
    let answer = said(10, Direction::Out);
    // The first answer is awaited anyhow.
    assert_eq!(later(&[brought(5), answer]), []);
    let both = [answer, brought(20), brought(25), taken(30, 20)];
    assert_eq!(later(&both), [(minute(20), None)]);
    let gone = [&both[..], &[taken(40, 25)]].concat();
    assert_eq!(later(&gone), [(minute(20), Some(minute(40)))]);
    let asked = [&both[..], &[said(35, Direction::In), taken(40, 25)]].concat();
    assert_eq!(later(&asked), [(minute(20), None)]);
    // What was answered before is not taken back.
    let answered = [
        answer,
        brought(20),
        said(25, Direction::Out),
        said(30, Direction::In),
        taken(35, 20),
    ];
    let expected = [(minute(20), Some(minute(25))), (minute(30), None)];
    assert_eq!(later(&answered), expected);
    assert!(is_awaited(minute(0), &answered) && is_awaited(minute(0), &[]));
    assert!(!is_awaited(minute(0), &[answer]));
}
