//! `kefu restore`: a backup is put into an empty database (docs/backup.md).
//!
//! | file       | subject                                                      |
//! |------------|--------------------------------------------------------------|
//! | `empty`    | what has to be, and must not be, where it goes               |
//! | `anew`     | what may not go on as it stood: places, numbers, rights      |
//! | `keys`     | that the keys open, and none of the destroyed is left        |
//! | `objects`  | that files of conversations are in the store of objects      |
//!
//! The services' roles are given their rights last of all, so that nothing can start on a restore that
//! did not come to its end.

#![allow(
    clippy::print_stdout,
    reason = "what was restored is the output of the command"
)]

mod anew;
mod empty;
mod keys;
mod objects;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use jiff::Timestamp;
use kefu_access_control::{config::AccessControlConfig, restored::TakenBack};
use kefu_gateway::Environment;
use kefu_service::{
    clock::{Clock, SystemClock},
    database::migration,
};
use kefu_ticket::TicketConfig;
use kefu_vault::Vault;
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

pub use anew::GAP;

use crate::{
    backup::{
        ChosenArgs, Manifest,
        folder::{Data, Folder},
        keyless::{Keyless, keyless},
        programs::Programs,
        read_keys,
        sealed::{Reader, as_it_lies},
        survey::{Depth, Survey, survey},
    },
    key_provider,
    migrate::schemas,
    production,
    settings::Settings,
};

/// Restores a backup into an empty database
#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    #[command(flatten)]
    chosen: ChosenArgs,
    /// URL of an empty database, of the role that owns the schemas; the services' roles must exist
    #[arg(long, env = "KEFU_MIGRATE_URL", hide_env_values = true)]
    url: String,
    /// The network encrypts what goes to the database, so that the URL need not ask for TLS
    #[arg(long)]
    encrypted_elsewhere: bool,
    /// Folder of pg_restore; otherwise it is looked for on the path
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// Numbers of tickets, orders, cases and files that are passed over: they may have been given after the backup
    #[arg(long, default_value_t = 10_000)]
    numbers_ahead: u32,
    /// Looks whether files of conversations are in the store that `ticket` is configured with
    #[arg(long)]
    objects: bool,
}

/// Where a backup goes, and what comes along.
pub struct Target<'a> {
    /// An empty database; holds a password.
    pub url: &'a str,
    /// `pg_restore`.
    pub programs: &'a Programs,
    /// Stages of requests, for what is taken back.
    pub access: &'a AccessControlConfig,
    /// Tells the time.
    pub clock: &'a dyn Clock,
    /// Tries the keys, where it is there.
    pub vault: Option<&'a Vault>,
    /// Numbers that are passed over.
    pub numbers_ahead: u32,
    /// Where files of conversations are looked for; none: nowhere.
    pub objects: Option<&'a TicketConfig>,
}

