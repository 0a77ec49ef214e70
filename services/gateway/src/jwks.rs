//! The issuer's public keys, and what a token must be to be believed (RFC 7519,
//! RFC 8725).

use std::{collections::HashMap, sync::Arc};

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;
use thiserror::Error;

use crate::dev_issuer;

/// Why a set of keys cannot be used.
#[derive(Debug, Error)]
pub enum JwksError {
    /// Not a JWK set.
    #[error("not a jwk set: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A key for signatures without `kid`: tokens could not name it.
    #[error("a key has no kid")]
    Nameless,
    /// Two keys of one name.
    #[error("key {0} is there twice")]
    Duplicate(String),
    /// Key material that is not what it says.
    #[error("key {0} cannot be read")]
    Key(String),
    /// `oct`: whoever can check such a token can also make one.
    #[error("key {0} is a shared secret")]
    Symmetric(String),
    /// Not one EdDSA, ES256 or RS256 key.
    #[error("no key to check signatures with")]
    Empty,
    /// A development key slipped into the real set would open the suite to whoever
    /// has the key file of a desk.
    #[error("a development key, which is not allowed")]
    Development,
}

/// What must hold of a set and of the tokens that its keys sign.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    /// Whether keys of [`dev_issuer`] may be among them.
    pub(crate) development_keys: bool,
}

/// What is read of a token's claims.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: String,
    /// Seconds since 1970; a fraction is allowed (RFC 7519 §2).
    pub(crate) exp: f64,
    #[serde(default)]
    pub(crate) nbf: Option<f64>,
    #[serde(default)]
    pub(crate) cnf: Option<Confirmation>,
}

/// What the caller must prove beside the token (RFC 7800). One bound in another way is
/// not believed at all: whoever stole it would pass for its owner.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmation {
    /// SHA-256 of the client certificate, base64url (RFC 8705 §3.1).
    #[serde(rename = "x5t#S256")]
    pub(crate) x5t_s256: String,
}

/// Why a token is not believed; the texts are for our logs only.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Signed by a key that is not of this set: another set may have it.
    UnknownKey,
    Invalid(&'static str),
}

struct Key {
    jwk: Arc<Jwk>,
    material: DecodingKey,
    /// Holds exactly one algorithm, the key's own: a token cannot choose.
    validation: Validation,
}

/// The keys of one issuer.
pub(crate) struct KeySet {
    keys: HashMap<String, Key>,
}

impl PartialEq for KeySet {
    fn eq(&self, other: &Self) -> bool {
        self.keys.len() == other.keys.len() && self.keys.values().all(|key| other.has(&key.jwk))
    }
}

impl KeySet {
    /// Reads a JWK set. Keys of other kinds and uses are passed over, as RFC 7517 §5
    /// asks; a shared secret is not.
    pub(crate) fn read(jwks: &[u8], terms: &Terms) -> Result<Self, JwksError> {
        let set: JwkSet = serde_json::from_slice(jwks)?;
        let mut keys = HashMap::new();
        for jwk in &set.keys {
            let Some(algorithm) = algorithm(jwk)? else {
                tracing::warn!(
                    kid = jwk.common.key_id,
                    "key of the issuer is of no use here"
                );
                continue;
            };
            let kid = jwk.common.key_id.clone().filter(|kid| !kid.is_empty());
            let kid = kid.ok_or(JwksError::Nameless)?;
            if !terms.development_keys && kid.starts_with(dev_issuer::KEY_PREFIX) {
                return Err(JwksError::Development);
            }
            let material = DecodingKey::from_jwk(jwk).map_err(|_| JwksError::Key(kid.clone()))?;
            let key = Key {
                jwk: Arc::new(jwk.clone()),
                material,
                validation: validation(algorithm, &terms.issuer, &terms.audience),
            };
            if keys.insert(kid.clone(), key).is_some() {
                return Err(JwksError::Duplicate(kid));
            }
        }
        if keys.is_empty() {
            return Err(JwksError::Empty);
        }
        Ok(Self { keys })
    }

    /// Whether this very key is among them, not only one of its name.
    pub(crate) fn has(&self, jwk: &Jwk) -> bool {
        let kid = jwk.common.key_id.as_deref().unwrap_or_default();
        self.keys.get(kid).is_some_and(|key| *key.jwk == *jwk)
    }

    /// Names of the keys, in order.
    pub(crate) fn kids(&self) -> Vec<&str> {
        let mut kids: Vec<_> = self.keys.keys().map(String::as_str).collect();
        kids.sort_unstable();
        kids
    }

    /// Claims of a token that one of these keys signed for us, and that key; the
    /// token's time is for the caller to check.
    pub(crate) fn verify(&self, token: &str) -> Result<(Claims, Arc<Jwk>), Refused> {
        let invalid = Refused::Invalid;
        let header = decode_header(token).map_err(|_| invalid("not a jwt of a known algorithm"))?;
        // RFC 7515 §4.1.11: what must be understood and is not makes it invalid.
        if header.crit.is_some() {
            return Err(invalid("critical header parameters"));
        }
        let kid = header.kid.as_deref().ok_or(invalid("no kid"))?;
        let key = self.keys.get(kid).ok_or(Refused::UnknownKey)?;
        match decode::<Claims>(token, &key.material, &key.validation) {
            Ok(token) => Ok((token.claims, key.jwk.clone())),
            Err(error) => Err(invalid(why(&error))),
        }
    }
}

fn why(error: &jsonwebtoken::errors::Error) -> &'static str {
    use jsonwebtoken::errors::ErrorKind as Kind;
    match error.kind() {
        Kind::InvalidAlgorithm => "algorithm is not the key's",
        Kind::InvalidSignature => "bad signature",
        Kind::InvalidIssuer => "foreign issuer",
        Kind::InvalidAudience => "foreign audience",
        Kind::MissingRequiredClaim(_) => "a claim is missing",
        _ => "malformed",
    }
}

/// The one algorithm of a key; `None` when it is not for checking tokens.
fn algorithm(jwk: &Jwk) -> Result<Option<Algorithm>, JwksError> {
    let common = &jwk.common;
    if common
        .public_key_use
        .as_ref()
        .is_some_and(|r#use| *r#use != PublicKeyUse::Signature)
    {
        return Ok(None);
    }
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::OctetKey(_) => {
            return Err(JwksError::Symmetric(
                common.key_id.clone().unwrap_or_default(),
            ));
        }
        _ => return Ok(None),
    };
    let fits = common
        .key_algorithm
        .is_none_or(|algorithm| algorithm == named);
    Ok(fits.then_some(algorithm))
}

fn validation(algorithm: Algorithm, issuer: &str, audience: &str) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    // It would go by the machine's clock; `token` goes by ours.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation
}
