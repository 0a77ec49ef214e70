//! What is left of orders whose customer's file was destroyed (CF-10.2): what figures count.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_service::{destroyed::destroy_key, error::Fault};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    notices,
    records::{self, StoredOrder},
};

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
             stuck_at = NULL, stock = CASE stock WHEN 6 THEN 6 ELSE 1 END
         WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM orders.submission WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM orders.back_order WHERE customer_id = $1",
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
        "DELETE FROM orders.missed_promise WHERE customer_id = $1",
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
    notices::scrub(connection, customer).await?;
    relation(connection, customer).await?;
    // Who was about to record one held the order until now.
    sqlx::query!(
        "UPDATE orders.review SET sealed = '', external_ref = NULL WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    completion(connection, customer).await?;
    cases(connection, customer).await
}

/// Of cases (IH-6).
async fn cases(connection: &mut PgConnection, customer: Uuid) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.after_sales_case SET sealed = '', assignee_id = NULL, worker_ids = '{}' WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM orders.line_account WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM orders.case_payment_reference WHERE customer_id = $1",
        customer
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Of the question after delivery (OP-3.4.5).
async fn completion(connection: &mut PgConnection, customer: Uuid) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.confirmation_attempt SET sealed = '' WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM orders.order_complaint WHERE customer_id = $1",
        customer
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Points go with whoever had them, and visits with whom they were made to; whoever posts or
/// plans any holds the row that went first.
async fn relation(connection: &mut PgConnection, customer: Uuid) -> Result<(), Fault> {
    for statement in [
        "DELETE FROM orders.points_account WHERE customer_id = $1",
        "DELETE FROM orders.points_posting WHERE customer_id = $1",
        "DELETE FROM orders.points_correction WHERE customer_id = $1",
        "DELETE FROM orders.points_reversal WHERE customer_id = $1",
        "DELETE FROM orders.account_merge WHERE $1 IN (absorbed_id, survivor_id)",
        "DELETE FROM orders.visit WHERE customer_id = $1",
        "DELETE FROM orders.customer_consent WHERE customer_id = $1",
        "DELETE FROM orders.campaign_contact WHERE customer_id = $1",
        "DELETE FROM orders.customer_relation WHERE customer_id = $1",
    ] {
        sqlx::query(statement)
            .bind(customer)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Orders of a customer for which something is set aside, whole; the key still opens them.
pub(crate) async fn supplied(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<Vec<StoredOrder>, Fault> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM orders.purchase_order WHERE customer_id = $1 AND stock IN (2, 3, 4, 7) FOR UPDATE",
        customer
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut rows = Vec::with_capacity(ids.len());
    for id in ids {
        rows.push(records::whole(connection, id).await?);
    }
    Ok(rows)
}
