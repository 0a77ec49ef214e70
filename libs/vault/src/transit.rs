//! The provider that has transit of HashiCorp Vault or OpenBao hold the key-encryption keys, which never leave it.
//!
//! A customer's key is wrapped by a key of transit that was made with `derived`: transit derives another one from it for
//! each context, and the context names the customer. (`associated_data` would bind it too, but `rewrap` does not take
//! it: hashicorp/vault issues 29532 and 31791.) `rewrap` then moves a wrapped key to the newest version without showing
//! it to anybody.
//!
//! Requests and answers follow the API as OpenBao 2.6 and 2.7 document and answer it, which is Vault's of 1.10 and newer:
//! `batch_input` always, `batch_results` in its order. `key_version` of an answer is not relied upon, the prefix of the
//! text is: `vault:v3:…`.

mod answer;
mod client;
mod names;
mod options;
mod tls;

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;
use zeroize::Zeroizing;

use self::client::{Client, Operation};
use self::names::{INDEX_CONTEXT, context};
pub use self::options::TransitOptions;
use crate::error::{SetupProblem, VaultError};
use crate::index::IndexKey;
use crate::key::{CustomerKey, KEY_BYTES, WrappedKey};
use crate::local::LocalKeyProvider;
use crate::provider::{KeyProvider, Pending, Rewrapped};
use crate::vault::Randomness;

const WRAPPED: &str = "wrapped key";
/// Keys asked about in one request: servers refuse bodies of too many strings (OpenBao from 2.4 on: 1000), and a key
/// comes to four, names counted.
const AT_ONCE: usize = 100;
/// What a text of transit begins with; an index key that does not is the key itself.
const PREFIX: &str = "vault:v";

/// Key-encryption keys that transit holds: the versions of one key of it. The index key is held here.
pub struct TransitKeyProvider {
    client: Client,
    key: String,
    index: IndexKey,
    /// The key file that transit takes over from.
    file: Option<LocalKeyProvider>,
    /// The file goes on wrapping.
    file_wraps: bool,
}

/// What is asked of transit about one key.
#[derive(Serialize)]
struct Item<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext: Option<&'a str>,
    context: &'a str,
}

#[derive(Serialize)]
struct Batch<'a> {
    batch_input: &'a [Item<'a>],
}

impl TransitKeyProvider {
    /// A provider that asks where and as `options` say. The index key is 32 bytes in base64; one that transit
    /// wrapped has to be [unwrapped](Self::index_key_of) first. Does not ask anything yet.
    ///
    /// # Errors
    /// [`VaultError::Setup`] for options that cannot be meant.
    pub fn new(options: &TransitOptions, index_key: &str) -> Result<Self, VaultError> {
        Ok(Self {
            client: Client::new(options, Arc::new(SystemRandom::new()))?,
            key: options.key.clone(),
            index: IndexKey::from_bytes(&*index_secret(index_key)?),
            file: None,
            file_wraps: false,
        })
    }

    /// Takes over from a key file: what it wrapped is unwrapped with it until it is wrapped anew, and its index key
    /// stays. New keys are wrapped by transit.
    ///
    /// # Errors
    /// [`VaultError::Setup`] for options that cannot be meant.
    pub fn after(options: &TransitOptions, file: LocalKeyProvider) -> Result<Self, VaultError> {
        Ok(Self {
            client: Client::new(options, Arc::new(SystemRandom::new()))?,
            key: options.key.clone(),
            index: file.index_key().clone(),
            file: Some(file),
            file_wraps: false,
        })
    }

    /// Leaves the wrapping to the key file, and unwraps what others have had transit wrap already: for the first of two
    /// restarts, so that no process meets a key that it cannot unwrap, and for the way back.
    ///
    /// # Errors
    /// [`VaultError::Setup`] for options that cannot be meant.
    pub fn beside(options: &TransitOptions, file: LocalKeyProvider) -> Result<Self, VaultError> {
        Ok(Self {
            file_wraps: true,
            ..Self::after(options, file)?
        })
    }

