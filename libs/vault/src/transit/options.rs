//! Where transit is, and as whom it is asked.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderValue, Uri};

use crate::error::{SetupProblem, VaultError};

/// Where transit is, and as whom it is asked.
#[derive(Clone, Debug)]
pub struct TransitOptions {
    /// `https://vault.example.com:8200`; `http` for this machine alone, where an agent of Vault's may listen.
    pub address: String,
    /// Where the engine is mounted: `transit`.
    pub mount: String,
    /// The name of its key, made with `derived`.
    pub key: String,
    /// The namespace, where there are some.
    pub namespace: Option<String>,
    /// The file with the token. Read for each request, for an agent renews it.
    pub token_file: PathBuf,
    /// Certificate authorities, PEM; none: those of the machine.
    pub authority_file: Option<PathBuf>,
    /// How long one request may take. A request is tried three times at most.
    pub timeout: Duration,
    /// The pause before the second try; the one before the third is four times as long.
    pub pause: Duration,
}

/// What requests are made from.
pub(super) struct Place {
    /// `https://vault.example.com:8200/v1/transit`
    pub(super) engine: String,
    pub(super) key: String,
    pub(super) namespace: Option<HeaderValue>,
    pub(super) plaintext: bool,
}

impl TransitOptions {
    pub(super) fn place(&self) -> Result<Place, VaultError> {
        let address = self.address.trim_end_matches('/');
        let plaintext = plaintext(address).map_err(VaultError::Setup)?;
        if !is_name(&self.key) || !self.mount.split('/').all(is_name) {
            return Err(VaultError::Setup(SetupProblem::Name));
        }
        let namespace = self.namespace.as_deref().map(HeaderValue::from_str);
        Ok(Place {
            engine: format!("{address}/v1/{}", self.mount),
            key: self.key.clone(),
            namespace: namespace
                .transpose()
                .map_err(|_| VaultError::Setup(SetupProblem::Namespace))?,
            plaintext,
        })
    }
}

/// Whether the address is one without TLS, which the keys may not cross a network by.
fn plaintext(address: &str) -> Result<bool, SetupProblem> {
    let uri: Uri = address.parse().map_err(|_| SetupProblem::Address)?;
    let host = uri.host().filter(|host| !host.is_empty());
    let host = host.ok_or(SetupProblem::Address)?;
    // Nothing else of an address is ever sent: what stands there was meant otherwise.
    let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
    let named = uri
        .authority()
        .is_some_and(|authority| !authority.as_str().contains('@'));
    match uri.scheme_str() {
        _ if !bare || !named => Err(SetupProblem::Address),
        Some("https") => Ok(false),
        Some("http") if is_here(host) => Ok(true),
        _ => Err(SetupProblem::Address),
    }
}

fn is_here(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_cross_no_network_in_plaintext() {
        for address in ["https://vault.example.com:8200", "https://10.0.0.1"] {
            assert_eq!(plaintext(address), Ok(false), "{address}");
        }
        for address in [
            "http://127.0.0.1:8200",
            "http://[::1]:8200",
            "http://localhost:8100",
        ] {
            assert_eq!(plaintext(address), Ok(true), "{address}");
        }
        let refused = [
            "",
            "vault:8200",
            "http://vault:8200",
            "http://10.0.0.1:8200",
            "http://127.0.0.1.example.com",
            "ftp://vault",
            "https://vault/v1",
            "https://user:word@vault",
            "https://vault?x=1",
        ];
        for address in refused {
            assert_eq!(plaintext(address), Err(SetupProblem::Address), "{address}");
        }
    }

    #[test]
    fn names_are_no_paths() {
        assert!(is_name("kefu-2.prod_1"));
        for name in ["", "..", ".hidden", "a/b", "a b", "ключ", "a%2f"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
