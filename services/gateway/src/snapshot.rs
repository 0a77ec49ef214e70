//! The policy as the gateway holds it, and the job that keeps it up to date.
//!
//! Access-control streams the whole policy, then each change, and a heartbeat every
//! second. When the stream has been silent past its bound, nothing is decided any
//! more: a policy that may have been revoked meanwhile protects nobody.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, Guard};
use jiff::Timestamp;
use kefu_access::{Snapshot, SnapshotError};
use kefu_contracts::access::{
    WatchSnapshotRequest, WatchSnapshotResponse, snapshot_service_client::SnapshotServiceClient,
};
use kefu_service::{
    clock::Clock,
    error::Fault,
    host::Job,
    peer::PeerService,
    telemetry::{
        instruments::{SNAPSHOT_AGE, SNAPSHOT_MAX_AGE, SNAPSHOT_REVISION},
        meter,
    },
};
use thiserror::Error;
use tokio::sync::watch;
use tonic::Status;

use crate::{
    config::GatewayConfig,
    error::policy_stale,
    patience::{Backoff, within},
};

/// Ten thousand employees with their bindings are some four megabytes.
const LARGEST_MESSAGE: usize = 256 * 1024 * 1024;
const NEVER: i64 = i64::MIN;

/// The policy at one moment.
pub(crate) struct Held {
    pub(crate) snapshot: Snapshot,
    /// Moves with whatever may change a decision: with each revision, and with each
    /// full snapshot, whose revision may be the old one after a restore.
    pub(crate) generation: u64,
}

/// The policy that is decided upon.
pub(crate) struct Policy {
    held: ArcSwap<Held>,
    /// Moment of the last message, in microseconds since 1970.
    heard_at: AtomicI64,
    moved: watch::Sender<()>,
    max_age: Duration,
    /// When it began to be waited for.
    since: Timestamp,
    clock: Arc<dyn Clock>,
}

/// Why the stream is given up and begun anew.
#[derive(Debug, Error)]
enum Broken {
    #[error("{} {}", .0.code(), .0.message())]
    Refused(#[from] Status),
    #[error("{0}")]
    Unusable(#[from] SnapshotError),
    #[error("stream begins with a delta")]
    NotFull,
    #[error("stream has ended")]
    Ended,
    #[error("stream is silent")]
    Silent,
}

impl Policy {
    /// None yet: until the first message comes, nothing is decided.
    pub(crate) fn new(config: &GatewayConfig, clock: Arc<dyn Clock>) -> Arc<Self> {
        let none = Held {
            snapshot: Snapshot::default(),
            generation: 0,
        };
        Arc::new(Self {
            held: ArcSwap::from_pointee(none),
            heard_at: AtomicI64::new(NEVER),
            moved: watch::Sender::new(()),
            max_age: config.max_snapshot_age(),
            since: clock.now(),
            clock,
        })
    }

    /// The policy, when it is young enough to decide upon.
    ///
    /// # Errors
    /// `POLICY_STALE`
    pub(crate) fn current(&self, now: Timestamp) -> Result<Guard<Arc<Held>>, Fault> {
        let heard_at = self.heard_at.load(Ordering::Acquire);
        let max_age = i64::try_from(self.max_age.as_micros()).unwrap_or(i64::MAX);
        if heard_at == NEVER || now.as_microsecond().saturating_sub(heard_at) > max_age {
            return Err(policy_stale());
        }
        Ok(self.held.load())
    }

    /// Ends when there is one, or when as much time has gone by as it may be old: who is called
    /// then says that it knows none.
    pub(crate) async fn known(self: Arc<Self>) {
        let mut moved = self.moved();
        let bound = self.max_age;
        within(self.clock.as_ref(), bound, async {
            while self.heard_at.load(Ordering::Acquire) == NEVER && moved.changed().await.is_ok() {}
        })
        .await;
    }

    /// Tells whenever the generation has moved.
    pub(crate) fn moved(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }

    /// First moment at which the policy is too old, if nothing more is heard.
    pub(crate) fn stale_at(&self) -> Timestamp {
        let heard_at = self.heard_at.load(Ordering::Acquire);
        let max_age = i64::try_from(self.max_age.as_micros()).unwrap_or(i64::MAX);
        let at = heard_at.saturating_add(max_age).saturating_add(1);
        Timestamp::from_microsecond(at).unwrap_or(Timestamp::MAX)
    }

    /// Lets be seen how old it is, and which one.
    pub(crate) fn measure(self: &Arc<Self>) {
        let (meter, most) = (meter(), self.max_age.as_secs_f64());
        let (aged, held) = (self.clone(), self.clone());
        SNAPSHOT_AGE.observe(&meter, Vec::new(), move || Some(aged.age()));
        SNAPSHOT_MAX_AGE.observe(&meter, Vec::new(), move || Some(most));
        SNAPSHOT_REVISION.observe(&meter, Vec::new(), move || {
            Some(held.held.load().snapshot.revision() as f64)
        });
    }

    /// Seconds since it was last heard of; while it never was, since it is waited for.
    fn age(&self) -> f64 {
        // What stands for never is no moment.
        let heard_at = Timestamp::from_microsecond(self.heard_at.load(Ordering::Acquire));
        let since = heard_at.unwrap_or(self.since);
        self.clock.now().duration_since(since).as_secs_f64()
    }

    /// Takes in one message. Only the watcher does, one at a time.
    pub(crate) fn take(&self, message: &WatchSnapshotResponse) -> Result<(), SnapshotError> {
        let held = self.held.load();
        let moved = !is_heartbeat(message, held.snapshot.revision());
        if moved {
            // Beside the one that is decided upon: its parts are shared, so a copy is cheap.
            let mut snapshot = held.snapshot.clone();
            snapshot.apply(message)?;
            let generation = held.generation + 1;
            self.held.store(Arc::new(Held {
                snapshot,
                generation,
            }));
        }
        self.heard_at
            .store(self.clock.now().as_microsecond(), Ordering::Release);
        if moved {
            self.moved.send_replace(());
        }
        Ok(())
    }

    /// The job that follows the policy until it is stopped.
    pub(crate) fn follow(self: &Arc<Self>, peer: PeerService) -> Job {
        let policy = self.clone();
        Job::new("policy snapshot", move |stop| {
            let (policy, peer) = (policy.clone(), peer.clone());
            Box::pin(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = policy.watch_forever(peer) => {}
                }
            })
        })
    }

