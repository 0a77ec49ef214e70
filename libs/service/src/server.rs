//! Runs one tower service as a gRPC server.
//!
//! Any path reaches the service, also one no contract knows: the gateway passes
//! calls through by their path, and says itself what does not exist.

mod connection;
mod health;
mod options;
mod peer_certificate;
mod route;
#[cfg(test)]
mod tests;

use std::{convert::Infallible, future::Future, time::Duration};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use tokio::{net::TcpListener, time::timeout};
use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;
use tonic::{
    body::Body,
    transport::{
        Server,
        server::{TcpConnectInfo, TcpIncoming},
    },
};
use tower::util::BoxCloneSyncService;

use self::connection::Connections;
pub use self::{
    health::Health,
    options::ServeOptions,
    peer_certificate::PeerCertificate,
    route::{Reflected, with_health, with_reflection},
};
use crate::tls::accept;

/// What a service is to those who call it, over the wire or in one process.
pub type GrpcService = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// What a call that came over a socket carries in its extensions, without TLS;
/// with TLS it is tonic's `TlsConnectInfo` around it.
pub type ConnectInfo = TcpConnectInfo;

/// A silent HTTP/2 peer is asked for a sign of life after this time…
const KEEPALIVE: Duration = Duration::from_secs(20);
/// …and gone when it gives none for this.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// The same below HTTP/2, for peers that vanished before they said anything.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);
/// All metadata of a call, in bytes. A context names up to 500 customers for each grant,
/// some 12 KiB; the 16 KiB that hyper takes by itself are too few for two of them.
pub(crate) const MAX_HEADERS: u32 = 256 * 1024;
/// How long connections already cut may take to notice.
const AFTER_CUT: Duration = Duration::from_secs(1);

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The server ended by itself.
    #[error("the server ended")]
    Transport(#[source] tonic::transport::Error),
}

/// Serves until `shutdown` ends, then: stops accepting, says GOAWAY, waits for
/// calls under way for [`ServeOptions::drain`] at most, and cuts the rest.
///
/// The hard bound is needed because tonic itself waits for ever on one client
/// that stays silent (hyper #4170). Dropping the future cuts all connections.
///
/// # Errors
/// When the server ends by itself.
pub async fn serve(
    service: GrpcService,
    listener: TcpListener,
    options: ServeOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let connections = Connections::default();
    let _cut_when_dropped = connections.cut.clone().drop_guard();
    let accepted = connections.clone();
    let incoming = TcpIncoming::from(listener)
        .with_nodelay(Some(true))
        .with_keepalive(Some(TCP_KEEPALIVE))
        .map(move |io| io.map(|io| accepted.accept(io)));

    let stop = CancellationToken::new();
    let (server, stopped) = (server(&options), stop.clone().cancelled_owned());
    let mut serving: BoxFuture<'_, _> = match options.tls {
        Some(tls) => {
            let incoming = accept(incoming, tls);
            Box::pin(server.serve_with_incoming_shutdown(service, incoming, stopped))
        }
        None => Box::pin(server.serve_with_incoming_shutdown(service, incoming, stopped)),
    };
    tokio::select! {
        ended = &mut serving => return ended.map_err(ServeError::Transport),
        () = shutdown => stop.cancel(),
    }
    if let Ok(ended) = timeout(options.drain, &mut serving).await {
        return ended.map_err(ServeError::Transport);
    }
    tracing::warn!(
        connections = connections.open(),
        "connections still open after draining are cut"
    );
    connections.cut.cancel();
    // They end with the process, should they not notice.
    let _ = timeout(AFTER_CUT, serving).await;
    Ok(())
}

fn server(options: &ServeOptions) -> Server {
    let mut server = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .http2_max_header_list_size(MAX_HEADERS)
        .max_concurrent_streams(options.max_concurrent_streams)
        .accept_http1(options.accept_http1);
    // Without tonic's grace for the age: with it, it skips GOAWAY and just cuts.
    if let Some(age) = options.max_connection_age {
        server = server.max_connection_age(age);
    }
    server
}
