//! Rate, errors and duration of calls.

use std::{sync::Arc, time::Instant};

use opentelemetry::{
    KeyValue, global,
    metrics::{Histogram, Meter, UpDownCounter},
};
use tonic::Code;

use crate::{clock::Clock, position::Progress};

/// Upper bounds of the duration's buckets, in seconds, as OpenTelemetry advises.
const BOUNDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// Tells for each journal that a service follows how long ago it was last read to its end:
/// `kefu.journal.lag` in seconds, by `kefu.journal.source`. A journal that was not yet read to
/// its end tells nothing. To be called after [`init`](super::init).
pub(crate) fn observe_lag(progress: Progress, clock: Arc<dyn Clock>) {
    observe_lag_of(&global::meter("kefu"), progress, clock);
}

pub(super) fn observe_lag_of(meter: &Meter, progress: Progress, clock: Arc<dyn Clock>) {
    meter
        .f64_observable_gauge("kefu.journal.lag")
        .with_unit("s")
        .with_description("time since a journal that is followed was last read to its end")
        .with_callback(move |observer| {
            let now = clock.now();
            for (source, caught_up_at) in progress.caught_up_times() {
                if let Some(at) = caught_up_at {
                    let lag = now.duration_since(at).as_secs_f64().max(0.0);
                    observer.observe(lag, &[KeyValue::new("kefu.journal.source", source)]);
                }
            }
        })
        .build();
}

/// Counts and times calls: `rpc.server.duration` in seconds, by `rpc.method` and
/// `rpc.grpc.status_code`, and `rpc.server.active_requests` by `rpc.method`.
/// Cheap to clone.
#[derive(Clone)]
pub struct RequestMetrics {
    duration: Histogram<f64>,
    active: UpDownCounter<i64>,
}

impl RequestMetrics {
    /// Measures into the process's meter; make it after [`init`](super::init),
    /// one made before measures into nothing.
    #[expect(
        clippy::new_without_default,
        reason = "what it measures into depends on when it is made"
    )]
    pub fn new() -> Self {
        Self::of(&global::meter("kefu"))
    }

    /// Measures into this meter.
    pub fn of(meter: &Meter) -> Self {
        let duration = meter
            .f64_histogram("rpc.server.duration")
            .with_unit("s")
            .with_description("duration of calls answered")
            .with_boundaries(BOUNDS.to_vec())
            .build();
        let active = meter
            .i64_up_down_counter("rpc.server.active_requests")
            .with_unit("{request}")
            .with_description("calls under way")
            .build();
        Self { duration, active }
    }

    /// A call begins. `method` is its path, from the method table: a path as the
    /// client sends it would make a series of every typing error.
    pub fn start(&self, method: &'static str) -> ActiveRequest {
        let method = KeyValue::new("rpc.method", method.trim_start_matches('/'));
        self.active.add(1, std::slice::from_ref(&method));
        ActiveRequest {
            metrics: self.clone(),
            method,
            code: Code::Cancelled,
            since: Instant::now(),
        }
    }
}

/// A call under way; it ends when this is dropped, as CANCELLED if nobody has
/// said how.
#[must_use = "the call ends when this is dropped"]
pub struct ActiveRequest {
    metrics: RequestMetrics,
    method: KeyValue,
    code: Code,
    since: Instant,
}

impl ActiveRequest {
    /// The call ends with this code.
    pub fn finish(mut self, code: Code) {
        self.code = code;
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.metrics
            .active
            .add(-1, std::slice::from_ref(&self.method));
        let code = KeyValue::new("rpc.grpc.status_code", self.code as i64);
        self.metrics.duration.record(
            self.since.elapsed().as_secs_f64(),
            &[self.method.clone(), code],
        );
    }
}
