//! Tickets that articles came from. They are shown as tickets are, and go with them.

use kefu_service::{call::Call, error::Fault, scope::RecordSpec};
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::store::records::RECORD;

/// Under which tickets are looked at as sources.
const SOURCE: RecordSpec = RecordSpec {
    columns: "t.id, t.customer_id",
    from: "ticket.article_source s JOIN ticket.ticket t ON t.id = s.ticket_id
           JOIN ticket.customer_key k ON k.customer_id = t.customer_id",
    fields: &[],
    ..RECORD
};

/// Keeps which ticket an article came from.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    article: Uuid,
    ticket: Uuid,
    customer: Uuid,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.article_source (article_id, ticket_id, customer_id) VALUES ($1, $2, $3)",
        article,
        ticket,
        customer
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The tickets that an article came from, within the call's scope.
pub(crate) fn of(call: &Call, article: Uuid) -> QueryBuilder<Postgres> {
    let mut query = SOURCE.select(call);
    query.push(" AND s.article_id = ").push_bind(article);
    query.push(" ORDER BY t.received_at, t.id");
    query
}
