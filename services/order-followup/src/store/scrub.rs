//! What is left of orders whose customer's file was destroyed (CF-10.2): what figures count.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_service::{destroyed::destroy_key, error::Fault};
use sqlx::PgConnection;
use uuid::Uuid;

/// Scrubs everything of a customer. Nobody takes an order from them from then on: whoever is
/// about to holds the row that goes first.
pub(crate) async fn customer(
    connection: &mut PgConnection,
    customer: Uuid,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "DELETE FROM orders.known_customer WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    destroy_key(connection, customer).await?;
    sqlx::query!(
        "UPDATE orders.purchase_order
         SET sealed = '', external_ref = NULL, owner_id = NULL, look_at = NULL, late_at = NULL, late_stage = 0,
             stuck_at = NULL
         WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM orders.stage_promise WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE orders.follow_up
         SET sealed = '', assignee_id = NULL, escalates_at = NULL, closed_at = COALESCE(closed_at, $2),
             state = CASE WHEN state = 1 THEN 4 ELSE state END
         WHERE customer_id = $1",
        customer,
        now.to_sqlx() as _
    )
    .execute(&mut *connection)
    .await?;
    // Who was about to record one held the order until now.
    sqlx::query!(
        "UPDATE orders.review SET sealed = '', external_ref = NULL WHERE customer_id = $1",
        customer
    )
    .execute(connection)
    .await?;
    Ok(())
}
