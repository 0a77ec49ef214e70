//! The development suite's PostgreSQL: a private cluster in its folder, or the
//! server that KEFU_DATABASE_URL names.

use std::path::Path;

use anyhow::Context;
use kefu_postgres::{Cluster, ClusterOptions, GivenServer};
use kefu_service::{
    config::{DatabaseConfig, Secret},
    database::{Db, migration},
};
use sqlx::{Connection, PgConnection, migrate::Migrator, postgres::PgConnectOptions};

use super::Keys;
use crate::{migrate::schemas, suite::Databases};

/// Name of the suite's database.
const DATABASE: &str = "kefu";
/// Of each service, which together stay well below what the server accepts.
const CONNECTIONS: usize = 16;

pub(super) enum Server {
    Private(Box<Cluster>),
    Given(GivenServer),
}

/// Starts it, or finds it running.
pub(super) async fn start(home: &Path) -> anyhow::Result<Server> {
    if let Some(given) = GivenServer::from_env()? {
        return Ok(Server::Given(given));
    }
    let options = ClusterOptions {
        data_dir: home.join("postgres"),
        durable: true,
        max_connections: 150,
        port: None,
    };
    Ok(Server::Private(Box::new(
        Cluster::start(options)
            .await
            .context("PostgreSQL did not start")?,
    )))
}

impl Server {
    fn url(&self, database: &str) -> String {
        match self {
            Self::Private(cluster) => cluster.url(database),
            Self::Given(given) => given.url(database),
        }
    }

    fn admin(&self) -> PgConnectOptions {
        match self {
            Self::Private(cluster) => cluster.admin_options(),
            Self::Given(given) => given.admin_options(),
        }
    }

    /// Makes the database and its schemas where they are missing, and opens each
    /// with its service's own role.
    pub(super) async fn databases(&self, keys: &Keys) -> anyhow::Result<Databases> {
        let admin = self.admin();
        create_database(&admin, DATABASE).await?;
        migrate(
            &admin.database(DATABASE),
            keys.database_password(),
            &schemas(),
        )
        .await?;
        open(&self.url(DATABASE), keys.database_password(), CONNECTIONS)
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        match self {
            Self::Private(cluster) => Ok(cluster.stop().await?),
            Self::Given(_) => Ok(()),
        }
    }
}

async fn create_database(admin: &PgConnectOptions, name: &str) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect_with(admin)
        .await
        .context("PostgreSQL cannot be reached")?;
    let exists: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)")
            .bind(name)
            .fetch_one(&mut connection)
            .await?;
    if !exists {
        sqlx::query("CREATE DATABASE kefu")
            .execute(&mut connection)
            .await?;
    }
    Ok(connection.close().await?)
}

/// Brings these schemas of a database to their newest form, each with a role of this password.
///
/// # Errors
/// When the database refuses or a migration is wrong.
pub async fn migrate(
    admin: &PgConnectOptions,
    password: &str,
    schemas: &[(&'static str, &'static Migrator)],
) -> anyhow::Result<()> {
    for &(schema, migrator) in schemas {
        migration::migrate(admin, schema, Some(password), migrator)
            .await
            .with_context(|| format!("schema {schema}"))?;
    }
    Ok(())
}

/// Opens a migrated database, each schema with its service's own role and at most so many
/// connections. `url` is the superuser's; its role and password are replaced.
///
/// # Errors
/// When the URL is not one of PostgreSQL.
pub fn open(url: &str, password: &str, connections: usize) -> anyhow::Result<Databases> {
    let open = |schema: &'static str| {
        let config = DatabaseConfig {
            url: Secret::new(url_of(url, schema, password)?),
            encrypted_elsewhere: false,
            max_connections: connections,
            statement_timeout_ms: 5_000,
            acquire_timeout_ms: 10_000,
            idle_in_transaction_timeout_ms: 10_000,
        };
        Db::new(&config, schema).map_err(crate::said)
    };
    Ok(Databases {
        access_control: open(kefu_access_control::SCHEMA)?,
        customer_profile: open(kefu_customer_profile::SCHEMA)?,
        ticket: open(kefu_ticket::SCHEMA)?,
        order_followup: open(kefu_order_followup::SCHEMA)?,
        analytics: open(kefu_analytics::SCHEMA)?,
    })
}

/// The URL of a schema's role on the same server.
///
/// # Errors
/// When the URL has no user.
pub fn url_of(url: &str, schema: &str, password: &str) -> anyhow::Result<String> {
    let (scheme, rest) = url.split_once("://").context("not a url")?;
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    Ok(format!(
        "{scheme}://{}:{password}@{place}",
        migration::role_of(schema)
    ))
}
