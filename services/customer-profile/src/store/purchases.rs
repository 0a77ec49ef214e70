//! What customers bought, order by order (CF-2.2).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::google::r#type::Money;
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

/// Counts an order that stands.
pub(crate) async fn count(
    connection: &mut PgConnection,
    order: Uuid,
    customer: Uuid,
    total: &Money,
    placed_at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO profile.purchase (order_id, customer_id, currency, amount, placed_at)
         VALUES ($1, $2, $3, $4::bigint + $5::int / 1000000000.0::numeric, $6)
         ON CONFLICT (order_id) DO UPDATE SET amount = EXCLUDED.amount, currency = EXCLUDED.currency",
        order,
        customer,
        total.currency_code,
        total.units,
        total.nanos,
        placed_at.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Counts an order no longer: it was cancelled.
pub(crate) async fn discount(connection: &mut PgConnection, order: Uuid) -> Result<(), Fault> {
    sqlx::query!("DELETE FROM profile.purchase WHERE order_id = $1", order)
        .execute(connection)
        .await?;
    Ok(())
}
