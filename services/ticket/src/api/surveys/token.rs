//! What a link carries: 256 random bits, of which only the hash is kept.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kefu_service::{error::Fault, ids::Ids};

/// A new token.
pub(super) fn new(ids: &Ids) -> Result<String, Fault> {
    Ok(URL_SAFE_NO_PAD.encode(ids.secret()?))
}

/// What is kept of a token, and what is looked for of whatever was sent as one.
pub(super) fn hash(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}
