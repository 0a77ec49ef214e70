//! The sections services share. Durations are integers, their unit in the name.

use std::{net::SocketAddr, num::NonZeroU64, path::PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::Secret;

/// The database of one service.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `postgres://role:password@host/database?sslmode=verify-full`; holds a password.
    pub url: Secret,
    /// The network encrypts what goes to the database, so that the url need not ask for TLS, which
    /// production refuses otherwise; false.
    #[serde(default)]
    pub encrypted_elsewhere: bool,
    /// Connections kept at most; 16.
    #[serde(default = "count::<16>")]
    pub max_connections: usize,
    /// How long one statement may take, in milliseconds; 5000.
    #[serde(default = "number::<5_000>")]
    pub statement_timeout_ms: u64,
    /// How long to wait for a free connection, in milliseconds; 2000.
    #[serde(default = "number::<2_000>")]
    pub acquire_timeout_ms: u64,
    /// How long a transaction may lie idle, in milliseconds; 10000.
    #[serde(default = "number::<10_000>")]
    pub idle_in_transaction_timeout_ms: u64,
}

/// Where and how a service listens.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Address of the gRPC server.
    pub listen: SocketAddr,
    /// Address of health alone, in plaintext; none: only on the main port.
    pub health_listen: Option<SocketAddr>,
    /// How long calls under way may take at shutdown, in seconds; 10.
    #[serde(default = "number::<10>")]
    pub drain_seconds: u64,
    /// After so many seconds a connection is told to end, so that callers find new instances;
    /// calls under way go on. None: never.
    pub max_connection_age_seconds: Option<NonZeroU64>,
    /// Deadline of a call that names none, in milliseconds; 10000.
    #[serde(default = "number::<10_000>")]
    pub default_deadline_ms: u64,
    /// The longest deadline a call may name, in milliseconds; 60000.
    #[serde(default = "number::<60_000>")]
    pub max_deadline_ms: u64,
    /// Calls served at one time; 1024.
    #[serde(default = "count::<1024>")]
    pub concurrency: usize,
    /// Answers `grpc.reflection.v1`, the gateway for what is public; true.
    #[serde(default = "yes")]
    pub reflection: bool,
}

fn yes() -> bool {
    true
}

/// Logs, traces and metrics.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// Which logs are written, as `tracing_subscriber::EnvFilter`; `info`.
    pub log: String,
    /// How logs are written; `json`.
    pub format: LogFormat,
    /// OTLP/gRPC collector, `http://host:4317`; none: no traces, no metrics.
    pub otlp_endpoint: Option<String>,
    /// `service.namespace` of the resource; `kefu`.
    pub service_namespace: String,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            format: LogFormat::Json,
            otlp_endpoint: None,
            service_namespace: "kefu".to_owned(),
        }
    }
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Whose signatures are believed: raw Ed25519 public keys, 32 bytes in base64
/// (RFC 4648 §4). Several at once let keys be rotated.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrustConfig {
    /// Keys access contexts are signed with.
    #[serde(deserialize_with = "public_keys")]
    pub gateway_keys: Vec<String>,
    /// Keys services sign their own calls with.
    #[serde(deserialize_with = "public_keys")]
    pub service_keys: Vec<String>,
}

/// Who this process is to others.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityConfig {
    /// Ed25519 private key, PKCS#8 in base64.
    pub signing_key: Secret,
}

/// The key-encryption keys: transit holds them, or one of `key_file` and `key` does. Both, while
/// transit takes over from a key file.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct VaultConfig {
    /// Key file; its path is handed on, for the vault checks the file's mode.
    pub key_file: Option<PathBuf>,
    /// Text of a key file.
    pub key: Option<Secret>,
    /// HashiCorp Vault or OpenBao, whose transit engine holds them.
    pub transit: Option<TransitConfig>,
    /// Takes keys that the process itself holds in production too, where whoever reads its
    /// memory or its secrets has them all; `false`.
    pub allow_local: bool,
}

impl VaultConfig {
    /// Whether there are any.
    pub fn is_set(&self) -> bool {
        self.key_file.is_some() || self.key.is_some() || self.transit.is_some()
    }
}

/// Transit of HashiCorp Vault or OpenBao.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TransitConfig {
    /// `https://vault.example.com:8200`; `http` for this machine alone, where an agent may listen.
    pub address: String,
    /// Where the engine is mounted; `transit`.
    #[serde(default = "transit")]
    pub mount: String,
    /// The name of its key, made with `derived=true`.
    pub key: String,
    /// The namespace, where there are some.
    pub namespace: Option<String>,
    /// The file with the token; its path is handed on, for an agent renews what is in it.
    pub token_file: PathBuf,
    /// Certificate authorities, a PEM file; none: those of the machine.
    pub authority_file: Option<PathBuf>,
    /// The key of the blind indexes: 32 bytes in base64, or these as transit wrapped them
    /// (`vault:v1:…`). Absent beside a key file, whose own it then is.
    pub index_key: Option<Secret>,
    /// Wraps new keys; `false` beside a key file that goes on wrapping them, so that every process
    /// can unwrap what transit wraps before any has it wrap. `true`.
    #[serde(default = "yes")]
    pub wraps: bool,
    /// How long one request may take, in milliseconds; it is tried three times. 2000.
    #[serde(default = "number::<2_000>")]
    pub timeout_ms: u64,
}

fn transit() -> String {
    "transit".to_owned()
}

/// Another service.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamConfig {
    /// Where it listens, such as `https://ticket:50051`; of the name its certificates are.
    pub uri: String,
    /// Where its processes are, `IP:PORT`, where no name service says it; the name's addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<SocketAddr>,
}

fn number<const N: u64>() -> u64 {
    N
}

fn count<const N: usize>() -> usize {
    N
}

/// Refuses at start what would otherwise make every signature invalid.
fn public_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let keys = Vec::<String>::deserialize(deserializer)?;
    for key in &keys {
        let bytes = BASE64_STANDARD.decode(key).map_err(D::Error::custom)?;
        if bytes.len() != 32 {
            return Err(D::Error::custom(format!(
                "a key has 32 bytes, not {}",
                bytes.len()
            )));
        }
    }
    Ok(keys)
}
