//! When what was not delivered is tried again.

use std::time::Duration;

use kefu_contracts::access::WebhookOutcome;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// Seconds before the second and each later attempt: ten attempts in all, over some three days.
pub const DELAYS: [u64; 9] = [
    5,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
];

/// Longest wait that a receiver can ask for.
pub const LONGEST: Duration = Duration::from_secs(24 * HOUR);

/// HTTP 410: the receiver wants nothing any more.
const GONE: u16 = 410;

/// What comes after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The receiver has it.
    Delivered,
    /// Nothing: a dead letter.
    Dead,
    /// Nothing, for this one and all others.
    Gone,
    /// Another attempt, after this time.
    Again(Duration),
}

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// In a word.
    pub outcome: WebhookOutcome,
    /// Its HTTP status; 0 where there was no answer.
    pub status: u16,
    /// How long the receiver asks to wait.
    pub retry_after: Option<Duration>,
}

/// What comes after this answer, `failures` before it. `jitter` is random, so that receivers that
/// failed together are not tried together; a ping is tried once.
pub fn next(answer: &Answer, failures: i32, is_ping: bool, jitter: u16) -> Next {
    if answer.outcome == WebhookOutcome::Accepted {
        return Next::Delivered;
    }
    if answer.status == GONE {
        return Next::Gone;
    }
    let delay = usize::try_from(failures)
        .ok()
        .and_then(|failures| DELAYS.get(failures));
    match delay {
        Some(seconds) if !is_ping => {
            let delay = spread(Duration::from_secs(*seconds), jitter);
            let asked = answer.retry_after.unwrap_or_default().min(LONGEST);
            Next::Again(delay.max(asked))
        }
        _ => Next::Dead,
    }
}

/// Up to a tenth shorter or longer.
fn spread(delay: Duration, jitter: u16) -> Duration {
    let tenth = delay / 10;
    delay - tenth + tenth * 2 * u32::from(jitter) / u32::from(u16::MAX)
}

/// The seconds of `Retry-After`; dates are not read (RFC 9110 §10.2.3 leaves them to the sender).
pub fn retry_after(value: &str) -> Option<Duration> {
    value.trim().parse().ok().map(Duration::from_secs)
}
