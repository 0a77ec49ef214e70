//! An issuer of tokens for `kefu dev` and tests. Its keys carry a name by which the
//! gateway knows them, and refuses to start with them outside of development.

use std::time::Duration;

use aws_lc_rs::{
    rand::SecureRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use kefu_service::error::Fault;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

/// `iss` of its tokens; `.invalid` is nobody's (RFC 2606).
pub const ISSUER: &str = "https://development.kefu.invalid";
/// `aud` of its tokens.
pub const AUDIENCE: &str = "kefu";
/// What the `kid` of its keys begins with.
pub const KEY_PREFIX: &str = "development-";

/// Makes tokens for anybody. Set `issuer`, `audience` and `jwks` of the gateway to
/// [`ISSUER`], [`AUDIENCE`] and [`DevIssuer::jwks`].
pub struct DevIssuer {
    kid: String,
    public_key: String,
    key: EncodingKey,
    pkcs8: Vec<u8>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: Uuid,
    iat: i64,
    nbf: i64,
    exp: i64,
}

impl DevIssuer {
    /// An issuer with a new key.
    ///
    /// # Errors
    /// When the machine has no randomness to give.
    pub fn generate(randomness: &dyn SecureRandom) -> Result<Self, Fault> {
        let mut seed = [0; 32];
        randomness
            .fill(&mut seed)
            .map_err(|_| Fault::internal("no randomness"))?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed)
            .and_then(|pair| Ok(pair.to_pkcs8()?.as_ref().to_vec()))
            .map_err(|_| Fault::internal("development key cannot be made"))?;
        Self::from_pkcs8(&pair)
    }

    /// The issuer with this Ed25519 key (PKCS #8, version 2), so that tokens outlive
    /// a restart.
    ///
    /// # Errors
    /// When it is no such key.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, Fault> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8)
            .map_err(|_| Fault::internal("development key is not an ed25519 key"))?;
        let public_key = URL_SAFE_NO_PAD.encode(pair.public_key());
        Ok(Self {
            kid: format!("{KEY_PREFIX}{}", &public_key[..8]),
            public_key,
            key: EncodingKey::from_ed_der(pkcs8),
            pkcs8: pkcs8.to_vec(),
        })
    }

    /// Its key, to keep.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// Name of its key.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its public key as a JWK set, for the gateway's configuration.
    pub fn jwks(&self) -> String {
        let key = json!({
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
            "kid": self.kid, "x": self.public_key,
        });
        json!({ "keys": [key] }).to_string()
    }

    /// A token for an employee or system account, good from now on for so long.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn issue(
        &self,
        subject: Uuid,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<String, Fault> {
        let now = now.as_second();
        let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        self.sign(&Claims {
            iss: ISSUER,
            aud: AUDIENCE,
            sub: subject,
            iat: now,
            nbf: now,
            exp: now.saturating_add(lifetime),
        })
    }

    /// A token of any claims, also of those that must not be believed.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, Fault> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.clone());
        encode(&header, claims, &self.key)
            .map_err(|_| Fault::internal("development token cannot be signed"))
    }
}
