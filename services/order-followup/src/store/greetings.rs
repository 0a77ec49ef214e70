//! What customers agreed to, and which of them are greeted (OP-3.3, CC-2.2).

use kefu_contracts::{common::Channel, policy::Purpose};
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

/// Remembers by which channels the customer agreed to be turned to for a purpose; whether any
/// is no longer among them.
pub(crate) async fn hear(
    connection: &mut PgConnection,
    customer: Uuid,
    purpose: Purpose,
    channels: &[i16],
) -> Result<bool, Fault> {
    let before = sqlx::query_scalar!(
        "SELECT channels FROM orders.customer_consent WHERE customer_id = $1 AND purpose = $2 FOR UPDATE",
        customer,
        purpose as i16
    )
    .fetch_optional(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO orders.customer_consent (customer_id, purpose, channels) VALUES ($1, $2, $3)
         ON CONFLICT (customer_id, purpose) DO UPDATE SET channels = EXCLUDED.channels",
        customer,
        purpose as i16,
        channels
    )
    .execute(connection)
    .await?;
    let before = before.unwrap_or_default();
    Ok(before.iter().any(|channel| !channels.contains(channel)))
}

/// Somebody who may be greeted.
pub(crate) struct Greeted {
    pub(crate) customer_id: Uuid,
    pub(crate) department_id: Uuid,
    pub(crate) owner_id: Option<Uuid>,
}

/// Who agreed to MARKETING by this channel and is of one of these tiers, none: of any; the next
/// so many after this one.
pub(crate) async fn after(
    connection: &mut PgConnection,
    after: Uuid,
    channel: Channel,
    tiers: &[i16],
    most: i64,
) -> Result<Vec<Greeted>, Fault> {
    let found = sqlx::query_as!(
        Greeted,
        "SELECT r.customer_id, r.department_id, r.owner_id
         FROM orders.customer_relation r
         JOIN orders.customer_consent c ON c.customer_id = r.customer_id AND c.purpose = $2
         WHERE r.customer_id > $1 AND r.active AND $3 = ANY(c.channels)
           AND (cardinality($4::int2[]) = 0 OR r.tier = ANY($4))
         ORDER BY r.customer_id LIMIT $5",
        after,
        Purpose::Marketing as i16,
        channel as i16,
        tiers,
        most
    )
    .fetch_all(connection)
    .await?;
    Ok(found)
}

/// This one, if they may be greeted so.
pub(crate) async fn one(
    connection: &mut PgConnection,
    customer: Uuid,
    channel: Channel,
    tiers: &[i16],
) -> Result<Option<Greeted>, Fault> {
    let found = sqlx::query_as!(
        Greeted,
        "SELECT r.customer_id, r.department_id, r.owner_id
         FROM orders.customer_relation r
         JOIN orders.customer_consent c ON c.customer_id = r.customer_id AND c.purpose = $2
         WHERE r.customer_id = $1 AND r.active AND $3 = ANY(c.channels)
           AND (cardinality($4::int2[]) = 0 OR r.tier = ANY($4))",
        customer,
        Purpose::Marketing as i16,
        channel as i16,
        tiers
    )
    .fetch_optional(connection)
    .await?;
    Ok(found)
}

/// After whom a round goes on, for whoever takes it further; none: it is done, or somebody
/// else does.
pub(crate) async fn round(
    connection: &mut PgConnection,
    occasion: &str,
) -> Result<Option<Uuid>, Fault> {
    sqlx::query!(
        "INSERT INTO orders.greeting_round (occasion, after) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        occasion,
        Uuid::nil()
    )
    .execute(&mut *connection)
    .await?;
    let after = sqlx::query_scalar!(
        "SELECT after FROM orders.greeting_round WHERE occasion = $1 AND NOT done FOR UPDATE SKIP LOCKED",
        occasion
    )
    .fetch_optional(connection)
    .await?;
    Ok(after)
}

/// After whom a round goes on, whether or not somebody takes it further; none: it is done.
pub(crate) async fn at(
    connection: &mut PgConnection,
    occasion: &str,
) -> Result<Option<Uuid>, Fault> {
    let row = sqlx::query!(
        "SELECT after, done FROM orders.greeting_round WHERE occasion = $1",
        occasion
    )
    .fetch_optional(connection)
    .await?;
    Ok(match row {
        None => Some(Uuid::nil()),
        Some(row) => (!row.done).then_some(row.after),
    })
}

/// Notes how far a round got.
pub(crate) async fn reach(
    connection: &mut PgConnection,
    occasion: &str,
    after: Uuid,
    done: bool,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.greeting_round SET after = $2, done = $3 WHERE occasion = $1",
        occasion,
        after,
        done
    )
    .execute(connection)
    .await?;
    Ok(())
}
