//! Webhooks of other company systems.

use std::{path::PathBuf, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use kefu_access::ContextSigner;
use kefu_service::{config::Secret, error::Fault};
use serde::{Deserialize, Serialize};

use crate::domain::webhook::address::Limits;

/// `[access_control.rules.webhooks]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhooksConfig {
    /// Vouches for reads in receivers' names, among `trust.gateway_keys` of the other services:
    /// Ed25519, PKCS#8 in base64. Without it there are no webhooks.
    pub signing_key: Option<Secret>,
    /// Sends also to this machine and its link; for development.
    pub allow_local: bool,
    /// Sends also without TLS; for development.
    pub allow_plaintext: bool,
    /// Certificate authorities of receivers, a PEM file; none: those of the machine.
    pub authority_file: Option<PathBuf>,
    /// How long an attempt may take.
    pub timeout_ms: u64,
    /// How often it is looked for what is to be sent.
    pub poll_ms: u64,
    /// For how many days it is known what came of what was sent.
    pub keep_days: u32,
}

impl Default for WebhooksConfig {
    fn default() -> Self {
        Self {
            signing_key: None,
            allow_local: false,
            allow_plaintext: false,
            authority_file: None,
            timeout_ms: 15_000,
            poll_ms: 500,
            keep_days: 90,
        }
    }
}

impl WebhooksConfig {
    pub(super) fn check(&self) -> Result<(), Fault> {
        let bounds = [
            ("timeout_ms", self.timeout_ms, 10, 30_000),
            ("poll_ms", self.poll_ms, 10, 60_000),
            // A dead letter is there for longer than its attempts took.
            ("keep_days", self.keep_days.into(), 7, 3650),
        ];
        for (key, value, least, most) in bounds {
            if !(least..=most).contains(&value) {
                return Err(Fault::internal(format!(
                    "access_control.webhooks.{key} is not from {least} to {most}"
                )));
            }
        }
        self.signer().map(drop)
    }

    /// What vouches for reads in receivers' names.
    pub(crate) fn signer(&self) -> Result<Option<ContextSigner>, Fault> {
        let Some(secret) = &self.signing_key else {
            return Ok(None);
        };
        let wrong = || {
            Fault::internal("access_control.webhooks.signing_key is not an Ed25519 key in base64")
        };
        let pkcs8 = STANDARD
            .decode(secret.expose().trim())
            .map_err(|_| wrong())?;
        let signer = ContextSigner::from_pkcs8(&pkcs8);
        signer.map(Some).map_err(|_| wrong())
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            allow_local: self.allow_local,
            allow_plaintext: self.allow_plaintext,
        }
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub(crate) fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }
}
