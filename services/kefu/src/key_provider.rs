//! Who holds the key-encryption keys, by the configuration.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail};
use kefu_service::{
    config::{Secret, TransitConfig, VaultConfig},
    ids::system_randomness,
};
use kefu_vault::{KeyProvider, LocalKeyProvider, TransitKeyProvider, TransitOptions, Vault};

/// Pause before a request to transit is tried for the second time.
const PAUSE: Duration = Duration::from_millis(100);

/// Asks transit for what has to be known before a service starts: whether its key is one to rely
/// upon, and the index key where that was wrapped, which then stands in its place.
///
/// # Errors
/// When transit does not answer, or with something that cannot be relied upon.
pub async fn ask(config: &mut VaultConfig, service: &str) -> anyhow::Result<()> {
    // The gateway opens nothing; one file may serve all.
    if service == kefu_gateway::NAME {
        return Ok(());
    }
    refuse_contradictions(config)?;
    let Some(transit) = &mut config.transit else {
        return Ok(());
    };
    let options = options(transit);
    TransitKeyProvider::check(&options)
        .await
        .context("vault.transit")?;
    if let Some(index_key) = &mut transit.index_key {
        let plain = TransitKeyProvider::index_key_of(&options, index_key.expose()).await;
        *index_key = Secret::new(plain.context("vault.transit.index_key")?.as_str());
    }
    Ok(())
}

/// The vault over what holds the keys.
///
/// # Errors
/// When it is not said who does, twice, or in a way that cannot be carried out.
pub fn vault(config: &VaultConfig) -> anyhow::Result<Vault> {
    refuse_contradictions(config)?;
    let file = match (&config.key_file, &config.key) {
        (Some(path), _) => Some(LocalKeyProvider::from_file(path)?),
        (_, Some(text)) => Some(LocalKeyProvider::from_text(text.expose())?),
        (None, None) => None,
    };
    let provider: Arc<dyn KeyProvider> = match (&config.transit, file) {
        (Some(transit), file) => Arc::new(by_transit(transit, file).context("vault.transit")?),
        (None, Some(file)) => Arc::new(file),
        (None, None) => bail!(NOBODY),
    };
    Ok(Vault::new(provider, system_randomness()))
}

/// The vault of a command that can do without: none where nobody is said to hold the keys.
///
/// # Errors
/// Those of [`ask`] and [`vault`].
pub(crate) async fn of_command(
    config: &VaultConfig,
    command: &str,
) -> anyhow::Result<Option<Vault>> {
    if !config.is_set() {
        return Ok(None);
    }
    let mut config = config.clone();
    ask(&mut config, command).await?;
    vault(&config).map(Some)
}

const NOBODY: &str = "one of vault.transit, vault.key_file and vault.key must be set";

fn refuse_contradictions(config: &VaultConfig) -> anyhow::Result<()> {
    let held_here = config.key_file.is_some() || config.key.is_some();
    if config.key_file.is_some() && config.key.is_some() {
        bail!("vault.key_file and vault.key are both set: one of the two");
    }
    match &config.transit {
        None if !held_here => bail!(NOBODY),
        Some(transit) if held_here && transit.index_key.is_some() => bail!(
            "vault.transit.index_key is set, and the key file has an index key too. While transit takes over from a \
             key file, the file's is used: set one of the two"
        ),
        Some(transit) if !held_here && transit.index_key.is_none() => bail!(
            "vault.transit.index_key is not set, and what is sealed is looked up by it: set `index` of the key file \
             that was used before, or a new one in a new installation"
        ),
        Some(transit) if !held_here && !transit.wraps => bail!(
            "vault.transit.wraps is false, and there is no key file that would wrap instead: set vault.key_file or \
             vault.key, or leave it out"
        ),
        _ => Ok(()),
    }
}

fn by_transit(
    transit: &TransitConfig,
    file: Option<LocalKeyProvider>,
) -> anyhow::Result<TransitKeyProvider> {
    let options = options(transit);
    Ok(match file {
        Some(file) if transit.wraps => TransitKeyProvider::after(&options, file)?,
        Some(file) => TransitKeyProvider::beside(&options, file)?,
        None => {
            let index_key = transit.index_key.as_ref().map_or("", Secret::expose);
            TransitKeyProvider::new(&options, index_key)?
        }
    })
}

fn options(transit: &TransitConfig) -> TransitOptions {
    TransitOptions {
        address: transit.address.clone(),
        mount: transit.mount.clone(),
        key: transit.key.clone(),
        namespace: transit.namespace.clone(),
        token_file: transit.token_file.clone(),
        authority_file: transit.authority_file.clone(),
        timeout: Duration::from_millis(transit.timeout_ms),
        pause: PAUSE,
    }
}