    /// Takes the jitter of its pauses from `rng` instead of the system's randomness.
    #[must_use]
    pub fn with_randomness(mut self, rng: Randomness) -> Self {
        self.client.rng = rng;
        self
    }

    /// Asks transit whether it has the key and whether it is one to rely upon; for the start of a service.
    ///
    /// # Errors
    /// [`VaultError::Setup`] when it is not, [`VaultError::Unavailable`] when nobody says.
    pub async fn check(options: &TransitOptions) -> Result<(), VaultError> {
        let client = Client::new(options, Arc::new(SystemRandom::new()))?;
        let key = client
            .ask(Operation::Read, Bytes::new(), answer::key)
            .await?;
        if !key.derived {
            return Err(VaultError::Setup(SetupProblem::NotDerived));
        }
        if !(key.supports_encryption && key.supports_decryption) {
            return Err(VaultError::Setup(SetupProblem::NotForEncrypting));
        }
        Ok(())
    }

    /// The index key in base64, of one that is configured so already or wrapped by transit (`vault:v…`), under the
    /// context `kefu index key v1`.
    ///
    /// # Errors
    /// Those of [`unwrap`](KeyProvider::unwrap), and [`VaultError::Setup`] for what is neither.
    pub async fn index_key_of(
        options: &TransitOptions,
        index_key: &str,
    ) -> Result<Zeroizing<String>, VaultError> {
        let index_key = index_key.trim();
        if !index_key.starts_with(PREFIX) {
            index_secret(index_key)?;
            return Ok(Zeroizing::new(index_key.to_owned()));
        }
        let client = Client::new(options, Arc::new(SystemRandom::new()))?;
        let kek = names::kek_id(&options.key, index_key)?;
        let item = Item {
            plaintext: None,
            ciphertext: Some(index_key),
            context: &STANDARD.encode(INDEX_CONTEXT),
        };
        let body = batch(&[item])?;
        let keys = client
            .ask(Operation::Decrypt, body, |status, body| {
                answer::plaintexts(status, body, &[&kek])
            })
            .await?;
        let secret = only(keys)?.map_err(|error| match error {
            VaultError::Malformed { .. } => VaultError::Setup(SetupProblem::IndexKey),
            other => other,
        })?;
        Ok(Zeroizing::new(STANDARD.encode(secret.as_slice())))
    }

    async fn encrypt(
        &self,
        keys: &[(Uuid, CustomerKey)],
    ) -> Result<Vec<Result<WrappedKey, VaultError>>, VaultError> {
        let secrets: Vec<_> = keys
            .iter()
            .map(|(_, key)| Zeroizing::new(STANDARD.encode(key.expose())))
            .collect();
        let contexts: Vec<_> = keys
            .iter()
            .map(|(customer, _)| context(*customer))
            .collect();
        let items: Vec<_> = secrets
            .iter()
            .zip(&contexts)
            .map(|(secret, context)| Item {
                plaintext: Some(secret),
                ciphertext: None,
                context,
            })
            .collect();
        let keks = vec![self.key.as_str(); keys.len()];
        let texts = self
            .client
            .ask(Operation::Encrypt, batch(&items)?, |status, body| {
                answer::ciphertexts(status, body, &keks)
            })
            .await?;
        Ok(texts
            .into_iter()
            .map(|text| text.and_then(|text| self.wrapped(text)))
            .collect())
    }

    async fn unwrap_one(
        &self,
        customer: Uuid,
        wrapped: &WrappedKey,
    ) -> Result<CustomerKey, VaultError> {
        let item = Item {
            plaintext: None,
            ciphertext: Some(self.text(wrapped)?),
            context: &context(customer),
        };
        let body = batch(&[item])?;
        let keys = self
            .client
            .ask(Operation::Decrypt, body, |status, body| {
                answer::plaintexts(status, body, &[&wrapped.kek_id])
            })
            .await?;
        CustomerKey::from_bytes(only(keys)??)
    }

