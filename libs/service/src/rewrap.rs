//! Customers' keys are wrapped anew once the key file names another current key-encryption
//! key, or the key service has one. When none is left under the old one, that one can be
//! destroyed, and with it whatever opens a copy of a wrapped key that was made before: in a
//! backup, in a log of the database, in a row that was deleted and not yet overwritten
//! (CF-10.2).

use std::{sync::Arc, time::Duration};

use kefu_vault::{Vault, WrappedKey};
use sqlx::Row;
use uuid::Uuid;

use crate::{core::Deps, database::Db, error::Fault, host::Job};

/// A key file is changed with a restart, a key service's key at any time; what was missed then
/// is made up for.
const EVERY: Duration = Duration::from_secs(3600);
/// Keys wrapped at one time.
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
/// When the old key-encryption key is not to be had, or the database is not. One key that
/// cannot be wrapped anew is told of after all others were.
pub async fn all(db: &Db, vault: &Arc<Vault>) -> Result<u64, Fault> {
    let (mut wrapped, mut failed, mut first_failure) = (0, 0, None);
    let mut after = Uuid::nil();
    loop {
        // Asked for each batch: a key service may have another one meanwhile.
        let Some(current) = vault.current_kek().await? else {
            // The provider sees to it by itself.
            return Ok(0);
        };
        let old = others(db, current, after).await?;
        let Some((last, _)) = old.last() else { break };
        after = *last;
        // No row is locked meanwhile: a key service may take its time.
        let mut new = Vec::with_capacity(old.len());
        for (old, outcome) in old.iter().zip(vault.rewrap_all(&old).await?) {
            match outcome {
                Ok(Some(rewrapped)) => new.push((old.clone(), rewrapped)),
                Ok(None) => {}
                Err(error) => {
                    failed += 1;
                    first_failure.get_or_insert(error);
                }
            }
        }
        wrapped += keep(db, new).await?;
    }
    match first_failure {
        Some(first) => Err(Fault::internal(format!(
            "{failed} keys of customers stay under another key-encryption key, the first: {first}"
        ))),
        None => Ok(wrapped),
    }
}

type Keys = Vec<(Uuid, WrappedKey)>;

/// Some keys that are under another one, of customers behind this one.
async fn others(db: &Db, current: String, after: Uuid) -> Result<Keys, Fault> {
    db.run(move |connection| {
        Box::pin(async move {
            let rows = sqlx::query(
                "SELECT customer_id, kek_id, wrapped FROM customer_key
                 WHERE kek_id <> $1 AND customer_id > $2 ORDER BY customer_id LIMIT $3",
            )
            .bind(current)
            .bind(after)
            .bind(BATCH)
            .fetch_all(connection)
            .await?;
            let keys = rows.iter().map(|row| -> Result<_, Fault> {
                let wrapped = WrappedKey {
                    kek_id: row.try_get("kek_id")?,
                    bytes: row.try_get("wrapped")?,
                };
                Ok((row.try_get("customer_id")?, wrapped))
            });
            keys.collect()
        })
    })
    .await
}

/// Puts the new ones in the place of the old, where these still are.
async fn keep(db: &Db, new: Vec<((Uuid, WrappedKey), WrappedKey)>) -> Result<u64, Fault> {
    if new.is_empty() {
        return Ok(0);
    }
    let new = Arc::new(new);
    db.transaction(move |connection| {
        let new = new.clone();
        Box::pin(async move {
            let mut kept = 0;
            for ((customer, old), new) in new.iter() {
                let done = sqlx::query(
                    "UPDATE customer_key SET kek_id = $2, wrapped = $3
                     WHERE customer_id = $1 AND wrapped = $4",
                )
                .bind(customer)
                .bind(&new.kek_id)
                .bind(&new.bytes)
                .bind(&old.bytes)
                .execute(&mut *connection)
                .await?;
                kept += done.rows_affected();
            }
            Ok(kept)
        })
    })
    .await
}
