//! How services of other processes are reached.

use std::{
    convert::Infallible,
    error::Error,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http::{Request, Response, Uri};
use kefu_contracts::common::Reason;
use tonic::{
    body::Body,
    transport::{Channel, Endpoint},
};
use tower::{Service, ServiceExt, util::BoxCloneSyncService};

use crate::{
    error::{Fault, Language},
    server::{GrpcService, MAX_HEADERS},
    tls::{ClientTls, Connector},
};

/// How services of other processes are reached.
#[derive(Debug, Clone)]
pub enum Way {
    /// `http` alone.
    Plaintext,
    /// `https` alone.
    Tls(ClientTls),
    /// Either, as the address says.
    Either(ClientTls),
}

impl Way {
    /// A service reached over a channel; it connects when it is first needed and again
    /// whenever the connection is lost.
    ///
    /// # Errors
    /// When the URI is not one, or not one of this way.
    pub fn to(&self, uri: &str) -> Result<GrpcService, Fault> {
        let not_one = || Fault::internal(format!("not the uri of a service: {uri}"));
        let parsed: Uri = uri.parse().map_err(|_| not_one())?;
        let channel = match (parsed.scheme_str(), self) {
            (Some("http"), Self::Plaintext | Self::Either(_)) => endpoint(parsed).connect_lazy(),
            (Some("https"), Self::Tls(tls) | Self::Either(tls)) => {
                let connector = Connector::to(&parsed, tls.clone()).ok_or_else(not_one)?;
                // tonic refuses https over a connector that is not its own.
                let address = format!("http://{}", parsed.authority().ok_or_else(not_one)?);
                let address = address.parse().map_err(|_| not_one())?;
                endpoint(address)
                    .origin(parsed)
                    .connect_with_connector_lazy(connector)
            }
            (Some("http"), Self::Tls(_)) => {
                return Err(Fault::internal(format!(
                    "{uri} is plaintext, and TLS is asked for: say https"
                )));
            }
            (Some("https"), Self::Plaintext) => {
                return Err(Fault::internal(format!(
                    "{uri} needs TLS, and no certificates are configured for it"
                )));
            }
            _ => return Err(not_one()),
        };
        Ok(BoxCloneSyncService::new(Remote(channel)))
    }
}

/// A service reached over a channel in plaintext, as [`Way::to`] says.
///
/// # Errors
/// When the URI is not one.
pub fn remote(uri: &str) -> Result<GrpcService, Fault> {
    Way::Plaintext.to(uri)
}

fn endpoint(uri: Uri) -> Endpoint {
    Endpoint::from(uri)
        .connect_timeout(Duration::from_secs(2))
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true)
        .http2_max_header_list_size(MAX_HEADERS)
}

#[derive(Clone)]
struct Remote(Channel);

impl Service<Request<Body>> for Remote {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let channel = self.0.clone();
        Box::pin(async move {
            Ok(channel.oneshot(request).await.unwrap_or_else(|error| {
                tracing::warn!(error = innermost(&error), "service cannot be reached");
                unreachable_service()
            }))
        })
    }
}

/// What an error of transport is about: the outer ones say `transport error`.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// In the extensions of an answer that no service gave: it was not reached, or the
/// connection to it died. The refusal of a service that misses another has none.
#[derive(Debug, Clone, Copy)]
pub struct Unreached;

pub(super) fn unreachable_service() -> Response<Body> {
    let mut response = Fault::new(Reason::UpstreamUnavailable)
        .retry_after(Duration::from_secs(1))
        .into_status(Language::English)
        .into_http();
    response.extensions_mut().insert(Unreached);
    response
}
