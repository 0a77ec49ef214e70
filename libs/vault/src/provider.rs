//! Who holds the key-encryption keys.

use std::future::ready;
use std::pin::Pin;

use uuid::Uuid;

use crate::error::VaultError;
use crate::index::IndexKey;
use crate::key::{CustomerKey, WrappedKey};

/// An answer of a [`KeyProvider`], boxed so that the trait can be used as an object.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, VaultError>> + Send + 'a>>;

/// What became of one key of [`KeyProvider::rewrap_all`].
pub type Rewrapped = Result<Option<WrappedKey>, VaultError>;

/// The holder of the key-encryption keys: a file in development, Vault transit or a cloud KMS in production.
///
/// Asynchronous because the remote ones answer over the network. A provider must bind what it wraps to the customer,
/// so that one customer's wrapped key stored in another's row does not unwrap.
pub trait KeyProvider: Send + Sync + 'static {
    /// Wraps a customer's key under the current key-encryption key.
    ///
    /// # Errors
    /// [`VaultError::Randomness`], or [`VaultError::Unavailable`] from a remote provider.
    fn wrap<'a>(&'a self, customer: Uuid, key: &'a CustomerKey) -> Pending<'a, WrappedKey>;

    /// Unwraps a customer's key.
    ///
    /// # Errors
    /// [`VaultError::UnknownKek`] for a key-encryption key not held, [`VaultError::Tampered`] for altered bytes or
    /// another customer's, [`VaultError::Malformed`], or [`VaultError::Unavailable`] from a remote provider.
    fn unwrap<'a>(&'a self, customer: Uuid, wrapped: &'a WrappedKey) -> Pending<'a, CustomerKey>;

    /// Wraps a customer's key anew if it is not under the current key-encryption key: `None` means it already is and
    /// the row can stay. The data key does not change, so nothing sealed needs sealing again.
    ///
    /// Providers that can tell, or that can re-wrap without showing the key, override this; on its own it always
    /// unwraps and wraps.
    ///
    /// # Errors
    /// Those of [`wrap`](Self::wrap) and [`unwrap`](Self::unwrap).
    fn rewrap<'a>(
        &'a self,
        customer: Uuid,
        wrapped: &'a WrappedKey,
    ) -> Pending<'a, Option<WrappedKey>> {
        Box::pin(async move {
            let key = self.unwrap(customer, wrapped).await?;
            self.wrap(customer, &key).await.map(Some)
        })
    }

    /// [`rewrap`](Self::rewrap) of many, each with its own outcome in the order they were given in: one that does not
    /// unwrap does not hold up the others.
    ///
    /// Remote providers override this to ask for many at one time.
    ///
    /// # Errors
    /// Of a key: those of [`rewrap`](Self::rewrap). Of all: [`VaultError::Unavailable`] from a remote provider.
    fn rewrap_all<'a>(&'a self, keys: &'a [(Uuid, WrappedKey)]) -> Pending<'a, Vec<Rewrapped>> {
        Box::pin(async move {
            let mut rewrapped = Vec::with_capacity(keys.len());
            for (customer, wrapped) in keys {
                rewrapped.push(self.rewrap(*customer, wrapped).await);
            }
            Ok(rewrapped)
        })
    }

    /// The key-encryption key that new keys are wrapped under now, where [`rewrap`](Self::rewrap) is ours to call;
    /// `None` from providers that wrap anew by themselves. Remote ones are asked: it changes there.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`] from a remote provider.
    fn current_kek(&self) -> Pending<'_, Option<String>> {
        Box::pin(ready(Ok(None)))
    }

    /// The key of the blind indexes, one for all customers: an equality look-up does not know the customer yet.
    /// Held by the process: every look-up needs it.
    fn index_key(&self) -> &IndexKey;
}
