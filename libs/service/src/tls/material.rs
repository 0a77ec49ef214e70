//! Certificates, keys and authorities, as their files hold them.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, Digest, SHA256};
use rustls::{
    RootCertStore,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};

use super::TlsError;

/// The files of one side of a connection, PEM.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// What this side shows; none: nothing.
    pub own: Option<Own>,
    /// Authorities that vouch for the other side.
    pub authorities: Option<PathBuf>,
}

/// The files of a certificate.
#[derive(Debug, Clone)]
pub struct Own {
    /// Certificate chain, leaf first.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// What the files hold at one moment.
pub(super) struct Contents {
    own: Option<(Vec<u8>, Vec<u8>)>,
    authorities: Option<Vec<u8>>,
}

/// What the contents mean.
pub(super) struct Material {
    /// Certificate chain and key.
    pub(super) own: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    /// Authorities; none where no file names any.
    pub(super) authorities: Option<RootCertStore>,
}

impl Files {
    pub(super) fn read(&self) -> Result<Contents, TlsError> {
        let own = match &self.own {
            Some(own) => Some((read(&own.certificate)?, read(&own.key)?)),
            None => None,
        };
        Ok(Contents {
            own,
            authorities: self.authorities.as_deref().map(read).transpose()?,
        })
    }

    pub(super) fn parse(&self, contents: &Contents) -> Result<Material, TlsError> {
        let own = match (&self.own, &contents.own) {
            (Some(files), Some((certificate, key))) => Some((
                certificates(&files.certificate, certificate)?,
                PrivateKeyDer::from_pem_slice(key)
                    .map_err(|error| content(&files.key, reason(&error)))?,
            )),
            _ => None,
        };
        let authorities = match (&self.authorities, &contents.authorities) {
            (Some(path), Some(text)) => Some(roots(path, text)?),
            _ => None,
        };
        Ok(Material { own, authorities })
    }
}

impl Contents {
    /// Tells contents apart without keeping them.
    pub(super) fn digest(&self) -> Digest {
        let mut context = Context::new(&SHA256);
        let (certificate, key) = self.own.as_ref().map(|(c, k)| (c, k)).unzip();
        for part in [certificate, key, self.authorities.as_ref()] {
            // With its length, or what moves from one file to the next would not be seen.
            let part = part.map(Vec::as_slice).unwrap_or_default();
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.finish()
    }
}

fn read(path: impl AsRef<Path>) -> Result<Vec<u8>, TlsError> {
    let path = path.as_ref();
    std::fs::read(path).map_err(|error| TlsError::Read {
        path: path.to_owned(),
        error,
    })
}

fn content(path: &Path, what: impl Into<String>) -> TlsError {
    TlsError::Content {
        path: path.to_owned(),
        what: what.into(),
    }
}

/// In words that quote nothing of a file that may be a key.
fn reason(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::NoItemsFound => "holds nothing of the kind that is looked for",
        _ => "is not PEM",
    }
}

fn certificates(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|error| content(path, reason(&error)))?;
    match found.is_empty() {
        true => Err(content(path, "holds no certificate")),
        false => Ok(found),
    }
}

fn roots(path: &Path, text: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(path, text)? {
        roots
            .add(authority)
            .map_err(|error| content(path, format!("holds no authority: {error}")))?;
    }
    Ok(roots)
}
