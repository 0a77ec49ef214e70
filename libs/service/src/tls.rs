//! TLS of servers and callers, over files that may be replaced while a process runs: new
//! connections take what the files hold now, those that are open go on.
//!
//! One implementation for the gateway's front, the services among themselves and the way to
//! connectors; tonic's own reads its certificates once.

mod accept;
mod client;
mod connect;
mod material;
mod renewed;
mod server;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub(crate) use self::accept::accept;
pub use self::{
    client::ClientTls,
    material::{Files, Own},
    renewed::{Renew, renewal},
    server::{Callers, ServerTls},
};

/// What HTTP/2 is called when a connection is negotiated (RFC 9113 §3.2).
const H2: &[u8] = b"h2";
/// What HTTP/1.1 is called there (RFC 7301 §6).
const HTTP1: &[u8] = b"http/1.1";

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A named file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A named file does not hold what it should.
    #[error("{}: {what}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong; nothing of the content.
        what: String,
    },
    /// What the files hold does not go together.
    #[error("certificate and key cannot be used: {0}")]
    Unfit(rustls::Error),
    /// The other side could not be told from anybody else.
    #[error("no authority is known that could vouch for the other side")]
    NoAuthority,
    /// A name that no certificate could bear.
    #[error("{0:?} is not a DNS name")]
    Name(String),
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self::Unfit(error)
    }
}
