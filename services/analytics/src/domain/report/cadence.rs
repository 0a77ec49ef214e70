//! The periods of reports, and which of them are to be reported on.

use jiff::{Timestamp, ToSpan, civil::Date};
use kefu_contracts::analytics::{Cadence, Dimension};

use crate::domain::{
    period::{Days, Period, Zone},
    series::begin,
};

/// Periods that are made up for where nothing was made for a while; older ones are made when they
/// are asked for.
pub(crate) const MADE_UP_FOR: usize = 3;

/// The period that a day is in.
pub(crate) fn containing(cadence: Cadence, day: Date) -> Days {
    match cadence {
        Cadence::Monthly => Days {
            first: day.first_of_month(),
            last: day.last_of_month(),
        },
        Cadence::Weekly => {
            let first = begin(Dimension::Week, day);
            Days {
                first,
                last: first.saturating_add(6.days()),
            }
        }
        Cadence::Daily | Cadence::Unspecified => Days {
            first: day,
            last: day,
        },
    }
}

/// A period and those before it, together so many.
pub(crate) fn with_before(cadence: Cadence, period: Days, periods: i32) -> Days {
    let more = periods.max(1) - 1;
    let first = match cadence {
        Cadence::Monthly => period.first.saturating_sub(more.months()),
        Cadence::Weekly => period.first.saturating_sub(more.weeks()),
        Cadence::Daily | Cadence::Unspecified => period.first.saturating_sub(more.days()),
    };
    Days { first, ..period }
}

/// When a period is over; `None` where the calendar ends.
pub(crate) fn over_at(period: Days, zone: &Zone) -> Option<Timestamp> {
    Period::of(None, Some(period.last), zone)?.until
}

/// What is to be reported on now.
#[derive(Debug, PartialEq)]
pub(crate) struct Step {
    /// Periods that are over, oldest first.
    pub(crate) periods: Vec<Days>,
    /// There were more, which are too long ago.
    pub(crate) skipped: bool,
    /// First day of the period that is the next.
    pub(crate) next: Date,
}

/// What is to be reported on a day, where a day of the period that is the next was noted; `None`:
/// that one is not over.
pub(crate) fn step(cadence: Cadence, noted: Date, today: Date) -> Option<Step> {
    let (first, now) = (containing(cadence, noted), containing(cadence, today));
    if first.first >= now.first {
        return None;
    }
    let mut periods = Vec::new();
    let mut later = now;
    while periods.len() < MADE_UP_FOR && later.first > first.first {
        later = containing(cadence, later.first.yesterday().ok()?);
        periods.push(later);
    }
    periods.reverse();
    Some(Step {
        periods,
        skipped: later.first > first.first,
        next: now.first,
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn days(first: Date, last: Date) -> Days {
        Days { first, last }
    }

    #[test]
    fn weeks_are_from_monday_to_sunday_and_months_are_whole() {
        let sunday = date(2024, 3, 3);
        let week = days(date(2024, 2, 26), sunday);
        assert_eq!(containing(Cadence::Weekly, sunday), week);
        assert_eq!(containing(Cadence::Weekly, week.first), week);
        let month = days(date(2024, 2, 1), date(2024, 2, 29));
        assert_eq!(containing(Cadence::Monthly, date(2024, 2, 29)), month);
        assert_eq!(containing(Cadence::Daily, sunday), days(sunday, sunday));
        assert_eq!(
            with_before(Cadence::Monthly, month, 12).first,
            date(2023, 3, 1)
        );
        assert_eq!(
            with_before(Cadence::Weekly, week, 2).first,
            date(2024, 2, 19)
        );
        assert_eq!(with_before(Cadence::Daily, month, 0), month);
    }

    /// Clause OP-3.2: a report is due once its last day is over where the company is.
    #[test]
    fn a_period_is_over_with_its_last_day_there() {
        let shanghai = Zone::parse("Asia/Shanghai").unwrap();
        let month = containing(Cadence::Monthly, date(2024, 2, 5));
        let over = over_at(month, &shanghai).unwrap();
        assert_eq!(over.to_string(), "2024-02-29T16:00:00Z");
        assert_eq!(shanghai.today(over), date(2024, 3, 1));
        let monthly = |noted, today| step(Cadence::Monthly, noted, today);
        assert_eq!(monthly(date(2024, 2, 1), date(2024, 2, 29)), None);
        let due = monthly(date(2024, 2, 1), date(2024, 3, 1)).unwrap();
        assert_eq!((due.periods, due.skipped), (vec![month], false));
        assert_eq!(due.next, date(2024, 3, 1));
    }

    #[test]
    fn what_is_long_ago_is_not_made_up_for() {
        let due = step(Cadence::Daily, date(2024, 1, 1), date(2024, 3, 1)).unwrap();
        let each: Vec<Date> = due.periods.iter().map(|period| period.first).collect();
        assert_eq!(
            each,
            [date(2024, 2, 27), date(2024, 2, 28), date(2024, 2, 29)]
        );
        assert!(due.skipped);
        // Another cadence than when the day was noted.
        let due = step(Cadence::Weekly, date(2024, 2, 28), date(2024, 3, 4)).unwrap();
        assert_eq!(due.periods, [days(date(2024, 2, 26), date(2024, 3, 3))]);
    }

    proptest! {
        /// Clause OP-3.2: however often it is looked, each period comes once and none is left out.
        #[test]
        fn each_period_is_reported_on_once(
            cadence in prop::sample::select(vec![Cadence::Daily, Cadence::Weekly, Cadence::Monthly]),
            first in 0..20_000_i32,
            steps in prop::collection::vec(0..40_i32, 1..30),
        ) {
            let mut today = date(1990, 1, 1).saturating_add(first.days());
            let mut noted = containing(cadence, today).first;
            let mut next = noted;
            for passed in steps {
                let passed = if cadence == Cadence::Daily { passed % 4 } else { passed };
                today = today.saturating_add(passed.days());
                let Some(due) = step(cadence, noted, today) else {
                    prop_assert!(containing(cadence, noted).last >= today);
                    continue;
                };
                if !due.skipped {
                    for period in &due.periods {
                        prop_assert_eq!(period.first, next);
                        prop_assert!(period.last < today);
                        next = period.last.tomorrow().unwrap();
                    }
                }
                next = due.next;
                noted = due.next;
                prop_assert!(containing(cadence, today).first == noted);
            }
        }
    }
}
