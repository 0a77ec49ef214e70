//! What is measured of calls and decisions; what is looked at from time to time is
//! registered by its owners (`snapshot`, `refusals`).

use kefu_access::{Purpose, purpose_name};
use kefu_service::{
    error::{Fault, reason_name},
    telemetry::{Counter, KeyValue, RequestMetrics, instruments::DECISIONS, meter},
};

/// Counts calls and decisions.
pub(crate) struct Metrics {
    pub(crate) calls: RequestMetrics,
    decisions: Counter<u64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            calls: RequestMetrics::new(),
            decisions: DECISIONS.counter(&meter()),
        }
    }

    /// A call was decided upon: allowed, or refused with this fault.
    pub(crate) fn decided(&self, purpose: Purpose, refused: Option<&Fault>) {
        let decision = refused.map_or("ALLOWED", |fault| reason_name(fault.reason));
        self.decisions.add(
            1,
            &[
                KeyValue::new("kefu.decision", decision),
                KeyValue::new("kefu.purpose", purpose_name(purpose)),
            ],
        );
    }
}
