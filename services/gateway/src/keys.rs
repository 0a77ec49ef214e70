//! Which of the issuer's keys are believed now: those of the configuration for good, or
//! those that the issuer publishes, fetched again and again.
//!
//! A key that the issuer no longer publishes is believed no longer: everything that
//! rests on a set carries its generation, which moves when the set does. When the issuer
//! is gone, the last good set stays in use within its bound, and then no token is
//! believed at all: keys that may have been withdrawn meanwhile protect nobody.

use std::{sync::Arc, time::Duration};

use arc_swap::{ArcSwap, Guard};
use jiff::Timestamp;
use kefu_service::{
    clock::{Clock, sleep},
    error::Fault,
    host::Job,
};
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::{Instant, timeout_at},
};

use crate::{
    config::GatewayConfig,
    issuer::{FetchError, Issuer},
    jwks::KeySet,
    patience::within,
};

/// How long one fetch may take, discovery and key set together.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two fetches, whoever asks for them and whatever came of the last: tokens with
/// made-up key names must not become a flood at the issuer's door.
const RARELY: Duration = Duration::from_secs(5);
/// Calls that wait for a fetch at one time, so that strangers cannot take all places.
const WAITING: usize = 64;

/// The keys at one moment.
pub(crate) struct Held {
    /// None until the issuer has answered for the first time.
    set: Option<Arc<KeySet>>,
    /// Moves with the set.
    pub(crate) generation: u64,
    /// First moment at which the set is too old.
    pub(crate) until: Timestamp,
}

impl Held {
    /// The set, when it is young enough to believe a token by.
    pub(crate) fn set(&self, now: Timestamp) -> Option<&KeySet> {
        self.set.as_deref().filter(|_| now < self.until)
    }
}

/// The keys that are believed.
pub(crate) struct Keys {
    held: ArcSwap<Held>,
    moved: watch::Sender<()>,
    followed: Option<Followed>,
}

/// Keys that are fetched.
struct Followed {
    issuer: Issuer,
    clock: Arc<dyn Clock>,
    refresh: Duration,
    max_age: Duration,
    asked: Notify,
    progress: watch::Sender<Progress>,
    waiting: Semaphore,
}

#[derive(Debug, Clone, Copy)]
struct Progress {
    attempts: u64,
    under_way: bool,
    failed: bool,
    /// First moment at which asking for a fetch has an effect.
    next: Timestamp,
}

impl Keys {
    /// The configured keys, or none yet when they are to be fetched.
    ///
    /// # Errors
    /// When the configured set is not one to rely upon, or a place to fetch from is none.
    pub(crate) fn new(config: &GatewayConfig, clock: Arc<dyn Clock>) -> Result<Arc<Self>, Fault> {
        let issuer = Issuer::new(config)?;
        let held = Held {
            set: match &issuer {
                None => Some(Arc::new(config.keys()?)),
                Some(_) => None,
            },
            generation: 0,
            until: Timestamp::MAX,
        };
        let followed = issuer.map(|issuer| Followed {
            issuer,
            clock,
            refresh: config.jwks_refresh(),
            max_age: config.jwks_max_age(),
            asked: Notify::new(),
            progress: watch::Sender::new(Progress {
                attempts: 0,
                under_way: false,
                failed: false,
                next: Timestamp::MIN,
            }),
            waiting: Semaphore::new(WAITING),
        });
        Ok(Arc::new(Self {
            held: ArcSwap::from_pointee(held),
            moved: watch::Sender::new(()),
            followed,
        }))
    }

    /// What is held now.
    pub(crate) fn held(&self) -> Guard<Arc<Held>> {
        self.held.load()
    }

    /// Tells whenever the set has changed.
    pub(crate) fn moved(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }

    /// Whether the issuer may have keys that are not held, because it did not answer
    /// when it was last asked.
    pub(crate) fn in_doubt(&self) -> bool {
        let followed = self.followed.as_ref();
        followed.is_some_and(|followed| followed.progress.borrow().failed)
    }

    /// Asks the issuer for a key that is not held, and waits for what it says; returns
    /// at once where asking is of no use now.
    pub(crate) async fn seek(&self, end: Instant) {
        let Some(followed) = &self.followed else {
            return;
        };
        let mut progress = followed.progress.subscribe();
        let before = *progress.borrow_and_update();
        if !before.under_way && followed.clock.now() < before.next {
            return;
        }
        let Ok(_place) = followed.waiting.try_acquire() else {
            return;
        };
        // All who ask meanwhile share one fetch.
        followed.asked.notify_one();
        let fetched = progress.wait_for(|progress| progress.attempts != before.attempts);
        // Whatever came of it: the caller looks again.
        let _ = timeout_at(end, fetched).await;
    }

    /// The job that follows the issuer's keys until it is stopped, where there is one.
    pub(crate) fn follow(self: &Arc<Self>) -> Option<Job> {
        self.followed.as_ref()?;
        let keys = self.clone();
        Some(Job::new("issuer keys", move |stop| {
            let keys = keys.clone();
            Box::pin(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = keys.follow_forever() => {}
                }
            })
        }))
    }

    async fn follow_forever(&self) {
        let Some(followed) = &self.followed else {
            return;
        };
        loop {
            let succeeded = self.fetch(followed).await;
            let pause = if succeeded { followed.refresh } else { RARELY };
            tokio::select! {
                () = sleep(&*followed.clock, pause) => {}
                () = followed.asked_in_time() => {}
            }
        }
    }

    /// One fetch; the only place that makes one, so there is one at a time.
    async fn fetch(&self, followed: &Followed) -> bool {
        let clock = &*followed.clock;
        let began = clock.now();
        followed
            .progress
            .send_modify(|progress| progress.under_way = true);
        let fetched = within(clock, PATIENCE, followed.issuer.fetch()).await;
        let fetched = fetched.unwrap_or(Err(FetchError::Silent));
        let failed = fetched.is_err();
        match fetched {
            // By the moment of asking: what was withdrawn since is not known.
            Ok(set) => self.take(set, began, followed.max_age),
            Err(error) => {
                let held_until = self.held().until;
                tracing::warn!(%error, %held_until, "keys of the issuer are not renewed");
            }
        }
        let next = clock.now().saturating_add(RARELY).unwrap_or(Timestamp::MAX);
        followed.progress.send_modify(|progress| {
            *progress = Progress {
                attempts: progress.attempts + 1,
                under_way: false,
                failed,
                next,
            };
        });
        !failed
    }

    fn take(&self, set: KeySet, began: Timestamp, max_age: Duration) {
        let held = self.held.load();
        let until = began.saturating_add(max_age).unwrap_or(Timestamp::MAX);
        if let Some(same) = held.set.as_ref().filter(|held| ***held == set) {
            self.held.store(Arc::new(Held {
                set: Some(same.clone()),
                generation: held.generation,
                until,
            }));
            return;
        }
        tracing::info!(kids = ?set.kids(), "keys of the issuer are believed");
        self.held.store(Arc::new(Held {
            set: Some(Arc::new(set)),
            generation: held.generation + 1,
            until,
        }));
        self.moved.send_replace(());
    }
}

impl Followed {
    /// Ends when a fetch is asked for and may be made.
    async fn asked_in_time(&self) {
        loop {
            self.asked.notified().await;
            if self.clock.now() >= self.progress.borrow().next {
                return;
            }
        }
    }
}
