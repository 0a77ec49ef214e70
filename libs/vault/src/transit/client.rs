//! The way to transit: one request at a time bounded, tried again where that is safe, with the token of the moment.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use zeroize::Zeroizing;

use super::options::{Place, TransitOptions};
use super::tls;
use crate::error::{Outage, VaultError};
use crate::vault::Randomness;

/// Every request is one that changes nothing, so trying again is safe; more than three times would only add to what
/// it suffers from.
const TRIES: u32 = 3;
/// No pause is longer: whoever is told to wait more is told so at once.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Largest answer that is read; one to the largest batch has a hundred kilobytes.
const LARGEST: usize = 4 * 1024 * 1024;

const TOKEN: &str = "x-vault-token";
const NAMESPACE: &str = "x-vault-namespace";
/// Agents may ask for it, so that no page of a browser's speaks with them.
const REQUEST: &str = "x-vault-request";

/// What is asked of the engine.
#[derive(Clone, Copy)]
pub(super) enum Operation {
    Encrypt,
    Decrypt,
    Rewrap,
    /// What it knows about the key.
    Read,
}

pub(super) struct Client {
    place: Place,
    token_file: PathBuf,
    timeout: Duration,
    pause: Duration,
    pub(super) rng: Randomness,
    http: hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// A refusal, with what it is tried again by.
struct Refused {
    error: VaultError,
    wait: Option<Duration>,
    token: Option<HeaderValue>,
}

impl Client {
    pub(super) fn new(options: &TransitOptions, rng: Randomness) -> Result<Self, VaultError> {
        let place = options.place()?;
        let connector = tls::connector(options, place.plaintext)?;
        Ok(Self {
            place,
            token_file: options.token_file.clone(),
            timeout: options.timeout,
            pause: options.pause,
            rng,
            http: hyper_util::client::legacy::Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .build(connector),
        })
    }

    /// Asks, and again where that may help, three times at most.
    pub(super) async fn ask<T>(
        &self,
        operation: Operation,
        body: Bytes,
        read: impl Fn(StatusCode, &[u8]) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let mut tried = 1;
        loop {
            let once = self.once(operation, body.clone(), &read);
            let refused = match tokio::time::timeout(self.timeout, once).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(refused)) => refused,
                Err(_) => Outage::Silent.into(),
            };
            let Some(pause) = self.pause_after(&refused, tried).await else {
                return Err(refused.error);
            };
            tokio::time::sleep(pause).await;
            tried += 1;
        }
    }

    /// How long to wait before it is tried again; `None`: it is not.
    async fn pause_after(&self, refused: &Refused, tried: u32) -> Option<Duration> {
        let VaultError::Unavailable(outage) = refused.error else {
            return None;
        };
        if tried == TRIES {
            return None;
        }
        if outage == Outage::Denied {
            // The file may hold another one meanwhile.
            let renewed = self.token().await.ok() != refused.token;
            return renewed.then_some(Duration::ZERO);
        }
        let pause = self.pause(tried).max(refused.wait.unwrap_or_default());
        (passes(outage) && pause <= LONGEST_PAUSE).then_some(pause)
    }

    async fn once<T>(
        &self,
        operation: Operation,
        body: Bytes,
        read: &impl Fn(StatusCode, &[u8]) -> Result<T, VaultError>,
    ) -> Result<T, Refused> {
        let token = self.token().await?;
        let request = self.request(operation, body, token.clone())?;
        let unreachable = |_| Refused::from(Outage::Unreachable);
        let (head, body) = self
            .http
            .request(request)
            .await
            .map_err(unreachable)?
            .into_parts();
        let mut body = Limited::new(body, LARGEST);
        let mut answer = Zeroizing::new(Vec::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| match error.is::<LengthLimitError>() {
                true => Refused::from(Outage::Unintelligible),
                false => Refused::from(Outage::Unreachable),
            })?;
            if let Some(data) = frame.data_ref() {
                append(&mut answer, data);
            }
        }
        read(head.status, &answer).map_err(|error| Refused {
            error,
            wait: wait(&head.headers),
            token: Some(token),
        })
    }

    fn request(
        &self,
        operation: Operation,
        body: Bytes,
        token: HeaderValue,
    ) -> Result<Request<Full<Bytes>>, Refused> {
        let (method, path) = match operation {
            Operation::Encrypt => (Method::POST, "encrypt"),
            Operation::Decrypt => (Method::POST, "decrypt"),
            Operation::Rewrap => (Method::POST, "rewrap"),
            Operation::Read => (Method::GET, "keys"),
        };
        let Place { engine, key, .. } = &self.place;
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{engine}/{path}/{key}"))
            .header(TOKEN, token)
            .header(REQUEST, "true")
            .header(CONTENT_TYPE, "application/json");
        if let Some(namespace) = &self.place.namespace {
            request = request.header(NAMESPACE, namespace);
        }
        request
            .body(Full::new(body))
            .map_err(|_| Refused::from(Outage::Unintelligible))
    }

    /// Read for each request, which takes a network's time anyway: an agent writes a new one whenever it likes.
    async fn token(&self) -> Result<HeaderValue, Outage> {
        let text = tokio::fs::read_to_string(&self.token_file).await;
        let text = text.map(Zeroizing::new).map_err(|_| Outage::NoToken)?;
        let token = text.trim();
        let mut value = HeaderValue::from_str(token).map_err(|_| Outage::NoToken)?;
        value.set_sensitive(true);
        if token.is_empty() {
            return Err(Outage::NoToken);
        }
        Ok(value)
    }

    /// Longer each time, and not the same for all who wait for the same.
    fn pause(&self, tried: u32) -> Duration {
        let mut jitter = [0];
        // Without randomness all wait equally long, no more.
        let _ = self.rng.fill(&mut jitter);
        let pause = self.pause * 4_u32.pow(tried - 1);
        pause + pause * u32::from(jitter[0]) / 256
    }
}

impl From<Outage> for Refused {
    fn from(outage: Outage) -> Self {
        Self {
            error: VaultError::Unavailable(outage),
            wait: None,
            token: None,
        }
    }
}

/// Whether it may be over in a moment.
fn passes(outage: Outage) -> bool {
    match outage {
        Outage::Unreachable | Outage::Silent | Outage::Sealed | Outage::Busy | Outage::Behind => {
            true
        }
        Outage::Failed { status } => status >= 500,
        Outage::Denied | Outage::NoToken | Outage::Unintelligible => false,
    }
}

/// What it says itself (RFC 9110 §10.2.3); a date is none of what it sends.
fn wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Moves to a larger buffer by hand, so that the smaller one is overwritten.
fn append(answer: &mut Zeroizing<Vec<u8>>, data: &[u8]) {
    if answer.capacity() - answer.len() < data.len() {
        let mut larger = Vec::with_capacity((answer.len() + data.len()).next_power_of_two());
        larger.extend_from_slice(answer);
        *answer = Zeroizing::new(larger);
    }
    answer.extend_from_slice(data);
}
