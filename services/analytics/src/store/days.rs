//! Orders of a day of the company's zone told together: facts of which few sorts are kept, for
//! figures over long periods. Each change of an order's fact, and of whether it was late, takes away what it was and adds
//! what it is, in one transaction, so that they never tell anything else than the facts.

use jiff::Timestamp;
use jiff_sqlx::{Timestamp as SqlTimestamp, ToSqlx};
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::column;

/// What becomes of the facts that are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// They are there now.
    Come = 1,
    /// They are about to go.
    Go = -1,
}

/// Tells the days of these orders, as their facts are at this moment.
pub(crate) async fn tell(
    connection: &mut PgConnection,
    generation: i32,
    orders: &[(Uuid, Timestamp)],
    change: Change,
) -> Result<(), Fault> {
    if orders.is_empty() {
        return Ok(());
    }
    // In one order, so that whoever tells the same days waits and does not lock. Each fact by its key: joined,
    // all orders there are would be read.
    sqlx::query!(
        "INSERT INTO analytics.order_day AS d
             (generation, at, department_id, state, currency, orders, late, priced, amount)
         SELECT f.generation, date_trunc('day', f.at, g.days_zone) AS day, f.department_id, f.state, f.currency,
                $4 * count(*), $4 * count(l.id), $4 * count(f.amount), $4 * coalesce(sum(f.amount), 0)
         FROM unnest($2::uuid[], $3::timestamptz[]) AS told (id, at)
         JOIN analytics.generation g ON g.number = $1 AND g.days_zone IS NOT NULL
         CROSS JOIN LATERAL (
             SELECT * FROM analytics.fact
             WHERE generation = $1 AND kind = 4 AND at = told.at AND id = told.id AND part = 0 LIMIT 1
         ) f
         LEFT JOIN analytics.fact_place p
             ON p.generation = $1 AND p.kind = 15 AND p.id = told.id AND p.part = 0
         LEFT JOIN LATERAL (
             SELECT id FROM analytics.fact
             WHERE generation = $1 AND kind = 15 AND at = p.at AND id = told.id AND part = 0 LIMIT 1
         ) l ON true
         GROUP BY 1, 2, 3, 4, 5 ORDER BY 2, 3, 4, 5
         ON CONFLICT ON CONSTRAINT order_day_once DO UPDATE
         SET orders = d.orders + EXCLUDED.orders, late = d.late + EXCLUDED.late, priced = d.priced + EXCLUDED.priced,
             amount = d.amount + EXCLUDED.amount",
        generation,
        &column(orders, |(id, _)| *id),
        &column(orders, |(_, at)| at.to_sqlx()) as &[SqlTimestamp],
        change as i32 as i64,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether the days of this generation are kept, and are those of this zone.
pub(crate) async fn are_of(
    connection: &mut PgConnection,
    generation: i32,
    zone: &str,
) -> Result<bool, Fault> {
    let kept = sqlx::query_scalar!(
        r#"SELECT days_late AND days_zone IS NOT DISTINCT FROM $2 AS "kept!" FROM analytics.generation WHERE number = $1"#,
        generation,
        zone,
    );
    Ok(kept.fetch_optional(connection).await?.unwrap_or(false))
}

/// Begins to keep the days of what is answered from, in this zone, where none are kept; where
/// they are `anew`, also when they are of another zone; those that do not tell which were late are
/// counted again. Whoever takes facts in waits meanwhile, up to what the transaction is bound to.
pub(crate) async fn begin(
    connection: &mut PgConnection,
    zone: &str,
    anew: bool,
) -> Result<(), Fault> {
    let generation = sqlx::query_scalar!(
        "SELECT number FROM analytics.generation
         WHERE state = 2 AND (days_zone IS NULL OR NOT days_late OR $2 AND days_zone <> $1) FOR UPDATE",
        zone,
        anew,
    );
    let Some(generation) = generation.fetch_optional(&mut *connection).await? else {
        return Ok(());
    };
    // Of many orders longer than one statement of a call may take.
    sqlx::query("SET LOCAL statement_timeout = 0")
        .execute(&mut *connection)
        .await?;
    clear(connection, generation).await?;
    sqlx::query!(
        "INSERT INTO analytics.order_day
             (generation, at, department_id, state, currency, orders, late, priced, amount)
         SELECT f.generation, date_trunc('day', f.at, $2), f.department_id, f.state, f.currency,
                count(*), count(l.id), count(f.amount), coalesce(sum(f.amount), 0)
         FROM analytics.fact f
         LEFT JOIN analytics.fact l ON l.generation = $1 AND l.kind = 15 AND l.id = f.id
         WHERE f.generation = $1 AND f.kind = 4 GROUP BY 1, 2, 3, 4, 5",
        generation,
        zone,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "UPDATE analytics.generation SET days_zone = $2, days_late = true WHERE number = $1",
        generation,
        zone,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes away those of a generation.
pub(crate) async fn clear(connection: &mut PgConnection, generation: i32) -> Result<(), Fault> {
    sqlx::query!(
        "DELETE FROM analytics.order_day WHERE generation = $1",
        generation
    )
    .execute(connection)
    .await?;
    Ok(())
}
