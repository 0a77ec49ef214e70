//! Files of conversations after a restore.

use kefu_ticket::{TicketConfig, restored::Store};
use sqlx::PgConnection;

use crate::said;

/// Looks for every part of a file that there has to be; tells how many those are, and how many are missing. What
/// belongs to the destroyed has to be gone.
pub(super) async fn looked(
    connection: &mut PgConnection,
    config: &TicketConfig,
) -> anyhow::Result<(usize, u64)> {
    let objects: Vec<(String, i32)> = sqlx::query_as(
        "SELECT p.object, p.size_bytes
         FROM ticket.attachment_part p JOIN ticket.attachment a ON a.id = p.attachment_id AND a.state = 2
         WHERE NOT EXISTS (SELECT FROM profile.tombstone t WHERE t.customer_id = p.customer_id)",
    )
    .fetch_all(connection)
    .await?;
    let missing = Store::open(config).map_err(said)?.missing(&objects).await;
    Ok((objects.len(), missing.map_err(said)?))
}