    /// Of those that transit wrapped, not more than go into one request.
    async fn move_on(&self, keys: &[(Uuid, &WrappedKey)]) -> Result<Vec<Rewrapped>, VaultError> {
        let contexts: Vec<_> = keys
            .iter()
            .map(|(customer, _)| context(*customer))
            .collect();
        let mut items = Vec::with_capacity(keys.len());
        for ((_, wrapped), context) in keys.iter().zip(&contexts) {
            // What does not look like transit's is asked all the same, and told of in its place.
            let text = self.text(wrapped).unwrap_or_default();
            items.push(Item {
                plaintext: None,
                ciphertext: Some(text),
                context,
            });
        }
        let keks: Vec<_> = keys.iter().map(|(_, key)| key.kek_id.as_str()).collect();
        let texts = self
            .client
            .ask(Operation::Rewrap, batch(&items)?, |status, body| {
                answer::ciphertexts(status, body, &keks)
            })
            .await?;
        let moved = keys.iter().zip(texts).map(|((_, old), text)| -> Rewrapped {
            self.text(old)?;
            let new = self.wrapped(text?)?;
            // A node that is behind the others answers with no newer one.
            Ok(Some(new).filter(|new| names::version(new) > names::version(old)))
        });
        Ok(moved.collect())
    }

    /// Under the file's current one, whoever wrapped it.
    async fn rewrap_by_file(
        &self,
        file: &LocalKeyProvider,
        customer: Uuid,
        wrapped: &WrappedKey,
    ) -> Rewrapped {
        if self.by_file(wrapped).is_some() {
            return file.rewrap(customer, wrapped).await;
        }
        let key = self.unwrap_one(customer, wrapped).await?;
        file.wrap(customer, &key).await.map(Some)
    }

    async fn rewrap_many(&self, keys: &[(Uuid, WrappedKey)]) -> Result<Vec<Rewrapped>, VaultError> {
        if let Some(file) = self.wrapping_file() {
            let mut outcomes = Vec::with_capacity(keys.len());
            for (customer, wrapped) in keys {
                outcomes.push(self.rewrap_by_file(file, *customer, wrapped).await);
            }
            return Ok(outcomes);
        }
        let mut outcomes: Vec<Option<Rewrapped>> = keys.iter().map(|_| None).collect();
        let (mut moving, mut taken_over) = (Vec::new(), Vec::new());
        for (place, (customer, wrapped)) in keys.iter().enumerate() {
            match self.by_file(wrapped) {
                None => moving.push((place, (*customer, wrapped))),
                Some(file) => match file.unwrap(*customer, wrapped).await {
                    Ok(key) => taken_over.push((place, (*customer, key))),
                    Err(error) => outcomes[place] = Some(Err(error)),
                },
            }
        }
        let (places, moving): (Vec<_>, Vec<_>) = moving.into_iter().unzip();
        for (places, moving) in places.chunks(AT_ONCE).zip(moving.chunks(AT_ONCE)) {
            for (place, outcome) in places.iter().zip(self.move_on(moving).await?) {
                outcomes[*place] = Some(outcome);
            }
        }
        let (places, taken_over): (Vec<_>, Vec<_>) = taken_over.into_iter().unzip();
        for (places, taken_over) in places.chunks(AT_ONCE).zip(taken_over.chunks(AT_ONCE)) {
            for (place, outcome) in places.iter().zip(self.encrypt(taken_over).await?) {
                outcomes[*place] = Some(outcome.map(Some));
            }
        }
        // Each has one: the answers are as many as the questions.
        Ok(outcomes.into_iter().flatten().collect())
    }

    /// The key file, where it is what wrapped this one.
    fn by_file(&self, wrapped: &WrappedKey) -> Option<&LocalKeyProvider> {
        // Ids of a key file have no colon, those of transit do.
        let of_transit = wrapped.kek_id.contains(':');
        self.file.as_ref().filter(|_| !of_transit)
    }

    /// The key file, where it goes on wrapping.
    fn wrapping_file(&self) -> Option<&LocalKeyProvider> {
        self.file.as_ref().filter(|_| self.file_wraps)
    }

