//! What is left of tickets whose customer's file was destroyed (CF-10.2): what figures count.

use kefu_service::{destroyed::destroy_key, error::Fault};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{attachments, notices};

use super::texts;

/// Scrubs everything of a customer. Nobody opens a ticket for them from then on: whoever does
/// so step by step holds the row that goes first, and the statement that opens one at once is
/// waited for. It is not made to lock anything, as it is run for every ticket and this seldom.
pub(crate) async fn customer(connection: &mut PgConnection, customer: Uuid) -> Result<(), Fault> {
    sqlx::query!(
        "DELETE FROM ticket.known_customer WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM ticket.customer_tier WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query("LOCK TABLE ticket.ticket IN SHARE ROW EXCLUSIVE MODE")
        .execute(&mut *connection)
        .await?;
    destroy_key(connection, customer).await?;
    sqlx::query!(
        "UPDATE ticket.ticket SET sealed = '', external_ref = NULL, assignee_id = NULL WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    // Nobody is late for them any more.
    sqlx::query!(
        "DELETE FROM ticket.clock WHERE customer_id = $1 AND stopped_at IS NULL",
        customer
    )
    .execute(&mut *connection)
    .await?;
    // Marks stay, for the figures; nobody is asked or visited any more.
    sqlx::query!(
        "DELETE FROM ticket.survey WHERE customer_id = $1 AND answered_at IS NULL",
        customer
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE ticket.survey SET sealed = '', token_hash = NULL, channels = '{}', visit = 0 WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    // What articles were counted for stays counted; which tickets that were does not.
    sqlx::query!(
        "DELETE FROM ticket.article_use WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM ticket.article_source WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    attachments::scrub(connection, customer).await?;
    notices::scrub(connection, customer).await?;
    sqlx::query!(
        "DELETE FROM ticket.moved_message WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    // Nobody inspects what is no longer there; scores stay, for the figures, and what was said
    // of them goes. An appeal that nobody decided lapses (APPEALED, 4, to CLOSED, 5).
    sqlx::query!(
        "DELETE FROM ticket.inspection WHERE customer_id = $1 AND state < 3",
        customer
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE ticket.inspection SET sealed = '', appeal_until = NULL, state = CASE state WHEN 4 THEN 5 ELSE state END
         WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM ticket.inspection_task x WHERE x.customer_id = $1
         AND (x.state = 1 OR NOT EXISTS (SELECT FROM ticket.inspection i WHERE i.id = x.inspection_id))",
        customer
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE ticket.inspection_task SET sealed = '' WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM ticket.watcher WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM ticket.mention WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("DELETE FROM ticket.offer WHERE customer_id = $1", customer)
        .execute(&mut *connection)
        .await?;
    // Who was about to write one held the ticket until now.
    sqlx::query!(
        "DELETE FROM ticket.message WHERE customer_id = $1",
        customer
    )
    .execute(&mut *connection)
    .await?;
    texts::scrub(connection, customer).await
}
