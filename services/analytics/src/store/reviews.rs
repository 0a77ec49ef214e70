//! Facts of customers' answers.

use jiff_sqlx::{Timestamp, ToSqlx};
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::column;
use crate::domain::fact::ReviewFact;

/// Keeps what is now known, each review once; the later answer stays.
pub(crate) async fn settle(
    connection: &mut PgConnection,
    facts: &[ReviewFact],
) -> Result<(), Fault> {
    if facts.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO analytics.review_fact AS known
             (review_id, order_id, customer_id, department_id, score, answered_at)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int2[], $6::timestamptz[])
         ON CONFLICT (review_id) DO UPDATE SET
             order_id = EXCLUDED.order_id, customer_id = EXCLUDED.customer_id,
             department_id = EXCLUDED.department_id, score = EXCLUDED.score, answered_at = EXCLUDED.answered_at
         WHERE known.answered_at <= EXCLUDED.answered_at",
        &column(facts, |fact| fact.review),
        &column(facts, |fact| fact.order) as &[Option<Uuid>],
        &column(facts, |fact| fact.customer) as &[Option<Uuid>],
        &column(facts, |fact| fact.department) as &[Option<Uuid>],
        &column(facts, |fact| fact.score),
        &column(facts, |fact| fact.answered_at.to_sqlx()) as &[Timestamp],
    )
    .execute(connection)
    .await?;
    Ok(())
}
