//! Clocks of a ticket: how long the customer waited, in open time.
//!
//! | metric         | begins with                            | ends with               |
//! |----------------|----------------------------------------|-------------------------|
//! | first response | the customer's turning to us           | an answer, the solution |
//! | next response  | a message nobody has answered, later   | an answer, the solution |
//! | resolution     | the customer's turning to us, reopening| the solution            |
//! | closing        | the customer's turning to us           | the closing             |
//!
//! The resolution stands while the ticket waits for somebody for whom the rule stops it.

mod reading;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use kefu_contracts::ticket::{ClockMetric, Direction, TicketState, WaitingFor};

pub(crate) use self::reading::{Reading, StretchKind};

/// Something that happened with a ticket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Happened {
    pub(crate) at: Timestamp,
    pub(crate) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum What {
    Said(Direction),
    /// It came into this state.
    Came(TicketState, WaitingFor),
    /// Another ticket became part of it, to which the customer waits for an answer.
    Brought,
    /// That was undone; when it had happened.
    TookBack(Timestamp),
}

/// One go of a clock.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attempt {
    pub(crate) metric: ClockMetric,
    /// From 1.
    pub(crate) number: i32,
    pub(crate) started_at: Timestamp,
    pub(crate) stopped_at: Option<Timestamp>,
    /// In order and apart; only the last may be without an end.
    pub(crate) pauses: Vec<(Timestamp, Option<Timestamp>)>,
}

impl Attempt {
    fn begin(metric: ClockMetric, number: i32, started_at: Timestamp) -> Self {
        Self {
            metric,
            number,
            started_at,
            stopped_at: None,
            pauses: Vec::new(),
        }
    }

    fn stop(&mut self, at: Timestamp) {
        if self.stopped_at.is_none() {
            self.go_on(at);
            self.stopped_at = Some(at);
        }
    }

    fn pause(&mut self, at: Timestamp) {
        if self.stopped_at.is_none() && !self.is_paused() {
            self.pauses.push((at, None));
        }
    }

    fn go_on(&mut self, at: Timestamp) {
        if let Some((_, end @ None)) = self.pauses.last_mut() {
            *end = Some(at);
        }
    }

    fn is_paused(&self) -> bool {
        matches!(self.pauses.last(), Some((_, None)))
    }
}

/// Who waits for the answer to a later message.
#[derive(Default)]
struct Asked {
    /// The customer, here.
    here: bool,
    /// So many tickets that became part of this one.
    brought: usize,
}

/// Whether the customer waits for an answer.
pub(crate) fn is_awaited(received_at: Timestamp, happened: &[Happened]) -> bool {
    let all = attempts(received_at, happened, &[]);
    let answers = [ClockMetric::FirstResponse, ClockMetric::NextResponse];
    let mut answers = all.iter().filter(|one| answers.contains(&one.metric));
    answers.any(|one| one.stopped_at.is_none())
}

/// The attempts of a ticket, by metric and number. What happened is in order.
pub(crate) fn attempts(
    received_at: Timestamp,
    happened: &[Happened],
    pauses_for: &[WaitingFor],
) -> Vec<Attempt> {
    let mut first = Attempt::begin(ClockMetric::FirstResponse, 1, received_at);
    let mut later: Vec<Attempt> = Vec::new();
    let mut solved = vec![Attempt::begin(ClockMetric::Resolution, 1, received_at)];
    let mut asked = Asked::default();
    let mut closed = Attempt::begin(ClockMetric::Closing, 1, received_at);
    for Happened { at, what } in happened.iter().copied() {
        let waits = later.last().is_some_and(|last| last.stopped_at.is_none());
        let answer = |first: &mut Attempt, later: &mut Vec<Attempt>| {
            first.stop(at);
            if let Some(last) = later.last_mut() {
                last.stop(at);
            }
        };
        match what {
            What::Said(Direction::Out) => answer(&mut first, &mut later),
            What::Said(Direction::In) | What::Brought if first.stopped_at.is_some() => {
                if !waits {
                    let number = i32::try_from(later.len() + 1).unwrap_or(i32::MAX);
                    later.push(Attempt::begin(ClockMetric::NextResponse, number, at));
                    asked = Asked::default();
                }
                match what {
                    What::Brought => asked.brought += 1,
                    _ => asked.here = true,
                }
            }
            What::TookBack(brought_at) => {
                if let Some(last) = later
                    .last_mut()
                    .filter(|last| waits && last.started_at <= brought_at)
                {
                    asked.brought = asked.brought.saturating_sub(1);
                    if asked.brought == 0 && !asked.here {
                        last.stop(at);
                    }
                }
            }
            What::Came(state @ (TicketState::Resolved | TicketState::Closed), _) => {
                if state == TicketState::Closed {
                    closed.stop(at);
                }
                answer(&mut first, &mut later);
                if let Some(last) = solved.last_mut() {
                    last.stop(at);
                }
            }
            What::Came(TicketState::Open, _) => match solved.last_mut() {
                Some(last) if last.stopped_at.is_none() => last.go_on(at),
                _ => {
                    let number = i32::try_from(solved.len() + 1).unwrap_or(i32::MAX);
                    solved.push(Attempt::begin(ClockMetric::Resolution, number, at));
                }
            },
            What::Came(TicketState::Pending, whom) => {
                if let Some(last) = solved.last_mut() {
                    match pauses_for.contains(&whom) {
                        true => last.pause(at),
                        false => last.go_on(at),
                    }
                }
            }
            What::Said(_) | What::Came(..) | What::Brought => {}
        }
    }
    let first = std::iter::once(first);
    first.chain(later).chain(solved).chain([closed]).collect()
}
