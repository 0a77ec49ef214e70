//! What a version of a calendar says.

use std::collections::BTreeMap;

use jiff::{
    civil::{Date, Time},
    tz::TimeZone,
};

/// Minutes from one midnight to the next.
pub const MINUTES_A_DAY: u16 = 24 * 60;

/// Hours of one day: stretches of minutes since its midnight, in order and apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hours(Vec<(u16, u16)>);

impl Hours {
    /// None where a stretch is empty, leaves the day, or touches or crosses another.
    pub fn new(mut stretches: Vec<(u16, u16)>) -> Option<Self> {
        stretches.sort_unstable();
        let within = stretches
            .iter()
            .all(|(from, to)| from < to && *to <= MINUTES_A_DAY);
        let apart = stretches.windows(2).all(|two| two[0].1 < two[1].0);
        (within && apart).then_some(Self(stretches))
    }

    /// From each minute until the other.
    pub fn stretches(&self) -> &[(u16, u16)] {
        &self.0
    }

    #[cfg(test)]
    pub(super) fn contains(&self, time: Time) -> bool {
        let minute =
            u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs());
        self.0
            .iter()
            .any(|(from, to)| (*from..*to).contains(&minute))
    }
}

/// A version: the hours of each day of the week, and of days that are otherwise.
#[derive(Debug, Clone)]
pub struct Week {
    /// Of the wall.
    pub zone: TimeZone,
    /// From Monday on.
    pub days: [Hours; 7],
    /// Holidays have none; working days in the place of others (调休) have some.
    pub otherwise: BTreeMap<Date, Hours>,
}

impl Week {
    /// Those of a day.
    pub fn hours_of(&self, date: Date) -> &Hours {
        let weekday = date.weekday().to_monday_zero_offset();
        let usual = &self.days[usize::from(weekday.unsigned_abs())];
        self.otherwise.get(&date).unwrap_or(usual)
    }
}

/// The minute of a day as a time; the end of the day is the midnight of the next.
pub(super) fn time_of(minute: u16) -> Time {
    let (hour, minute) = ((minute / 60) % 24, minute % 60);
    Time::constant(hour as i8, minute as i8, 0, 0)
}
