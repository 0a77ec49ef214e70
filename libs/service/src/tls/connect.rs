//! Connections of a caller.

use std::io;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{ClientTls, H2};

impl ClientTls {
    /// Speaks TLS over this, with what holds now, to a server of this name. Who waits for it
    /// bounds the time.
    pub(crate) async fn connect(
        &self,
        name: ServerName<'static>,
        io: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let connector = TlsConnector::from(self.current());
        let io = connector.connect(name, io).await?;
        if io.get_ref().1.alpn_protocol() != Some(H2) {
            return Err(io::Error::other("the server does not speak HTTP/2"));
        }
        Ok(io)
    }
}
