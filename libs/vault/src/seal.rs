//! Sealing values, bound to the place they are stored in.

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::envelope;
use crate::error::VaultError;
use crate::key::CustomerKey;
use crate::vault::Vault;

const PURPOSE: &[u8] = b"kefu sealed value v1";
const SEALED: &str = "sealed value";

/// Plaintext is padded to a multiple of this many bytes.
const BLOCK: usize = 32;

/// Padding is one byte 0x80, then zeros (ISO/IEC 7816-4). There is always at least one byte of it, so a value that
/// fills its last block takes another.
const PADDING: [u8; BLOCK] = {
    let mut padding = [0; BLOCK];
    padding[0] = 0x80;
    padding
};

/// Where a sealed value is stored. A value opens only in the place it was sealed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The table's name, with its schema.
    pub table: &'static str,
    /// The column's name.
    pub column: &'static str,
    /// The row's id.
    pub row: Uuid,
}

impl Place {
    fn bound_to(&self) -> Vec<u8> {
        envelope::bind(&[
            PURPOSE,
            self.table.as_bytes(),
            self.column.as_bytes(),
            self.row.as_bytes(),
        ])
    }
}

impl Vault {
    /// Seals a value for its place: a version byte, a 12-byte random nonce, the ciphertext, a 16-byte tag.
    ///
    /// The plaintext is padded to the next multiple of 32 bytes, and the result is 29 bytes longer than that. Names,
    /// telephone numbers and most addresses so come out at one or two lengths; of a long text its length remains
    /// visible to within 32 bytes.
    ///
    /// # Errors
    /// [`VaultError::Randomness`], or [`VaultError::TooLong`] beyond about 64 GiB.
    pub fn seal(
        &self,
        key: &CustomerKey,
        place: &Place,
        plain: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let padding = &PADDING[..BLOCK - plain.len() % BLOCK];
        let pieces = [plain, padding];
        envelope::seal(key.cipher(), self.rng(), &place.bound_to(), &pieces)
    }

    /// Opens a value in its place.
    ///
    /// # Errors
    /// [`VaultError::Tampered`] if the bytes were altered, or sealed under another key or for another place;
    /// [`VaultError::Malformed`] if they are too short to be a sealed value, or are padded wrongly inside.
    pub fn open(
        &self,
        key: &CustomerKey,
        place: &Place,
        sealed: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let mut padded = envelope::open(key.cipher(), &place.bound_to(), sealed, SEALED)?;
        let length = unpadded(&padded)?;
        padded.truncate(length);
        Ok(std::mem::take(&mut *padded))
    }
}

/// The length before padding. The tag has been checked by now, so telling wrong padding apart helps no attacker.
fn unpadded(padded: &Zeroizing<Vec<u8>>) -> Result<usize, VaultError> {
    padded
        .iter()
        .rposition(|byte| *byte != 0)
        .filter(|last| padded[*last] == PADDING[0])
        .filter(|last| padded.len() - last <= BLOCK && padded.len().is_multiple_of(BLOCK))
        .ok_or(VaultError::Malformed { what: SEALED })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(padded: &[u8]) -> Option<usize> {
        unpadded(&Zeroizing::new(padded.to_vec())).ok()
    }

    #[test]
    fn padding_is_found_where_it_starts() {
        let mut one_byte = [0x80; BLOCK];
        assert_eq!(length(&one_byte), Some(BLOCK - 1));
        one_byte[BLOCK - 1] = 0;
        assert_eq!(length(&one_byte), Some(BLOCK - 2));
        assert_eq!(length(&PADDING), Some(0));
        assert_eq!(length(&[[7; BLOCK], PADDING].concat()), Some(BLOCK));
    }

    #[test]
    fn wrong_padding_is_refused() {
        assert_eq!(length(&[]), None);
        assert_eq!(length(&[0; BLOCK]), None);
        assert_eq!(length(&[1; BLOCK]), None);
        assert_eq!(length(&[0x80]), None, "not a whole block");
        assert_eq!(length(&[PADDING, [0; BLOCK]].concat()), None, "two blocks");
    }
}
