//! Brings the services' schemas to their newest form: a job of its own, before
//! any service of a new version starts.

use std::str::FromStr;

use anyhow::{Context, bail};
use kefu_gateway::Environment;
use kefu_service::{
    clock::SystemClock,
    database::{Db, migration},
    ids::{Ids, system_randomness},
};
use sqlx::{migrate::Migrator, postgres::PgConnectOptions};

use crate::{production, said, settings::Settings};

/// Every schema of the suite and its migrations.
pub fn schemas() -> [(&'static str, &'static Migrator); 5] {
    [
        (kefu_access_control::SCHEMA, &kefu_access_control::MIGRATOR),
        (
            kefu_customer_profile::SCHEMA,
            &kefu_customer_profile::MIGRATOR,
        ),
        (kefu_ticket::SCHEMA, &kefu_ticket::MIGRATOR),
        (kefu_order_followup::SCHEMA, &kefu_order_followup::MIGRATOR),
        (kefu_analytics::SCHEMA, &kefu_analytics::MIGRATOR),
    ]
}

/// What `kefu migrate` is told.
#[derive(Debug, clap::Args)]
pub struct MigrateArgs {
    /// URL of a role that may create schemas; the services' roles must exist
    #[arg(long, env = "KEFU_MIGRATE_URL", hide_env_values = true)]
    url: String,
    /// The network encrypts what goes to the database, so that the URL need not ask for TLS
    #[arg(long)]
    encrypted_elsewhere: bool,
    /// Only this schema: access, profile, ticket, orders, analytics
    #[arg(long)]
    only: Option<String>,
}

/// Migrates, and puts the shipped roles into the register.
///
/// # Errors
/// When a database would be reached in plaintext or refuses, or a migration is wrong.
pub async fn run(settings: Settings, arguments: MigrateArgs) -> anyhow::Result<()> {
    let development = settings.environment == Environment::Development;
    production::check_url(&arguments.url, development || arguments.encrypted_elsewhere)?;
    if let Some(database) = &settings.access_control.database {
        production::check_database(&settings, database)?;
    }
    // The driver's own message would quote the URL, and with it a password.
    let admin = PgConnectOptions::from_str(&arguments.url)
        .map_err(|_| anyhow::anyhow!("not a url of PostgreSQL"))?;
    let wanted: Vec<_> = schemas()
        .into_iter()
        .filter(|(name, _)| arguments.only.as_deref().is_none_or(|only| only == *name))
        .collect();
    if wanted.is_empty() {
        bail!("no such schema");
    }
    for (schema, migrator) in wanted {
        migration::migrate(&admin, schema, None, migrator)
            .await
            .with_context(|| format!("schema {schema}"))?;
        eprintln!("schema {schema} is at its newest form");
        if let (kefu_access_control::SCHEMA, Some(database)) =
            (schema, &settings.access_control.database)
        {
            let db = Db::new(database, schema).map_err(said)?;
            let clock = std::sync::Arc::new(SystemClock);
            let ids = Ids::new(clock.clone(), system_randomness());
            kefu_access_control::seed::ship_roles(&db, clock.as_ref(), &ids)
                .await
                .map_err(|fault| anyhow::anyhow!("shipped roles: {}", fault.detail))?;
        }
    }
    Ok(())
}
