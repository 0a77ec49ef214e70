//! Bearer tokens: who calls. A token's signature is checked once and then remembered
//! by the token's hash, for as long as the issuer's keys are those it was checked by;
//! its time, and the certificate that it may be bound to, are checked on every call.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Extensions, HeaderMap, header::AUTHORIZATION};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::Jwk;
use kefu_contracts::common::Reason;
use kefu_service::{error::Fault, server::PeerCertificate};
use moka::sync::Cache;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    config::GatewayConfig,
    error::COME_BACK,
    jwks::{Claims, KeySet, Refused},
    keys::{Held, Keys},
};

/// Longest token that is looked at.
const LONGEST: usize = 8 * 1024;

/// A token that is not believed, or no longer.
#[derive(Debug)]
pub(crate) struct Unbelieved {
    pub(crate) reason: Reason,
    /// Whom it names, where the issuer vouched for it.
    pub(crate) subject: Option<Uuid>,
    /// Whether the issuer's newest keys may change that.
    pub(crate) by_keys: bool,
    detail: &'static str,
}

impl Unbelieved {
    fn new(reason: Reason, detail: &'static str) -> Self {
        Self {
            reason,
            subject: None,
            by_keys: false,
            detail,
        }
    }

    /// It cannot be told: the issuer's keys are not at hand.
    fn no_keys(detail: &'static str) -> Self {
        Self {
            by_keys: true,
            ..Self::new(Reason::IssuerUnavailable, detail)
        }
    }
}

impl From<Unbelieved> for Fault {
    fn from(unbelieved: Unbelieved) -> Self {
        // Why exactly is nothing that somebody who tries tokens should learn.
        let fault = Self {
            detail: unbelieved.detail.into(),
            ..Self::new(unbelieved.reason)
        };
        if unbelieved.reason == Reason::IssuerUnavailable {
            fault.retry_after(COME_BACK)
        } else {
            fault
        }
    }
}

/// A token that one of the issuer's keys signed for us.
#[derive(Clone)]
pub(crate) struct Verified {
    pub(crate) subject: Uuid,
    from: Timestamp,
    /// First moment at which it is expired.
    pub(crate) until: Timestamp,
    /// Thumbprint of the certificate without which it is worth nothing.
    bound: Option<[u8; SHA256_OUTPUT_LEN]>,
    key: Arc<Jwk>,
    /// Of the keys it was checked by.
    generation: u64,
}

impl Verified {
    /// Whether it is worth nothing without a certificate (RFC 8705 §3).
    pub(crate) fn is_bound(&self) -> bool {
        self.bound.is_some()
    }

    fn check_time(&self, now: Timestamp) -> Result<(), Unbelieved> {
        if now >= self.until {
            return Err(self.unbelieved(Reason::TokenExpired, "expired"));
        }
        if now < self.from {
            return Err(self.unbelieved(Reason::TokenExpired, "not valid yet"));
        }
        Ok(())
    }

    /// Whoever shows a bound token must hold its certificate, on this connection: the
    /// token alone may be stolen.
    fn check_binding(&self, extensions: &Extensions) -> Result<(), Unbelieved> {
        let Some(bound) = self.bound else {
            return Ok(());
        };
        match PeerCertificate::of(extensions) {
            Some(certificate) if certificate.thumbprint() == bound => Ok(()),
            Some(_) => Err(self.unbelieved(Reason::TokenInvalid, "bound to another certificate")),
            None => Err(self.unbelieved(Reason::TokenInvalid, "bound, and no certificate")),
        }
    }

    fn unbelieved(&self, reason: Reason, detail: &'static str) -> Unbelieved {
        Unbelieved {
            subject: Some(self.subject),
            ..Unbelieved::new(reason, detail)
        }
    }
}

/// Tells who calls.
pub(crate) struct Tokens {
    keys: Arc<Keys>,
    skew: SignedDuration,
    /// By SHA-256: nobody finds a second token of the same hash, and no token lies
    /// about in memory.
    verified: Cache<[u8; SHA256_OUTPUT_LEN], Verified>,
}

impl Tokens {
    pub(crate) fn new(config: &GatewayConfig, keys: Arc<Keys>) -> Self {
        Self {
            keys,
            skew: SignedDuration::from_secs(config.clock_skew_seconds.into()),
            verified: Cache::new(config.tokens_kept),
        }
    }

    /// The token of the call with these headers, over the connection of these extensions.
    pub(crate) fn believed(
        &self,
        headers: &HeaderMap,
        extensions: &Extensions,
        now: Timestamp,
    ) -> Result<Verified, Unbelieved> {
        let token = bearer(headers)?;
        let hash = hash(token);
        let held = self.keys.held();
        let set = set(&held, now)?;
        let verified = match self.verified.get(&hash) {
            // What was checked by other keys is checked anew.
            Some(verified) if verified.generation == held.generation => verified,
            _ => {
                let verified = self.verify(token, set, held.generation)?;
                self.verified.insert(hash, verified.clone());
                verified
            }
        };
        verified.check_time(now)?;
        verified.check_binding(extensions)?;
        Ok(verified)
    }

