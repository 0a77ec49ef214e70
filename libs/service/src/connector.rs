//! The way to a connector of the company's, over gRPC: each call has a deadline and is signed like
//! every call between services, so that a connector can tell who asks.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tonic::{Code, Request, Status};

use crate::{core::Core, error::Fault, peer::PeerService};

/// The way to one.
#[derive(Clone)]
pub struct Line {
    peer: PeerService,
    timeout: Duration,
}

impl Line {
    /// The way to this URI; none where it is empty.
    ///
    /// # Errors
    /// When it is no URI, or http where TLS is asked for.
    pub fn to(uri: &str, timeout_ms: u64, core: &Core) -> Result<Option<Self>, Fault> {
        if uri.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            peer: core.identity.calling(core.deps.connectors.to(uri)?),
            timeout: Duration::from_millis(timeout_ms),
        }))
    }

    /// Whom a client of the contract calls.
    #[must_use]
    pub fn peer(&self) -> PeerService {
        self.peer.clone()
    }

    /// What is sent, with its deadline.
    pub fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }

    /// What comes back in time.
    ///
    /// # Errors
    /// What the connector says instead, or that it says nothing in time.
    pub async fn heard<T>(
        &self,
        answer: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Code> {
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(status)) => Err(status.code()),
            Err(_) => Err(Code::DeadlineExceeded),
        }
    }
}

/// Most characters of what a connector finds something again by.
pub const LONGEST_REFERENCE: usize = 200;

/// Whether a connector may find something again by this.
#[must_use]
pub fn is_reference(text: &str) -> bool {
    text.chars().count() <= LONGEST_REFERENCE && !text.chars().any(char::is_control)
}

/// Why a connector did not take what it was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// It was not reached, or did not answer in time: it is asked again.
    Silent,
    /// It will not, or its answer is none of those that there are.
    Refused,
}

impl From<Code> for NotTaken {
    fn from(code: Code) -> Self {
        match is_silence(code) {
            true => Self::Silent,
            false => Self::Refused,
        }
    }
}

/// Whether asking again may help.
#[must_use]
pub fn is_silence(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::Aborted
            | Code::Unknown
            | Code::ResourceExhausted
            | Code::Internal
    )
}

/// How long a connector that does not answer is asked: each pause twice the one before it.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Pause after it was asked for the first time.
    pub first: SignedDuration,
    /// No pause is longer.
    pub longest: SignedDuration,
    /// From then on it is asked no more.
    pub whole: SignedDuration,
}

impl Patience {
    /// When a connector that was asked so often since then for nothing is asked again; `None`: no
    /// more.
    #[must_use]
    pub fn next(&self, since: Timestamp, attempts: i32, now: Timestamp) -> Option<Timestamp> {
        let until = since.saturating_add(self.whole).ok()?;
        if now >= until {
            return None;
        }
        let doubled = u32::try_from(attempts.clamp(1, 16) - 1).unwrap_or_default();
        let pause = (self.first * 2_i32.pow(doubled)).min(self.longest);
        now.saturating_add(pause).ok().map(|at| at.min(until))
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_760_000_000, 0);

    proptest! {
        /// Clause SG-2.4: a connector is asked for a day, ever more seldom, and then no more.
        #[test]
        fn a_connector_is_asked_for_a_day(first in 30..=60_i64, longest in 2..=4_i64, late in 0..100_i64) {
            let patience = Patience {
                first: SignedDuration::from_secs(first),
                longest: SignedDuration::from_hours(longest),
                whole: SignedDuration::from_hours(24),
            };
            let (mut now, mut attempts, mut pauses) = (NOW, 0, Vec::new());
            loop {
                attempts += 1;
                // Each answer takes its time.
                now += SignedDuration::from_secs(late);
                let Some(next) = patience.next(NOW, attempts, now) else { break };
                prop_assert!(next > now && next <= NOW + 24.hours());
                pauses.push(next.duration_since(now));
                now = next;
            }
            prop_assert!(now >= NOW + 24.hours());
            prop_assert!((8..30).contains(&attempts));
            // But for the last, which the end of the day cuts short.
            prop_assert!(pauses[..pauses.len() - 1].is_sorted());
        }
    }
}
