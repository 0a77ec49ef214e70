//! Blind indexes: keyed hashes that stand in for sealed values in look-ups.

use std::collections::BTreeSet;
use std::fmt;

use aws_lc_rs::{hkdf, hmac};

use crate::envelope;
use crate::key::KEY_BYTES;
use crate::texts::{self, Grams, TextMarks};
use crate::words::{self, QueryProblem};

/// HKDF's salt (RFC 5869): public and fixed, it sets these subkeys apart from any other use of the same secret.
const SALT: &[u8] = b"kefu blind index v1";

/// Whole values and parts have subkeys of their own: under one, a two-character name would hash like the part of
/// every longer name it is in.
const WHOLE: &[u8] = b"whole";
const PART: &[u8] = b"part";
/// Parts that long texts are checked for.
const CHECK: &[u8] = b"check";

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

    /// What these texts are found by, for text search: the marks of their [parts](words::parts), sorted and without
    /// duplicates, so that neither the order nor the number of their occurrences shows.
    ///
    /// Equal parts have equal marks: who has only the marks sees which are frequent. A mark is 64 bits; that two parts
    /// of millions share one is not to be expected, and finds a text too many where it happens.
    pub fn marks<'t>(
        &self,
        table: &str,
        column: &str,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> Vec<i64> {
        let subkey = self.subkey(PART, table, column);
        let parts = texts.into_iter().flat_map(words::parts);
        // Sorted as hashes: sorted as text, the order would tell something about the text.
        let marks: BTreeSet<i64> = parts.map(|part| mark(&subkey, &part)).collect();
        marks.into_iter().collect()
    }

    /// What a query looks for among the marks of a column; a text is found where every needle is.
    ///
    /// # Errors
    /// When there is nothing to look for, or too much.
    pub fn needles(
        &self,
        table: &str,
        column: &str,
        query: &str,
    ) -> Result<Vec<Needle>, QueryProblem> {
        let subkey = self.subkey(PART, table, column);
        let marks = |parts: Vec<String>| parts.iter().map(|part| mark(&subkey, part)).collect();
        let wanted = words::wanted(query)?.into_iter();
        let needles = wanted.map(|wanted| Needle {
            all: marks(wanted.all),
            any: marks(wanted.any),
        });
        Ok(needles.collect())
    }

    /// What a long text is found by, as `texts.rs` says.
    pub fn text_marks(&self, table: &str, column: &str, text: &str) -> TextMarks {
        self.mark_text(table, column, &texts::grams(text))
    }

    /// What a query looks for among the marks of long texts: a text is found where it has all of these.
    ///
    /// # Errors
    /// When there is nothing to look for, or too much.
    pub fn text_needle(
        &self,
        table: &str,
        column: &str,
        query: &str,
    ) -> Result<TextMarks, QueryProblem> {
        Ok(self.mark_text(table, column, &texts::wanted(query)?))
    }

    fn mark_text(&self, table: &str, column: &str, grams: &Grams) -> TextMarks {
        let part = self.subkey(PART, table, column);
        let check = self.subkey(CHECK, table, column);
        let pairs = grams.pairs.iter().map(|gram| mark(&part, gram));
        // The upper half is as good a hash as the whole.
        let longer = grams
            .longer
            .iter()
            .map(|gram| (mark(&check, gram) >> 32) as i32);
        TextMarks::of(pairs.collect(), longer.collect())
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

/// One word of a query, as the marks that texts with it have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needle {
    /// A text with the word has all of these …
    pub all: Vec<i64>,
    /// … and one with the word misspelt has one of these; empty where no other spelling counts.
    pub any: Vec<i64>,
}

fn mark(subkey: &hmac::Key, part: &str) -> i64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash(subkey, part.as_bytes()).0[..8]);
    i64::from_be_bytes(bytes)
}

fn hash(subkey: &hmac::Key, value: &[u8]) -> BlindIndex {
    let tag = hmac::sign(subkey, value);
    let mut blind = [0; BLIND_BYTES];
    blind.copy_from_slice(&tag.as_ref()[..BLIND_BYTES]);
    BlindIndex(blind)
}

/// A keyed hash of a value: 16 bytes.
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
