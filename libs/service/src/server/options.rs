//! How a server is run.

use std::time::Duration;

use crate::{config::ServerConfig, tls::ServerTls};

/// How a server is run.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// How long calls under way may take at shutdown; 10 s.
    pub drain: Duration,
    /// Calls one connection may have under way; 1024. A gateway reaches a service
    /// over a single one.
    pub max_concurrent_streams: u32,
    /// After this age a connection is told GOAWAY, so that clients spread over new
    /// replicas; calls under way go on. None: never.
    pub max_connection_age: Option<Duration>,
    /// Takes HTTP/1.1 too: for gRPC-web without TLS, and for JSON.
    pub accept_http1: bool,
    /// The certificate; none: plaintext.
    pub tls: Option<ServerTls>,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            drain: Duration::from_secs(10),
            max_concurrent_streams: 1024,
            max_connection_age: None,
            accept_http1: false,
            tls: None,
        }
    }
}

impl From<&ServerConfig> for ServeOptions {
    fn from(config: &ServerConfig) -> Self {
        Self {
            drain: Duration::from_secs(config.drain_seconds),
            max_concurrent_streams: config.concurrency.try_into().unwrap_or(u32::MAX),
            max_connection_age: config
                .max_connection_age_seconds
                .map(|seconds| Duration::from_secs(seconds.get())),
            ..Self::default()
        }
    }
}
