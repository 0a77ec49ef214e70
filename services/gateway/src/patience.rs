//! Waiting by the injected clock: with a bound, and longer each time.

use std::{future::Future, time::Duration};

use kefu_service::clock::{Clock, sleep};

/// What the future gives, unless the bound passes first.
pub(crate) async fn within<T>(
    clock: &dyn Clock,
    bound: Duration,
    future: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        // What is already there counts also when the time is up.
        biased;
        value = future => Some(value),
        () = sleep(clock, bound) => None,
    }
}

/// Pauses between attempts, doubled each time up to a bound.
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    /// Short beside the age that a policy may have: when access-control is back,
    /// all must soon be as before.
    const LONGEST: Duration = Duration::from_secs(2);

    pub(crate) fn new() -> Self {
        Self { next: Self::FIRST }
    }

    /// The attempt succeeded: the next failure is a first one.
    pub(crate) fn reset(&mut self) {
        self.next = Self::FIRST;
    }

    /// Waits before the next attempt.
    pub(crate) async fn pause(&mut self, clock: &dyn Clock) {
        let pause = self.next;
        self.next = (pause * 2).min(Self::LONGEST);
        sleep(clock, pause).await;
    }
}
