//! Facts of tickets.

use jiff_sqlx::{Timestamp, ToSqlx};
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::column;
use crate::domain::fact::TicketFact;

/// Keeps what is now known, each ticket once; what is already known better stays.
pub(crate) async fn settle(
    connection: &mut PgConnection,
    facts: &[TicketFact],
) -> Result<(), Fault> {
    if facts.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO analytics.ticket_fact AS known
             (ticket_id, customer_id, department_id, kind, channel, state, priority,
              received_at, resolved_at, satisfaction_score, reopen_count, revision, merged)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int2[], $5::int2[], $6::int2[], $7::int2[],
                              $8::timestamptz[], $9::timestamptz[], $10::int2[], $11::int4[], $12::int8[],
                              $13::bool[])
         ON CONFLICT (ticket_id) DO UPDATE SET
             customer_id = EXCLUDED.customer_id, department_id = EXCLUDED.department_id,
             kind = EXCLUDED.kind, channel = EXCLUDED.channel,
             state = EXCLUDED.state, priority = EXCLUDED.priority, received_at = EXCLUDED.received_at,
             resolved_at = CASE
                 WHEN EXCLUDED.resolved_at IS NOT NULL AND EXCLUDED.reopen_count = known.reopen_count
                 THEN coalesce(known.resolved_at, EXCLUDED.resolved_at)
                 ELSE EXCLUDED.resolved_at
             END,
             satisfaction_score = EXCLUDED.satisfaction_score,
             reopen_count = EXCLUDED.reopen_count, revision = EXCLUDED.revision,
             merged = EXCLUDED.merged
         WHERE known.revision <= EXCLUDED.revision",
        &column(facts, |fact| fact.ticket),
        &column(facts, |fact| fact.customer) as &[Option<Uuid>],
        &column(facts, |fact| fact.department) as &[Option<Uuid>],
        &column(facts, |fact| fact.kind),
        &column(facts, |fact| fact.channel),
        &column(facts, |fact| fact.state),
        &column(facts, |fact| fact.priority),
        &column(facts, |fact| fact.received_at.to_sqlx()) as &[Timestamp],
        &column(facts, |fact| fact.resolved_at.map(ToSqlx::to_sqlx)) as &[Option<Timestamp>],
        &column(facts, |fact| fact.score) as &[Option<i16>],
        &column(facts, |fact| fact.reopen_count),
        &column(facts, |fact| fact.revision),
        &column(facts, |fact| fact.merged),
    )
    .execute(connection)
    .await?;
    Ok(())
}
