//! Customers' keys are wrapped anew once the key file names another current key-encryption
//! key. When none is left under the old one, that one can be destroyed, and with it whatever
//! opens a copy of a wrapped key that was made before: in a backup, in a log of the database,
//! in a row that was deleted and not yet overwritten (CF-10.2).

use std::{sync::Arc, time::Duration};

use kefu_vault::{Vault, WrappedKey};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::{core::Deps, database::Db, error::Fault, host::Job};

/// Key files are changed with a restart; what was missed then is made up for.
const EVERY: Duration = Duration::from_secs(3600);
/// Keys wrapped in one transaction.
const BATCH: i64 = 500;

/// The job that does it when the service starts.
pub fn job(deps: &Deps) -> Job {
    let (db, vault) = (deps.db.clone(), deps.vault.clone());
    let trouble = "customers' keys cannot be wrapped anew";
    Job::every("rewrap", deps.clock.clone(), EVERY, trouble, move || {
        let (db, vault) = (db.clone(), vault.clone());
        async move {
            let wrapped = all(&db, &vault).await?;
            if wrapped > 0 {
                tracing::info!(keys = wrapped, "customers' keys were wrapped anew");
            }
            Ok(())
        }
    })
}

/// Wraps every key of a service under the current key-encryption key; tells how many were
/// under another. A key that is being destroyed is never written back.
///
/// # Errors
/// When the old key-encryption key is not to be had, or the database is not.
pub async fn all(db: &Db, vault: &Arc<Vault>) -> Result<u64, Fault> {
    let Some(current) = vault.current_kek().map(str::to_owned) else {
        // The provider sees to it by itself.
        return Ok(0);
    };
    let mut wrapped = 0;
    loop {
        let (vault, current) = (vault.clone(), current.clone());
        let some = db
            .transaction(move |connection| {
                let (vault, current) = (vault.clone(), current.clone());
                Box::pin(async move { batch(connection, &vault, &current).await })
            })
            .await?;
        if some == 0 {
            return Ok(wrapped);
        }
        wrapped += some;
    }
}

async fn batch(connection: &mut PgConnection, vault: &Vault, current: &str) -> Result<u64, Fault> {
    let rows = sqlx::query(
        "SELECT customer_id, kek_id, wrapped FROM customer_key WHERE kek_id <> $1 LIMIT $2
         FOR UPDATE SKIP LOCKED",
    )
    .bind(current)
    .bind(BATCH)
    .fetch_all(&mut *connection)
    .await?;
    let mut wrapped = 0;
    for row in rows {
        let customer: Uuid = row.try_get("customer_id")?;
        let old = WrappedKey {
            kek_id: row.try_get("kek_id")?,
            bytes: row.try_get("wrapped")?,
        };
        let Some(new) = vault.rewrap(customer, &old).await? else {
            continue;
        };
        sqlx::query("UPDATE customer_key SET kek_id = $2, wrapped = $3 WHERE customer_id = $1")
            .bind(customer)
            .bind(&new.kek_id)
            .bind(&new.bytes)
            .execute(&mut *connection)
            .await?;
        wrapped += 1;
    }
    Ok(wrapped)
}
