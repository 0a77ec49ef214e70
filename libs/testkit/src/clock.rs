use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use kefu_service::clock::{Clock, SystemClock, Wait};
use tokio::sync::watch;

/// Time goes on by itself and can be turned: what the suite does on its own goes
/// on, and a test need not wait for a month to pass.
#[derive(Clone)]
pub struct TurnableClock {
    ahead_micros: Arc<AtomicI64>,
    turned: watch::Sender<()>,
}

impl Default for TurnableClock {
    fn default() -> Self {
        Self {
            ahead_micros: Arc::default(),
            turned: watch::Sender::new(()),
        }
    }
}

impl TurnableClock {
    /// Turns the clock on.
    pub fn advance(&self, by: Duration) {
        self.ahead_micros
            .fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
        self.turned.send_replace(());
    }
}

impl Clock for TurnableClock {
    fn now(&self) -> Timestamp {
        let ahead = jiff::SignedDuration::from_micros(self.ahead_micros.load(Ordering::SeqCst));
        SystemClock.now() + ahead
    }

    fn sleep_until(&self, at: Timestamp) -> Wait {
        let clock = self.clone();
        Box::pin(async move {
            let mut turned = clock.turned.subscribe();
            while let Ok(left) = Duration::try_from(at.duration_since(clock.now())) {
                if left.is_zero() {
                    break;
                }
                tokio::select! {
                    () = tokio::time::sleep(left) => {}
                    _ = turned.changed() => {}
                }
            }
        })
    }
}