    async fn watch_forever(&self, peer: PeerService) {
        let mut client =
            SnapshotServiceClient::new(peer).max_decoding_message_size(LARGEST_MESSAGE);
        let mut backoff = Backoff::new();
        loop {
            let broken = self.watch(&mut client, &mut backoff).await;
            tracing::warn!(%broken, "policy stream is begun anew");
            backoff.pause(&*self.clock).await;
        }
    }

    /// Follows one stream until it breaks.
    async fn watch(&self, client: &mut Client, backoff: &mut Backoff) -> Broken {
        let Err(broken) = self.watch_stream(client, backoff).await;
        broken
    }

    async fn watch_stream(
        &self,
        client: &mut Client,
        backoff: &mut Backoff,
    ) -> Result<std::convert::Infallible, Broken> {
        // A connection can be dead without saying so: half the bound is for noticing,
        // half for a new stream.
        let patience = self.max_age / 2;
        let stream = within(
            &*self.clock,
            patience,
            client.watch_snapshot(WatchSnapshotRequest {}),
        );
        let mut stream = stream.await.ok_or(Broken::Silent)??.into_inner();
        let mut begun = false;
        loop {
            let message = within(&*self.clock, patience, stream.message());
            let message = message.await.ok_or(Broken::Silent)??.ok_or(Broken::Ended)?;
            // What was revoked while we did not listen is in no delta.
            if !begun && !message.full {
                return Err(Broken::NotFull);
            }
            self.take(&message)?;
            if !begun {
                tracing::info!(revision = message.revision, "policy is followed");
                backoff.reset();
                begun = true;
            }
        }
    }
}

type Client = SnapshotServiceClient<PeerService>;

/// Nothing new: only that the stream is alive.
fn is_heartbeat(message: &WatchSnapshotResponse, revision: i64) -> bool {
    !message.full
        && message.revision == revision
        && message.departments.is_empty()
        && message.subjects.is_empty()
        && message.roles.is_empty()
        && message.bindings.is_empty()
        && message.removed_binding_ids.is_empty()
        && message.grants.is_empty()
        && message.removed_grant_ids.is_empty()
}
