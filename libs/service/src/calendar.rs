//! Business calendars: when the company is open, by the clock on its wall.
//!
//! A moment is open when the wall's time of its day lies within the day's hours; an hour
//! that a change of the wall clock repeats is open twice, one that it leaves out never. A
//! calendar has versions, each in force from a moment on: what passed under one is never
//! read by another.

mod definition;
mod reading;
mod spans;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

pub use self::{
    definition::{Hours, MINUTES_A_DAY, Week},
    reading::{LONGEST_TITLE, week},
    spans::Spans,
};

/// A stretch of open time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its first moment.
    pub start: Timestamp,
    /// First moment that is not in it.
    pub end: Timestamp,
}

impl Span {
    /// How long it is.
    #[must_use]
    pub fn length(self) -> SignedDuration {
        self.end.duration_since(self.start)
    }
}

/// A calendar with all its versions.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// By the moment from which each is in force, each once.
    versions: Vec<(Timestamp, Week)>,
}

impl Calendar {
    /// The first version counts for all time before it as well.
    pub fn new(mut versions: Vec<(Timestamp, Week)>) -> Self {
        versions.sort_by_key(|(from, _)| *from);
        Self { versions }
    }

    /// The version in force then, and when the next one takes its place.
    fn at(&self, moment: Timestamp) -> Option<(&Week, Option<Timestamp>)> {
        let next = self.versions.partition_point(|(from, _)| *from <= moment);
        let (_, week) = self.versions.get(next.saturating_sub(1))?;
        let until = self.versions.get(next.max(1)).map(|(from, _)| *from);
        Some((week, until))
    }

    /// Of the clock on the company's wall then.
    pub fn zone(&self, moment: Timestamp) -> Option<TimeZone> {
        self.at(moment).map(|(week, _)| week.zone.clone())
    }

    /// Whether the company is open then.
    #[cfg(test)]
    pub(crate) fn is_open(&self, moment: Timestamp) -> bool {
        let Some((week, _)) = self.at(moment) else {
            return false;
        };
        let wall = week.zone.to_datetime(moment);
        week.hours_of(wall.date()).contains(wall.time())
    }

    /// Open time between two moments.
    pub fn open_between(&self, from: Timestamp, to: Timestamp) -> SignedDuration {
        let spans = self.spans(from, to);
        spans.fold(SignedDuration::ZERO, |all, span| all + span.length())
    }

    /// The moment at which so much open time has passed since `from`; none where it does
    /// not come before `horizon`.
    pub fn after(
        &self,
        from: Timestamp,
        amount: SignedDuration,
        horizon: Timestamp,
    ) -> Option<Timestamp> {
        let mut left = amount;
        for span in self.spans(from, horizon) {
            if left <= span.length() {
                return Some(span.start + left);
            }
            left -= span.length();
        }
        None
    }
}
