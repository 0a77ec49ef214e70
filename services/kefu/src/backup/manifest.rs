//! What a backup of the data says of itself.

use std::io::{Read, Write};

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    folder::Data,
    sealed::{Reader, Recipients, Sealing, Written},
    survey::Survey,
};

/// The form of backups that this kefu writes.
const FORM: u32 = 1;
/// Largest manifest that is read.
const LARGEST: u64 = 64 * 1024 * 1024;

/// What a backup of the data says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    form: u32,
    /// Version of the kefu that made it.
    pub kefu: String,
    /// Version of the server.
    pub postgres: String,
    /// Moment of the snapshot, by the database's clock.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The dump as it lies there.
    pub dump: Written,
    /// What is in it.
    pub survey: Survey,
}

impl Manifest {
    /// That of this dump.
    pub fn new(
        postgres: String,
        at: Timestamp,
        took_ms: u64,
        dump: Written,
        survey: Survey,
    ) -> Self {
        let kefu = env!("CARGO_PKG_VERSION").to_owned();
        Self {
            form: FORM,
            kefu,
            postgres,
            at,
            took_ms,
            dump,
            survey,
        }
    }

    /// Writes it beside the dump.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, data: &Data, recipients: &Recipients) -> anyhow::Result<()> {
        let mut file = Sealing::create(&data.manifest(), recipients)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.finish()?;
        Ok(())
    }

    /// That of a backup.
    ///
    /// # Errors
    /// When it cannot be opened, or is of a form of later.
    pub fn read(data: &Data, reader: &Reader) -> anyhow::Result<Self> {
        let mut text = Vec::new();
        let mut opened = reader.open(&data.manifest())?.take(LARGEST);
        opened
            .read_to_end(&mut text)
            .context("the manifest is damaged")?;
        let read: Self = serde_json::from_slice(&text).context("the manifest is damaged")?;
        if read.form != FORM {
            bail!("the backup has form {}, this kefu knows {FORM}", read.form);
        }
        Ok(read)
    }
}
