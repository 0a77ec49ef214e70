//! Who has a file.

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
