//! `kefu backup`: the suite's database, sealed (docs/backup.md).
//!
//! | file       | subject                                                       |
//! |------------|---------------------------------------------------------------|
//! | `contents` | what is in which file                                         |
//! | `folder`   | where backups lie, and that only whole ones have a name       |
//! | `sealed`   | files for the holder of a secret key alone                    |
//! | `take`     | data and keys of one snapshot                                 |
//! | `programs` | `pg_dump` and `pg_restore`, through pipes                     |
//! | `keys`     | what has to be as new as can be when older data are restored  |
//! | `keyless`  | customers whose key is gone                                   |
//! | `manifest` | what a backup says of itself                                  |
//! | `survey`   | what is in a database, before and after                       |
//! | `chosen`   | which of them is read                                         |
//! | `verify`   | restored into a cluster of its own, and compared              |

#![allow(
    clippy::print_stdout,
    reason = "what was written is the output of the command"
)]

mod chosen;
pub mod contents;
pub mod folder;
pub mod keyless;
mod keys;
mod manifest;
pub mod programs;
pub mod sealed;
pub mod survey;
pub mod take;
mod verify;

use std::path::PathBuf;

use anyhow::bail;
use clap::Subcommand;

pub use self::manifest::Manifest;
use self::{folder::Folder, programs::Programs, sealed::Recipients, take::Keep};
use crate::{production, settings::Settings};

pub(crate) use self::{chosen::ChosenArgs, keys::read as read_keys};

/// Backs the database up, sealed; tries backups by restoring them
#[derive(Debug, clap::Args)]
pub struct BackupArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Takes data and keys, of one snapshot; needs pg_dump of the server's version
    Take(TakeArgs),
    /// Takes the keys and what was destroyed or ended, alone: quick, to be done often
    Keys(TakeArgs),
    /// Lists what there is
    List(ListArgs),
    /// Restores a backup into a cluster of its own, compares it, and deletes it again
    Verify(verify::VerifyArgs),
}

#[derive(Debug, clap::Args)]
struct TakeArgs {
    /// URL of a role that may read all schemas (a member of pg_read_all_data)
    #[arg(long, env = "KEFU_BACKUP_URL", hide_env_values = true)]
    url: String,
    /// The network encrypts what goes to the database, so that the URL need not ask for TLS
    #[arg(long)]
    encrypted_elsewhere: bool,
    /// Folder of backups; made where there is none
    #[arg(long, value_name = "FOLDER", env = "KEFU_BACKUP_FOLDER")]
    to: PathBuf,
    /// Public key of age of whoever may read it: age1…; several are separated by commas
    #[arg(
        long,
        value_name = "KEY",
        env = "KEFU_BACKUP_RECIPIENTS",
        value_delimiter = ',',
        required = true
    )]
    recipient: Vec<String>,
    /// Folder of pg_dump; otherwise it is looked for on the path
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// Backups of the data that are kept
    #[arg(long, default_value_t = 31)]
    keep: usize,
    /// Backups of the keys that are kept: each holds the keys of whoever was destroyed since
    #[arg(long, default_value_t = 3)]
    keep_keys: usize,
    /// The database was restored since the last backup: it may have fewer files than that one
    #[arg(long)]
    after_restore: bool,
    /// Keys of customers that are lost for good: where more are missing nothing is taken, as the kept files may have them
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    keys_lost: u64,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Folder of backups
    #[arg(long, value_name = "FOLDER", env = "KEFU_BACKUP_FOLDER")]
    from: PathBuf,
}

/// The database that is backed up.
#[derive(Debug)]
pub struct Source {
    /// Holds a password.
    pub url: String,
    /// `pg_dump`.
    pub programs: Programs,
}

/// Backs up, or tries a backup.
///
/// # Errors
/// When it could not be done, or the backup is not what it says.
pub async fn run(
    settings: impl FnOnce() -> anyhow::Result<Settings>,
    args: BackupArgs,
) -> anyhow::Result<()> {
    match args.what {
        What::Take(args) => take_all(args).await,
        What::Keys(args) => take_keys(args).await,
        What::List(args) => list(&Folder::at(args.from)),
        What::Verify(args) => verify::run(settings()?, args).await,
    }
}

async fn take_all(args: TakeArgs) -> anyhow::Result<()> {
    let (source, folder, recipients) = args.parts()?;
    let taken = take::take(&source, &folder, &recipients, args.kept()).await?;
    let (manifest, keys) = (&taken.manifest, &taken.keys);
    let dumped_by = source.programs.major("pg_dump").await?;
    if programs::major(&manifest.postgres).is_some_and(|server| dumped_by > server) {
        eprintln!(
            "kefu: pg_dump is of PostgreSQL {dumped_by}, the server of {}: what it writes goes into a server of \
             {dumped_by} or newer, and not into this one",
            manifest.postgres
        );
    }
    println!(
        "data-{}: {} rows in {} tables, {} bytes, {} ms; keys-{}: {} bytes",
        taken.data.time,
        manifest.survey.rows(),
        manifest.survey.tables.len(),
        manifest.dump.bytes,
        manifest.took_ms,
        keys.keys.time,
        keys.written.bytes,
    );
    Ok(())
}

async fn take_keys(args: TakeArgs) -> anyhow::Result<()> {
    let (source, folder, recipients) = args.parts()?;
    let (taken, counts) = take::take_keys(&source, &folder, &recipients, args.kept()).await?;
    let of = |tables: &[&str]| {
        tables
            .iter()
            .filter_map(|table| counts.get(*table))
            .sum::<u64>()
    };
    let (number, gone) = (of(&contents::KEYS), of(&contents::DESTROYED[1..]));
    let (time, size) = (&taken.keys.time, taken.written.bytes);
    println!("keys-{time}: {number} keys, {gone} destroyed files, {size} bytes");
    Ok(())
}

fn list(folder: &Folder) -> anyhow::Result<()> {
    let (data, keys) = (folder.data()?, folder.keys()?);
    if data.is_empty() && keys.is_empty() {
        bail!("no backups");
    }
    for one in &data {
        println!("data-{}: {} bytes", one.time, sealed::size(&one.dump())?);
    }
    for one in &keys {
        println!("keys-{}: {} bytes", one.time, sealed::size(&one.file)?);
    }
    Ok(())
}

impl TakeArgs {
    fn kept(&self) -> Keep {
        Keep {
            data: self.keep,
            keys: self.keep_keys,
            after_restore: self.after_restore,
            keys_lost: self.keys_lost,
        }
    }

    fn parts(&self) -> anyhow::Result<(Source, Folder, Recipients)> {
        production::check_url(&self.url, self.encrypted_elsewhere)?;
        let source = Source {
            url: self.url.clone(),
            programs: Programs {
                folder: self.programs.clone(),
            },
        };
        Ok((
            source,
            Folder::at(&self.to),
            Recipients::from_texts(&self.recipient)?,
        ))
    }
}
