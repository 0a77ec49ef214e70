//! Orders that wait for something to come in (OP-3.4.2).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::records::{self, StoredOrder};

/// The order waits from now on, or goes on waiting.
pub(crate) async fn wait(
    connection: &mut PgConnection,
    order: Uuid,
    customer: Uuid,
    now: Timestamp,
    look_at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO orders.back_order (order_id, customer_id, since, look_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (order_id) DO UPDATE SET look_at = EXCLUDED.look_at",
        order,
        customer,
        now.to_sqlx() as _,
        look_at.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// It waits no longer.
pub(crate) async fn end(connection: &mut PgConnection, order: Uuid) -> Result<(), Fault> {
    sqlx::query!("DELETE FROM orders.back_order WHERE order_id = $1", order)
        .execute(connection)
        .await?;
    Ok(())
}

/// Something came in: all are tried.
pub(crate) async fn try_all(connection: &mut PgConnection, now: Timestamp) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.back_order SET look_at = $1 WHERE look_at > $1",
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The order that has waited longest of those that are to be tried, locked and whole; none: none
/// is, but for those that somebody is changing.
pub(crate) async fn next(
    connection: &mut PgConnection,
    now: Timestamp,
) -> Result<Option<StoredOrder>, Fault> {
    // The order first, as everybody does who changes one.
    let order = sqlx::query_scalar!(
        "SELECT o.id FROM orders.purchase_order o JOIN orders.back_order b ON b.order_id = o.id
         WHERE b.look_at <= $1 ORDER BY b.since, b.order_id LIMIT 1 FOR UPDATE OF o SKIP LOCKED",
        now.to_sqlx() as _
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(order) = order else { return Ok(None) };
    records::whole(connection, order).await.map(Some)
}
