//! The issuer's door: its key set over HTTPS, found by its address or by OpenID Connect
//! Discovery 1.0. Nothing that answers there is trusted further than its certificate,
//! its size and its time.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header::ACCEPT};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use kefu_service::error::Fault;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde::Deserialize;
use thiserror::Error;

use crate::{
    config::{Environment, GatewayConfig},
    jwks::{JwksError, KeySet, Terms},
};

/// Largest answer that is read: key sets have some kilobytes.
const LARGEST: usize = 256 * 1024;
/// Where the issuer describes itself (OpenID Connect Discovery 1.0 §4).
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Why there are no new keys; for our logs only.
#[derive(Debug, Error)]
pub(crate) enum FetchError {
    #[error("no answer: {0}")]
    Unreachable(#[from] hyper_util::client::legacy::Error),
    #[error("no answer in time")]
    Silent,
    #[error("answered {0}")]
    Status(StatusCode),
    #[error("the answer has more than {LARGEST} bytes")]
    Large,
    #[error("the answer broke off")]
    Broken,
    #[error("not a discovery document: {0}")]
    Discovery(serde_json::Error),
    #[error("the discovery document is that of another issuer")]
    Foreign,
    #[error("{0}")]
    Place(&'static str),
    #[error("{0}")]
    Keys(#[from] JwksError),
}

/// What is read of the discovery document.
#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

enum Place {
    /// Of the key set itself.
    Keys(Uri),
    /// Of the document that names it.
    Discovery(Uri),
}

/// Fetches the keys of one issuer.
pub(crate) struct Issuer {
    place: Place,
    plaintext: bool,
    terms: Terms,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

impl Issuer {
    /// The configured one; `None` when the keys stand in the configuration.
    ///
    /// # Errors
    /// When its address or certificate authority cannot be used.
    pub(crate) fn new(config: &GatewayConfig) -> Result<Option<Self>, Fault> {
        let wrong = |what: String| Fault::internal(format!("gateway configuration: {what}"));
        let plaintext = config.environment == Environment::Development;
        let at = |key: &str, text: &str| {
            place(text, plaintext).map_err(|error| wrong(format!("{key}: {error}")))
        };
        let place = if config.oidc_discovery {
            let issuer = config.issuer.trim_end_matches('/');
            Place::Discovery(at("issuer", &format!("{issuer}{DISCOVERY}"))?)
        } else if config.jwks_url.is_empty() {
            return Ok(None);
        } else {
            Place::Keys(at("jwks_url", &config.jwks_url)?)
        };
        let tls = tls(config.issuer_ca.as_deref()).map_err(wrong)?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls);
        // The check of the address a second time, where it cannot be forgotten.
        let connector = if plaintext {
            connector.https_or_http()
        } else {
            connector.https_only()
        };
        Ok(Some(Self {
            place,
            plaintext,
            terms: config.terms(),
            client: Client::builder(TokioExecutor::new())
                // Fetches are minutes apart: a connection kept would be dead by then.
                .pool_max_idle_per_host(0)
                .build(connector.enable_http1().build()),
        }))
    }

    /// The keys it publishes now.
    pub(crate) async fn fetch(&self) -> Result<KeySet, FetchError> {
        let named;
        let keys = match &self.place {
            Place::Keys(uri) => uri,
            Place::Discovery(uri) => {
                named = self.discover(uri).await?;
                &named
            }
        };
        Ok(KeySet::read(&self.get(keys).await?, &self.terms)?)
    }

    async fn discover(&self, uri: &Uri) -> Result<Uri, FetchError> {
        let document = self.get(uri).await?;
        let document: Discovered =
            serde_json::from_slice(&document).map_err(FetchError::Discovery)?;
        // §4.3: exactly, or one issuer could speak for another.
        if document.issuer != self.terms.issuer {
            return Err(FetchError::Foreign);
        }
        place(&document.jwks_uri, self.plaintext).map_err(FetchError::Place)
    }

    /// Redirects are not followed: where the keys lie is configured, or stands in the
    /// document.
    async fn get(&self, uri: &Uri) -> Result<Bytes, FetchError> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri.clone();
        let json = http::HeaderValue::from_static("application/json");
        request.headers_mut().insert(ACCEPT, json);
        let (head, body) = self.client.request(request).await?.into_parts();
        if head.status != StatusCode::OK {
            return Err(FetchError::Status(head.status));
        }
        let body = Limited::new(body, LARGEST).collect().await;
        body.map(http_body_util::Collected::to_bytes)
            .map_err(|error| {
                if error.is::<LengthLimitError>() {
                    FetchError::Large
                } else {
                    FetchError::Broken
                }
            })
    }
}

/// An address to fetch from.
fn place(text: &str, plaintext: bool) -> Result<Uri, &'static str> {
    let uri: Uri = text.parse().map_err(|_| "not an address")?;
    match uri.scheme_str() {
        _ if uri.host().is_none_or(str::is_empty) => Err("not an address with a host"),
        Some("https") => Ok(uri),
        // Keys that anybody on the way can change are nobody's.
        Some("http") if plaintext => Ok(uri),
        _ => Err("not an https address"),
    }
}

/// Trusts these authorities, or those of the machine.
fn tls(authorities: Option<&str>) -> Result<ClientConfig, String> {
    use hyper_rustls::ConfigBuilderExt;
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("tls: {error}"))?;
    let Some(authorities) = authorities else {
        let builder = builder.with_native_roots();
        return builder
            .map(|builder| builder.with_no_client_auth())
            .map_err(|error| format!("certificate authorities of this machine: {error}"));
    };
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
        authority
            .map_err(|error| error.to_string())
            .and_then(|authority| roots.add(authority).map_err(|error| error.to_string()))
            .map_err(|error| format!("issuer_ca: {error}"))?;
    }
    if roots.is_empty() {
        return Err("issuer_ca holds no certificate".to_owned());
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
