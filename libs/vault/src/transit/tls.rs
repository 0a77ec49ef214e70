//! Whose certificates the key service may show.

use std::path::Path;
use std::sync::Arc;

use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};

use super::options::TransitOptions;
use crate::error::{SetupProblem, VaultError};

/// Connects with TLS, and without it where the address is of this machine.
pub(super) fn connector(
    options: &TransitOptions,
    plaintext: bool,
) -> Result<HttpsConnector<HttpConnector>, VaultError> {
    let unusable = VaultError::Setup(SetupProblem::Authorities);
    let Some(tls) = trusting(options.authority_file.as_deref(), plaintext) else {
        return Err(unusable);
    };
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(options.timeout));
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls);
    // The check of the address a second time, where it cannot be forgotten.
    let builder = if plaintext {
        builder.https_or_http()
    } else {
        builder.https_only()
    };
    Ok(builder.enable_http1().wrap_connector(tcp))
}

/// Trusts the authorities of the file, or those of the machine, which need not have any where none is asked.
fn trusting(authorities: Option<&Path>, plaintext: bool) -> Option<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?;
    let mut roots = RootCertStore::empty();
    match authorities {
        None if plaintext => {}
        None => return Some(builder.with_native_roots().ok()?.with_no_client_auth()),
        Some(path) => {
            for authority in CertificateDer::pem_file_iter(path).ok()? {
                roots.add(authority.ok()?).ok()?;
            }
            if roots.is_empty() {
                return None;
            }
        }
    }
    Some(builder.with_root_certificates(roots).with_no_client_auth())
}
