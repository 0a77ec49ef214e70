//! TLS: which certificates a process shows, and whose it believes. Files are named here and
//! read elsewhere, again and again, so that they can be replaced while it runs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// TLS in each direction. All files are PEM; those of authorities may hold several certificates.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// Between the gateway and those who call the suite.
    pub front: FrontTls,
    /// Among the services: each shows its certificate, as server and as caller.
    pub services: ServicesTls,
    /// From the services to the company's connectors.
    pub connectors: ConnectorsTls,
}

/// Between the gateway and those who call the suite.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrontTls {
    /// TLS ends in front of the gateway, at a proxy or in a mesh; `false`.
    pub elsewhere: bool,
    /// Certificate chain, leaf first.
    pub certificate_file: Option<PathBuf>,
    /// Private key.
    pub key_file: Option<PathBuf>,
    /// Authorities whose client certificates are taken: a caller may show one, and one of theirs
    /// or none. Without it no caller is asked for a certificate.
    pub client_authority_file: Option<PathBuf>,
}

/// Among the services.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServicesTls {
    /// A mesh or the network encrypts what the services say in plaintext; `false`.
    pub elsewhere: bool,
    /// Certificate chain of this service, leaf first, good for servers and for clients.
    pub certificate_file: Option<PathBuf>,
    /// Private key.
    pub key_file: Option<PathBuf>,
    /// Authorities that vouch for the other services.
    pub authority_file: Option<PathBuf>,
    /// Who may call this one: their certificates bear one of these DNS names. None: whomever the
    /// authorities vouch for.
    pub callers: Vec<String>,
}

/// From the services to the company's connectors.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectorsTls {
    /// Authorities that vouch for connectors, in place of the machine's own.
    pub authority_file: Option<PathBuf>,
    /// Certificate chain that is shown to connectors, leaf first; none: none is.
    pub certificate_file: Option<PathBuf>,
    /// Private key.
    pub key_file: Option<PathBuf>,
    /// Takes `http` addresses of connectors in production, where a mesh encrypts; `false`.
    pub allow_http: bool,
}
