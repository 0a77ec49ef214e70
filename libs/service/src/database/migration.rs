//! Migrations run as a job, never when a service starts. Each service has a
//! schema of its own and a role that can touch that schema alone.

use sqlx::{
    AssertSqlSafe, Connection, Executor, PgConnection,
    migrate::{MigrateError, Migrator},
    postgres::PgConnectOptions,
};

/// Why a migration did not run.
#[derive(Debug, thiserror::Error)]
pub enum MigrationFailed {
    /// The database refused.
    #[error("database refused: {0}")]
    Database(#[from] sqlx::Error),
    /// A migration is wrong or was changed after it ran.
    #[error("migration failed: {0}")]
    Migration(#[from] MigrateError),
}

/// Tables whose rows nobody changes, in every schema that has them: not even the service
/// whose they are.
const APPEND_ONLY: [&str; 7] = [
    "journal",
    "audit_entry",
    "audit_node",
    "audit_checkpoint",
    "report",
    "perturbation",
    "assessment_result",
];

/// Role of the service with this schema.
pub fn role_of(schema: &str) -> String {
    format!("kefu_{schema}")
}

/// Brings a schema to its newest form and gives its role what it needs: rows of
/// its own tables, and of the journal, the audit log, kept reports and results nothing but
/// reading and appending.
/// `password` makes the role where there is none yet; without it the role must
/// be there.
///
/// # Errors
/// When the database refuses or a migration is wrong.
pub async fn migrate(
    admin: &PgConnectOptions,
    schema: &'static str,
    password: Option<&str>,
    migrator: &Migrator,
) -> Result<(), MigrationFailed> {
    let mut connection =
        PgConnection::connect_with(&admin.clone().options([("search_path", schema)])).await?;
    // Two who migrate at once take turns.
    connection
        .execute("SELECT pg_advisory_lock(hashtext('kefu migrate'))")
        .await?;
    let outcome = prepare(&mut connection, schema, password, migrator).await;
    connection
        .execute("SELECT pg_advisory_unlock(hashtext('kefu migrate'))")
        .await?;
    connection.close().await?;
    outcome
}

async fn prepare(
    connection: &mut PgConnection,
    schema: &'static str,
    password: Option<&str>,
    migrator: &Migrator,
) -> Result<(), MigrationFailed> {
    let role = role_of(schema);
    if let Some(password) = password {
        let exists: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1)")
                .bind(&role)
                .fetch_one(&mut *connection)
                .await?;
        let verb = if exists { "ALTER" } else { "CREATE" };
        // A password cannot be a parameter of these statements; the server quotes it.
        let statement: String =
            sqlx::query_scalar("SELECT format('%s ROLE %I LOGIN PASSWORD %L', $1, $2, $3)")
                .bind(verb)
                .bind(&role)
                .bind(password)
                .fetch_one(&mut *connection)
                .await?;
        connection.execute(AssertSqlSafe(statement)).await?;
    }
    connection
        .execute(AssertSqlSafe(format!(
            "CREATE SCHEMA IF NOT EXISTS {schema}"
        )))
        .await?;
    migrator.run(&mut *connection).await?;
    let kept: Vec<String> = sqlx::query_scalar(
        "SELECT tablename::text FROM pg_tables WHERE schemaname = $1 AND tablename = ANY($2)",
    )
    .bind(schema)
    .bind(APPEND_ONLY.as_slice())
    .fetch_all(&mut *connection)
    .await?;
    let kept: String = kept
        .iter()
        .map(|table| format!("REVOKE UPDATE, DELETE, TRUNCATE ON {schema}.{table} FROM {role};"))
        .collect();
    // The schema's name is a constant of its crate and the role's is made from it. All in
    // one transaction: at no moment may more be done than in the end.
    let grants = format!(
        "GRANT USAGE ON SCHEMA {schema} TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role};
         REVOKE ALL ON {schema}._sqlx_migrations FROM {role};
         {kept}"
    );
    sqlx::raw_sql(AssertSqlSafe(grants))
        .execute(&mut *connection)
        .await?;
    Ok(())
}
