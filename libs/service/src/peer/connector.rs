//! One connection of a caller: to its own address, or to another of the same service.

use std::{
    io,
    net::SocketAddr,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tower::Service;

use super::spread::Others;
use crate::tls::ClientTls;

/// How long one address may take while there is another to be tried.
const ONE: Duration = Duration::from_millis(700);

/// Makes connections to one service.
#[derive(Clone)]
pub(super) struct Connector {
    /// Where it belongs.
    pub(super) address: SocketAddr,
    /// Where else the service is.
    pub(super) others: Others,
    /// Whom to expect there, where TLS is spoken.
    pub(super) tls: Option<(ServerName<'static>, ClientTls)>,
}

/// What a connection is, with TLS or without.
pub(super) trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

impl Connector {
    async fn connect(self) -> io::Result<Box<dyn Connection>> {
        let mut addresses = self.others.from(self.address).into_iter().peekable();
        let mut outcome = Err(io::ErrorKind::AddrNotAvailable.into());
        while let Some(address) = addresses.next() {
            let connecting = self.connect_to(address);
            outcome = match addresses.peek() {
                Some(_) => timeout(ONE, connecting)
                    .await
                    .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
                // Who waits for it bounds the time of all.
                None => connecting.await,
            };
            match &outcome {
                Ok(_) => return outcome,
                Err(error) => tracing::debug!(%error, %address, "no connection"),
            }
        }
        outcome
    }

    async fn connect_to(&self, address: SocketAddr) -> io::Result<Box<dyn Connection>> {
        let io = TcpStream::connect(address).await?;
        io.set_nodelay(true)?;
        match &self.tls {
            Some((name, tls)) => Ok(Box::new(tls.connect(name.clone(), io).await?)),
            None => Ok(Box::new(io)),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Connection>>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connecting = self.clone().connect();
        Box::pin(async move { connecting.await.map(TokioIo::new) })
    }
}
