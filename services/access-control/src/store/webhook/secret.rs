//! Secrets of webhooks: each sealed under a key of its own, wrapped beside it.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_service::error::Fault;
use kefu_vault::{Place, WrappedKey};
use sqlx::PgConnection;
use uuid::Uuid;

/// A secret as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct Secret {
    pub(crate) id: Uuid,
    pub(crate) key: WrappedKey,
    pub(crate) sealed: Vec<u8>,
}

impl Secret {
    /// Where it is sealed.
    pub(crate) fn place(id: Uuid) -> Place {
        Place {
            table: "access.webhook_secret",
            column: "sealed",
            row: id,
        }
    }
}

/// Those that sign at a moment, the newest first; of one number alone, where it is given.
pub(crate) async fn signing(
    connection: &mut PgConnection,
    webhook: Uuid,
    number: Option<i32>,
    now: Timestamp,
) -> Result<Vec<Secret>, Fault> {
    let rows = sqlx::query!(
        "SELECT id, kek_id, wrapped, sealed FROM access.webhook_secret
         WHERE webhook_id = $1 AND number = COALESCE($2, number) AND (ends_at IS NULL OR ends_at > $3)
         ORDER BY number DESC",
        webhook,
        number,
        now.to_sqlx(),
    )
    .fetch_all(connection)
    .await?;
    let secrets = rows.into_iter().map(|row| Secret {
        id: row.id,
        key: WrappedKey {
            kek_id: row.kek_id,
            bytes: row.wrapped,
        },
        sealed: row.sealed,
    });
    Ok(secrets.collect())
}

/// Enters one; those before it sign until then.
pub(crate) async fn put(
    connection: &mut PgConnection,
    (webhook, number): (Uuid, i32),
    secret: &Secret,
    others_end_at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE access.webhook_secret SET ends_at = $2 WHERE webhook_id = $1 AND ends_at IS NULL",
        webhook,
        others_end_at.to_sqlx(),
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO access.webhook_secret (id, webhook_id, number, kek_id, wrapped, sealed)
         VALUES ($1, $2, $3, $4, $5, $6)",
        secret.id,
        webhook,
        number,
        secret.key.kek_id,
        secret.key.bytes,
        secret.sealed,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets all of a webhook.
pub(crate) async fn forget(connection: &mut PgConnection, webhook: Uuid) -> Result<(), Fault> {
    sqlx::query!(
        "DELETE FROM access.webhook_secret WHERE webhook_id = $1",
        webhook
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets what signs no more.
pub(crate) async fn forget_ended(
    connection: &mut PgConnection,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "DELETE FROM access.webhook_secret WHERE ends_at <= $1",
        now.to_sqlx()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Keys that are wrapped under another key-encryption key than this.
pub(crate) async fn under_others(
    connection: &mut PgConnection,
    current: &str,
) -> Result<Vec<(Uuid, WrappedKey)>, Fault> {
    let rows = sqlx::query!(
        "SELECT id, kek_id, wrapped FROM access.webhook_secret WHERE kek_id <> $1 ORDER BY id LIMIT 500",
        current,
    )
    .fetch_all(connection)
    .await?;
    let keys = rows.into_iter().map(|row| {
        let key = WrappedKey {
            kek_id: row.kek_id,
            bytes: row.wrapped,
        };
        (row.id, key)
    });
    Ok(keys.collect())
}

/// A key that was wrapped anew, where its secret is still there.
pub(crate) async fn rewrapped(
    connection: &mut PgConnection,
    id: Uuid,
    key: &WrappedKey,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE access.webhook_secret SET kek_id = $2, wrapped = $3 WHERE id = $1",
        id,
        key.kek_id,
        key.bytes,
    )
    .execute(connection)
    .await?;
    Ok(())
}