    /// Whether a token that was believed when its call came would be still, over the
    /// same connection.
    pub(crate) fn stands(&self, verified: &Verified, now: Timestamp) -> Result<(), Unbelieved> {
        verified.check_time(now)?;
        let held = self.keys.held();
        let set = set(&held, now).map_err(|unbelieved| Unbelieved {
            subject: Some(verified.subject),
            ..unbelieved
        })?;
        if held.generation == verified.generation || set.has(&verified.key) {
            return Ok(());
        }
        Err(verified.unbelieved(Reason::TokenInvalid, "its key is withdrawn"))
    }

    /// First moment at which this token is worth nothing, if nothing is heard of the
    /// issuer until then.
    pub(crate) fn stands_until(&self, verified: &Verified) -> Timestamp {
        verified.until.min(self.keys.held().until)
    }

    /// Tells whenever the issuer's keys have changed.
    pub(crate) fn keys_moved(&self) -> watch::Receiver<()> {
        self.keys.moved()
    }

    /// Looks for keys that are not held, once the lack of them refused a token.
    pub(crate) async fn seek_keys(&self, end: tokio::time::Instant) {
        self.keys.seek(end).await;
    }

    fn verify(&self, token: &str, set: &KeySet, generation: u64) -> Result<Verified, Unbelieved> {
        let invalid = |detail| Unbelieved::new(Reason::TokenInvalid, detail);
        let (claims, key) = set.verify(token).map_err(|refused| match refused {
            Refused::Invalid(detail) => invalid(detail),
            // The issuer may have begun to sign with it since.
            Refused::UnknownKey if self.keys.in_doubt() => {
                Unbelieved::no_keys("unknown kid, and the issuer does not answer")
            }
            Refused::UnknownKey => Unbelieved {
                by_keys: true,
                ..invalid("unknown kid")
            },
        })?;
        let Claims { sub, exp, nbf, cnf } = claims;
        let subject = Uuid::try_parse(&sub).map_err(|_| invalid("subject is not a uuid"))?;
        let until = moment(exp).ok_or_else(|| invalid("exp is not a time"))?;
        let from = match nbf {
            Some(nbf) => moment(nbf).ok_or_else(|| invalid("nbf is not a time"))?,
            None => Timestamp::MIN,
        };
        let bound = match cnf {
            Some(cnf) => Some(
                thumbprint(&cnf.x5t_s256).ok_or_else(|| invalid("x5t#S256 is not a thumbprint"))?,
            ),
            None => None,
        };
        Ok(Verified {
            subject,
            from: from.saturating_sub(self.skew).unwrap_or(Timestamp::MIN),
            until: until.saturating_add(self.skew).unwrap_or(until),
            bound,
            key,
            generation,
        })
    }
}

fn set(held: &Held, now: Timestamp) -> Result<&KeySet, Unbelieved> {
    held.set(now)
        .ok_or_else(|| Unbelieved::no_keys("no keys young enough"))
}

fn thumbprint(text: &str) -> Option<[u8; SHA256_OUTPUT_LEN]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// The token of `authorization: Bearer …` (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Result<&str, Unbelieved> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values
        .next()
        .ok_or(Unbelieved::new(Reason::TokenMissing, "no authorization"))?;
    let invalid = |detail| Unbelieved::new(Reason::TokenInvalid, detail);
    if values.next().is_some() {
        return Err(invalid("more than one authorization"));
    }
    let value = value
        .to_str()
        .map_err(|_| invalid("authorization is not text"))?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Unbelieved::new(
            Reason::TokenMissing,
            "another scheme than bearer",
        ));
    }
    match token.trim() {
        "" => Err(Unbelieved::new(Reason::TokenMissing, "empty token")),
        token if token.len() > LONGEST => Err(invalid("too long")),
        token => Ok(token),
    }
}

fn hash(token: &str) -> [u8; SHA256_OUTPUT_LEN] {
    let mut hash = [0; SHA256_OUTPUT_LEN];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

/// Seconds since 1970 as a moment; fractions are cut off.
fn moment(seconds: f64) -> Option<Timestamp> {
    // Far within what both types hold exactly.
    const FAR: f64 = 253_402_300_000.0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "in range, and the fraction is not wanted"
    )]
    let whole = (0.0..FAR).contains(&seconds).then_some(seconds as i64)?;
    Timestamp::from_second(whole).ok()
}
