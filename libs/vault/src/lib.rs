//! Envelope encryption, blind indexes and key providers.
//!
//! Every customer has a 256-bit [`CustomerKey`]. It is stored only as a [`WrappedKey`], encrypted under a
//! key-encryption key that a [`KeyProvider`] holds. Personal values are sealed under the customer's key and bound
//! to the [`Place`] they are stored in, so that a value copied to another row or column no longer opens. Destroying
//! the wrapped key destroys every value sealed under it; destroying its key-encryption key afterwards destroys the
//! copies of it in backups (`docs/destruction.md`).
//!
//! Sealed values cannot be searched, so look-ups go through an [`IndexKey`]: a [`BlindIndex`] of the whole value
//! for equality, and marks of its parts for text search (`words.rs` says what is found by what, `texts.rs` that of long
//! texts).
//!
//! The crate is pure: no SQL, no transport, no clock of its own, and randomness is passed in. Callers hold the rows. The
//! one exception is `transit/`, the provider that asks a key service over HTTP.
//!
//! | what      | algorithm                                          | layout                                 |
//! |-----------|----------------------------------------------------|----------------------------------------|
//! | wrapped   | AES-256-GCM, bound to key-encryption key, customer | version, nonce 12, ciphertext 32, tag 16; of transit: its own text |
//! | sealed    | AES-256-GCM, bound to table, column, row           | version, nonce 12, padded ciphertext, tag 16 |
//! | blind     | HMAC-SHA256 under an HKDF-SHA256 subkey            | the first 16 bytes                     |
//! | mark      | the same                                           | the first 8 bytes, big endian          |
//! | check     | the same                                           | the first 4 bytes, big endian          |

mod envelope;
mod error;
mod index;
mod key;
mod keyfile;
mod local;
mod provider;
mod seal;
mod texts;
mod transit;
mod vault;
mod words;

pub use error::{KeyFileProblem, Outage, SetupProblem, VaultError};
pub use index::{BlindIndex, IndexKey, Needle};
pub use key::{CustomerKey, KEY_BYTES, WrappedKey};
pub use local::LocalKeyProvider;
pub use provider::{KeyProvider, Pending, Rewrapped};
pub use seal::Place;
pub use texts::TextMarks;
pub use transit::{TransitKeyProvider, TransitOptions};
pub use vault::{Randomness, Vault};
pub use words::QueryProblem;
