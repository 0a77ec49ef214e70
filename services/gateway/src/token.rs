//! Bearer tokens: who calls. A token's signature is checked once and then remembered
//! by the token's hash; its time is checked on every call.

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use http::{HeaderMap, header::AUTHORIZATION};
use jiff::{SignedDuration, Timestamp};
use kefu_contracts::common::Reason;
use kefu_service::error::Fault;
use moka::sync::Cache;
use uuid::Uuid;

use crate::{
    config::GatewayConfig,
    jwks::{Claims, KeySet},
};

/// Longest token that is looked at.
const LONGEST: usize = 8 * 1024;

/// A token that is not believed, or no longer.
#[derive(Debug)]
pub(crate) struct Unbelieved {
    pub(crate) reason: Reason,
    /// Whom it names, where the issuer vouched for it.
    pub(crate) subject: Option<Uuid>,
    detail: &'static str,
}

impl Unbelieved {
    fn new(reason: Reason, detail: &'static str) -> Self {
        Self {
            reason,
            subject: None,
            detail,
        }
    }
}

impl From<Unbelieved> for Fault {
    fn from(unbelieved: Unbelieved) -> Self {
        // Why exactly is nothing that somebody who tries tokens should learn.
        Self {
            detail: unbelieved.detail.into(),
            ..Self::new(unbelieved.reason)
        }
    }
}

#[derive(Clone, Copy)]
struct Verified {
    subject: Uuid,
    from: Timestamp,
    until: Timestamp,
}

/// Tells who calls.
pub(crate) struct Tokens {
    keys: KeySet,
    skew: SignedDuration,
    /// By SHA-256: nobody finds a second token of the same hash, and no token lies
    /// about in memory.
    verified: Cache<[u8; SHA256_OUTPUT_LEN], Verified>,
}

impl Tokens {
    pub(crate) fn new(config: &GatewayConfig) -> Result<Self, Fault> {
        Ok(Self {
            keys: config.keys()?,
            skew: SignedDuration::from_secs(config.clock_skew_seconds.into()),
            verified: Cache::new(config.tokens_kept),
        })
    }

    /// The subject of the call with these headers.
    pub(crate) fn subject(&self, headers: &HeaderMap, now: Timestamp) -> Result<Uuid, Unbelieved> {
        let token = bearer(headers)?;
        let hash = hash(token);
        let verified = match self.verified.get(&hash) {
            Some(verified) => verified,
            None => {
                let verified = self.verify(token)?;
                self.verified.insert(hash, verified);
                verified
            }
        };
        let expired = |detail| Unbelieved {
            subject: Some(verified.subject),
            ..Unbelieved::new(Reason::TokenExpired, detail)
        };
        if now >= verified.until {
            return Err(expired("expired"));
        }
        if now < verified.from {
            return Err(expired("not valid yet"));
        }
        Ok(verified.subject)
    }

    fn verify(&self, token: &str) -> Result<Verified, Unbelieved> {
        let invalid = |detail| Unbelieved::new(Reason::TokenInvalid, detail);
        let Claims { sub, exp, nbf } = self.keys.verify(token).map_err(invalid)?;
        let subject = Uuid::try_parse(&sub).map_err(|_| invalid("subject is not a uuid"))?;
        let until = moment(exp).ok_or_else(|| invalid("exp is not a time"))?;
        let from = match nbf {
            Some(nbf) => moment(nbf).ok_or_else(|| invalid("nbf is not a time"))?,
            None => Timestamp::MIN,
        };
        Ok(Verified {
            subject,
            from: from.saturating_sub(self.skew).unwrap_or(Timestamp::MIN),
            until: until.saturating_add(self.skew).unwrap_or(until),
        })
    }
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
