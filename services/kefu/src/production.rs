//! What is refused in production: settings that are good for trying alone. Each may be declared
//! meant, but for the development issuer, which the gateway refuses itself.

use anyhow::bail;
use kefu_gateway::Environment;
use kefu_service::config::DatabaseConfig;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

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
    let database = settings.database_of(service);
    let webhooks = &settings.access_control.rules.webhooks;
    let is_register = service == kefu_access_control::NAME;
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
        (
            database.is_some_and(is_perhaps_plaintext),
            "database.url does not ask for verified TLS: personal data could go in plaintext, or to \
             another server. Add sslmode=verify-full to it, or set encrypted_elsewhere = true beside \
             it where the network encrypts",
        ),
        (
            is_register && (webhooks.allow_local || webhooks.allow_plaintext),
            "access_control.rules.webhooks sends to this machine or in plaintext: personal data could be \
             read on the way, and whoever enters webhooks could have the suite call what listens for itself \
             alone. Take allow_local and allow_plaintext away",
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

/// Whether somebody on the way could read what goes to the database, or answer in its place. A url
/// that cannot be read is refused where it is used.
fn is_perhaps_plaintext(database: &DatabaseConfig) -> bool {
    let Ok(options) = database.url.expose().parse::<PgConnectOptions>() else {
        return false;
    };
    !is_verified(&options) && options.get_socket().is_none() && !database.encrypted_elsewhere
}

/// Whether a server has to show a certificate of an authority that is believed.
pub(crate) fn is_verified(options: &PgConnectOptions) -> bool {
    matches!(
        options.get_ssl_mode(),
        PgSslMode::VerifyCa | PgSslMode::VerifyFull
    )
}
