//! Connections of a caller.

use std::{
    io,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower::Service;

use super::{ClientTls, H2};

/// Makes connections to one server, each with what holds when it is made. Who waits for one
/// bounds the time.
#[derive(Clone)]
pub(crate) struct Connector {
    host: String,
    port: u16,
    name: ServerName<'static>,
    tls: ClientTls,
}

impl Connector {
    /// To the server of this address; none where it names no host.
    pub(crate) fn to(uri: &Uri, tls: ClientTls) -> Option<Self> {
        // Brackets are of the address, not of the host (RFC 3986 §3.2.2).
        let host = uri.host()?.trim_matches(['[', ']']).to_owned();
        Some(Self {
            port: uri.port_u16().unwrap_or(443),
            name: ServerName::try_from(host.clone()).ok()?,
            host,
            tls,
        })
    }

    async fn connect(self) -> io::Result<TlsStream<TcpStream>> {
        let io = TcpStream::connect((self.host.as_str(), self.port)).await?;
        io.set_nodelay(true)?;
        let connector = TlsConnector::from(self.tls.current());
        let io = connector.connect(self.name, io).await?;
        if io.get_ref().1.alpn_protocol() != Some(H2) {
            return Err(io::Error::other("the server does not speak HTTP/2"));
        }
        Ok(io)
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
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
