//! Open time, stretch by stretch. Between two changes of the wall clock, the wall is the
//! moment and an offset: there a day's hours are simple sums.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp, civil::Date, tz::Offset};

use super::{
    Calendar, Span,
    definition::{MINUTES_A_DAY, Week, time_of},
};

/// How much is worked out at once.
const AHEAD: SignedDuration = SignedDuration::from_hours(32 * 24);

/// Open stretches between two moments, in order and apart.
pub struct Spans<'c> {
    calendar: &'c Calendar,
    at: Timestamp,
    to: Timestamp,
    ready: VecDeque<Span>,
    /// The last one found: what follows may join it.
    last: Option<Span>,
}

impl Calendar {
    /// Open time from one moment until the other, stretch by stretch.
    pub fn spans(&self, from: Timestamp, to: Timestamp) -> Spans<'_> {
        Spans {
            calendar: self,
            at: from,
            to,
            ready: VecDeque::new(),
            last: None,
        }
    }
}

impl Spans<'_> {
    /// Works out a piece within which version and offset stay as they are.
    fn advance(&mut self) -> Option<()> {
        if self.at >= self.to {
            return None;
        }
        let (week, replaced) = self.calendar.at(self.at)?;
        let changed = week.zone.following(self.at).next();
        let ends = [
            Some(self.to),
            replaced,
            changed.map(|change| change.timestamp()),
            self.at.checked_add(AHEAD).ok(),
        ];
        let until = ends.into_iter().flatten().min()?;
        let offset = week.zone.to_offset(self.at);
        let piece = Span {
            start: self.at,
            end: until,
        };
        let mut date = offset.to_datetime(piece.start).date();
        let last = offset.to_datetime(piece.end).date();
        while date <= last {
            self.ready.extend(day(week, offset, date, piece));
            date = date.tomorrow().ok()?;
        }
        self.at = until;
        Some(())
    }
}

/// The hours of a day within a piece.
fn day(week: &Week, offset: Offset, date: Date, piece: Span) -> impl Iterator<Item = Span> {
    let stretches = week.hours_of(date).stretches().iter();
    let moment = move |minute: u16| {
        let date = match minute {
            MINUTES_A_DAY => date.tomorrow().ok()?,
            _ => date,
        };
        offset.to_timestamp(date.to_datetime(time_of(minute))).ok()
    };
    stretches.filter_map(move |(from, to)| {
        let span = Span {
            start: moment(*from)?.max(piece.start),
            end: moment(*to)?.min(piece.end),
        };
        (span.start < span.end).then_some(span)
    })
}

impl Iterator for Spans<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        loop {
            while let Some(span) = self.ready.pop_front() {
                match &mut self.last {
                    Some(last) if last.end == span.start => last.end = span.end,
                    last => {
                        if let Some(whole) = last.replace(span) {
                            return Some(whole);
                        }
                    }
                }
            }
            if self.advance().is_none() {
                return self.last.take();
            }
        }
    }
}
