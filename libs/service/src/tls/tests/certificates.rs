//! Authorities, what they issue, and the files that hold it.

use std::{fs, path::PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use tempfile::TempDir;

use crate::tls::{Callers, ClientTls, Files, Own, ServerTls};

pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub(super) struct Held {
    certificate: String,
    key: String,
    pub(super) der: Vec<u8>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// For servers and clients, with these names.
    pub(super) fn issue(&self, names: &[&str]) -> Held {
        self.issue_with(names, |_| {})
    }

    /// One whose time is over.
    pub(super) fn issue_expired(&self, names: &[&str]) -> Held {
        self.issue_with(names, |params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2020, 2, 1);
        })
    }

    pub(super) fn issue_with(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Held {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Held {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().to_vec(),
        }
    }
}

/// The files of one side.
pub(super) struct Side {
    folder: TempDir,
    files: Files,
}

impl Side {
    /// Shows this, and believes this authority.
    pub(super) fn new(own: &Held, authority: &Authority) -> Self {
        let mut side = Self::showing(own);
        side.files.authorities = Some(side.path("ca.crt"));
        side.believe(&[authority]);
        side
    }

    /// Shows this.
    pub(super) fn showing(own: &Held) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own_files = Own {
            certificate: folder.path().join("tls.crt"),
            key: folder.path().join("tls.key"),
        };
        let files = Files {
            own: Some(own_files),
            authorities: None,
        };
        let side = Self { folder, files };
        side.show(own);
        side
    }

    /// Believes this authority.
    pub(super) fn believing(authority: &Authority) -> Self {
        let mut side = Self::new(&authority.issue(&["nobody"]), authority);
        side.files.own = None;
        side
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn put(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Shows this from the next look on.
    pub(super) fn show(&self, own: &Held) {
        self.put("tls.crt", &own.certificate);
        self.put("tls.key", &own.key);
    }

    /// Believes these authorities from the next look on.
    pub(super) fn believe(&self, authorities: &[&Authority]) {
        let all: String = authorities.iter().map(|one| one.0.pem()).collect();
        self.put("ca.crt", all);
    }

    pub(super) fn files(&self) -> Files {
        self.files.clone()
    }

    pub(super) fn server(&self, callers: Callers) -> ServerTls {
        ServerTls::new(self.files(), callers).unwrap()
    }

    pub(super) fn client(&self) -> ClientTls {
        ClientTls::new(self.files()).unwrap()
    }
}