/// What came of it.
#[derive(Debug)]
pub struct Restored {
    /// What the backup says of itself.
    pub manifest: Manifest,
    /// What was found after it; the same as in the manifest.
    pub found: Survey,
    /// Until when destructions and rights that ended are known.
    pub known_until: Timestamp,
    /// Customers' keys that were put in.
    pub keys: u64,
    /// Customers whose file is here and whose key is not.
    pub keyless: Keyless,
    /// Key-encryption keys that were tried, where there was a vault.
    pub keys_tried: Option<usize>,
    /// Destructions that were carried out anew, and how many files went by them.
    pub destroyed: (usize, u64),
    /// What was taken back.
    pub taken_back: TakenBack,
    /// Parts of files of conversations that there have to be, and how many are missing, where it was looked.
    pub objects: Option<(usize, u64)>,
    /// How long each step took.
    pub steps: Vec<(&'static str, Duration)>,
}

/// Restores.
///
/// # Errors
/// When the database is not empty, the backup not whole, or what is restored not what it says.
pub async fn run(settings: Settings, args: RestoreArgs) -> anyhow::Result<()> {
    let development = settings.environment == Environment::Development;
    production::check_url(&args.url, development || args.encrypted_elsewhere)?;
    let (folder, reader, data) = args.chosen.open()?;
    let vault = Box::pin(key_provider::of_command(&settings.vault, "restore")).await?;
    let programs = Programs {
        folder: args.programs,
    };
    let target = Target {
        url: &args.url,
        programs: &programs,
        access: &settings.access_control.rules,
        clock: &SystemClock,
        vault: vault.as_ref(),
        numbers_ahead: args.numbers_ahead,
        objects: args.objects.then_some(&settings.ticket.rules),
    };
    let restored = into(&target, &folder, &data, &reader).await?;
    println!("{}", restored.told());
    Ok(())
}

/// Restores a backup of the data, with the newest keys.
///
/// # Errors
/// Those of [`run`]; what is in the database then is of no use to any service.
pub async fn into(
    target: &Target<'_>,
    folder: &Folder,
    data: &Data,
    reader: &Reader,
) -> anyhow::Result<Restored> {
    let mut watch = Watch::default();
    let keys = folder.keys_for(data)?;
    let manifest = Manifest::read(data, reader)?;
    same_version(&manifest)?;
    let admin: PgConnectOptions = target
        .url
        .parse()
        .map_err(|_| anyhow::anyhow!("not a url of PostgreSQL"))?;
    let connected =
        PgConnection::connect_with(&admin.clone().application_name("kefu-restore")).await;
    let mut connection = connected.context("the database cannot be reached")?;
    target.programs.fit(server(&mut connection).await?).await?;
    empty::check(&mut connection).await?;
    if as_it_lies(&data.dump())? != manifest.dump {
        bail!("the dump is not what the manifest says: it was damaged or exchanged");
    }
    watch.took("checked");
    target
        .programs
        .restore(target.url, &mut reader.open(&data.dump())?)
        .await?;
    watch.took("data put in");
    let found = compared(&mut connection, &manifest).await?;
    watch.took("compared");
    let mut moment = connection.begin().await?;
    let known = read_keys(&mut moment, reader.open(&keys.file)?).await?;
    moment.commit().await?;
    anew::places(&mut connection).await?;
    anew::numbers(&mut connection, target.numbers_ahead).await?;
    watch.took("keys put in");
    let (carried_out, files) = anew::destructions(target, &known.destructions).await?;
    keys::drop_destroyed(&mut connection).await?;
    let keyless = keyless(&mut connection).await?;
    let taken_back = anew::rights(target, &data.time, &known.since).await?;
    watch.took("destroyed and taken back");
    let keys_tried = match target.vault {
        Some(vault) => Some(keys::tried(&mut connection, vault).await?),
        None => None,
    };
    let objects = match target.objects {
        Some(config) => Some(objects::looked(&mut connection, config).await?),
        None => None,
    };
    sqlx::raw_sql("ANALYZE").execute(&mut connection).await?;
    for (schema, migrator) in schemas() {
        let opened = migration::migrate(&admin, schema, None, migrator).await;
        opened.with_context(|| format!("schema {schema}"))?;
    }
    watch.took("opened to the services");
    connection.close().await?;
    Ok(Restored {
        manifest,
        found,
        known_until: known.at,
        keys: crate::backup::contents::KEYS
            .iter()
            .filter_map(|table| known.counts.get(*table))
            .sum(),
        keyless,
        keys_tried,
        destroyed: (carried_out.len(), files),
        taken_back,
        objects,
        steps: watch.steps,
    })
}

/// The server's major version.
async fn server(connection: &mut PgConnection) -> anyhow::Result<u32> {
    let number = "SELECT current_setting('server_version_num')::integer / 10000";
    let number: i32 = sqlx::query_scalar(number).fetch_one(connection).await?;
    Ok(u32::try_from(number)?)
}

/// A dump is put in as it is, and what comes after knows the tables of this version.
fn same_version(manifest: &Manifest) -> anyhow::Result<()> {
    for (schema, migrator) in schemas() {
        let own = migrator
            .iter()
            .map(|migration| migration.version)
            .max()
            .unwrap_or_default();
        let theirs = manifest
            .survey
            .migrations
            .get(schema)
            .copied()
            .unwrap_or_default();
        if own != theirs {
            bail!(
                "the backup was made by kefu {}, with schema {schema} at {theirs}; this kefu has it at {own}. Restore \
                 with that version, then kefu migrate",
                manifest.kefu
            );
        }
    }
    Ok(())
}

async fn compared(connection: &mut PgConnection, manifest: &Manifest) -> anyhow::Result<Survey> {
    let mut moment = connection.begin().await?;
    let found = survey(&mut moment, Depth::Entries).await?;
    moment.rollback().await?;
    let differences = manifest.survey.differences(&found);
    if !differences.is_empty() {
        bail!(
            "what is restored is not what was backed up:\n  {}",
            differences.join("\n  ")
        );
    }
    Ok(found)
}

struct Watch {
    since: Instant,
    steps: Vec<(&'static str, Duration)>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            steps: Vec::new(),
        }
    }
}

