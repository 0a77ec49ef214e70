//! Messages that became tickets of their own.

use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

/// Messages about to be moved.
pub(crate) struct NewSplit<'a> {
    pub(crate) messages: &'a [Uuid],
    pub(crate) customer: Uuid,
    pub(crate) from: Uuid,
    /// Revision of the split ticket that it makes.
    pub(crate) revision: i64,
    pub(crate) to: Uuid,
}

/// Moves messages, each of which was moved by nobody before.
pub(crate) async fn insert(connection: &mut PgConnection, new: &NewSplit<'_>) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.moved_message (message_id, customer_id, from_id, revision, to_id)
         SELECT id, $2, $3, $4, $5 FROM unnest($1::uuid[]) AS id",
        new.messages,
        new.customer,
        new.from,
        new.revision,
        new.to
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Which of these messages were moved.
pub(crate) async fn moved(
    connection: &mut PgConnection,
    messages: &[Uuid],
) -> Result<Vec<Uuid>, Fault> {
    let moved = sqlx::query_scalar!(
        "SELECT message_id FROM ticket.moved_message WHERE message_id = ANY ($1)",
        messages
    )
    .fetch_all(connection)
    .await?;
    Ok(moved)
}
