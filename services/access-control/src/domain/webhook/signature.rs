//! Signatures as Standard Webhooks 1.0 has them: HMAC-SHA256 over id, time and body.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};

/// What secrets begin with.
pub const PREFIX: &str = "whsec_";

/// A secret as receivers are told it.
pub fn written(secret: &[u8]) -> String {
    format!("{PREFIX}{}", STANDARD.encode(secret))
}

/// The value of `webhook-signature`: one for each secret, the newest first. `time` is in seconds
/// since 1970.
pub fn signatures(secrets: &[Vec<u8>], id: &str, time: i64, body: &[u8]) -> String {
    let signed = [format!("{id}.{time}.").as_bytes(), body].concat();
    let one = |secret: &Vec<u8>| {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), &signed);
        format!("v1,{}", STANDARD.encode(tag))
    };
    secrets.iter().map(one).collect::<Vec<_>>().join(" ")
}
