//! How a version of transit's key is called in a row, and what a wrapped key is bound to.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::{PREFIX, WRAPPED};
use crate::envelope;
use crate::error::VaultError;
use crate::key::WrappedKey;

const PURPOSE: &[u8] = b"kefu customer key v1";
/// What a wrapped index key is bound to; short, for it is written by hand.
pub(super) const INDEX_CONTEXT: &[u8] = b"kefu index key v1";

/// The context of a customer's key. Transit derives a key of its own for each.
pub(super) fn context(customer: Uuid) -> String {
    STANDARD.encode(envelope::bind(&[PURPOSE, customer.as_bytes()]))
}

/// `kefu:v3`: the key-encryption key that a text of transit is under.
pub(super) fn kek_id(key: &str, text: &str) -> Result<String, VaultError> {
    let malformed = VaultError::Malformed { what: WRAPPED };
    let number = text
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split_once(':'))
        .and_then(|(number, _)| parsed(number));
    number
        .map(|number| of_version(key, number))
        .ok_or(malformed)
}

/// The key-encryption key that is this version of transit's.
pub(super) fn of_version(key: &str, version: u32) -> String {
    format!("{key}:v{version}")
}

/// Whether this is the name of a version of transit's key.
pub(super) fn is_of(key: &str, kek_id: &str) -> bool {
    kek_id
        .strip_prefix(key)
        .and_then(|rest| rest.strip_prefix(":v"))
        .and_then(parsed)
        .is_some()
}

/// The version by its name; later ones are greater.
pub(super) fn version(wrapped: &WrappedKey) -> Option<u32> {
    let (_, number) = wrapped.kek_id.rsplit_once(":v")?;
    parsed(number)
}

/// As transit writes it, so that each version has one name.
fn parsed(number: &str) -> Option<u32> {
    let version: u32 = number.parse().ok()?;
    (version > 0 && version.to_string() == number).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_one_name() {
        assert_eq!(kek_id("kefu", "vault:v12:AAAA").unwrap(), "kefu:v12");
        for text in [
            "",
            "vault:v1",
            "vault:v:AA",
            "vault:v01:AA",
            "vault:v+1:AA",
            "vault:v0:AA",
            "v1:AA",
        ] {
            assert!(kek_id("kefu", text).is_err(), "{text}");
        }
        assert!(is_of("kefu", "kefu:v12"));
        for name in ["kefu:v012", "kefu:v", "kefu2:v1", "kefu", "other:v1"] {
            assert!(!is_of("kefu", name), "{name}");
        }
    }
}
