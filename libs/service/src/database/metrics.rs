//! What is measured of the pool.

use std::time::Instant;

use deadpool::{
    Status,
    managed::{Pool, PoolError},
};

use super::pool::Connections;
use crate::telemetry::{
    Counter, Histogram, KeyValue,
    instruments::{POOL_COUNT, POOL_MAX, POOL_PENDING, POOL_TIMEOUTS, POOL_WAIT},
    meter,
};

/// Of one pool. Cheap to clone.
#[derive(Clone)]
pub(super) struct Metrics {
    pool: KeyValue,
    wait: Histogram<f64>,
    timeouts: Counter<u64>,
}

impl Metrics {
    /// Named by the schema; lets the pool be seen for as long as there is one.
    pub(super) fn new(pool: &Pool<Connections>, schema: &'static str) -> Self {
        let meter = meter();
        let name = KeyValue::new("db.client.connection.pool.name", schema);
        let look = |of: fn(&Status) -> usize| {
            let pool = pool.weak();
            move || Some(of(&pool.upgrade()?.status()) as f64)
        };
        let state = |state: &'static str| {
            let state = KeyValue::new("db.client.connection.state", state);
            vec![name.clone(), state]
        };
        POOL_COUNT.observe(&meter, state("used"), look(used));
        POOL_COUNT.observe(&meter, state("idle"), look(|status| status.available));
        POOL_MAX.observe(&meter, vec![name.clone()], look(|status| status.max_size));
        POOL_PENDING.observe(&meter, vec![name.clone()], look(|status| status.waiting));
        let timeouts = POOL_TIMEOUTS.counter(&meter);
        // There from the start, so that the first one is seen to come.
        timeouts.add(0, std::slice::from_ref(&name));
        Self {
            wait: POOL_WAIT.histogram(&meter),
            timeouts,
            pool: name,
        }
    }

    /// A use waited since then, and had its connection or had none.
    pub(super) fn waited<T>(&self, since: Instant, outcome: &Result<T, PoolError<sqlx::Error>>) {
        let pool = std::slice::from_ref(&self.pool);
        match outcome {
            Ok(_) => self.wait.record(since.elapsed().as_secs_f64(), pool),
            // None came free, or none could be made: the use went without either way.
            Err(PoolError::Timeout(_) | PoolError::Backend(_) | PoolError::PostCreateHook(_)) => {
                self.timeouts.add(1, pool);
            }
            Err(PoolError::Closed | PoolError::NoRuntimeSpecified) => {}
        }
    }
}

fn used(status: &Status) -> usize {
    status.size.saturating_sub(status.available)
}
