//! Connections as a server gets to see them: once the handshake is done.

use std::{io, time::Duration};

use futures_util::{Stream, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::task::AbortOnDropHandle;

use super::ServerTls;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Each connection with what holds when it comes in. Handshakes go on beside one another; one
/// that fails is its caller's affair.
pub(crate) fn accept<I>(
    incoming: impl Stream<Item = io::Result<I>>,
    tls: ServerTls,
) -> impl Stream<Item = io::Result<TlsStream<I>>>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    incoming
        .map(move |io| {
            let acceptor = TlsAcceptor::from(tls.current());
            // A task for each, as a signature takes its time.
            let handshake = AbortOnDropHandle::new(tokio::spawn(async move {
                let shaken = timeout(HANDSHAKE, acceptor.accept(io?)).await;
                Ok(shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())))
            }));
            async move {
                match handshake.await {
                    Ok(Ok(Ok(io))) => Some(Ok(io)),
                    Ok(Ok(Err(error))) => {
                        tracing::debug!(%error, "handshake failed");
                        None
                    }
                    Ok(Err(not_accepted)) => Some(Err(not_accepted)),
                    Err(_) => None,
                }
            }
        })
        .buffer_unordered(usize::MAX)
        .filter_map(std::future::ready)
}
