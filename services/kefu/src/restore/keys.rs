//! Customers' keys after a restore.

use anyhow::Context;
use kefu_vault::{Vault, WrappedKey};
use sqlx::{AssertSqlSafe, PgConnection, Row};
use uuid::Uuid;

use crate::backup::contents::KEYS;

/// Drops the keys of whoever is destroyed from every service: some of them may not have come to it by the time of the
/// keys' backup.
pub(super) async fn drop_destroyed(connection: &mut PgConnection) -> anyhow::Result<()> {
    for table in KEYS {
        let drop = format!(
            "DELETE FROM {table} k USING profile.tombstone t WHERE t.customer_id = k.customer_id"
        );
        sqlx::query(AssertSqlSafe(drop))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Opens one key under each key-encryption key that any was wrapped with; tells how many those are.
pub(super) async fn tried(connection: &mut PgConnection, vault: &Vault) -> anyhow::Result<usize> {
    let mut tried = std::collections::BTreeSet::new();
    for table in KEYS {
        let one_each = format!(
            "SELECT DISTINCT ON (kek_id) kek_id, customer_id, wrapped FROM {table} ORDER BY kek_id, customer_id"
        );
        for row in sqlx::query(AssertSqlSafe(one_each))
            .fetch_all(&mut *connection)
            .await?
        {
            let key = WrappedKey {
                kek_id: row.try_get(0)?,
                bytes: row.try_get(2)?,
            };
            let customer: Uuid = row.try_get(1)?;
            let opened = vault.open_key(customer, &key).await;
            opened.with_context(|| {
                format!(
                    "key-encryption key {} does not open the keys of {table}",
                    key.kek_id
                )
            })?;
            tried.insert(key.kek_id);
        }
    }
    Ok(tried.len())
}
