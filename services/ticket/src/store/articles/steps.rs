//! What was done with articles, by whom and why.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::ticket::{ArticleAct, ArticleState, ArticleStep};
use kefu_service::{error::Fault, fields::name, time::to_proto};
use sqlx::PgConnection;
use uuid::Uuid;

/// A step about to be written.
pub(crate) struct NewStep<'a> {
    pub(crate) article: Uuid,
    pub(crate) version: i32,
    pub(crate) act: ArticleAct,
    pub(crate) from: ArticleState,
    pub(crate) to: ArticleState,
    pub(crate) actor: Uuid,
    pub(crate) now: Timestamp,
    pub(crate) reason: &'a str,
}

/// Writes a step.
pub(crate) async fn insert(connection: &mut PgConnection, step: &NewStep<'_>) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO ticket.article_step (article_id, version, act, from_state, to_state, actor_id, recorded_at, reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        step.article,
        step.version,
        step.act as i16,
        step.from as i16,
        step.to as i16,
        step.actor,
        step.now.to_sqlx() as _,
        step.reason,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// All steps of an article, oldest first.
pub(crate) async fn list(
    connection: &mut PgConnection,
    article: Uuid,
) -> Result<Vec<ArticleStep>, Fault> {
    let rows = sqlx::query!(
        "SELECT version, act, from_state, to_state, actor_id, recorded_at, reason
         FROM ticket.article_step WHERE article_id = $1 ORDER BY id",
        article
    )
    .fetch_all(connection)
    .await?;
    let steps = rows.into_iter().map(|row| ArticleStep {
        version: row.version,
        act: row.act.into(),
        from: row.from_state.into(),
        to: row.to_state.into(),
        actor: name("employees", row.actor_id),
        record_time: Some(to_proto(row.recorded_at.to_jiff())),
        reason: row.reason,
    });
    Ok(steps.collect())
}
