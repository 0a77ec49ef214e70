//! Customers that have a file, and their keys here.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::profile::{CustomerState, Tier};
use kefu_service::error::Fault;
use kefu_vault::WrappedKey;
use sqlx::PgConnection;
use uuid::Uuid;

/// Remembers a customer as the file now is.
pub(crate) async fn learn(
    connection: &mut PgConnection,
    customer: Uuid,
    department: Option<Uuid>,
    state: CustomerState,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.known_customer (customer_id, department_id, state) VALUES ($1, $2, $3)
         ON CONFLICT (customer_id) DO UPDATE
         SET department_id = EXCLUDED.department_id, state = EXCLUDED.state",
        customer,
        department,
        state as i16
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Remembers from when on the customer has a tier, where it is another than the last one; who
/// waits for an answer meanwhile has their clocks read anew.
pub(crate) async fn rate(
    connection: &mut PgConnection,
    customer: Uuid,
    tier: Tier,
    since: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "WITH rated AS (
             INSERT INTO ticket.customer_tier (customer_id, since, tier)
             SELECT $1, $2, $3::int2
             WHERE $3::int2 IS DISTINCT FROM (
                 SELECT tier FROM ticket.customer_tier WHERE customer_id = $1 ORDER BY since DESC LIMIT 1)
             ON CONFLICT (customer_id, since) DO UPDATE SET tier = EXCLUDED.tier
             RETURNING customer_id
         )
         INSERT INTO ticket.clock_to_read (ticket_id)
         SELECT t.id FROM ticket.ticket t JOIN rated USING (customer_id) WHERE t.state <> 5
         ON CONFLICT DO NOTHING",
        customer,
        since.to_sqlx() as _,
        tier as i16
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The customer's tiers, oldest first.
pub(crate) async fn tiers(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<Vec<(Timestamp, i32)>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT since AS "since: jiff_sqlx::Timestamp", tier FROM ticket.customer_tier
           WHERE customer_id = $1 ORDER BY since"#,
        customer
    )
    .fetch_all(connection)
    .await?;
    let tiers = rows
        .into_iter()
        .map(|row| (row.since.to_jiff(), row.tier.into()));
    Ok(tiers.collect())
}

/// Remembers by which channels the customer agreed to be turned to for quality; none, where
/// they did not agree.
pub(crate) async fn hear(
    connection: &mut PgConnection,
    customer: Uuid,
    channels: &[i16],
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.known_customer SET survey_channels = $2 WHERE customer_id = $1",
        customer,
        channels
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// By which channels the customer agreed to be turned to for quality, where they ever said;
/// `None` where there is no such customer, or no longer.
pub(crate) async fn agreed(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<Option<Option<Vec<i32>>>, Fault> {
    let row = sqlx::query!(
        "SELECT survey_channels FROM ticket.known_customer WHERE customer_id = $1",
        customer
    )
    .fetch_optional(connection)
    .await?;
    let wide = |all: Vec<i16>| all.into_iter().map(i32::from).collect();
    Ok(row.map(|row| row.survey_channels.map(wide)))
}

/// Whether the customer has a file; it is not destroyed here until the transaction ends.
pub(crate) async fn is_known(connection: &mut PgConnection, customer: Uuid) -> Result<bool, Fault> {
    let known = sqlx::query_scalar!(
        "SELECT customer_id FROM ticket.known_customer WHERE customer_id = $1 FOR KEY SHARE",
        customer
    )
    .fetch_optional(connection)
    .await?;
    Ok(known.is_some())
}

/// The customer's key, when there is one already.
pub(crate) async fn key(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<Option<WrappedKey>, Fault> {
    let row = sqlx::query!(
        "SELECT kek_id, wrapped FROM ticket.customer_key WHERE customer_id = $1",
        customer
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| WrappedKey {
        kek_id: row.kek_id,
        bytes: row.wrapped,
    }))
}
