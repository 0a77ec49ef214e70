//! Periods that were drawn from, and what could be drawn.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_service::error::Fault;
use sqlx::PgConnection;

use crate::domain::inspection::sampling::Candidate;

/// The end of the last period that was drawn from.
pub(crate) async fn last(connection: &mut PgConnection) -> Result<Option<Timestamp>, Fault> {
    let last = sqlx::query_scalar!(
        r#"SELECT max(end_at) AS "end_at: jiff_sqlx::Timestamp" FROM ticket.inspection_draw"#
    )
    .fetch_one(connection)
    .await?;
    Ok(last.map(|at| at.to_jiff()))
}

/// A draw.
pub(crate) struct Draw<'a> {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) seed: &'a [u8],
    pub(crate) rules_version: i32,
    pub(crate) now: Timestamp,
}

/// Takes a period; `false` where somebody drew from it.
pub(crate) async fn take(connection: &mut PgConnection, draw: &Draw<'_>) -> Result<bool, Fault> {
    let taken = sqlx::query!(
        "INSERT INTO ticket.inspection_draw
             (start_at, end_at, seed, rules_version, candidate_count, sample_count, drawn_at)
         VALUES ($1, $2, $3, $4, 0, 0, $5) ON CONFLICT (start_at) DO NOTHING",
        draw.start.to_sqlx() as _,
        draw.end.to_sqlx() as _,
        draw.seed,
        draw.rules_version,
        draw.now.to_sqlx() as _,
    )
    .execute(connection)
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// Notes how many there were, and how many were drawn.
pub(crate) async fn count(
    connection: &mut PgConnection,
    start: Timestamp,
    candidates: i32,
    samples: i32,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.inspection_draw SET candidate_count = $2, sample_count = $3 WHERE start_at = $1",
        start.to_sqlx() as _,
        candidates,
        samples,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What was resolved in a period, stands so, is somebody's, and was not drawn before. Of whose
/// file was destroyed there is nothing to be inspected.
pub(crate) async fn candidates(
    connection: &mut PgConnection,
    start: Timestamp,
    end: Timestamp,
) -> Result<Vec<Candidate>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT t.id, t.customer_id, t.department_id, t.assignee_id AS "agent!", t.kind, t.channel,
                  t.reopen_count > 0 AS "reopened!",
                  (SELECT min(least(s.service_score, s.result_score)) FROM ticket.survey s
                   WHERE s.ticket_id = t.id AND s.answered_at IS NOT NULL) AS mark,
                  EXISTS (SELECT FROM ticket.clock c
                          WHERE c.ticket_id = t.id AND c.due_at < coalesce(c.stopped_at, $2)) AS "missed!"
           FROM ticket.ticket t JOIN ticket.customer_key k ON k.customer_id = t.customer_id
           WHERE t.resolved_at >= $1 AND t.resolved_at < $2 AND t.state >= 4 AND t.assignee_id IS NOT NULL
             AND NOT EXISTS (SELECT FROM ticket.inspection i WHERE i.ticket_id = t.id)
           ORDER BY t.id"#,
        start.to_sqlx() as _,
        end.to_sqlx() as _,
    )
    .fetch_all(connection)
    .await?;
    let candidates = rows.into_iter().map(|row| Candidate {
        ticket: row.id,
        customer: row.customer_id,
        department: row.department_id,
        agent: row.agent,
        kind: row.kind.into(),
        channel: row.channel.into(),
        mark: row.mark.map(i32::from),
        missed: row.missed,
        reopened: row.reopened,
    });
    Ok(candidates.collect())
}
