//! Keys of a development suite, made once and kept in its folder, readable by
//! its owner alone.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use anyhow::Context;
use aws_lc_rs::{
    rand::{SecureRandom, SystemRandom},
    signature::Ed25519KeyPair,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use kefu_access::ContextSigner;
use kefu_access_control::config::AccessControlConfig;
use kefu_audit::CheckpointKey;
use kefu_gateway::dev_issuer::DevIssuer;
use kefu_vault::LocalKeyProvider;
use serde::{Deserialize, Serialize};

/// Every secret of a development suite.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    gateway: String,
    service: String,
    issuer: String,
    /// Password of the services' database roles.
    database: String,
    /// Text of the vault's key file.
    vault: String,
    /// Signs the audit log.
    #[serde(default)]
    pub(crate) audit: String,
    /// Vouches for reads in the names of webhooks' receivers.
    #[serde(default)]
    webhooks: String,
}

impl Keys {
    /// New keys.
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub fn make() -> anyhow::Result<Self> {
        let randomness = SystemRandom::new();
        let mut password = [0; 24];
        randomness
            .fill(&mut password)
            .map_err(|_| anyhow::anyhow!("no randomness"))?;
        let issuer = DevIssuer::generate(&randomness).map_err(crate::said)?;
        Ok(Self {
            gateway: STANDARD.encode(ContextSigner::generate(&randomness).1),
            service: STANDARD.encode(ContextSigner::generate(&randomness).1),
            issuer: STANDARD.encode(issuer.pkcs8()),
            database: password.iter().map(|byte| format!("{byte:02x}")).collect(),
            vault: LocalKeyProvider::generate()?.1,
            audit: new_audit_key(&randomness)?,
            webhooks: STANDARD.encode(ContextSigner::generate(&randomness).1),
        })
    }

    /// The keys in `home/keys.toml`, made when there are none.
    ///
    /// # Errors
    /// When the folder cannot be written or its keys cannot be read.
    pub fn load_or_make(home: &Path) -> anyhow::Result<Self> {
        let path = home.join("keys.toml");
        if path.exists() {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            // The parser's own message would quote the line, and with it a key.
            let mut keys: Self = toml::from_str(&text)
                .map_err(|_| anyhow::anyhow!("{} is damaged", path.display()))?;
            // Folders made before there was an audit log, or webhooks.
            let before = (keys.audit.is_empty(), keys.webhooks.is_empty());
            let randomness = SystemRandom::new();
            if before.0 {
                keys.audit = new_audit_key(&randomness)?;
            }
            if before.1 {
                keys.webhooks = STANDARD.encode(ContextSigner::generate(&randomness).1);
            }
            if before != (false, false) {
                write_private(&path, &toml::to_string(&keys)?)?;
            }
            return Ok(keys);
        }
        let keys = Self::make()?;
        write_private(&path, &toml::to_string(&keys)?)?;
        Ok(keys)
    }

    /// Signs access contexts.
    ///
    /// # Errors
    /// When the key cannot be read.
    pub fn gateway(&self) -> anyhow::Result<ContextSigner> {
        signer(&self.gateway)
    }

    /// Signs the services' own calls.
    ///
    /// # Errors
    /// When the key cannot be read.
    pub fn service(&self) -> anyhow::Result<ContextSigner> {
        signer(&self.service)
    }

    /// Vouches for reads in the names of webhooks' receivers: the key, and what signs with it.
    ///
    /// # Errors
    /// When the key cannot be read.
    pub fn webhooks(&self) -> anyhow::Result<(&str, ContextSigner)> {
        Ok((&self.webhooks, signer(&self.webhooks)?))
    }

    /// Issues tokens.
    ///
    /// # Errors
    /// When the key cannot be read.
    pub fn issuer(&self) -> anyhow::Result<DevIssuer> {
        DevIssuer::from_pkcs8(&STANDARD.decode(&self.issuer)?).map_err(crate::said)
    }

    /// Wraps customers' keys.
    ///
    /// # Errors
    /// When the key file's text is not one.
    pub fn provider(&self) -> anyhow::Result<LocalKeyProvider> {
        Ok(LocalKeyProvider::from_text(&self.vault)?)
    }

    /// Password of the services' database roles.
    pub fn database_password(&self) -> &str {
        &self.database
    }

    /// Text of the vault's key file.
    pub fn vault_text(&self) -> &str {
        &self.vault
    }

    /// What checks the audit log's checkpoints, for `kefu audit verify`.
    ///
    /// # Errors
    /// When the key cannot be read.
    pub fn audit_verifier(&self) -> anyhow::Result<String> {
        let origin = AccessControlConfig::default().audit_origin;
        let key = CheckpointKey::from_pkcs8(&origin, &STANDARD.decode(&self.audit)?)?;
        Ok(key.verifier_text())
    }

    /// Puts what checks the audit log where `kefu audit verify` looks for it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn publish_audit_key(&self, home: &Path) -> anyhow::Result<()> {
        write_private(&home.join("audit.pub"), &self.audit_verifier()?)
    }

    /// The gateway's and the services' keys, PKCS#8 in base64.
    pub fn signing_keys(&self) -> (&str, &str) {
        (&self.gateway, &self.service)
    }
}

fn new_audit_key(randomness: &SystemRandom) -> anyhow::Result<String> {
    let pkcs8 =
        Ed25519KeyPair::generate_pkcs8(randomness).map_err(|_| anyhow::anyhow!("no randomness"))?;
    Ok(STANDARD.encode(pkcs8.as_ref()))
}

fn signer(key: &str) -> anyhow::Result<ContextSigner> {
    ContextSigner::from_pkcs8(&STANDARD.decode(key)?)
        .map_err(|_| anyhow::anyhow!("a signing key cannot be read"))
}

/// Writes a file that its owner alone can read, and its folder.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(folder)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(text.as_bytes())?;
    Ok(file.sync_all()?)
}
