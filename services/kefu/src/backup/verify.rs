//! A backup is tried: restored into a cluster of its own, compared, and deleted again.

use std::path::PathBuf;

use anyhow::Context;
use kefu_postgres::{Cluster, ClusterOptions};
use kefu_service::{clock::SystemClock, database::migration::role_of};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::{
    ChosenArgs, Manifest,
    folder::Folder,
    programs::{Programs, major},
    sealed::Reader,
};
use crate::{
    key_provider,
    migrate::schemas,
    restore::{Restored, Target, into},
    settings::Settings,
};

/// Name of the database that is restored into.
const DATABASE: &str = "kefu";

#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    chosen: ChosenArgs,
    /// Where the cluster is made; deleted at the end. Needs PostgreSQL's programs on this machine, and room for the
    /// whole database
    #[arg(long, value_name = "FOLDER", default_value = "kefu-scratch")]
    scratch: PathBuf,
    /// Looks whether files of conversations are in the store that `ticket` is configured with
    #[arg(long)]
    objects: bool,
    /// Keys of customers that are lost for good: where more are missing the backup does not pass
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    keys_lost: u64,
}

pub(super) async fn run(settings: Settings, args: VerifyArgs) -> anyhow::Result<()> {
    let (folder, reader, data) = args.chosen.open()?;
    if args.scratch.exists() {
        anyhow::bail!("{} is there already", args.scratch.display());
    }
    let options = ClusterOptions {
        data_dir: args.scratch.clone(),
        // As slow as where it would count.
        durable: true,
        max_connections: 20,
        port: None,
    };
    let cluster = Cluster::start(options)
        .await
        .context("PostgreSQL did not start")?;
    let outcome = try_it(&settings, &cluster, &folder, &data, &reader, args.objects).await;
    drop(cluster);
    Cluster::delete(&args.scratch)
        .await
        .context("the scratch cluster cannot be deleted")?;
    let restored = outcome?;
    println!("{}", restored.told());
    restored.keyless.check(args.keys_lost)?;
    println!("verified: data-{} can be restored", data.time);
    Ok(())
}

async fn try_it(
    settings: &Settings,
    cluster: &Cluster,
    folder: &Folder,
    data: &super::folder::Data,
    reader: &Reader,
    objects: bool,
) -> anyhow::Result<Restored> {
    let mut admin = PgConnection::connect_with(&cluster.admin_options()).await?;
    for (schema, _) in schemas() {
        // Nobody uses them here.
        let role = format!("CREATE ROLE {} NOLOGIN", role_of(schema));
        sqlx::raw_sql(AssertSqlSafe(role))
            .execute(&mut admin)
            .await?;
    }
    let create = format!("CREATE DATABASE {DATABASE}");
    sqlx::raw_sql(AssertSqlSafe(create))
        .execute(&mut admin)
        .await?;
    let programs = "SELECT setting FROM pg_config WHERE name = 'BINDIR'";
    let programs: String = sqlx::query_scalar(programs).fetch_one(&mut admin).await?;
    admin.close().await?;
    let programs = Programs {
        folder: Some(programs.into()),
    };
    // The scratch cluster is of the programs' version, the one that it would count on is not.
    if let Some(server) = major(&Manifest::read(data, reader)?.postgres) {
        programs.fit(server).await.context(
            "the backup is of an older server than the scratch cluster, which shows nothing of a restore into that one; \
             KEFU_PG_BIN names the folder of its PostgreSQL",
        )?;
    }
    let vault = Box::pin(key_provider::of_command(&settings.vault, "verify")).await?;
    let target = Target {
        url: &cluster.url(DATABASE),
        programs: &programs,
        access: &settings.access_control.rules,
        clock: &SystemClock,
        vault: vault.as_ref(),
        numbers_ahead: 0,
        objects: objects.then_some(&settings.ticket.rules),
    };
    into(&target, folder, data, reader).await
}
