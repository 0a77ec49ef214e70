//! A backup is tried: restored into a cluster of its own, compared, and deleted again.

use std::path::PathBuf;

use anyhow::Context;
use kefu_postgres::{Cluster, ClusterOptions};
use kefu_service::{clock::SystemClock, database::migration::role_of};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::{ChosenArgs, folder::Folder, programs::Programs, sealed::Reader};
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
    let vault = Box::pin(key_provider::of_command(&settings.vault, "verify")).await?;
    let target = Target {
        url: &cluster.url(DATABASE),
        programs: &Programs {
            folder: Some(programs.into()),
        },
        access: &settings.access_control.rules,
        clock: &SystemClock,
        vault: vault.as_ref(),
        numbers_ahead: 0,
        objects: objects.then_some(&settings.ticket.rules),
    };
    into(&target, folder, data, reader).await
}
