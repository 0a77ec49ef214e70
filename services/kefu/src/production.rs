//! What is refused in production: settings that are good for trying alone. Each may be declared
//! meant, but for the development issuer, which the gateway refuses itself.

use anyhow::bail;
use kefu_gateway::Environment;

use crate::settings::Settings;

/// Refuses to start what customers' data must not be put into.
///
/// # Errors
/// All that is unsafe for the service of this name, with the reason and the way out.
pub(crate) fn check(settings: &Settings, service: &str) -> anyhow::Result<()> {
    if settings.environment == Environment::Development {
        return Ok(());
    }
    let is_gateway = service == kefu_gateway::NAME;
    let (front, services) = (&settings.tls.front, &settings.tls.services);
    let vault = &settings.vault;
    let holds_keys = !is_gateway && (vault.key_file.is_some() || vault.key.is_some());
    let problems: Vec<&str> = [
        (
            is_gateway && front.certificate_file.is_none() && !front.elsewhere,
            "tls.front has no certificate: tokens and personal data would come in plaintext. \
             Set certificate_file and key_file, or elsewhere = true where a proxy in front speaks TLS",
        ),
        (
            services.certificate_file.is_none() && !services.elsewhere,
            "tls.services has no certificate: services would call one another in plaintext. \
             Set certificate_file, key_file and authority_file, or elsewhere = true where a mesh \
             or the network encrypts",
        ),
        (
            holds_keys && !vault.allow_local,
            "vault.key_file and vault.key put the key-encryption keys into the process itself, for \
             whoever reads its memory or its secrets. Set vault.allow_local = true where that is meant",
        ),
    ]
    .into_iter()
    .filter_map(|(wrong, what)| wrong.then_some(what))
    .collect();
    if problems.is_empty() {
        return Ok(());
    }
    bail!(
        "environment is production (environment = \"development\" is for trying):\n  {}",
        problems.join("\n  ")
    )
}
