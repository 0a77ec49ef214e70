//! Backups are taken.

use std::time::Instant;

use anyhow::{Context, bail};
use jiff::Timestamp;
use sqlx::{Connection, PgConnection, Row};

use super::{
    Source, contents,
    folder::{self, Data, Folder, Keys},
    keyless::keyless,
    keys::{self, Counts},
    manifest::Manifest,
    sealed::{Recipients, Sealing, Written},
    survey::{Depth, survey},
};
use crate::migrate::schemas;

/// What was taken.
#[derive(Debug)]
pub struct Taken {
    /// The data.
    pub data: Data,
    /// What they say of themselves.
    pub manifest: Manifest,
    /// The keys of the same snapshot.
    pub keys: KeysTaken,
}

/// Keys that were taken.
#[derive(Debug)]
pub struct KeysTaken {
    /// The file.
    pub keys: Keys,
    /// As it lies there.
    pub written: Written,
}

/// How many of the newest are kept.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// Of the data.
    pub data: usize,
    /// Of the keys.
    pub keys: usize,
    /// The database may be another than that of the last keys.
    pub after_restore: bool,
    /// Keys that are missing, and known to be lost for good.
    pub keys_lost: u64,
}

/// Takes data and keys, of one snapshot. What has its name is whole; whatever dies leaves only
/// what the next run deletes.
///
/// # Errors
/// When the database or the folder cannot be used, another run is under way, or keys of customers are missing.
pub async fn take(
    source: &Source,
    folder: &Folder,
    recipients: &Recipients,
    keep: Keep,
) -> anyhow::Result<Taken> {
    let writing = folder.write_data()?;
    let begun = Instant::now();
    let mut connection = source.connect().await?;
    let mut moment = connection.begin_with(SNAPSHOT).await?;
    let at = at(&mut moment).await?;
    let row = sqlx::query("SELECT pg_export_snapshot(), current_setting('server_version')");
    let row = row.fetch_one(&mut *moment).await?;
    let (snapshot, postgres): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    whole(&mut moment).await?;
    keyless(&mut moment).await?.check(keep.keys_lost)?;

    let time = folder::time_of(at);
    let data = folder.begin_data(&time)?;
    let mut dump = Sealing::create(&data.dump(), recipients)?;
    let names: Vec<&str> = schemas().iter().map(|(schema, _)| *schema).collect();
    let dumping = source.programs.dump(
        &source.url,
        &snapshot,
        &names,
        &contents::WITHOUT,
        &mut dump,
    );
    // Beside each other, over the one snapshot.
    let (dumped, found) = tokio::join!(dumping, survey(&mut moment, Depth::Kept));
    dumped?;
    let (dump, found) = (dump.finish()?, found?);
    // The keys first: data without keys of their time are no backup.
    let (keys, _) = write_keys(&mut moment, folder, recipients, at, keep).await?;
    moment.rollback().await?;
    let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let manifest = Manifest::new(postgres, at, took, dump, found);
    manifest.write(&data, recipients)?;
    let data = folder.finish_data(data)?;
    folder.keep_data(keep.data, &writing)?;
    Ok(Taken {
        data,
        manifest,
        keys,
    })
}

/// Takes the keys alone.
///
/// # Errors
/// Those of [`take`].
pub async fn take_keys(
    source: &Source,
    folder: &Folder,
    recipients: &Recipients,
    keep: Keep,
) -> anyhow::Result<(KeysTaken, Counts)> {
    let mut connection = source.connect().await?;
    let mut moment = connection.begin_with(SNAPSHOT).await?;
    let at = at(&mut moment).await?;
    // Before anything is written: a file without them would push out the last that has them.
    keyless(&mut moment).await?.check(keep.keys_lost)?;
    let taken = write_keys(&mut moment, folder, recipients, at, keep).await?;
    moment.rollback().await?;
    Ok(taken)
}

const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

async fn write_keys(
    moment: &mut PgConnection,
    folder: &Folder,
    recipients: &Recipients,
    at: Timestamp,
    keep: Keep,
) -> anyhow::Result<(KeysTaken, Counts)> {
    let writing = folder.write_keys()?;
    let files: i64 = sqlx::query_scalar("SELECT count(*) FROM profile.customer")
        .fetch_one(&mut *moment)
        .await?;
    let time = folder::time_of(at);
    let keys = folder.begin_keys(&time, u64::try_from(files)?, keep.after_restore)?;
    let mut file = Sealing::create(&keys.file, recipients)?;
    let counts = keys::write(moment, at, &mut file).await?;
    let written = file.finish()?;
    let keys = folder.finish_keys(keys)?;
    folder.keep_keys(keep.keys, &writing)?;
    Ok((KeysTaken { keys, written }, counts))
}

/// The moment of the snapshot: nothing else orders backups, so it is the server's clock and
/// nobody else's.
async fn at(moment: &mut PgConnection) -> anyhow::Result<Timestamp> {
    let micros = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    let micros: i64 = sqlx::query_scalar(micros).fetch_one(moment).await?;
    Ok(Timestamp::from_microsecond(micros)?)
}

/// One snapshot has to hold all services: what one has read in the journal of another must not be
/// newer than that journal.
async fn whole(moment: &mut PgConnection) -> anyhow::Result<()> {
    let names: Vec<&str> = schemas().iter().map(|(schema, _)| *schema).collect();
    let here = "SELECT nspname::text FROM pg_namespace WHERE nspname = ANY($1)";
    let here: Vec<String> = sqlx::query_scalar(here)
        .bind(&names)
        .fetch_all(moment)
        .await?;
    match names
        .iter()
        .find(|name| here.iter().all(|one| one != *name))
    {
        Some(missing) => bail!(
            "schema {missing} is not in this database: services in several databases have no snapshot in common; back \
             them up by the means of their clusters"
        ),
        None => Ok(()),
    }
}

impl Source {
    async fn connect(&self) -> anyhow::Result<PgConnection> {
        // The driver's own message would quote the URL, and with it a password.
        let options: sqlx::postgres::PgConnectOptions = self
            .url
            .parse()
            .map_err(|_| anyhow::anyhow!("not a url of PostgreSQL"))?;
        let options = options.application_name("kefu-backup");
        PgConnection::connect_with(&options)
            .await
            .context("the database cannot be reached")
    }
}
