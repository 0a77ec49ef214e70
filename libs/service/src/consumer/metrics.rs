//! How far behind another service's journal this one is.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::Timestamp;

use crate::{
    clock::Clock,
    telemetry::{
        Counter, KeyValue,
        instruments::{CONSUMER_BREAKS, CONSUMER_ENTRIES, CONSUMER_LAG},
        meter,
    },
};

/// Of one journal that is followed. Cheap to clone.
#[derive(Clone)]
pub(super) struct Metrics {
    source: KeyValue,
    /// Up to here all has taken effect, in microseconds since 1970.
    reached: Arc<AtomicI64>,
    entries: Counter<u64>,
    breaks: Counter<u64>,
}

impl Metrics {
    /// Nothing is known before now: a journal that is never heard is ever further away.
    pub(super) fn new(source: &'static str, clock: Arc<dyn Clock>) -> Self {
        let (meter, source) = (meter(), KeyValue::new("kefu.journal.source", source));
        let reached = Arc::new(AtomicI64::new(clock.now().as_microsecond()));
        let metrics = Self {
            source: source.clone(),
            reached: reached.clone(),
            entries: CONSUMER_ENTRIES.counter(&meter),
            breaks: CONSUMER_BREAKS.counter(&meter),
        };
        // There from the start, so that the first one is seen to come.
        metrics.breaks.add(0, std::slice::from_ref(&metrics.source));
        CONSUMER_LAG.observe(&meter, vec![source], move || {
            Some(lag(clock.now(), reached.load(Ordering::Relaxed)))
        });
        metrics
    }

    /// So many entries took effect, the last of them of this moment.
    pub(super) fn took_effect(&self, count: usize, recorded_at: Option<Timestamp>) {
        self.entries
            .add(count as u64, std::slice::from_ref(&self.source));
        if let Some(at) = recorded_at {
            self.reached.store(at.as_microsecond(), Ordering::Relaxed);
        }
    }

    /// All of before this moment has taken effect.
    pub(super) fn current(&self, at: Timestamp) {
        self.reached.store(at.as_microsecond(), Ordering::Relaxed);
    }

    /// The feed broke off.
    pub(super) fn broke_off(&self) {
        self.breaks.add(1, std::slice::from_ref(&self.source));
    }
}

/// In seconds; none where the clocks of two machines differ.
fn lag(now: Timestamp, reached: i64) -> f64 {
    let behind = now.as_microsecond().saturating_sub(reached);
    behind.max(0) as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_in_seconds_and_never_below_nothing() {
        let now = Timestamp::from_microsecond(2_500_000).unwrap();
        assert_eq!(lag(now, 1_000_000), 1.5);
        assert_eq!(lag(now, 9_000_000), 0.0);
    }
}
