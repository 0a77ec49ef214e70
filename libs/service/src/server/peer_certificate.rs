//! The certificate that a caller has shown, and proved to hold, in the TLS handshake.

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use http::Extensions;
use tonic::transport::server::TlsConnectInfo;

use super::ConnectInfo;

/// The verified client certificate of a connection.
///
/// Read from the request's extensions, where only this process puts anything: a header
/// cannot stand in for it. A call without TLS, or within one process, has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    thumbprint: [u8; SHA256_OUTPUT_LEN],
}

impl PeerCertificate {
    /// That of the connection a call came over; `None` when it showed none.
    pub fn of(extensions: &Extensions) -> Option<Self> {
        let connection = extensions.get::<TlsConnectInfo<ConnectInfo>>()?;
        let certificates = connection.peer_certs()?;
        // Leaf first (RFC 8446 §4.4.2).
        certificates.first().map(|leaf| Self::from_der(leaf))
    }

    /// The certificate of this DER encoding.
    pub fn from_der(der: &[u8]) -> Self {
        let mut thumbprint = [0; SHA256_OUTPUT_LEN];
        thumbprint.copy_from_slice(digest(&SHA256, der).as_ref());
        Self { thumbprint }
    }

    /// SHA-256 of its DER encoding, as `x5t#S256` names it (RFC 8705 §3.1).
    pub fn thumbprint(&self) -> [u8; SHA256_OUTPUT_LEN] {
        self.thumbprint
    }
}
