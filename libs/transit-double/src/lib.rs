//! Transit of HashiCorp Vault or OpenBao as its documentation describes it, in the test's process: real AES-GCM under
//! keys in versions, so that what it wrapped opens under the right version and context alone, and faults to order.
//!
//! Follows `website/content/docs/api/secret/transit.mdx` of OpenBao at 2.6.2 (the same text as Vault's of 1.12 where
//! this needs it), and the answers of a server of OpenBao 2.7.2 where that says nothing: the tests of `libs/vault` run
//! the same story against either.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code, though outside #[test]"
)]

mod engine;
mod serving;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;

use self::engine::Engine;

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// 503, as of a sealed Vault.
    Sealed,
    /// 403, as of a token that is not good.
    Denied,
    /// 429 with so many seconds of `Retry-After`.
    Busy(u32),
    /// 412, as of a node that does not know yet what was written on another.
    Behind,
    /// Any other status, with the body of an error.
    Status(u16),
    /// Nothing ever comes.
    Slow,
    /// The connection ends before an answer.
    Dropped,
    /// The connection ends in the middle of the answer.
    Cut,
    /// 200 with a page for people.
    Page,
    /// 200 with one result too few.
    TooFew,
    /// The answer of a node that does not know the newest version yet.
    FormerVersion,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `POST /v1/transit/encrypt/kefu`
    pub line: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// How many of a batch it asked for.
    pub items: usize,
}

/// A key service with one engine, `transit`.
pub struct Transit {
    /// Where it is.
    pub address: String,
    /// Its certificate in PEM, where it speaks TLS.
    pub authority: Option<String>,
    inner: Arc<Mutex<Inner>>,
}

pub(crate) struct Inner {
    engine: Engine,
    token: String,
    fault: Option<Fault>,
    faults: VecDeque<Fault>,
    seen: Vec<Seen>,
}

/// The token that is good at first.
pub const TOKEN: &str = "hvs.double";

impl Transit {
    /// On this machine, without TLS.
    pub async fn start() -> Self {
        Self::listen(false).await
    }

    /// With a certificate for `localhost`.
    pub async fn with_tls() -> Self {
        Self::listen(true).await
    }

    async fn listen(tls: bool) -> Self {
        let inner = Arc::new(Mutex::new(Inner {
            engine: Engine::default(),
            token: TOKEN.to_owned(),
            fault: None,
            faults: VecDeque::new(),
            seen: Vec::new(),
        }));
        let (address, authority) = serving::listen(inner.clone(), tls).await;
        Self {
            address,
            authority,
            inner,
        }
    }

    /// Makes a key; with `derived` as it has to be.
    pub fn make_key(&self, name: &str, derived: bool) {
        self.lock().engine.make(name, derived);
    }

    /// Gives a key another version.
    pub fn rotate(&self, name: &str) {
        self.lock().engine.rotate(name);
    }

    /// Ends the versions before this one for good.
    pub fn trim(&self, name: &str, version: u32) {
        self.lock().engine.trim(name, version);
    }

    /// The next requests end so, one each.
    pub fn next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().faults.extend(faults);
    }

    /// All requests end so, until it is said otherwise.
    pub fn always(&self, fault: Option<Fault>) {
        self.lock().fault = fault;
    }

    /// From now on this token alone is good.
    pub fn change_token(&self, token: &str) {
        token.clone_into(&mut self.lock().token);
    }

    /// Requests that came since this was last asked.
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.lock().seen)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

pub(crate) fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}
