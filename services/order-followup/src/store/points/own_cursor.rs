//! How far this service has read its own journal for what earns points.

use kefu_journal::Cursor;
use kefu_service::error::Fault;
use sqlx::PgConnection;

/// Name of the cursor.
const SOURCE: &str = "points";

/// Where it stands.
pub(crate) async fn at(connection: &mut PgConnection) -> Result<Cursor, Fault> {
    let row = sqlx::query!(
        "SELECT transaction_id, position FROM orders.consumer_cursor WHERE source = $1",
        SOURCE,
    )
    .fetch_one(connection)
    .await?;
    Ok(Cursor {
        transaction_id: row.transaction_id,
        position: row.position,
    })
}

/// Where it stands, for whoever moves it next; none while somebody else does.
pub(crate) async fn lock(connection: &mut PgConnection) -> Result<Option<Cursor>, Fault> {
    let row = sqlx::query!(
        "SELECT transaction_id, position FROM orders.consumer_cursor WHERE source = $1 FOR UPDATE SKIP LOCKED",
        SOURCE,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Cursor {
        transaction_id: row.transaction_id,
        position: row.position,
    }))
}

/// Moves it.
pub(crate) async fn set(connection: &mut PgConnection, to: Cursor) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.consumer_cursor SET transaction_id = $2, position = $3 WHERE source = $1",
        SOURCE,
        to.transaction_id,
        to.position,
    )
    .execute(connection)
    .await?;
    Ok(())
}
