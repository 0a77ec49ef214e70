//! A circuit breaker: after so many failures in a row nobody is sent to a service for
//! a while, and then one call tries whether it is back. Pure: told what happened and
//! when, it says who may go.

use std::{num::NonZeroU32, time::Duration};

use jiff::Timestamp;

/// When it opens, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Failures in a row that open it.
    pub(crate) failures: NonZeroU32,
    /// How long it stays open.
    pub(crate) open_for: Duration,
}

/// Leave to go. What becomes of the call is to be told with it; when the breaker has
/// moved on meanwhile, that no longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pass(u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// All may go; so many failed in a row.
    Closed { failed: u32 },
    /// Nobody may before this moment; after it, one.
    Open { until: Timestamp },
    /// One is on its way to try.
    HalfOpen,
}

/// The breaker of one service.
#[derive(Debug)]
pub(crate) struct Breaker {
    rules: Rules,
    state: State,
    /// Moves with the state, so that passes of an earlier one are known.
    turn: u64,
}

impl Breaker {
    /// Closed.
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            state: State::Closed { failed: 0 },
            turn: 0,
        }
    }

    /// Leave to go, or how long there will be none.
    pub(crate) fn ask(&mut self, now: Timestamp) -> Result<Pass, Duration> {
        match self.state {
            State::Closed { .. } => {}
            State::Open { until } => {
                let left = now.duration_until(until);
                // Further off than it was ever set: the clock was turned back.
                if left.is_positive() && left.unsigned_abs() <= self.rules.open_for {
                    return Err(left.unsigned_abs());
                }
                self.turn_to(State::HalfOpen);
            }
            State::HalfOpen => return Err(self.rules.open_for),
        }
        Ok(Pass(self.turn))
    }

    /// The service answered, whatever it said.
    pub(crate) fn answered(&mut self, pass: Pass) {
        if pass.0 != self.turn {
            return;
        }
        match &mut self.state {
            State::Closed { failed } => *failed = 0,
            _ => self.turn_to(State::Closed { failed: 0 }),
        }
    }

    /// The service was not reached, or did not answer in time.
    pub(crate) fn failed(&mut self, pass: Pass, now: Timestamp) {
        if pass.0 != self.turn {
            return;
        }
        if let State::Closed { failed } = &mut self.state {
            *failed += 1;
            if *failed < self.rules.failures.get() {
                return;
            }
        }
        let until = now.saturating_add(self.rules.open_for);
        let until = until.unwrap_or(Timestamp::MAX);
        self.turn_to(State::Open { until });
    }

    /// Nobody waits for the call any more: nothing is known, and the next may try.
    pub(crate) fn left(&mut self, pass: Pass, now: Timestamp) {
        if pass.0 == self.turn && self.state == State::HalfOpen {
            self.turn_to(State::Open { until: now });
        }
    }

    fn turn_to(&mut self, state: State) {
        self.turn += 1;
        self.state = state;
    }
}

#[cfg(test)]
mod tests;
