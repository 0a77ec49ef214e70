//! A key service, and providers that ask it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use kefu_transit_double::{TOKEN, Transit};
use kefu_vault::{TransitKeyProvider, TransitOptions};
use tempfile::TempDir;

/// Base64 of 32 bytes.
pub(super) const INDEX: &str = "MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM=";

/// A key service with the key `kefu`, and a token for it.
pub(super) struct House {
    pub(super) transit: Transit,
    pub(super) options: TransitOptions,
    pub(super) folder: TempDir,
}

impl House {
    pub(super) async fn new() -> Self {
        Self::with(Transit::start().await)
    }

    pub(super) fn with(transit: Transit) -> Self {
        transit.make_key("kefu", true);
        let folder = tempfile::tempdir().unwrap();
        let options = TransitOptions {
            address: transit.address.clone(),
            mount: "transit".to_owned(),
            key: "kefu".to_owned(),
            namespace: None,
            token_file: token_file(&folder, TOKEN),
            authority_file: None,
            // Long, as nothing here takes it but what is said to be slow.
            timeout: Duration::from_secs(20),
            pause: Duration::from_millis(1),
        };
        Self {
            transit,
            options,
            folder,
        }
    }

    pub(super) fn provider(&self) -> TransitKeyProvider {
        TransitKeyProvider::new(&self.options, INDEX).unwrap()
    }

    /// Lines of the requests since this was last asked.
    pub(super) fn lines(&self) -> Vec<String> {
        self.transit
            .seen()
            .into_iter()
            .map(|seen| seen.line)
            .collect()
    }
}

pub(super) fn token_file(folder: &TempDir, token: &str) -> PathBuf {
    let path = folder.path().join("token");
    fs::write(&path, format!("{token}\n")).unwrap();
    path
}
