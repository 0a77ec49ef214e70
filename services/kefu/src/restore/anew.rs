//! What may not go on as it stood when the backup was made.

use kefu_access_control::restored::{Since, TakenBack, take_back};
use kefu_customer_profile::restored::{CarriedOut, destroy_again};
use kefu_service::{
    config::{DatabaseConfig, Secret},
    database::Db,
};
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::Target;
use crate::{migrate::schemas, said};

/// How far places of new entries are ahead of all that were ever given: those of entries that were written after the
/// backup, and are lost, are held by readers outside and must not be given again.
pub const GAP: i64 = 1 << 32;

/// Makes new entries of the journals come after all that is in them: this cluster counts its transactions from another
/// number than the one that the backup is of.
pub(super) async fn places(connection: &mut PgConnection) -> anyhow::Result<()> {
    let mut tables = vec!["access.audit_entry".to_owned()];
    for (schema, _) in schemas() {
        tables.extend(
            ["journal", "request", "consumer_cursor"].map(|table| format!("{schema}.{table}")),
        );
    }
    let each: Vec<String> = tables
        .iter()
        .map(|table| format!("(SELECT max(transaction_id) FROM {table})"))
        .collect();
    let last = format!("SELECT coalesce(greatest({}), 0)", each.join(", "));
    let last: i64 = sqlx::query_scalar(AssertSqlSafe(last))
        .fetch_one(&mut *connection)
        .await?;
    let own: i64 =
        sqlx::query_scalar("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
            .fetch_one(&mut *connection)
            .await?;
    let lead = (last + GAP - own).max(0);
    for (schema, _) in schemas() {
        let leads = format!(
            "CREATE OR REPLACE FUNCTION {schema}.journal_lead() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
             AS 'SELECT {lead}::bigint'"
        );
        sqlx::raw_sql(AssertSqlSafe(leads))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Passes over numbers that people may have been told.
pub(super) async fn numbers(connection: &mut PgConnection, ahead: u32) -> anyhow::Result<()> {
    for sequence in [
        "ticket.ticket_number",
        "orders.order_number",
        "orders.case_number",
    ] {
        let pass = format!("SELECT setval('{sequence}', last_value + $1) FROM {sequence}");
        sqlx::query(AssertSqlSafe(pass))
            .bind(i64::from(ahead))
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query("UPDATE profile.file_number_series SET last = last + $1")
        .bind(i64::from(ahead))
        .execute(connection)
        .await?;
    Ok(())
}

/// Carries out anew what was destroyed after the backup.
pub(super) async fn destructions(
    target: &Target<'_>,
    destructions: &[CarriedOut],
) -> anyhow::Result<(Vec<Uuid>, u64)> {
    let db = open(target, kefu_customer_profile::SCHEMA)?;
    destroy_again(&db, target.clock, destructions)
        .await
        .map_err(said)
}

/// Takes back what nobody can know to stand still.
pub(super) async fn rights(
    target: &Target<'_>,
    backup: &str,
    since: &Since,
) -> anyhow::Result<TakenBack> {
    let db = open(target, kefu_access_control::SCHEMA)?;
    take_back(&db, target.clock, target.access, backup, since)
        .await
        .map_err(said)
}

fn open(target: &Target<'_>, schema: &'static str) -> anyhow::Result<Db> {
    let patient = 3_600_000;
    let config = DatabaseConfig {
        url: Secret::new(target.url.to_owned()),
        encrypted_elsewhere: false,
        max_connections: 1,
        statement_timeout_ms: patient,
        acquire_timeout_ms: 30_000,
        idle_in_transaction_timeout_ms: patient,
    };
    Db::new(&config, schema).map_err(said)
}
