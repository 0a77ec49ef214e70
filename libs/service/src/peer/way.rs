//! How services of other processes are reached.

use std::{
    convert::Infallible,
    error::Error,
    io,
    net::SocketAddr,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http::{Request, Response, Uri};
use kefu_contracts::common::Reason;
use rustls::pki_types::ServerName;
use tokio::{net::lookup_host, time::timeout};
use tonic::{body::Body, transport::Endpoint};
use tower::{Service, ServiceExt, util::BoxCloneSyncService};

use super::{connector::Connector, kept::Kept, spread::Spread};
use crate::{
    error::{Fault, Language},
    server::{GrpcService, MAX_HEADERS},
    tls::ClientTls,
};

/// How often a call is sent as long as no service has begun with it.
const ATTEMPTS: usize = 4;
/// How long finding a service's addresses may take, and connecting to it.
const CONNECT: Duration = Duration::from_secs(2);

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
    /// A service reached over channels to all addresses of its name; they connect when they
    /// are first needed and again whenever the connection is lost. A call that no process has
    /// begun with when its connection ends is sent anew, whatever it changes.
    ///
    /// # Errors
    /// When the URI is not one, or not one of this way.
    pub fn to(&self, uri: &str) -> Result<GrpcService, Fault> {
        self.among(uri, &[])
    }

    /// A service reached at these addresses in place of those of its name, if any are given.
    ///
    /// # Errors
    /// As of [`Way::to`].
    pub fn among(&self, uri: &str, addresses: &[SocketAddr]) -> Result<GrpcService, Fault> {
        let not_one = || Fault::internal(format!("not the uri of a service: {uri}"));
        let parsed: Uri = uri.parse().map_err(|_| not_one())?;
        let tls = match (parsed.scheme_str(), self) {
            (Some("http"), Self::Plaintext | Self::Either(_)) => None,
            (Some("https"), Self::Tls(tls) | Self::Either(tls)) => Some(tls.clone()),
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
        let spread = spread(parsed, addresses.to_vec(), tls).ok_or_else(not_one)?;
        Ok(BoxCloneSyncService::new(Remote(spread)))
    }
}

/// The channels to the service of this address; none where it names no host.
fn spread(uri: Uri, addresses: Vec<SocketAddr>, tls: Option<ClientTls>) -> Option<Spread> {
    // Brackets are of the address, not of the host (RFC 3986 §3.2.2).
    let host = uri.host()?.trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(match tls {
        Some(_) => 443,
        None => 80,
    });
    let tls = match tls {
        Some(tls) => Some((ServerName::try_from(host.clone()).ok()?, tls)),
        None => None,
    };
    let endpoint = endpoint(uri);
    let open = move |address, others| {
        endpoint.connect_with_connector_lazy(Connector {
            address,
            others,
            tls: tls.clone(),
        })
    };
    let resolve = move || {
        let (host, addresses) = (host.clone(), addresses.clone());
        let resolving = async move {
            if !addresses.is_empty() {
                return Ok(addresses);
            }
            match timeout(CONNECT, lookup_host((host.as_str(), port))).await {
                Ok(found) => Ok(found?.collect()),
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            }
        };
        Box::pin(resolving) as BoxFuture<'static, io::Result<Vec<SocketAddr>>>
    };
    Some(Spread::new(Box::new(resolve), Box::new(open)))
}

/// A service reached in plaintext, as [`Way::to`] says.
///
/// # Errors
/// When the URI is not one.
pub fn remote(uri: &str) -> Result<GrpcService, Fault> {
    Way::Plaintext.to(uri)
}

/// How a channel is kept; the connector says where it leads.
pub(super) fn endpoint(origin: Uri) -> Endpoint {
    // tonic refuses https over a connector that is not its own.
    Endpoint::from_static("http://service")
        .origin(origin)
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true)
        .http2_max_header_list_size(MAX_HEADERS)
}

#[derive(Clone)]
struct Remote(Spread);

impl Service<Request<Body>> for Remote {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(send(self.0.clone(), request))
    }
}

/// The answer to a call; one that no service has begun with is sent anew, to whose turn it is then.
pub(super) async fn send(
    spread: Spread,
    request: Request<Body>,
) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let kept = match Kept::of(body) {
        Ok(kept) => kept,
        Err(body) => {
            let answer = once(&spread, Request::from_parts(head, body)).await;
            return Ok(answer.unwrap_or_else(|_| unreachable_service()));
        }
    };
    for _ in 0..ATTEMPTS {
        let Some(body) = kept.send() else { break };
        match once(&spread, Request::from_parts(head.clone(), body)).await {
            Ok(answer) => return Ok(answer),
            Err(Lost { begun: false }) => tracing::debug!("a call goes another way"),
            Err(Lost { begun: true }) => break,
        }
    }
    Ok(unreachable_service())
}

/// A call that has no answer.
struct Lost {
    /// A service may have begun with it.
    begun: bool,
}

async fn once(spread: &Spread, request: Request<Body>) -> Result<Response<Body>, Lost> {
    let channel = spread.channel().await.map_err(|error| {
        tracing::warn!(%error, "name of a service cannot be resolved");
        Lost { begun: true }
    })?;
    channel.oneshot(request).await.map_err(|error| {
        let begun = !is_not_begun(&error);
        if begun {
            tracing::warn!(error = innermost(&error), "service cannot be reached");
        }
        Lost { begun }
    })
}

/// Whether the error says for certain that no service has seen the call: it was still waiting for
/// its connection when that ended, or the other side has said, ending in good order, that it takes
/// no more of them (RFC 9113 §6.8, §8.7).
fn is_not_begun(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<hyper::Error>()
            && (error.is_canceled() || error.is_closed())
        {
            return true;
        }
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            let reason = error.reason();
            return error.is_remote()
                && (error.is_go_away() && reason == Some(h2::Reason::NO_ERROR)
                    || error.is_reset() && reason == Some(h2::Reason::REFUSED_STREAM));
        }
        next = error.source();
    }
    false
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