impl Watch {
    fn took(&mut self, step: &'static str) {
        self.steps.push((step, self.since.elapsed()));
        self.since = Instant::now();
    }
}

impl Restored {
    /// How long it took.
    pub fn took(&self) -> Duration {
        self.steps.iter().map(|(_, took)| *took).sum()
    }

    /// As whoever restored reads it.
    pub fn told(&self) -> String {
        let Self {
            manifest, found, ..
        } = self;
        let mut lines = vec![
            format!(
                "data of {}, made by kefu {} from PostgreSQL {}",
                manifest.at, manifest.kefu, manifest.postgres
            ),
            format!(
                "{} rows in {} tables are those that were backed up",
                found.rows(),
                found.tables.len()
            ),
        ];
        let journal = |(schema, head): (&String, &crate::backup::survey::Head)| {
            format!(
                "journal of {schema}: {} entries, the last at {}",
                head.entries, head.last
            )
        };
        lines.extend(found.journals.iter().map(journal));
        let audit = &found.audit;
        lines.push(format!(
            "audit log: {} entries hash to {}, {} checkpoints hold",
            audit.size, audit.root, audit.checkpoints
        ));
        lines.push(match self.keys_tried {
            Some(tried) => format!(
                "{} customers' keys; {tried} key-encryption keys open theirs",
                self.keys
            ),
            None => format!(
                "{} customers' keys; not tried, as no vault is configured here",
                self.keys
            ),
        });
        if self.keyless.count() > 0 {
            lines.push(format!(
                "{}: NOBODY CAN READ WHAT IS SEALED UNDER THEM",
                self.keyless.told()
            ));
        }
        if let Some((parts, missing)) = self.objects {
            lines.push(format!(
                "{missing} of {parts} parts of files of conversations are not in the store of objects"
            ));
        }
        let (destructions, files) = self.destroyed;
        lines.push(format!("{destructions} destructions of after it were carried out anew, {files} files went by them"));
        let TakenBack {
            shares,
            destructions,
            ended,
        } = self.taken_back;
        lines.push(format!(
            "{shares} shares and {destructions} scheduled destructions were taken back; {ended} rights that ended since are ended"
        ));
        lines.extend(
            self.steps
                .iter()
                .map(|(step, took)| format!("{:>9.1} s  {step}", took.as_secs_f64())),
        );
        lines.push(format!("{:>9.1} s  in all", self.took().as_secs_f64()));
        lines.push(format!(
            "WHAT WAS DESTROYED OR TAKEN AWAY AFTER {} IS NOT KNOWN HERE: see docs/backup.md before services start",
            self.known_until
        ));
        lines.join("\n")
    }
}
