//! Blind indexes: keyed hashes that stand in for sealed values in look-ups.

use std::collections::BTreeSet;
use std::fmt;

use aws_lc_rs::{hkdf, hmac};

use crate::envelope;
use crate::key::KEY_BYTES;

/// HKDF's salt (RFC 5869): public and fixed, it sets these subkeys apart from any other use of the same secret.
const SALT: &[u8] = b"kefu blind index v1";

/// Whole values and grams have subkeys of their own: under one, a two-character name would hash like the gram of
/// every longer name it is part of.
const WHOLE: &[u8] = b"whole";
const GRAM: &[u8] = b"gram";

const BLIND_BYTES: usize = 16;

/// The key of the blind indexes; each table's column has a subkey, so equal values in two columns cannot be linked.
///
/// Losing it loses the look-ups, not the data: indexes can be rebuilt from the opened values.
#[derive(Clone)]
pub struct IndexKey(hkdf::Prk);

impl IndexKey {
    /// The index key from its 256-bit secret. The library's copy is overwritten on drop; the caller sees to its own.
    pub fn from_bytes(secret: &[u8; KEY_BYTES]) -> Self {
        Self(hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(secret))
    }

    /// The blind index of a whole value, for equality look-ups: HMAC-SHA256 under the column's subkey, truncated to
    /// 16 bytes.
    ///
    /// Values are compared as given: normalise first (E.164 for telephone numbers and so on), when storing and when
    /// looking up alike.
    pub fn blind(&self, table: &str, column: &str, normalised_value: &str) -> BlindIndex {
        hash(
            &self.subkey(WHOLE, table, column),
            normalised_value.as_bytes(),
        )
    }

    /// The blind indexes of a text's one- and two-character grams, for text search: sorted and without duplicates, so
    /// that neither the order nor the number of their occurrences shows.
    ///
    /// Characters are Unicode scalar values, lower-cased one by one; white space is skipped, and grams reach across
    /// it. So the grams of any part of a text are among the text's own, and a search is `stored grams ⊇ grams of the
    /// query`. The reverse does not hold: candidates must be opened and checked. Texts in different normal forms do
    /// not match; bring them to one before.
    pub fn grams(&self, table: &str, column: &str, text: &str) -> Vec<BlindIndex> {
        let subkey = self.subkey(GRAM, table, column);
        folded_grams(text)
            .iter()
            .map(|gram| hash(&subkey, gram.as_bytes()))
            // Sorted as hashes: sorted as text, the order would tell something about the text.
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    fn subkey(&self, kind: &[u8], table: &str, column: &str) -> hmac::Key {
        let info = envelope::bind(&[kind, table.as_bytes(), column.as_bytes()]);
        let info = [info.as_slice()];
        match self.0.expand(&info, hmac::HMAC_SHA256) {
            Ok(material) => hmac::Key::from(material),
            Err(_) => unreachable!("32 bytes are within what HKDF-SHA256 expands to"),
        }
    }
}

impl fmt::Debug for IndexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexKey(..)")
    }
}

/// Lower-cased character by character, not as a whole string: there a capital sigma becomes a different letter at
/// the end of a word, and a query that stops in mid-word would miss it.
fn folded_grams(text: &str) -> BTreeSet<String> {
    let folded: Vec<char> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect();
    let ones = folded.windows(1);
    let twos = folded.windows(2);
    ones.chain(twos).map(|gram| gram.iter().collect()).collect()
}

fn hash(subkey: &hmac::Key, value: &[u8]) -> BlindIndex {
    let tag = hmac::sign(subkey, value);
    let mut blind = [0; BLIND_BYTES];
    blind.copy_from_slice(&tag.as_ref()[..BLIND_BYTES]);
    BlindIndex(blind)
}

/// A keyed hash of a value or of one of its grams: 16 bytes.
///
/// Not secret as a key is, yet it links rows that hold the same value: store it, do not log it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BlindIndex([u8; BLIND_BYTES]);

impl BlindIndex {
    /// The bytes, owned, as database drivers want them for `bytea` and `bytea[]`.
    pub fn to_vec(&self) -> Vec<u8> {
        self.0.to_vec()
    }
}

impl AsRef<[u8]> for BlindIndex {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
