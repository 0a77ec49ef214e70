//! What has to be where a backup goes, and what must not be.

use anyhow::bail;
use kefu_service::database::migration::role_of;
use sqlx::PgConnection;

use crate::migrate::schemas;

/// Refuses a database in which anything of the suite is, or that somebody uses.
///
/// # Errors
/// Why not.
pub(super) async fn check(connection: &mut PgConnection) -> anyhow::Result<()> {
    let names: Vec<&str> = schemas().iter().map(|(schema, _)| *schema).collect();
    let here: Vec<String> = sqlx::query_scalar(
        "SELECT nspname::text FROM pg_namespace WHERE nspname = ANY($1) ORDER BY 1",
    )
    .bind(&names)
    .fetch_all(&mut *connection)
    .await?;
    if !here.is_empty() {
        bail!(
            "the database is not empty, it has schema {}: nothing is ever restored over what is there",
            here.join(", ")
        );
    }
    // Whose a session is, is told to everybody; of which kind it is, of others' to those who may read
    // statistics alone.
    let others: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
           AND coalesce(backend_type, 'client backend') = 'client backend'",
    )
    .fetch_one(&mut *connection)
    .await?;
    if others > 0 {
        bail!("{others} others are connected to the database: end the services first");
    }
    let roles: Vec<String> = names.iter().map(|schema| role_of(schema)).collect();
    let known: Vec<String> =
        sqlx::query_scalar("SELECT rolname::text FROM pg_roles WHERE rolname = ANY($1)")
            .bind(&roles)
            .fetch_all(connection)
            .await?;
    match roles.iter().find(|role| !known.contains(role)) {
        Some(missing) => {
            bail!("the server has no role {missing}: docs/deployment.md, The database")
        }
        None => Ok(()),
    }
}
