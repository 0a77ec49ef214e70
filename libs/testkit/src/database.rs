//! A database for each test: a copy of a template that is migrated once.

use std::path::Path;

use anyhow::Context;
use kefu::{dev::database::migrate, migrate::schemas, suite::Databases};
use kefu_postgres::{TestCluster, name_for_test, shared_for_tests};
use sqlx::{
    AssertSqlSafe, Connection, Executor, PgConnection, migrate::Migrator,
    postgres::PgConnectOptions,
};
use uuid::Uuid;

/// Password of the services' roles on test clusters, which hold nobody's data.
const PASSWORD: &str = "test";
/// Of each service. To make one costs more than most tests have for it to do.
const CONNECTIONS: usize = 4;

/// A migrated database of the test's own.
pub struct TestDatabase {
    cluster: TestCluster,
    name: String,
}

impl TestDatabase {
    /// Makes it.
    pub async fn create() -> anyhow::Result<Self> {
        let cluster = shared_for_tests().await?;
        let admin = cluster.admin_options();
        let mut connection = PgConnection::connect_with(&admin).await?;
        // One test process at a time makes the template and copies it: PostgreSQL
        // refuses to copy a database that somebody is connected to.
        connection
            .execute("SELECT pg_advisory_lock(hashtext('kefu testkit'))")
            .await?;
        let name = name_for_test(&mut connection).await?;
        let made = make(&mut connection, &admin, &name).await;
        connection
            .execute("SELECT pg_advisory_unlock(hashtext('kefu testkit'))")
            .await?;
        connection.close().await?;
        made?;
        Ok(Self { cluster, name })
    }

    /// A database with nothing in it, on a server that has the services' roles.
    pub async fn empty() -> anyhow::Result<Self> {
        // The first one that is made anywhere makes the roles.
        drop(Self::create().await?);
        let cluster = shared_for_tests().await?;
        let mut connection = PgConnection::connect_with(&cluster.admin_options()).await?;
        let name = name_for_test(&mut connection).await?;
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        connection.execute(create).await?;
        connection.close().await?;
        Ok(Self { cluster, name })
    }

    /// Its services' databases, each with its own role.
    pub fn open(&self) -> anyhow::Result<Databases> {
        kefu::dev::database::open(&self.url(), PASSWORD, CONNECTIONS)
    }

    /// The superuser's URL.
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    /// URL of the role of a schema.
    pub fn url_of(&self, schema: &str) -> anyhow::Result<String> {
        kefu::dev::database::url_of(&self.url(), schema, PASSWORD)
    }

    /// A superuser's connection, for looking behind the services.
    pub async fn connect(&self) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect_with(&self.cluster.admin_options().database(&self.name)).await?)
    }
}

async fn make(
    connection: &mut PgConnection,
    admin: &PgConnectOptions,
    name: &str,
) -> anyhow::Result<()> {
    let schemas = newest().await?;
    let template = template_name(&schemas);
    let exists: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)")
            .bind(&template)
            .fetch_one(&mut *connection)
            .await?;
    if !exists {
        // Migrated under another name, so that a template is always whole.
        let unfinished = format!("{template}_unfinished");
        connection
            .execute(AssertSqlSafe(format!(
                "DROP DATABASE IF EXISTS {unfinished}"
            )))
            .await?;
        connection
            .execute(AssertSqlSafe(format!("CREATE DATABASE {unfinished}")))
            .await?;
        migrate(&admin.clone().database(&unfinished), PASSWORD, &schemas).await?;
        connection
            .execute(AssertSqlSafe(format!(
                "ALTER DATABASE {unfinished} RENAME TO {template}"
            )))
            .await?;
    }
    connection
        .execute(AssertSqlSafe(format!(
            "CREATE DATABASE {name} TEMPLATE {template}"
        )))
        .await?;
    Ok(())
}

/// The schemas of this build; where `KEFU_TEST_MIGRATIONS` names the `services` folder of a newer
/// one, those of that: `make upgrade-check` has the tests of the last release run over them.
async fn newest() -> anyhow::Result<Vec<(&'static str, &'static Migrator)>> {
    let Some(folder) = std::env::var_os("KEFU_TEST_MIGRATIONS") else {
        return Ok(schemas().to_vec());
    };
    let mut newer = Vec::new();
    for (schema, _) in schemas() {
        let service = match schema {
            "access" => "access-control",
            "profile" => "customer-profile",
            "orders" => "order-followup",
            same => same,
        };
        let path = Path::new(&folder).join(service).join("migrations");
        let migrator = Migrator::new(path.as_path()).await;
        let migrator = migrator.with_context(|| format!("{}", path.display()))?;
        // A test's process makes few of them, and ends.
        newer.push((schema, &*Box::leak(Box::new(migrator))));
    }
    Ok(newer)
}

/// The template of exactly these migrations.
fn template_name(schemas: &[(&'static str, &'static Migrator)]) -> String {
    let mut text = Vec::new();
    for (schema, migrator) in schemas {
        text.extend(schema.as_bytes());
        for migration in migrator.iter() {
            text.extend(migration.checksum.as_ref());
        }
    }
    format!(
        "kefu_template_{}",
        Uuid::new_v5(&Uuid::NAMESPACE_OID, &text).simple()
    )
}
