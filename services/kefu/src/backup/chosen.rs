use std::path::PathBuf;

use super::{
    folder::{Data, Folder},
    sealed::Reader,
};

/// Which backup is read, and with what.
#[derive(Debug, clap::Args)]
pub(crate) struct ChosenArgs {
    /// Folder of backups
    #[arg(long, value_name = "FOLDER", env = "KEFU_BACKUP_FOLDER")]
    from: PathBuf,
    /// Which backup of the data, by its time; otherwise the newest. The keys are always the newest
    #[arg(long, value_name = "TIME")]
    backup: Option<String>,
    /// File with the secret key of age that it was sealed for
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
}

impl ChosenArgs {
    /// # Errors
    /// When there is none, or the secret key cannot be read.
    pub(crate) fn open(&self) -> anyhow::Result<(Folder, Reader, Data)> {
        let folder = Folder::at(&self.from);
        let reader = Reader::from_file(&self.identity)?;
        let data = folder.chosen(self.backup.as_deref())?;
        Ok((folder, reader, data))
    }
}
