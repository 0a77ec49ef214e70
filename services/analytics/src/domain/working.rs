//! Working time of a calendar, so that much of it can be measured at once: each open stretch with
//! the time that was open before it. Between two moments lies what was open before the one less what was before the other.

use jiff::Timestamp;
use kefu_service::calendar::Calendar;

/// Open stretches in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Working {
    pub(crate) starts: Vec<Timestamp>,
    pub(crate) ends: Vec<Timestamp>,
    /// Open seconds before each.
    pub(crate) before: Vec<i64>,
}

impl Working {
    /// What of a calendar lies between two moments, and a little more.
    pub(crate) fn of(calendar: &Calendar, from: Timestamp, to: Timestamp) -> Self {
        let whole = |at: Timestamp, seconds: i64| {
            Timestamp::from_second(at.as_second().saturating_add(seconds)).unwrap_or(at)
        };
        let mut working = Self::default();
        let mut before = 0;
        for span in calendar.spans(whole(from, -1), whole(to, 1)) {
            working.starts.push(span.start);
            working.ends.push(span.end);
            working.before.push(before);
            before += span.length().as_secs();
        }
        working
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, tz::TimeZone};
    use kefu_service::calendar::{Hours, Week};
    use proptest::prelude::*;

    use super::*;

    fn office() -> Calendar {
        let day = Hours::new(vec![(9 * 60, 12 * 60), (13 * 60, 18 * 60)]).unwrap();
        let mut days: [Hours; 7] = Default::default();
        days[..5].fill(day);
        let week = Week {
            zone: TimeZone::get("Europe/Berlin").unwrap(),
            days,
            otherwise: Default::default(),
        };
        Calendar::new(vec![(Timestamp::UNIX_EPOCH, week)])
    }

    /// As the statement measures it.
    fn open_before(working: &Working, at: Timestamp) -> SignedDuration {
        let stretch = working.starts.partition_point(|start| *start <= at);
        let Some(stretch) = stretch.checked_sub(1) else {
            return SignedDuration::ZERO;
        };
        let within = at
            .min(working.ends[stretch])
            .duration_since(working.starts[stretch]);
        SignedDuration::from_secs(working.before[stretch]) + within
    }

    proptest! {
        /// Clauses CC-1.4, OP-4.2: what is measured at once is what going through the calendar from one moment to
        /// the other gives.
        #[test]
        fn working_time_is_what_the_calendar_gives(
            first in 1_774_000_000_000_i64..1_776_000_000_000,
            lasting in 0..3_000_000_000_i64,
            part in 0.0..1.0_f64,
        ) {
            let from = Timestamp::from_millisecond(first).unwrap();
            let to = from + SignedDuration::from_millis(lasting);
            let working = Working::of(&office(), from, to);
            let within = from + SignedDuration::from_millis(lasting).mul_f64(part);
            for (from, to) in [(from, to), (from, within), (within, to)] {
                let measured = open_before(&working, to) - open_before(&working, from);
                prop_assert_eq!(measured, office().open_between(from, to));
            }
        }
    }
}
