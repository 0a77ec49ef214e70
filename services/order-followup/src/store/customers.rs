//! Who has a file.

use kefu_contracts::policy::Purpose;
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

/// Makes customers known.
pub(crate) async fn know(connection: &mut PgConnection, customers: &[Uuid]) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO orders.known_customer (customer_id) SELECT * FROM UNNEST($1::uuid[]) ON CONFLICT DO NOTHING",
        customers
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether this customer has a file; it is not destroyed here until the transaction ends.
pub(crate) async fn is_known(connection: &mut PgConnection, customer: Uuid) -> Result<bool, Fault> {
    let found = sqlx::query_scalar!(
        "SELECT 1 AS found FROM orders.known_customer WHERE customer_id = $1 FOR KEY SHARE",
        customer
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

/// The same, and nobody else holds the customer meanwhile, in whatever way.
pub(crate) async fn hold(connection: &mut PgConnection, customer: Uuid) -> Result<bool, Fault> {
    let found = sqlx::query_scalar!(
        "SELECT 1 AS found FROM orders.known_customer WHERE customer_id = $1 FOR UPDATE",
        customer
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

/// By which channels the customer agreed to be turned to for quality, where they ever said;
/// `None` where there is no such customer, or no longer. It is not destroyed here until the
/// transaction ends.
pub(crate) async fn agreed(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<Option<Option<Vec<i32>>>, Fault> {
    let row = sqlx::query!(
        r#"SELECT c.channels AS "channels?"
           FROM orders.known_customer k
           LEFT JOIN orders.customer_consent c ON c.customer_id = k.customer_id AND c.purpose = $2
           WHERE k.customer_id = $1 FOR KEY SHARE OF k"#,
        customer,
        Purpose::Quality as i16
    )
    .fetch_optional(connection)
    .await?;
    let wide = |all: Vec<i16>| all.into_iter().map(i32::from).collect();
    Ok(row.map(|row| row.channels.map(wide)))
}
