//! What a clock reads, and when it will have read so much.

use jiff::{SignedDuration, Timestamp};
use kefu_service::calendar::{Calendar, Span};

use super::Attempt;

/// How far ahead what is due is looked for.
const HORIZON: SignedDuration = SignedDuration::from_hours(5 * 366 * 24);

/// An attempt by its calendar; none: every hour counts.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'r> {
    pub(crate) attempt: &'r Attempt,
    pub(crate) calendar: Option<&'r Calendar>,
}

/// Part of an attempt's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) span: Span,
    pub(crate) kind: StretchKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StretchKind {
    /// Open time that counts.
    Counted,
    /// The calendar is closed.
    Closed,
    /// It waits for somebody.
    Paused,
}

impl Reading<'_> {
    /// Open time that had counted by then.
    pub(crate) fn used(&self, now: Timestamp) -> SignedDuration {
        let running = self.running(now).into_iter();
        running.fold(SignedDuration::ZERO, |all, span| all + self.open(span))
    }

    /// When so much open time had counted, or will have if nothing happens; none when it
    /// stopped before, or stands.
    pub(crate) fn crossing(&self, amount: SignedDuration) -> Option<Timestamp> {
        let mut left = amount;
        let begun = self.attempt.pauses.last().and_then(|(_, end)| *end);
        let last = begun.unwrap_or(self.attempt.started_at);
        let ahead = last.checked_add(HORIZON).unwrap_or(Timestamp::MAX);
        for span in self.running(ahead) {
            let open = self.open(span);
            if left <= open {
                return self.after(span.start, left, span.end);
            }
            left -= open;
        }
        None
    }

    /// All of its time until then, in order and without gaps.
    pub(crate) fn stretches(&self, now: Timestamp) -> Vec<Stretch> {
        let end = self.attempt.stopped_at.unwrap_or(now);
        let mut stretches = Vec::new();
        let mut at = self.attempt.started_at;
        let mut until = |stretches: &mut Vec<Stretch>, end: Timestamp, kind| {
            if at < end {
                let span = Span { start: at, end };
                stretches.push(Stretch { span, kind });
                at = end;
            }
        };
        for span in self.running(now) {
            until(&mut stretches, span.start, StretchKind::Paused);
            for open in self.open_spans(span) {
                until(&mut stretches, open.start, StretchKind::Closed);
                until(&mut stretches, open.end, StretchKind::Counted);
            }
            until(&mut stretches, span.end, StretchKind::Closed);
        }
        until(&mut stretches, end, StretchKind::Paused);
        stretches
    }

    /// Time until then during which it neither stood nor had stopped.
    fn running(&self, now: Timestamp) -> Vec<Span> {
        let end = self.attempt.stopped_at.unwrap_or(now);
        let mut running = Vec::new();
        let mut at = Some(self.attempt.started_at);
        for (from, to) in &self.attempt.pauses {
            let start = at.unwrap_or(*from);
            running.push(Span { start, end: *from });
            at = *to;
        }
        running.extend(at.map(|start| Span { start, end }));
        let clipped = running.into_iter().map(|span| Span {
            start: span.start,
            end: span.end.min(end),
        });
        clipped.filter(|span| span.start < span.end).collect()
    }

    fn open(&self, span: Span) -> SignedDuration {
        match self.calendar {
            Some(calendar) => calendar.open_between(span.start, span.end),
            None => span.length(),
        }
    }

    fn open_spans(&self, span: Span) -> Vec<Span> {
        match self.calendar {
            Some(calendar) => calendar.spans(span.start, span.end).collect(),
            None => vec![span],
        }
    }

    fn after(&self, from: Timestamp, amount: SignedDuration, to: Timestamp) -> Option<Timestamp> {
        match self.calendar {
            Some(calendar) => calendar.after(from, amount, to),
            None => Some(from + amount),
        }
    }
}