    /// The text that transit knows a wrapped key by, if the key is of ours and under the version that is said.
    fn text<'w>(&self, wrapped: &'w WrappedKey) -> Result<&'w str, VaultError> {
        let text = std::str::from_utf8(&wrapped.bytes)
            .map_err(|_| VaultError::Malformed { what: WRAPPED });
        if !names::is_of(&self.key, &wrapped.kek_id) {
            return Err(VaultError::UnknownKek {
                kek_id: wrapped.kek_id.clone(),
            });
        }
        let text = text?;
        match names::kek_id(&self.key, text)? == wrapped.kek_id {
            true => Ok(text),
            // Which keys are under an old version is counted by the id: it has to be the text's own.
            false => Err(VaultError::Tampered),
        }
    }

    fn wrapped(&self, text: String) -> Result<WrappedKey, VaultError> {
        Ok(WrappedKey {
            kek_id: names::kek_id(&self.key, &text)?,
            bytes: text.into_bytes(),
        })
    }
}

impl KeyProvider for TransitKeyProvider {
    fn wrap<'a>(&'a self, customer: Uuid, key: &'a CustomerKey) -> Pending<'a, WrappedKey> {
        match self.wrapping_file() {
            Some(file) => file.wrap(customer, key),
            None => Box::pin(async move { only(self.encrypt(&[(customer, key.clone())]).await?)? }),
        }
    }

    fn unwrap<'a>(&'a self, customer: Uuid, wrapped: &'a WrappedKey) -> Pending<'a, CustomerKey> {
        match self.by_file(wrapped) {
            Some(file) => file.unwrap(customer, wrapped),
            None => Box::pin(self.unwrap_one(customer, wrapped)),
        }
    }

    fn rewrap<'a>(
        &'a self,
        customer: Uuid,
        wrapped: &'a WrappedKey,
    ) -> Pending<'a, Option<WrappedKey>> {
        Box::pin(async move {
            let keys = [(customer, wrapped.clone())];
            only(self.rewrap_many(&keys).await?)?
        })
    }

    fn rewrap_all<'a>(&'a self, keys: &'a [(Uuid, WrappedKey)]) -> Pending<'a, Vec<Rewrapped>> {
        Box::pin(self.rewrap_many(keys))
    }

    fn current_kek(&self) -> Pending<'_, Option<String>> {
        if let Some(file) = self.wrapping_file() {
            return file.current_kek();
        }
        Box::pin(async move {
            let key = self
                .client
                .ask(Operation::Read, Bytes::new(), answer::key)
                .await?;
            Ok(Some(names::of_version(&self.key, key.latest_version)))
        })
    }

    fn index_key(&self) -> &IndexKey {
        &self.index
    }
}

/// The body of a request, overwritten once it is sent. What the connection copies of it is not.
fn batch(items: &[Item<'_>]) -> Result<Bytes, VaultError> {
    let longest = |item: &Item<'_>| {
        let texts = [item.plaintext, item.ciphertext, Some(item.context)];
        texts.iter().flatten().map(|text| text.len()).sum::<usize>()
    };
    // Reserved in full, as in `envelope`: growing would leave copies behind. Base64 is written as it is.
    let length: usize = items.iter().map(|item| longest(item) + 64).sum();
    let mut body = Zeroizing::new(Vec::with_capacity(length + 32));
    serde_json::to_writer(&mut *body, &Batch { batch_input: items })
        .map_err(|_| VaultError::Malformed { what: WRAPPED })?;
    Ok(Bytes::from_owner(body))
}

/// The one answer to one question.
fn only<T>(mut answers: Vec<T>) -> Result<T, VaultError> {
    answers
        .pop()
        .ok_or(VaultError::Unavailable(crate::Outage::Unintelligible))
}

fn index_secret(text: &str) -> Result<Zeroizing<[u8; KEY_BYTES]>, VaultError> {
    let wrong = VaultError::Setup(SetupProblem::IndexKey);
    let Ok(bytes) = STANDARD.decode(text.trim()).map(Zeroizing::new) else {
        return Err(wrong);
    };
    <[u8; KEY_BYTES]>::try_from(bytes.as_slice())
        .map(Zeroizing::new)
        .map_err(|_| wrong)
}
