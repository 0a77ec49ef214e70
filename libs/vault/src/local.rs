//! The provider that holds its key-encryption keys itself, from a file or the environment: for development, tests
//! and installations without a key service.

use std::collections::BTreeMap;
use std::env;
use std::future::ready;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::aead::LessSafeKey;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::envelope;
use crate::error::{KeyFileProblem, VaultError};
use crate::index::IndexKey;
use crate::key::{CustomerKey, KEY_BYTES, WrappedKey};
use crate::keyfile::{self, KeyFile, Secret};
use crate::provider::{KeyProvider, Pending};
use crate::vault::Randomness;

const PURPOSE: &[u8] = b"kefu customer key v1";
const WRAPPED: &str = "wrapped key";
const FIRST_KEK: &str = "k1";

/// Key-encryption keys by id, one of them current, and the index key.
///
/// Wraps with AES-256-GCM, bound to the customer and to the key-encryption key's id. To rotate, add a `kek.` line,
/// point `current` at it, restart, [`rewrap`](KeyProvider::rewrap) every stored key, then drop the old line.
pub struct LocalKeyProvider {
    current: String,
    keks: BTreeMap<String, LessSafeKey>,
    index: IndexKey,
    rng: Randomness,
}

impl LocalKeyProvider {
    /// Reads a key file. Blocks; meant for start-up.
    ///
    /// # Errors
    /// [`VaultError::KeyFile`] if it cannot be read, if group or others have any access to it (on Unix), or if its
    /// text is not right to the letter.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, VaultError> {
        let path = path.as_ref();
        Self::load(&path.display().to_string(), keyfile::read(path))
    }

    /// Reads the text of a key file from the environment variable `var`.
    ///
    /// # Errors
    /// [`VaultError::KeyFile`] if the variable is not set or its text is not right to the letter.
    pub fn from_env(var: &str) -> Result<Self, VaultError> {
        let text = env::var(var)
            .map(Zeroizing::new)
            .map_err(|_| KeyFileProblem::NoVariable);
        Self::load(&format!("environment variable {var}"), text)
    }

    /// Parses the text of a key file.
    ///
    /// # Errors
    /// [`VaultError::KeyFile`] if the text is not right to the letter.
    pub fn from_text(text: &str) -> Result<Self, VaultError> {
        let file = keyfile::parse(text).map_err(|problem| key_file("text", problem))?;
        Self::new(&file)
    }

    /// A provider with new keys, and the text of the key file that would load it again. The text holds the keys:
    /// write it to a file of mode 0600 and nowhere else.
    ///
    /// # Errors
    /// [`VaultError::Randomness`] if the system's randomness fails.
    pub fn generate() -> Result<(Self, String), VaultError> {
        let rng = SystemRandom::new();
        let text = keyfile::text(FIRST_KEK, &random(&rng)?, &random(&rng)?);
        Ok((Self::from_text(&text)?, text))
    }

    /// Takes the nonces of wrapped keys from `rng` instead of the system's randomness.
    #[must_use]
    pub fn with_randomness(self, rng: Randomness) -> Self {
        Self { rng, ..self }
    }

    fn load(
        origin: &str,
        text: Result<Zeroizing<String>, KeyFileProblem>,
    ) -> Result<Self, VaultError> {
        let file = text
            .and_then(|text| keyfile::parse(&text))
            .map_err(|problem| key_file(origin, problem))?;
        Self::new(&file)
    }

    fn new(file: &KeyFile) -> Result<Self, VaultError> {
        let keks = file
            .keks
            .iter()
            .map(|(id, kek)| Ok((id.clone(), envelope::cipher(kek)?)))
            .collect::<Result<_, VaultError>>()?;
        Ok(Self {
            current: file.current.clone(),
            keks,
            index: IndexKey::from_bytes(&file.index),
            rng: Arc::new(SystemRandom::new()),
        })
    }

    fn kek(&self, id: &str) -> Result<&LessSafeKey, VaultError> {
        self.keks.get(id).ok_or_else(|| VaultError::UnknownKek {
            kek_id: id.to_owned(),
        })
    }

    fn wrap_now(&self, customer: Uuid, key: &CustomerKey) -> Result<WrappedKey, VaultError> {
        let bytes = envelope::seal(
            self.kek(&self.current)?,
            &*self.rng,
            &bound_to(&self.current, customer),
            &[key.expose()],
        )?;
        Ok(WrappedKey {
            kek_id: self.current.clone(),
            bytes,
        })
    }

    fn unwrap_now(&self, customer: Uuid, wrapped: &WrappedKey) -> Result<CustomerKey, VaultError> {
        let kek = self.kek(&wrapped.kek_id)?;
        let bound_to = bound_to(&wrapped.kek_id, customer);
        let opened = envelope::open(kek, &bound_to, &wrapped.bytes, WRAPPED)?;
        let bytes = <[u8; KEY_BYTES]>::try_from(opened.as_slice())
            .map_err(|_| VaultError::Malformed { what: WRAPPED })?;
        CustomerKey::from_bytes(Zeroizing::new(bytes))
    }

    fn rewrap_now(
        &self,
        customer: Uuid,
        wrapped: &WrappedKey,
    ) -> Result<Option<WrappedKey>, VaultError> {
        if wrapped.kek_id == self.current {
            return Ok(None);
        }
        let key = self.unwrap_now(customer, wrapped)?;
        self.wrap_now(customer, &key).map(Some)
    }
}

impl KeyProvider for LocalKeyProvider {
    fn wrap<'a>(&'a self, customer: Uuid, key: &'a CustomerKey) -> Pending<'a, WrappedKey> {
        Box::pin(ready(self.wrap_now(customer, key)))
    }

    fn unwrap<'a>(&'a self, customer: Uuid, wrapped: &'a WrappedKey) -> Pending<'a, CustomerKey> {
        Box::pin(ready(self.unwrap_now(customer, wrapped)))
    }

    fn rewrap<'a>(
        &'a self,
        customer: Uuid,
        wrapped: &'a WrappedKey,
    ) -> Pending<'a, Option<WrappedKey>> {
        Box::pin(ready(self.rewrap_now(customer, wrapped)))
    }

    fn current_kek(&self) -> Pending<'_, Option<String>> {
        Box::pin(ready(Ok(Some(self.current.clone()))))
    }

    fn index_key(&self) -> &IndexKey {
        &self.index
    }
}

fn bound_to(kek_id: &str, customer: Uuid) -> Vec<u8> {
    envelope::bind(&[PURPOSE, kek_id.as_bytes(), customer.as_bytes()])
}

fn random(rng: &dyn SecureRandom) -> Result<Secret, VaultError> {
    let mut secret = Secret::default();
    rng.fill(secret.as_mut_slice())
        .map_err(|_| VaultError::Randomness)?;
    Ok(secret)
}

fn key_file(origin: &str, problem: KeyFileProblem) -> VaultError {
    VaultError::KeyFile {
        origin: origin.to_owned(),
        problem,
    }
}
