//! Who sends what: taken up for a while, so that what a process that died had taken up is taken
//! up again.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::access::WebhookDeliveryState as State;
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::number;
use crate::domain::webhook::Attempt;

/// Most that is under way to one webhook at a time.
const FEW: i64 = 4;

/// What somebody has taken up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claimed {
    pub(crate) delivery: Uuid,
    pub(crate) webhook: Uuid,
    /// Which taking up of it this is.
    pub(crate) claim: i32,
}

/// Takes up what is due until a moment, at most so many, a few of each webhook: one, while its
/// receiver does not answer as it should. Those whose receivers do come first, then those of which
/// least is under way, so that none waits behind what others have in store, and what is new before
/// what is sent anew.
pub(crate) async fn claim(
    connection: &mut PgConnection,
    (now, until): (Timestamp, Timestamp),
    most: i64,
) -> Result<Vec<Claimed>, Fault> {
    // Nobody else takes up anything of these meanwhile, so that what is under way is counted right.
    let webhooks = sqlx::query_scalar!(
        "SELECT w.id FROM access.webhook w CROSS JOIN LATERAL (
             SELECT d.due_at FROM access.webhook_delivery d
             WHERE d.webhook_id = w.id AND d.state = 1 AND d.due_at <= $1
               AND (d.claimed_until IS NULL OR d.claimed_until <= $1)
             ORDER BY d.due_at LIMIT 1) due
         CROSS JOIN LATERAL (
             SELECT count(*) AS taken FROM access.webhook_delivery d
             WHERE d.webhook_id = w.id AND d.state = 1 AND d.claimed_until > $1) busy
         WHERE w.pause = 0 AND busy.taken < CASE WHEN w.failing_since IS NULL THEN $3::int8 ELSE 1 END
         ORDER BY w.failing_since IS NOT NULL, busy.taken, due.due_at, w.id LIMIT $2
         FOR NO KEY UPDATE OF w SKIP LOCKED",
        now.to_sqlx(),
        most,
        FEW,
    )
    .fetch_all(&mut *connection)
    .await?;
    let rows = sqlx::query!(
        "WITH busy AS (
             SELECT w.id, w.failing_since IS NOT NULL AS failing, (
                 SELECT count(*) FROM access.webhook_delivery d
                 WHERE d.webhook_id = w.id AND d.state = 1 AND d.claimed_until > $2) AS taken
             FROM access.webhook w WHERE w.id = ANY($1)
         ), chosen AS (
             SELECT due.id FROM busy CROSS JOIN LATERAL (
                 SELECT d.id, d.anew, d.due_at, row_number() OVER (ORDER BY d.anew, d.due_at, d.id) AS nth
                 FROM access.webhook_delivery d
                 WHERE d.webhook_id = busy.id AND d.state = 1 AND d.due_at <= $2
                   AND (d.claimed_until IS NULL OR d.claimed_until <= $2)
                 ORDER BY d.anew, d.due_at, d.id
                 LIMIT GREATEST(CASE WHEN busy.failing THEN 1 ELSE $4::int8 END - busy.taken, 0)) due
             ORDER BY busy.failing, busy.taken + due.nth, due.anew, due.due_at LIMIT $5
         )
         UPDATE access.webhook_delivery d SET claimed_until = $3, claim = d.claim + 1
         FROM chosen WHERE d.id = chosen.id
         RETURNING d.id, d.webhook_id, d.claim",
        &webhooks,
        now.to_sqlx(),
        until.to_sqlx(),
        FEW,
        most,
    )
    .fetch_all(connection)
    .await?;
    let claimed = rows.into_iter().map(|row| Claimed {
        delivery: row.id,
        webhook: row.webhook_id,
        claim: row.claim,
    });
    Ok(claimed.collect())
}

/// Whether what was taken up may be sent there now: nobody else has taken it up since, it is
/// pending, and its webhook is on and leads there.
pub(crate) async fn stands(
    connection: &mut PgConnection,
    claimed: &Claimed,
    url: &str,
) -> Result<bool, Fault> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM access.webhook_delivery d JOIN access.webhook w ON w.id = d.webhook_id
               WHERE d.id = $1 AND d.claim = $2 AND d.state = 1 AND w.pause = 0 AND w.url = $3) AS "stands!""#,
        claimed.delivery,
        claimed.claim,
        url,
    )
    .fetch_one(connection)
    .await?)
}

/// Gives back what was taken up, so that it need not wait until that ends.
pub(crate) async fn give_back(
    connection: &mut PgConnection,
    claimed: &Claimed,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE access.webhook_delivery SET claimed_until = NULL WHERE id = $1 AND claim = $2 AND state = 1",
        claimed.delivery,
        claimed.claim,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What came of what was taken up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settled {
    pub(crate) state: State,
    pub(crate) failures: i32,
    pub(crate) due_at: Timestamp,
    /// None where it is still pending.
    pub(crate) settled_at: Option<Timestamp>,
    /// None where nothing was sent.
    pub(crate) attempt: Option<Attempt>,
}

/// Notes it; false, and nothing is noted, where somebody else has taken it up since, or it is
/// no longer pending.
pub(crate) async fn settle(
    connection: &mut PgConnection,
    claimed: &Claimed,
    settled: &Settled,
) -> Result<bool, Fault> {
    let attempts = sqlx::query_scalar!(
        "UPDATE access.webhook_delivery
         SET state = $3, failures = $4, due_at = $5, settled_at = $6, claimed_until = NULL,
             attempts = attempts + $7
         WHERE id = $1 AND claim = $2 AND state = 1 RETURNING attempts",
        claimed.delivery,
        claimed.claim,
        number(settled.state),
        settled.failures,
        settled.due_at.to_sqlx(),
        settled.settled_at.map(ToSqlx::to_sqlx) as Option<jiff_sqlx::Timestamp>,
        i32::from(settled.attempt.is_some()),
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(attempts) = attempts else {
        return Ok(false);
    };
    if let Some(attempt) = settled.attempt {
        sqlx::query!(
            "INSERT INTO access.webhook_attempt (delivery_id, number, at, outcome, status_code, latency_ms)
             VALUES ($1, $2, $3, $4, $5, $6)",
            claimed.delivery,
            attempts,
            attempt.at.to_sqlx(),
            number(attempt.outcome),
            attempt.status_code,
            attempt.latency_ms,
        )
        .execute(connection)
        .await?;
    }
    Ok(true)
}

/// Since when the longest due of all waits whose receivers answer as they should; none where none
/// does.
pub(crate) async fn oldest_due(connection: &mut PgConnection) -> Result<Option<Timestamp>, Fault> {
    let oldest = sqlx::query_scalar!(
        "SELECT min(due.due_at) FROM access.webhook w CROSS JOIN LATERAL (
             SELECT d.due_at FROM access.webhook_delivery d WHERE d.webhook_id = w.id AND d.state = 1
             ORDER BY d.due_at LIMIT 1) due
         WHERE w.pause = 0 AND w.failing_since IS NULL"
    )
    .fetch_one(connection)
    .await?;
    Ok(oldest.map(jiff_sqlx::Timestamp::to_jiff))
}
