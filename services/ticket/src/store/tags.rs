//! Tags of the company.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_service::error::Fault;
use sqlx::PgConnection;

use crate::domain::tag::key;

/// These tags as the company wrote them first, in their order; one that is new is added.
pub(crate) async fn as_written(
    connection: &mut PgConnection,
    tags: &[String],
    now: Timestamp,
) -> Result<Vec<String>, Fault> {
    let keys: Vec<String> = tags.iter().map(|tag| key(tag)).collect();
    // In order, so that two at once do not wait for each other.
    sqlx::query!(
        "INSERT INTO ticket.tag (key, written, first_used_at)
         SELECT key, written, $3 FROM unnest($1::text[], $2::text[]) AS new(key, written) ORDER BY key
         ON CONFLICT DO NOTHING",
        &keys,
        tags,
        now.to_sqlx() as _
    )
    .execute(&mut *connection)
    .await?;
    let written = sqlx::query_scalar!(
        "SELECT t.written FROM unnest($1::text[]) WITH ORDINALITY AS asked(key, at)
         JOIN ticket.tag t ON t.key = asked.key ORDER BY asked.at",
        &keys
    )
    .fetch_all(connection)
    .await?;
    Ok(written)
}

/// All of them, in order.
pub(crate) async fn list(connection: &mut PgConnection) -> Result<Vec<String>, Fault> {
    let all = sqlx::query_scalar!("SELECT written FROM ticket.tag ORDER BY key")
        .fetch_all(connection)
        .await?;
    Ok(all)
}
