//! Whether jobs do what they are there for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    clock::Clock,
    telemetry::{
        Counter, KeyValue,
        instruments::{JOB_FAILURES, JOB_OVERDUE},
        meter,
    },
};

/// Counts what goes wrong with one job.
#[derive(Clone)]
pub(super) struct Failures {
    job: KeyValue,
    counter: Counter<u64>,
}

impl Failures {
    pub(super) fn of(job: &str) -> Self {
        Self {
            job: KeyValue::new("kefu.job.name", job.to_owned()),
            counter: JOB_FAILURES.counter(&meter()),
        }
    }

    /// So many that ended like this; none lets them be seen from the start.
    pub(super) fn count(&self, outcome: &'static str, number: u64) {
        let outcome = KeyValue::new("kefu.job.outcome", outcome);
        self.counter.add(number, &[self.job.clone(), outcome]);
    }
}

/// Told how the looks of a job went that looks every so often; shows by how much it is
/// late with a good one. Cheap to clone.
#[derive(Clone)]
pub struct Beat {
    clock: Arc<dyn Clock>,
    /// Of the last good look, in microseconds since 1970.
    good_at: Arc<AtomicI64>,
    failures: Failures,
}

impl Beat {
    /// Of the job of this name, whose first look is due now.
    pub fn new(job: &str, clock: Arc<dyn Clock>, every: Duration) -> Self {
        let good_at = Arc::new(AtomicI64::new(clock.now().as_microsecond()));
        let failures = Failures::of(job);
        failures.count("failed", 0);
        JOB_OVERDUE.observe(&meter(), vec![failures.job.clone()], {
            let (clock, good_at) = (clock.clone(), good_at.clone());
            move || Some(overdue(clock.now(), good_at.load(Ordering::Relaxed), every))
        });
        Self {
            clock,
            good_at,
            failures,
        }
    }

    /// A look has ended, well or not.
    pub fn looked(&self, well: bool) {
        if well {
            let now = self.clock.now().as_microsecond();
            self.good_at.store(now, Ordering::Relaxed);
        } else {
            self.failures.count("failed", 1);
        }
    }
}

/// Seconds past the moment at which the next good look should have ended.
fn overdue(now: Timestamp, good_at: i64, every: Duration) -> f64 {
    let since = now.as_microsecond().saturating_sub(good_at).max(0) as f64 / 1e6;
    (since - every.as_secs_f64()).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_late_from_the_end_of_its_interval_on() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let every = Duration::from_secs(10);
        assert_eq!(overdue(at(9), 0, every), 0.0);
        assert_eq!(overdue(at(10), 0, every), 0.0);
        assert_eq!(overdue(at(13), 0, every), 3.0);
        assert_eq!(overdue(at(0), 60_000_000, every), 0.0, "clock turned back");
    }
}
