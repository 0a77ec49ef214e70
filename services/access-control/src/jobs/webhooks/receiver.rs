//! The way to receivers: HTTP/1.1 over TLS, to addresses that were looked at, no redirect followed,
//! no more read of an answer than its head. Nothing that answers there is trusted with anything
//! but the status it gives.

use std::{
    error::Error,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{
    Method, Request, Uri,
    header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT},
};
use http_body_util::Full;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, dns::Name},
    },
    rt::TokioExecutor,
};
use kefu_contracts::access::WebhookOutcome as Outcome;
use kefu_service::error::Fault;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::{net::lookup_host, time::timeout};
use tower::Service;

use crate::{
    config::WebhooksConfig,
    domain::webhook::{
        address::{Limits, refused},
        body, schedule,
        schedule::Answer,
        url,
    },
};

/// Most bytes of an answer that are read: its head has to be among them.
const HEAD: usize = 64 * 1024;

/// What is sent, and under which headers.
pub(super) struct Letter {
    pub(super) url: String,
    pub(super) id: String,
    /// Seconds since 1970.
    pub(super) time: i64,
    pub(super) signature: String,
    pub(super) body: Vec<u8>,
}

/// Sends to receivers. Cheap to clone.
#[derive(Clone)]
pub(super) struct Receiver {
    client: Client<HttpsConnector<HttpConnector<Looked>>, Full<Bytes>>,
    limits: Limits,
    timeout: Duration,
}

impl Receiver {
    pub(super) fn new(config: &WebhooksConfig) -> Result<Self, Fault> {
        let limits = config.limits();
        let mut connector = HttpConnector::new_with_resolver(Looked(limits));
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(config.timeout()));
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls(config)?);
        let builder = match limits.allow_plaintext {
            true => builder.https_or_http(),
            false => builder.https_only(),
        };
        Ok(Self {
            client: Client::builder(TokioExecutor::new())
                // A connection that is kept would not be looked at again.
                .pool_max_idle_per_host(0)
                .http1_max_buf_size(HEAD)
                .build(builder.enable_http1().wrap_connector(connector)),
            limits,
            timeout: config.timeout(),
        })
    }

    /// Sends a letter once.
    pub(super) async fn send(&self, letter: Letter) -> Answer {
        let answer = |outcome| Answer {
            outcome,
            status: 0,
            retry_after: None,
        };
        // The rules may have changed since it was entered; and names alone are resolved below.
        let Ok(uri) = url::check(&letter.url, self.limits) else {
            return answer(Outcome::AddressRefused);
        };
        let Some(request) = request(uri, letter) else {
            return answer(Outcome::Unreachable);
        };
        match timeout(self.timeout, self.client.request(request)).await {
            Err(_) => answer(Outcome::TimedOut),
            Ok(Err(error)) if is_refused(&error) => answer(Outcome::AddressRefused),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a receiver of a webhook cannot be reached");
                answer(Outcome::Unreachable)
            }
            Ok(Ok(response)) => {
                let status = response.status();
                let retry_after = response.headers().get(RETRY_AFTER);
                let retry_after = retry_after.and_then(|value| value.to_str().ok());
                Answer {
                    outcome: match status.is_success() {
                        true => Outcome::Accepted,
                        false => Outcome::Refused,
                    },
                    status: status.as_u16(),
                    retry_after: retry_after.and_then(schedule::retry_after),
                }
            }
        }
    }
}

fn request(uri: Uri, letter: Letter) -> Option<Request<Full<Bytes>>> {
    Request::builder()
        .method(Method::POST)
        .uri(uri)
        .header(CONTENT_TYPE, body::CONTENT_TYPE)
        .header(USER_AGENT, concat!("kefu/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", letter.id)
        .header("webhook-timestamp", letter.time)
        .header("webhook-signature", letter.signature)
        .body(Full::new(letter.body.into()))
        .ok()
}

/// Resolves names, and hands on only addresses that something may be sent to.
#[derive(Clone, Copy)]
struct Looked(Limits);

/// Every address of the name is one that nothing is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nothing is sent to where the name leads")]
struct AddressRefused;

impl Service<Name> for Looked {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let limits = self.0;
        Box::pin(async move {
            // The port is put in by the connector.
            let found = lookup_host((name.as_str(), 0)).await?;
            let mut addresses: Vec<SocketAddr> = found.collect();
            let some = !addresses.is_empty();
            addresses.retain(|address| refused(address.ip(), limits).is_none());
            match addresses.is_empty() && some {
                true => Err(io::Error::other(AddressRefused)),
                false => Ok(addresses.into_iter()),
            }
        })
    }
}

fn is_refused(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error.downcast_ref::<io::Error>();
        let inner = inner.and_then(|error| error.get_ref());
        if error.is::<AddressRefused>() || inner.is_some_and(|inner| inner.is::<AddressRefused>()) {
            return true;
        }
        next = error.source();
    }
    false
}

/// Trusts the configured authorities, or those of the machine.
fn tls(config: &WebhooksConfig) -> Result<ClientConfig, Fault> {
    let wrong = |what: String| Fault::internal(format!("access_control.webhooks: {what}"));
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(format!("tls: {error}")))?;
    let Some(path) = &config.authority_file else {
        let builder = builder.with_native_roots();
        return builder
            .map(|builder| builder.with_no_client_auth())
            .map_err(|error| wrong(format!("certificate authorities of this machine: {error}")));
    };
    let mut roots = RootCertStore::empty();
    let unread = |error: String| wrong(format!("authority_file: {error}"));
    for authority in
        CertificateDer::pem_file_iter(path).map_err(|error| unread(error.to_string()))?
    {
        let authority = authority.map_err(|error| unread(error.to_string()))?;
        let added = roots.add(authority);
        added.map_err(|error| unread(error.to_string()))?;
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests;
