//! Until when a call may take. Ours, so that it ends as DEADLINE_EXCEEDED: tonic's
//! own layer would say CANCELLED.
//!
//! Deadlines are the one thing here that goes by the runtime's timer and not by the
//! injected clock: they bound work, not validity, and must not jump with the date.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use kefu_service::stack::parse_timeout;
use tokio::time::Instant;

use crate::config::GatewayConfig;

/// Metadata in which the caller says how long it waits.
pub(crate) const TIMEOUT: &str = "grpc-timeout";

/// Bounds of calls.
pub(crate) struct Deadlines {
    default: (Duration, HeaderValue),
    max: (Duration, HeaderValue),
}

/// Bounds of one call.
pub(crate) struct Deadline {
    /// What the caller gave, or the default.
    pub(crate) bound: Duration,
    /// Until when the answer must begin.
    pub(crate) head: Instant,
    /// Until when a stream must end: only where the caller says so, because a watch
    /// goes on for as long as it is watched.
    pub(crate) stream_end: Option<Instant>,
    /// What remains, as the service is told. Nothing waits between the arrival of a
    /// call and its departure, so that is what the caller gave.
    pub(crate) remaining: HeaderValue,
    /// Long enough that a service which does not answer within it is not well: others
    /// must not suffer because one caller is in a hurry.
    pub(crate) patient: bool,
}

impl Deadline {
    /// Ends it, or of a stream the wait for its beginning, within this time.
    pub(crate) fn end_within(&mut self, bound: Duration, streams: bool) {
        let end = Instant::now() + bound;
        if end >= self.head {
            return;
        }
        self.head = end;
        if !streams {
            self.remaining = timeout(bound);
        }
    }
}

impl Deadlines {
    pub(crate) fn new(config: &GatewayConfig) -> Self {
        let header = |bound: Duration| (bound, timeout(bound));
        Self {
            default: header(config.default_deadline()),
            max: header(config.max_deadline()),
        }
    }

    /// Bounds of the call with these headers, arrived now. A timeout that cannot be
    /// read counts as none.
    pub(crate) fn of(&self, headers: &HeaderMap) -> Deadline {
        let now = Instant::now();
        let given = headers.get(TIMEOUT);
        let named = given.and_then(|value| parse_timeout(value.to_str().ok()?));
        let (bound, remaining) = match (named, given) {
            (Some(named), Some(given)) if named <= self.max.0 => (named, given),
            (Some(_), _) => (self.max.0, &self.max.1),
            (None, _) => (self.default.0, &self.default.1),
        };
        Deadline {
            bound,
            head: now + bound,
            stream_end: named.and_then(|named| now.checked_add(named)),
            remaining: remaining.clone(),
            patient: bound >= self.default.0,
        }
    }
}

/// `grpc-timeout` of at most eight digits: milliseconds, or seconds where those
/// would be too many.
fn timeout(bound: Duration) -> HeaderValue {
    let text = match bound.as_millis() {
        millis @ 0..=99_999_999 => format!("{millis}m"),
        _ => format!("{}S", bound.as_secs().min(99_999_999)),
    };
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("10S"))
}
