//! A customer's data key, in memory and wrapped for storage.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::LessSafeKey;
use aws_lc_rs::rand::SecureRandom;
use zeroize::Zeroizing;

use crate::envelope;
use crate::error::VaultError;

/// The length of every key of the suite: 256 bits.
pub const KEY_BYTES: usize = 32;

/// A customer's 256-bit data key.
///
/// Clones share one copy, which is overwritten when the last of them is dropped; the prepared cipher beside it is
/// overwritten by the cryptographic library.
#[derive(Clone)]
pub struct CustomerKey(Arc<Material>);

struct Material {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    cipher: LessSafeKey,
}

impl CustomerKey {
    /// A new key from `rng`.
    ///
    /// # Errors
    /// [`VaultError::Randomness`] if `rng` fails.
    pub fn generate(rng: &dyn SecureRandom) -> Result<Self, VaultError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        rng.fill(bytes.as_mut_slice())
            .map_err(|_| VaultError::Randomness)?;
        Self::from_bytes(bytes)
    }

    /// The key a provider unwrapped.
    ///
    /// # Errors
    /// [`VaultError::Malformed`] if the cryptographic library does not take the key.
    pub fn from_bytes(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Result<Self, VaultError> {
        let cipher = envelope::cipher(&bytes)?;
        Ok(Self(Arc::new(Material { bytes, cipher })))
    }

    /// The key itself, for providers to wrap and for nothing else.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0.bytes
    }

    pub(crate) fn cipher(&self) -> &LessSafeKey {
        &self.0.cipher
    }
}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerKey(..)")
    }
}

/// A customer's key as it is stored: encrypted under the provider's key-encryption key `kek_id`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WrappedKey {
    /// The key-encryption key it is wrapped under, as the provider names it.
    pub kek_id: String,
    /// The wrapped key; its layout is the provider's own.
    pub bytes: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_key() {
        let key = CustomerKey::from_bytes(Zeroizing::new([0xAB; KEY_BYTES])).unwrap();
        assert_eq!(format!("{key:?}"), "CustomerKey(..)");
    }

    #[test]
    fn clones_share_the_one_copy() {
        let key = CustomerKey::from_bytes(Zeroizing::new([7; KEY_BYTES])).unwrap();
        assert!(std::ptr::eq(key.expose(), key.clone().expose()));
    }
}
