//! How many calls at one time, how many a second for one subject, and how many
//! refusals of strangers are journaled.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

/// Calls under way, over all connections: tonic's own limit is per connection.
pub(crate) struct Load(Arc<Semaphore>);

impl Load {
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))))
    }

    /// A place, given back when it is dropped; none rather than a queue, because
    /// who waits in a queue has often left before it is served.
    pub(crate) fn admit(&self) -> Option<OwnedSemaphorePermit> {
        self.0.clone().try_acquire_owned().ok()
    }
}

/// Over the subject's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limited {
    /// When there is a place again.
    pub(crate) retry_after: Duration,
    /// The subject's first in this second: one a second is journaled, so that a
    /// loop gone wild is seen without filling the journal.
    pub(crate) first: bool,
}

const SHARDS: usize = 64;
/// Subjects in a shard before those at rest are forgotten.
const CROWD: usize = 1024;
const SECOND: i64 = 1_000_000_000;

/// A token bucket for each subject, as GCRA: one number says when the bucket would be
/// full again, so that subjects at rest need no entry. Sharded by subject, so that
/// calls do not wait for each other.
///
/// Where there are several gateways each has its part of both, so that what a subject may make
/// of all of them is the same.
pub(crate) struct Rates {
    /// Nanoseconds that one call takes out.
    cost: i64,
    /// Calls that a rested subject has.
    burst: u32,
    gateways: AtomicU32,
    shards: Box<[Mutex<Shard>]>,
}

struct Shard {
    buckets: HashMap<Uuid, Bucket>,
    crowd: usize,
}

struct Bucket {
    full_at: i64,
    noted_at: i64,
}

impl Rates {
    pub(crate) fn new(calls_per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        // One call a nanosecond is the most that the clock tells apart.
        let cost = (SECOND / i64::from(calls_per_second.get())).max(1);
        let shard = || {
            Mutex::new(Shard {
                buckets: HashMap::new(),
                crowd: CROWD,
            })
        };
        Self {
            cost,
            burst: burst.get(),
            gateways: AtomicU32::new(1),
            shards: (0..SHARDS).map(|_| shard()).collect(),
        }
    }

    /// So many gateways there are.
    pub(crate) fn share_among(&self, gateways: NonZeroU32) {
        self.gateways.store(gateways.get(), Ordering::Relaxed);
    }

    /// Takes one call out of the subject's bucket.
    pub(crate) fn take(&self, subject: Uuid, now: Timestamp) -> Result<(), Limited> {
        let now = nanoseconds(now);
        let gateways = self.gateways.load(Ordering::Relaxed);
        let cost = self.cost.saturating_mul(i64::from(gateways));
        // One call is the least that there can be.
        let burst = cost.saturating_mul(i64::from((self.burst / gateways).max(1)));
        // The last byte is random in every version of UUID that we see.
        let shard = &self.shards[usize::from(subject.as_bytes()[15]) % SHARDS];
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.make_room(now);
        let empty = Bucket {
            full_at: now,
            noted_at: i64::MIN,
        };
        let bucket = shard.buckets.entry(subject).or_insert(empty);
        bucket.take(now, cost, burst)
    }
}

impl Shard {
    fn make_room(&mut self, now: i64) {
        if self.buckets.len() >= self.crowd {
            self.buckets.retain(|_, bucket| bucket.full_at > now);
            self.crowd = CROWD.max(self.buckets.len() * 2);
        }
    }
}

impl Bucket {
    fn take(&mut self, now: i64, cost: i64, burst: i64) -> Result<(), Limited> {
        // Fuller than a bucket can be: the clock was turned back. Not by little: calls at the same
        // time come here in another order than they were timed in.
        if self.full_at > now.saturating_add(burst).saturating_add(SECOND) {
            self.full_at = now;
        }
        let full_at = self.full_at.max(now) + cost;
        let over = full_at - now - burst;
        if over <= 0 {
            self.full_at = full_at;
            return Ok(());
        }
        let first = self.noted_at.saturating_add(SECOND) <= now || self.noted_at > now;
        if first {
            self.noted_at = now;
        }
        Err(Limited {
            retry_after: Duration::from_nanos(over.unsigned_abs()),
            first,
        })
    }
}

fn nanoseconds(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX / 2)
}

/// So many a second for all together.
pub(crate) struct Budget {
    per_second: u32,
    used: Mutex<(i64, u32)>,
}

impl Budget {
    pub(crate) fn new(per_second: u32) -> Self {
        Self {
            per_second,
            used: Mutex::new((i64::MIN, 0)),
        }
    }

    /// Whether there is one left in this second.
    pub(crate) fn spend(&self, now: Timestamp) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.0 != now.as_second() {
            *used = (now.as_second(), 0);
        }
        let left = used.1 < self.per_second;
        used.1 += u32::from(left);
        left
    }
}

#[cfg(test)]
mod tests;
