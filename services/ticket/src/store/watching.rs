//! What open answers look at beside the tickets that they show.

use kefu_service::{error::Fault, scope::RecordSpec};
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::records::RECORD;

/// Tickets of which nothing but their being there is looked at.
pub(crate) const HELD: RecordSpec = RecordSpec {
    columns: "t.id",
    ..RECORD
};

/// The ticket of a row.
pub(crate) fn id(row: &PgRow) -> Result<Uuid, Fault> {
    Ok(row.try_get("id")?)
}

/// Those of these tickets that are of these customers.
pub(crate) async fn of_customers(
    connection: &mut PgConnection,
    customers: &[Uuid],
    tickets: &[Uuid],
) -> Result<Vec<Uuid>, Fault> {
    let found = sqlx::query_scalar!(
        "SELECT id FROM ticket.ticket WHERE customer_id = ANY($1) AND id = ANY($2)",
        customers,
        tickets
    )
    .fetch_all(connection)
    .await?;
    Ok(found)
}
