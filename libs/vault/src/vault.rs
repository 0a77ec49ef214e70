//! The vault: customers' keys made, opened, remembered for a while, and forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use moka::sync::Cache;
use uuid::Uuid;

use crate::error::VaultError;
use crate::index::IndexKey;
use crate::key::{CustomerKey, WrappedKey};
use crate::provider::{KeyProvider, Rewrapped};

/// A source of randomness: `SystemRandom` in production, a fixed one in known-answer tests.
pub type Randomness = Arc<dyn SecureRandom + Send + Sync>;

/// Opened keys kept at most; some kilobytes each with the prepared cipher.
const CACHED_KEYS: u64 = 10_000;

/// How long an opened key is kept. [`Vault::forget`] reaches one process only; this is the longest a destroyed key
/// stays in the memory of the others.
const CACHED_FOR: Duration = Duration::from_secs(600);

/// Seals and opens customers' data. Cheap to clone; clones share the cache.
#[derive(Clone)]
pub struct Vault {
    provider: Arc<dyn KeyProvider>,
    rng: Randomness,
    cache: Cache<Uuid, Opened>,
    /// How often [`Vault::forget`] was called, so that an unwrap under way meanwhile is not remembered.
    forgotten: Arc<AtomicU64>,
}

/// A cached key with what it was unwrapped from: a hit needs both the customer and the very same wrapped bytes, so
/// the cache never opens what the provider would refuse.
#[derive(Clone)]
struct Opened {
    wrapped: Arc<WrappedKey>,
    key: CustomerKey,
}

impl Vault {
    /// A vault over `provider`, drawing keys and nonces from `rng`.
    pub fn new(provider: Arc<dyn KeyProvider>, rng: Randomness) -> Self {
        Self {
            provider,
            rng,
            cache: Cache::builder()
                .max_capacity(CACHED_KEYS)
                .time_to_live(CACHED_FOR)
                .build(),
            forgotten: Arc::default(),
        }
    }

    /// A new key for a customer, to use and to store. It is not cached: the caller's transaction may yet fail.
    ///
    /// # Errors
    /// [`VaultError::Randomness`], and those of [`KeyProvider::wrap`].
    pub async fn new_key(&self, customer: Uuid) -> Result<(CustomerKey, WrappedKey), VaultError> {
        let key = CustomerKey::generate(&*self.rng)?;
        let wrapped = self.provider.wrap(customer, &key).await?;
        Ok((key, wrapped))
    }

    /// A customer's key from its stored form, from the cache if it was opened lately.
    ///
    /// # Errors
    /// Those of [`KeyProvider::unwrap`].
    pub async fn open_key(
        &self,
        customer: Uuid,
        wrapped: &WrappedKey,
    ) -> Result<CustomerKey, VaultError> {
        if let Some(opened) = self.cache.get(&customer)
            && *opened.wrapped == *wrapped
        {
            return Ok(opened.key);
        }

        let forgotten = self.forgotten.load(Ordering::SeqCst);
        let key = self.provider.unwrap(customer, wrapped).await?;
        let opened = Opened {
            wrapped: Arc::new(wrapped.clone()),
            key: key.clone(),
        };
        self.cache.insert(customer, opened);
        // Looked at after inserting, while `forget` counts before removing: whichever comes second removes it.
        if self.forgotten.load(Ordering::SeqCst) != forgotten {
            self.cache.invalidate(&customer);
        }
        Ok(key)
    }

    /// Stored keys wrapped anew under the current key-encryption key, each with its own outcome; `None` for one that
    /// already is under it.
    ///
    /// # Errors
    /// Those of [`KeyProvider::rewrap_all`].
    pub async fn rewrap_all(
        &self,
        keys: &[(Uuid, WrappedKey)],
    ) -> Result<Vec<Rewrapped>, VaultError> {
        self.provider.rewrap_all(keys).await
    }

    /// The key-encryption key that stored keys should be under now; `None` where the provider sees to it by itself.
    ///
    /// # Errors
    /// Those of [`KeyProvider::current_kek`].
    pub async fn current_kek(&self) -> Result<Option<String>, VaultError> {
        self.provider.current_kek().await
    }

    /// Drops a customer's key from the cache; call it once the stored key is destroyed. Keys already handed out live
    /// until their holders drop them.
    pub fn forget(&self, customer: Uuid) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.cache.invalidate(&customer);
        // The cache lets go of removed entries lazily; here the key should leave memory now.
        self.cache.run_pending_tasks();
    }

    /// The provider's index key.
    pub fn index_key(&self) -> &IndexKey {
        self.provider.index_key()
    }

    pub(crate) fn rng(&self) -> &dyn SecureRandom {
        &*self.rng
    }
}
