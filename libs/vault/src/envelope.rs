//! The bytes both wrapped keys and sealed values are made of, and the encoding of what they are bound to.
//!
//! An envelope is one version byte, a 12-byte random nonce, the ciphertext, and a 16-byte tag (AES-256-GCM, NIST SP
//! 800-38D). Nonces are random rather than counted because many processes seal under one key and share no counter;
//! section 8.3 of that document then allows 2^32 envelopes per key, far above what one customer's data, or one
//! key-encryption key's customers, come to.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand::SecureRandom;
use zeroize::{Zeroize, Zeroizing};

use crate::error::VaultError;
use crate::key::KEY_BYTES;

const VERSION: u8 = 1;
const HEAD: usize = 1 + NONCE_LEN;
const TAG: usize = 16;

/// Prepares the cipher for a key; done once per key because the key schedule costs more than a short seal.
pub(crate) fn cipher(key: &[u8; KEY_BYTES]) -> Result<LessSafeKey, VaultError> {
    // The length is right by type, so only a failed allocation inside the library could bring us to the error.
    let unbound =
        UnboundKey::new(&AES_256_GCM, key).map_err(|_| VaultError::Malformed { what: "key" })?;
    Ok(LessSafeKey::new(unbound))
}

/// Seals the pieces, one after the other, as one envelope.
pub(crate) fn seal(
    cipher: &LessSafeKey,
    rng: &dyn SecureRandom,
    bound_to: &[u8],
    pieces: &[&[u8]],
) -> Result<Vec<u8>, VaultError> {
    let mut nonce = [0; NONCE_LEN];
    rng.fill(&mut nonce).map_err(|_| VaultError::Randomness)?;

    // Reserved in full: growing would leave a copy of the plaintext behind in freed memory.
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mut envelope = Vec::with_capacity(HEAD + length + TAG);
    envelope.push(VERSION);
    envelope.extend_from_slice(&nonce);
    for piece in pieces {
        envelope.extend_from_slice(piece);
    }

    let nonce = Nonce::assume_unique_for_key(nonce);
    match cipher.seal_in_place_separate_tag(nonce, Aad::from(bound_to), &mut envelope[HEAD..]) {
        Ok(tag) => {
            envelope.extend_from_slice(tag.as_ref());
            Ok(envelope)
        }
        Err(_) => {
            envelope.zeroize();
            Err(VaultError::TooLong)
        }
    }
}

/// Opens an envelope; `what` names it in the error for one too short to be any.
pub(crate) fn open(
    cipher: &LessSafeKey,
    bound_to: &[u8],
    envelope: &[u8],
    what: &'static str,
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let (head, body) = envelope
        .split_first_chunk::<HEAD>()
        .filter(|(_, body)| body.len() >= TAG)
        .ok_or(VaultError::Malformed { what })?;
    let [version, nonce @ ..] = *head;
    if version != VERSION {
        return Err(VaultError::Tampered);
    }

    let mut plain = Zeroizing::new(body.to_vec());
    let nonce = Nonce::assume_unique_for_key(nonce);
    let length = cipher
        .open_in_place(nonce, Aad::from(bound_to), &mut plain)
        .map_err(|_| VaultError::Tampered)?
        .len();
    plain.truncate(length);
    Ok(plain)
}

/// Joins parts so that no two lists of parts come out the same: each is preceded by its length, 8 bytes big-endian.
///
/// The first part names the purpose and version, so that what is made for one purpose never passes for another.
pub(crate) fn bind(parts: &[&[u8]]) -> Vec<u8> {
    let mut bound = Vec::with_capacity(parts.iter().map(|part| 8 + part.len()).sum());
    for part in parts {
        bound.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bound.extend_from_slice(part);
    }
    bound
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::bind;

    #[test]
    fn moving_a_boundary_changes_the_binding() {
        assert_ne!(bind(&[b"ab", b"c"]), bind(&[b"a", b"bc"]));
        assert_ne!(bind(&[b"ab"]), bind(&[b"ab", b""]));
    }

    proptest! {
        #[test]
        fn bindings_are_equal_only_for_equal_parts(
            one in proptest::collection::vec(proptest::collection::vec(0_u8..3, 0..4), 0..4),
            other in proptest::collection::vec(proptest::collection::vec(0_u8..3, 0..4), 0..4),
        ) {
            fn slices(parts: &[Vec<u8>]) -> Vec<&[u8]> {
                parts.iter().map(Vec::as_slice).collect()
            }
            prop_assert_eq!(bind(&slices(&one)) == bind(&slices(&other)), one == other);
        }
    }
}
