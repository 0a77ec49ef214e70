//! What is refused in production: settings that are good for trying alone. Most may be declared
//! meant. The development issuer is refused by the gateway itself.

use std::net::IpAddr;

use anyhow::bail;
use kefu_gateway::Environment;
use kefu_service::config::DatabaseConfig;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::settings::Settings;

const PLAINTEXT_DATABASE: &str = "database.url does not ask for verified TLS: personal data could go in plaintext, or to \
     another server. Add sslmode=verify-full to it, or set encrypted_elsewhere = true beside \
     it where the network encrypts";

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
    let audit_key = &settings.access_control.rules.audit_key;
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
            PLAINTEXT_DATABASE,
        ),
        (
            is_register && (webhooks.allow_local || webhooks.allow_plaintext),
            "access_control.rules.webhooks sends to this machine or in plaintext: personal data could be \
             read on the way, and whoever enters webhooks could have the suite call what listens for itself \
             alone. Take allow_local and allow_plaintext away",
        ),
        (
            is_register && audit_key.is_none(),
            "access_control.rules.audit_key is not set: the audit log would be collected and not signed, and whoever \
             writes to its database could change what it says unseen. Set audit_key_file",
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

/// Refuses a command that would go to a service's database in plaintext.
///
/// # Errors
/// That it would, and the way out.
pub(crate) fn check_database(settings: &Settings, database: &DatabaseConfig) -> anyhow::Result<()> {
    if settings.environment == Environment::Production && is_perhaps_plaintext(database) {
        bail!(PLAINTEXT_DATABASE);
    }
    Ok(())
}

/// Refuses a command that would go in plaintext to the database of the url that it was given, unless that is `meant`.
///
/// # Errors
/// That it would, and the way out.
pub(crate) fn check_url(url: &str, meant: bool) -> anyhow::Result<()> {
    if !meant && is_on_a_network(url) {
        bail!(
            "the url of the database does not ask for verified TLS: personal data and customers' wrapped keys could go in \
             plaintext, or to another server. Add sslmode=verify-full to it, or say --encrypted-elsewhere where the \
             network encrypts"
        );
    }
    Ok(())
}

fn is_perhaps_plaintext(database: &DatabaseConfig) -> bool {
    !database.encrypted_elsewhere && is_on_a_network(database.url.expose())
}

/// Whether somebody on the way could read what goes to the database, or answer in its place. A url
/// that cannot be read is refused where it is used.
fn is_on_a_network(url: &str) -> bool {
    let Ok(options) = url.parse::<PgConnectOptions>() else {
        return false;
    };
    !is_verified(&options) && !is_this_machine(&options)
}

/// A socket, or an address that leads nowhere else.
fn is_this_machine(options: &PgConnectOptions) -> bool {
    let host = options.get_host().trim_matches(['[', ']']);
    let is_loopback = || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let is_socket = options.get_socket().is_some() || host.starts_with('/');
    is_socket || host == "localhost" || is_loopback()
}

/// Whether a server has to show a certificate of an authority that is believed.
pub(crate) fn is_verified(options: &PgConnectOptions) -> bool {
    matches!(
        options.get_ssl_mode(),
        PgSslMode::VerifyCa | PgSslMode::VerifyFull
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_over_a_network_asks_for_verified_tls() {
        for plaintext in [
            "postgres://kefu:secret@database/kefu",
            "postgres://kefu@10.0.0.7:5433/kefu?sslmode=disable",
            "postgres://kefu@[2001:db8::1]/kefu",
            "postgres://kefu@database/kefu?sslmode=require",
            "postgres://kefu@localhost/kefu?host=database",
            "postgres://kefu@localhost.example.com/kefu",
        ] {
            let told = check_url(plaintext, false).expect_err(plaintext);
            let told = told.to_string();
            assert!(told.contains("--encrypted-elsewhere"), "{told}");
            assert!(!told.contains("secret"), "{told}");
            check_url(plaintext, true).expect(plaintext);
        }
    }

    #[test]
    fn verified_tls_and_this_machine_pass() {
        for safe in [
            "postgres://kefu@database/kefu?sslmode=verify-full",
            "postgres://kefu@database/kefu?sslmode=verify-ca&sslrootcert=/ca.crt",
            "postgres://kefu@%2Frun%2Fpostgresql/kefu",
            "postgres://kefu@localhost/kefu",
            "postgres://kefu@127.0.0.1:5433/kefu?sslmode=disable",
            "postgres://kefu@[::1]/kefu",
            // Refused where it is used.
            "no url",
        ] {
            check_url(safe, false).expect(safe);
        }
    }
}
