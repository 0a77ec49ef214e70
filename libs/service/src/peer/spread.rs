//! One service at several addresses: its name stands for the pods of a headless Service.
//!
//! Calls go round over a connection to each. The name is resolved anew while calls are made, so
//! that new pods are called and old ones are not; a connection whose address does not answer is
//! made to another one, so that a pod that has gone costs no call.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;
use tonic::transport::Channel;

/// How old what is known of a name may be. Within the pause of a pod that is to end, in which
/// its address is taken back.
const KNOWN: Duration = Duration::from_secs(5);

/// Asks for the addresses of a name.
pub(super) type Resolve =
    dyn Fn() -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> + Send + Sync;

/// Makes the channel to one address, which may fall back upon the others.
pub(super) type Open = dyn Fn(SocketAddr, Others) -> Channel + Send + Sync;

/// All addresses that are known now.
#[derive(Clone, Default)]
pub(super) struct Others(Arc<RwLock<Vec<SocketAddr>>>);

impl Others {
    /// Where to try, one after the other.
    pub(super) fn from(&self, first: SocketAddr) -> Vec<SocketAddr> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let others = all.iter().copied().filter(|one| *one != first);
        std::iter::once(first).chain(others).collect()
    }

    fn set(&self, all: Vec<SocketAddr>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = all;
    }
}

/// The channels to one service. Cheap to clone.
#[derive(Clone)]
pub(super) struct Spread(Arc<State>);

struct State {
    resolve: Box<Resolve>,
    open: Box<Open>,
    known_for: Duration,
    others: Others,
    found: ArcSwap<Found>,
    resolving: Arc<Mutex<()>>,
    turn: AtomicUsize,
}

#[derive(Default)]
struct Found {
    at: Option<Instant>,
    channels: Vec<(SocketAddr, Channel)>,
}

impl Spread {
    pub(super) fn new(resolve: Box<Resolve>, open: Box<Open>) -> Self {
        Self::known_for(KNOWN, resolve, open)
    }

    pub(super) fn known_for(known_for: Duration, resolve: Box<Resolve>, open: Box<Open>) -> Self {
        Self(Arc::new(State {
            resolve,
            open,
            known_for,
            others: Others::default(),
            found: ArcSwap::default(),
            resolving: Arc::default(),
            turn: AtomicUsize::new(0),
        }))
    }

    /// Whose turn it is.
    ///
    /// # Errors
    /// When no address was ever found.
    pub(super) async fn channel(&self) -> io::Result<Channel> {
        if let Some(channel) = self.next() {
            self.look_again();
            return Ok(channel);
        }
        let asked = Instant::now();
        let _alone = self.0.resolving.lock().await;
        let found = self.0.found.load().at;
        // Else somebody before in the line has just asked, for all who wait.
        if found.is_none_or(|at| at < asked) {
            self.0.resolve().await?;
        }
        self.next()
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
    }

    fn next(&self) -> Option<Channel> {
        let found = self.0.found.load();
        let turn = self.0.turn.fetch_add(1, Ordering::Relaxed);
        let (_, channel) = found
            .channels
            .get(turn.checked_rem(found.channels.len())?)?;
        Some(channel.clone())
    }

    /// Resolves the name beside the calls, when it was long ago and nobody does.
    fn look_again(&self) {
        let at = self.0.found.load().at;
        if at.is_some_and(|at| at.elapsed() < self.0.known_for) {
            return;
        }
        if let Ok(alone) = self.0.resolving.clone().try_lock_owned() {
            let state = self.0.clone();
            tokio::spawn(async move {
                if let Err(error) = state.resolve().await {
                    tracing::warn!(%error, "name of a service cannot be resolved");
                }
                drop(alone);
            });
        }
    }
}

impl State {
    /// What was known stays where nothing is found: a resolver that is gone takes no pod along.
    async fn resolve(&self) -> io::Result<()> {
        let answer = (self.resolve)().await;
        let before = self.found.load();
        let mut channels = before.channels.clone();
        if let Ok(addresses) = &answer
            && !addresses.is_empty()
        {
            let mut addresses = addresses.clone();
            addresses.sort_unstable();
            addresses.dedup();
            self.others.set(addresses.clone());
            channels.retain(|(address, _)| addresses.contains(address));
            for address in addresses {
                if !channels.iter().any(|(known, _)| *known == address) {
                    channels.push((address, (self.open)(address, self.others.clone())));
                }
            }
        }
        self.found.store(Arc::new(Found {
            at: Some(Instant::now()),
            channels,
        }));
        answer.map(drop)
    }
}

#[cfg(test)]
mod tests;
