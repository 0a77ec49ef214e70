//! What the journal says of clocks, for figures: each as it is afterwards, so that how long
//! answers and solutions took is counted of what the clocks themselves read.

use jiff::Timestamp;
use kefu_contracts::{
    journal::{ChangedClock, ClocksChanged, event},
    ticket::{ClockMetric, ClockState},
};
use kefu_service::time::to_proto;
use uuid::Uuid;

use crate::{
    domain::timing::Timed,
    store::{
        assignments::Handed,
        clocks::{StoredClock, Ticket},
    },
};

/// Whether there is something to say of a clock that was kept like this, if at all: it began,
/// stopped, passed its due time, or is measured against another one.
pub(super) fn is_news(known: Option<&StoredClock>, timed: &Timed<'_>, now: Timestamp) -> bool {
    let Some(known) = known else {
        return true;
    };
    let passed = timed.due_at.is_some_and(|due| due < now);
    timed.attempt.stopped_at.is_some()
        || known.target_seconds != timed.target.as_secs()
        || known.due_at != timed.due_at
        || (passed && !known.breach_noted)
}

/// A clock as it is; what ended with a merge at that moment was neither met nor missed.
pub(super) fn changed(
    timed: &Timed<'_>,
    merged_at: Option<Timestamp>,
    now: Timestamp,
) -> ChangedClock {
    let attempt = &timed.attempt;
    let until = attempt.stopped_at.unwrap_or(now);
    let state = match timed.due_at {
        Some(due) if due < until => ClockState::Missed,
        _ if attempt.stopped_at.is_some() && attempt.stopped_at == merged_at => ClockState::Ended,
        _ if attempt.stopped_at.is_some() => ClockState::Met,
        _ if matches!(attempt.pauses.last(), Some((_, None))) => ClockState::Paused,
        _ => ClockState::Running,
    };
    let used = attempt.stopped_at.map(|at| timed.reading().used(at));
    ChangedClock {
        metric: attempt.metric.into(),
        attempt: attempt.number,
        start_time: Some(to_proto(attempt.started_at)),
        stop_time: attempt.stopped_at.map(to_proto),
        due_time: timed.due_at.map(to_proto),
        target_seconds: timed.target.as_secs(),
        used_seconds: used.map_or(0, |used| used.as_secs()),
        state: state.into(),
        dropped: false,
        holder_id: None,
    }
}

/// Who had a ticket at a moment, of each time that it changed hands, in order, and of who has it now.
pub(super) fn holder(handed: &[Handed], now: Option<Uuid>, at: Timestamp) -> Option<Uuid> {
    let before = handed.iter().rfind(|one| one.at <= at);
    match (before, handed.first()) {
        (Some(last), _) => last.to,
        (None, Some(first)) => first.from,
        (None, None) => now,
    }
}

/// A clock that has no target any more.
pub(super) fn dropped((metric, attempt): (i16, i32)) -> ChangedClock {
    let metric = ClockMetric::try_from(i32::from(metric)).unwrap_or_default();
    ChangedClock {
        metric: metric.into(),
        attempt,
        dropped: true,
        ..ChangedClock::default()
    }
}

/// What changed of a ticket's clocks.
pub(super) fn event(id: Uuid, ticket: &Ticket, clocks: Vec<ChangedClock>) -> event::Event {
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    let classed = &ticket.record.classification;
    event::Event::ClocksChanged(ClocksChanged {
        ticket_id: bytes(id),
        customer_id: bytes(ticket.customer_id),
        department_id: bytes(ticket.department_id),
        assignee_id: ticket.assignee_id.map(bytes).unwrap_or_default(),
        kind: classed.kind,
        channel: classed.channel,
        priority: classed.priority,
        clocks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clause OP-4.2: a clock that ran out is a matter of who had the ticket then.
    #[test]
    fn a_ticket_is_whose_it_was_then() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let [one, other] = [1, 2].map(|id| Some(Uuid::from_u128(id)));
        let change = |second, from, to| Handed {
            at: at(second),
            from,
            to,
        };
        let handed = [
            change(10, None, one),
            change(20, one, other),
            change(30, other, None),
        ];
        let then = |second| holder(&handed, None, at(second));
        assert_eq!(
            [5, 10, 19, 20, 25, 31].map(then),
            [None, one, one, other, other, None]
        );
        // Whoever opens a ticket has it from the beginning, and nobody gave it to them.
        assert_eq!(holder(&handed[1..], None, at(5)), one);
        assert_eq!(holder(&[], other, at(5)), other);
    }
}
