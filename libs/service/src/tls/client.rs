//! Whom a caller believes, and what it shows.

use std::{fmt, sync::Arc};

use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs::default_provider};

use super::{
    H2, TlsError,
    material::{Files, Material},
    renewed::{Renew, Renewed},
};

/// TLS of a caller. Cheap to clone.
#[derive(Clone)]
pub struct ClientTls(Arc<Renewed<ClientConfig>>);

impl ClientTls {
    /// Reads the files; where they name no authorities, the machine's own are believed.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn new(files: Files) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(Renewed::new(files, config)?)))
    }

    /// What holds for a connection that is made now.
    pub(super) fn current(&self) -> Arc<ClientConfig> {
        self.0.current()
    }

    /// What looks at its files again.
    #[must_use]
    pub fn renew(&self) -> Arc<dyn Renew> {
        self.0.clone()
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}

fn config(material: Material) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(material.authorities.unwrap_or_else(of_the_machine));
    let mut config = match material.own {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![H2.to_vec()];
    Ok(config)
}

fn of_the_machine() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        tracing::warn!("this machine knows no certificate authority: https reaches nobody");
    }
    roots
}
