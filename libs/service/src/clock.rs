//! Time comes in from outside, so that tests can turn it.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::oneshot;

/// A future that ends when a moment has come.
pub type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells the time and waits for it.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// Ends when `now()` has reached `at`; at once when it already has.
    fn sleep_until(&self, at: Timestamp) -> Wait;
}

/// Waits for so long by this clock.
pub fn sleep(clock: &dyn Clock, duration: Duration) -> Wait {
    let at = clock.now().checked_add(duration).unwrap_or(Timestamp::MAX);
    clock.sleep_until(at)
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clock"
    )]
    fn now(&self) -> Timestamp {
        // PostgreSQL keeps microseconds: what is stored must equal what was said.
        let now = Timestamp::now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    fn sleep_until(&self, at: Timestamp) -> Wait {
        let clock = *self;
        Box::pin(async move {
            // The machine's clock can jump: look again each second at the most.
            while let Ok(left) = Duration::try_from(at.duration_since(clock.now())) {
                if left.is_zero() {
                    break;
                }
                tokio::time::sleep(left.min(Duration::from_secs(1))).await;
            }
        })
    }
}

/// A clock that stands still until it is turned.
#[derive(Clone)]
pub struct ManualClock {
    state: Arc<Mutex<ManualState>>,
}

struct ManualState {
    now: Timestamp,
    waiting: BTreeMap<Timestamp, Vec<oneshot::Sender<()>>>,
}

impl ManualClock {
    /// A clock that reads `now`.
    pub fn at(now: Timestamp) -> Self {
        let waiting = BTreeMap::new();
        Self {
            state: Arc::new(Mutex::new(ManualState { now, waiting })),
        }
    }

    /// Turns it on and wakes whoever waited for a moment now come.
    pub fn advance(&self, by: Duration) {
        let to = self.now().checked_add(by).unwrap_or(Timestamp::MAX);
        self.set(to);
    }

    /// Turns it to a moment, back as well as on.
    pub fn set(&self, to: Timestamp) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.now = to;
        let later = state.waiting.split_off(&to);
        let mut due = std::mem::replace(&mut state.waiting, later);
        if let Some(exactly) = state.waiting.remove(&to) {
            due.insert(to, exactly);
        }
        for waiter in due.into_values().flatten() {
            // Whoever stopped waiting is not missed.
            let _ = waiter.send(());
        }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .now
    }

    fn sleep_until(&self, at: Timestamp) -> Wait {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if at <= state.now {
            return Box::pin(std::future::ready(()));
        }
        let (wake, woken) = oneshot::channel();
        state.waiting.entry(at).or_default().push(wake);
        Box::pin(async move {
            // A dropped clock never comes to that moment.
            if woken.await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_turned_clock_wakes_exactly_who_is_due() {
        let start = Timestamp::UNIX_EPOCH;
        let clock = ManualClock::at(start);
        let soon = tokio::spawn(clock.sleep_until(start + Duration::from_secs(10)));
        let later = tokio::spawn(clock.sleep_until(start + Duration::from_secs(11)));
        clock.advance(Duration::from_secs(10));
        soon.await.unwrap();
        assert!(!later.is_finished());
        clock.advance(Duration::from_secs(1));
        later.await.unwrap();
    }
}
