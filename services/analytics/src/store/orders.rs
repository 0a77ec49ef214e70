//! Facts of orders.

use jiff_sqlx::{Timestamp, ToSqlx};
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::column;
use crate::domain::fact::OrderFact;

/// Keeps what is now known, each order once; what is already known better stays.
pub(crate) async fn settle(
    connection: &mut PgConnection,
    facts: &[OrderFact],
) -> Result<(), Fault> {
    if facts.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO analytics.order_fact AS known
             (order_id, customer_id, department_id, stage, placed_at, currency, amount, revision)
         SELECT order_id, customer_id, department_id, stage, placed_at, currency,
                units + nanos * 0.000000001, revision
         FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int2[], $5::timestamptz[],
                     $6::text[], $7::int8[], $8::int4[], $9::int8[])
              AS told (order_id, customer_id, department_id, stage, placed_at, currency, units, nanos, revision)
         ON CONFLICT (order_id) DO UPDATE SET
             customer_id = EXCLUDED.customer_id, department_id = EXCLUDED.department_id,
             stage = EXCLUDED.stage, placed_at = EXCLUDED.placed_at,
             currency = EXCLUDED.currency, amount = EXCLUDED.amount, revision = EXCLUDED.revision
         WHERE known.revision <= EXCLUDED.revision",
        &column(facts, |fact| fact.order),
        &column(facts, |fact| fact.customer) as &[Option<Uuid>],
        &column(facts, |fact| fact.department) as &[Option<Uuid>],
        &column(facts, |fact| fact.stage),
        &column(facts, |fact| fact.placed_at.to_sqlx()) as &[Timestamp],
        &column(facts, |fact| fact.total.as_ref().map(|total| total.currency_code.clone())) as &[Option<String>],
        &column(facts, |fact| fact.total.as_ref().map(|total| total.units)) as &[Option<i64>],
        &column(facts, |fact| fact.total.as_ref().map(|total| total.nanos)) as &[Option<i32>],
        &column(facts, |fact| fact.revision),
    )
    .execute(connection)
    .await?;
    Ok(())
}
