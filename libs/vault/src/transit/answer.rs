//! What transit's answers mean: which of the closed set each refusal is.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::WRAPPED;
use crate::error::{Outage, SetupProblem, VaultError};
use crate::key::KEY_BYTES;

/// What it knows about a key.
#[derive(Deserialize)]
pub(super) struct Key {
    pub(super) derived: bool,
    pub(super) latest_version: u32,
    pub(super) supports_encryption: bool,
    pub(super) supports_decryption: bool,
}

/// One result of a batch: its text, or what was wrong with it.
#[derive(Deserialize)]
struct Item<'a> {
    /// Of the answer itself, which is overwritten.
    #[serde(borrow, default)]
    plaintext: Cow<'a, str>,
    #[serde(default)]
    ciphertext: String,
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
struct Results<'a> {
    #[serde(borrow)]
    batch_results: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<String>,
}

type Of<T> = Vec<Result<T, VaultError>>;

/// The wrapped keys of a batch; `keks` are what each was under before.
pub(super) fn ciphertexts(
    status: StatusCode,
    body: &[u8],
    keks: &[&str],
) -> Result<Of<String>, VaultError> {
    results(status, body, keks, |item| {
        match item.ciphertext.is_empty() {
            true => Err(VaultError::Unavailable(Outage::Unintelligible)),
            false => Ok(std::mem::take(&mut item.ciphertext)),
        }
    })
}

/// The unwrapped keys of a batch.
pub(super) fn plaintexts(
    status: StatusCode,
    body: &[u8],
    keks: &[&str],
) -> Result<Of<Zeroizing<[u8; KEY_BYTES]>>, VaultError> {
    results(status, body, keks, |item| {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        // One byte more than a key, so that longer ones are not taken for one.
        let mut room = Zeroizing::new([0; KEY_BYTES + 1]);
        match STANDARD.decode_slice(item.plaintext.as_bytes(), room.as_mut_slice()) {
            Ok(KEY_BYTES) => {
                key.copy_from_slice(&room[..KEY_BYTES]);
                Ok(key)
            }
            _ => Err(VaultError::Malformed { what: WRAPPED }),
        }
    })
}

/// What is known about the key.
pub(super) fn key(status: StatusCode, body: &[u8]) -> Result<Key, VaultError> {
    match status {
        StatusCode::OK => data(body),
        _ => Err(refusal(status, body, "")),
    }
}

fn results<T>(
    status: StatusCode,
    body: &[u8],
    keks: &[&str],
    take: impl Fn(&mut Item<'_>) -> Result<T, VaultError>,
) -> Result<Of<T>, VaultError> {
    // Where some of a batch are refused, the status is 400 and the others are there all the same.
    let answer: Result<Answer<Results<'_>>, _> = serde_json::from_slice(body);
    let items = match answer {
        Ok(answer) => answer.data.batch_results,
        Err(_) if status == StatusCode::OK => {
            return Err(VaultError::Unavailable(Outage::Unintelligible));
        }
        Err(_) => return Err(refusal(status, body, keks.first().unwrap_or(&""))),
    };
    if items.len() != keks.len() {
        return Err(VaultError::Unavailable(Outage::Unintelligible));
    }
    let outcomes = items.into_iter().zip(keks).map(|(mut item, kek)| {
        if item.error.is_empty() {
            return take(&mut item);
        }
        Err(meaning(&item.error, kek)
            .unwrap_or(VaultError::Unavailable(Outage::Failed { status: 400 })))
    });
    Ok(outcomes.collect())
}

fn data<T: DeserializeOwned>(body: &[u8]) -> Result<T, VaultError> {
    let answer: Result<Answer<T>, _> = serde_json::from_slice(body);
    match answer {
        Ok(answer) => Ok(answer.data),
        Err(_) => Err(VaultError::Unavailable(Outage::Unintelligible)),
    }
}

/// A request that was refused as a whole.
fn refusal(status: StatusCode, body: &[u8], kek: &str) -> VaultError {
    let errors = serde_json::from_slice(body).map_or(Vec::new(), |errors: Errors| errors.errors);
    // Before the status: some versions have told with 500 what is 400 (hashicorp/vault issue 10842).
    if let Some(meaning) = errors.iter().find_map(|text| meaning(text, kek)) {
        return meaning;
    }
    VaultError::Unavailable(match status.as_u16() {
        403 => Outage::Denied,
        404 => return VaultError::Setup(SetupProblem::NoKey),
        412 => Outage::Behind,
        429 => Outage::Busy,
        503 => Outage::Sealed,
        status => Outage::Failed { status },
    })
}

/// What a text of transit's means, of those that can be told apart by nothing else (`keysutil/policy.go`).
fn meaning(text: &str, kek: &str) -> Option<VaultError> {
    let says = |part: &str| text.contains(part);
    let unknown = || VaultError::UnknownKek {
        kek_id: kek.to_owned(),
    };
    if says("message authentication failed") {
        Some(VaultError::Tampered)
    } else if says("version is too new") {
        Some(VaultError::Unavailable(Outage::Behind))
    } else if says("(too old)") || says("no such key version") || says("invalid key version") {
        Some(unknown())
    } else if says("encryption key not found") {
        Some(VaultError::Setup(SetupProblem::NoKey))
    } else if says("invalid ciphertext") || says("missing ciphertext") {
        Some(VaultError::Malformed { what: WRAPPED })
    } else {
        None
    }
}
