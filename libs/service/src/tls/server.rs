//! What a server shows, and what it asks of its callers.

use std::{fmt, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig,
    SignatureScheme,
    client::{danger::HandshakeSignatureValid, verify_server_name},
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{
        NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use super::{
    H2, HTTP1, TlsError,
    material::{Files, Material},
    renewed::{Renew, Renewed},
};

/// TLS of a server. Cheap to clone.
#[derive(Clone)]
pub struct ServerTls(Arc<Renewed<ServerConfig>>);

/// Whom a server takes.
#[derive(Debug, Clone)]
pub enum Callers {
    /// Anybody. Where its files name authorities, a caller may show a certificate, and one of
    /// theirs or none: people come with tokens alone.
    Anybody,
    /// Only who shows a certificate of the authorities, with one of these DNS names; with any
    /// where there are none.
    Known(Vec<String>),
}

impl ServerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn new(files: Files, callers: Callers) -> Result<Self, TlsError> {
        let callers = match callers {
            Callers::Anybody => None,
            Callers::Known(names) => {
                Some(names.into_iter().map(dns_name).collect::<Result<_, _>>()?)
            }
        };
        let make = move |material| config(material, callers.clone());
        Ok(Self(Arc::new(Renewed::new(files, make)?)))
    }

    /// What holds for a connection that is made now.
    pub(super) fn current(&self) -> Arc<ServerConfig> {
        self.0.current()
    }

    /// What looks at its files again.
    #[must_use]
    pub fn renew(&self) -> Arc<dyn Renew> {
        self.0.clone()
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

fn dns_name(name: String) -> Result<ServerName<'static>, TlsError> {
    match ServerName::try_from(name.clone()) {
        Ok(found @ ServerName::DnsName(_)) => Ok(found),
        _ => Err(TlsError::Name(name)),
    }
}

fn config(
    material: Material,
    known: Option<Vec<ServerName<'static>>>,
) -> Result<ServerConfig, TlsError> {
    let asks = material.authorities.is_some();
    let protocols: &[&[u8]] = match known {
        // Not every client of JSON speaks HTTP/2.
        None => &[H2, HTTP1],
        Some(_) => &[H2],
    };
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?;
    let builder = match (material.authorities, known) {
        (None, None) => builder.with_no_client_auth(),
        (None, Some(_)) => return Err(TlsError::NoAuthority),
        (Some(roots), known) => {
            builder.with_client_cert_verifier(Arc::new(Verifier::new(roots, known)?))
        }
    };
    let (chain, key) = material.own.ok_or(Error::NoCertificatesPresented)?;
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    if asks {
        // A resumed session would bring its certificate along, past its end.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

/// Looks at callers' certificates, and at whose they are.
#[derive(Debug)]
struct Verifier {
    chain: Arc<dyn ClientCertVerifier>,
    names: Vec<ServerName<'static>>,
}

impl Verifier {
    fn new(
        roots: RootCertStore,
        known: Option<Vec<ServerName<'static>>>,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(default_provider());
        let chain = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let chain = match known {
            Some(_) => chain,
            None => chain.allow_unauthenticated(),
        };
        Ok(Self {
            chain: chain.build().map_err(|_| TlsError::NoAuthority)?,
            names: known.unwrap_or_default(),
        })
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.chain.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self
            .chain
            .verify_client_cert(end_entity, intermediates, now)?;
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let is_theirs = |name| verify_server_name(&certificate, name).is_ok();
        if self.names.is_empty() || self.names.iter().any(is_theirs) {
            Ok(verified)
        } else {
            Err(CertificateError::NotValidForName.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
