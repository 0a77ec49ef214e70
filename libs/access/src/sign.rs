//! Who may vouch for a context, and how (Ed25519, RFC 8032).

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SecureRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use jiff::{SignedDuration, Timestamp};
use kefu_contracts::access::{self as wire, SubjectKind};
use prost::Message;
use thiserror::Error;

use crate::context::AccessContext;

/// Longest life of a context: what was decided is asked again after that.
pub const MAX_LIFETIME: SignedDuration = SignedDuration::from_secs(30);
/// How far a signer's clock may be ahead of a service's.
pub const MAX_AHEAD: SignedDuration = SignedDuration::from_secs(5);
/// What the permissions of methods between the services of the suite begin with.
pub const INTERNAL: &str = "internal.";

/// Signatures are over this and the context, so that nothing the same key signs
/// elsewhere can pass for a context.
const DOMAIN: &[u8] = b"kefu-context-v1\0";
const KEY_ID_LENGTH: usize = 8;

/// The key material is not an Ed25519 key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an ed25519 key in pkcs #8")]
pub struct KeyError;

/// Why a context is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ContextError {
    /// Not a signed context, or one that cannot be read in full.
    #[error("access context is malformed")]
    Malformed,
    /// Signed with a key that is not trusted here.
    #[error("access context is signed by an unknown key")]
    UnknownKey,
    /// The signature is not of this key over this context.
    #[error("access context has a bad signature")]
    BadSignature,
    /// Its time is over.
    #[error("access context is expired")]
    Expired,
    /// Issued more than [`MAX_AHEAD`] in the future.
    #[error("access context is not valid yet")]
    NotYetValid,
    /// Made to live longer than [`MAX_LIFETIME`].
    #[error("access context lives too long")]
    TooLong,
    /// The signer may not vouch for this kind of subject on this permission.
    #[error("access context is not the signer's to vouch for")]
    NotAllowed,
}

/// What a key may vouch for. A stolen gateway key opens no internal method, a stolen
/// service key no public one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Employees and system accounts, on public methods.
    Gateway,
    /// Services of the suite, on internal methods.
    Service,
}

impl Trust {
    fn covers(self, context: &AccessContext) -> bool {
        let internal = context.permission.starts_with(INTERNAL);
        match (self, context.subject.kind) {
            (Trust::Gateway, SubjectKind::Employee | SubjectKind::SystemAccount) => !internal,
            (Trust::Service, SubjectKind::Service) => internal,
            _ => false,
        }
    }
}

/// Signs contexts.
#[derive(Debug)]
pub struct ContextSigner {
    pair: Ed25519KeyPair,
    key_id: [u8; KEY_ID_LENGTH],
}

impl ContextSigner {
    /// The signer with this key (PKCS #8, version 1 or 2).
    ///
    /// # Errors
    ///
    /// When it is no such key.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, KeyError> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8)
            .map(Self::new)
            .map_err(|_| KeyError)
    }

    /// A signer with a new key, and the key as PKCS #8 to keep.
    ///
    /// # Panics
    ///
    /// When the machine has no randomness to give: a key made without would be worse.
    #[expect(
        clippy::expect_used,
        reason = "a predictable key must not come into being"
    )]
    pub fn generate(rng: &dyn SecureRandom) -> (Self, Vec<u8>) {
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        rng.fill(&mut *seed).expect("randomness for a new key");
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).expect("any 32 bytes are a seed");
        let pkcs8 = pair.to_pkcs8().expect("a key pair has a pkcs #8 form");
        (Self::new(pair), pkcs8.as_ref().to_vec())
    }

    fn new(pair: Ed25519KeyPair) -> Self {
        let key_id = key_id(pair.public_key().as_ref());
        Self { pair, key_id }
    }

    /// The public half, for the verifiers.
    pub fn public_key(&self) -> [u8; 32] {
        let mut key = [0; 32];
        key.copy_from_slice(self.pair.public_key().as_ref());
        key
    }

    /// The context as an encoded `kefu.access.v1.SignedContext`.
    pub fn sign(&self, context: &AccessContext) -> Vec<u8> {
        let context = context.to_proto().encode_to_vec();
        let signature = self.pair.sign(&signed_bytes(&context));
        wire::SignedContext {
            context,
            key_id: self.key_id.to_vec(),
            signature: signature.as_ref().to_vec(),
        }
        .encode_to_vec()
    }
}

fn key_id(public_key: &[u8]) -> [u8; KEY_ID_LENGTH] {
    let mut id = [0; KEY_ID_LENGTH];
    id.copy_from_slice(&digest(&SHA256, public_key).as_ref()[..KEY_ID_LENGTH]);
    id
}

fn signed_bytes(context: &[u8]) -> Vec<u8> {
    [DOMAIN, context].concat()
}

#[derive(Debug)]
struct TrustedKey {
    id: [u8; KEY_ID_LENGTH],
    trust: Trust,
    key: UnparsedPublicKey<[u8; 32]>,
}

/// Tells which contexts to believe.
#[derive(Debug)]
pub struct ContextVerifier {
    keys: Vec<TrustedKey>,
}

impl ContextVerifier {
    /// Believes these keys. One key may stand here twice, with either trust: where
    /// the suite runs in one process it has one key.
    pub fn new(keys: impl IntoIterator<Item = (Trust, [u8; 32])>) -> Self {
        let keys = keys.into_iter().map(|(trust, key)| TrustedKey {
            id: key_id(&key),
            trust,
            key: UnparsedPublicKey::new(&ED25519, key),
        });
        Self {
            keys: keys.collect(),
        }
    }

    /// The context, when it is to be believed now. Nothing in it is read before its
    /// signature holds.
    ///
    /// # Errors
    ///
    /// See [`ContextError`].
    pub fn verify(&self, signed: &[u8], now: Timestamp) -> Result<AccessContext, ContextError> {
        let signed = wire::SignedContext::decode(signed).map_err(|_| ContextError::Malformed)?;
        let signers = self.signers(&signed)?;
        let context = wire::AccessContext::decode(signed.context.as_slice())
            .ok()
            .and_then(|message| AccessContext::from_proto(&message).ok())
            .ok_or(ContextError::Malformed)?;
        check_time(&context, now)?;
        if !signers.iter().any(|trust| trust.covers(&context)) {
            return Err(ContextError::NotAllowed);
        }
        Ok(context)
    }

    /// Trusts of the keys that signed it.
    fn signers(&self, signed: &wire::SignedContext) -> Result<Vec<Trust>, ContextError> {
        let named = self.keys.iter().filter(|key| key.id[..] == signed.key_id);
        let named: Vec<&TrustedKey> = named.collect();
        if named.is_empty() {
            return Err(ContextError::UnknownKey);
        }
        let bytes = signed_bytes(&signed.context);
        let signers = named
            .iter()
            .filter(|key| key.key.verify(&bytes, &signed.signature).is_ok());
        let signers: Vec<Trust> = signers.map(|key| key.trust).collect();
        match signers.is_empty() {
            true => Err(ContextError::BadSignature),
            false => Ok(signers),
        }
    }
}

fn check_time(context: &AccessContext, now: Timestamp) -> Result<(), ContextError> {
    let ahead = context.issued_at.duration_since(now);
    let lifetime = context.expires_at.duration_since(context.issued_at);
    match () {
        () if ahead > MAX_AHEAD => Err(ContextError::NotYetValid),
        () if lifetime > MAX_LIFETIME => Err(ContextError::TooLong),
        () if now >= context.expires_at => Err(ContextError::Expired),
        () => Ok(()),
    }
}

#[cfg(test)]
mod tests;
