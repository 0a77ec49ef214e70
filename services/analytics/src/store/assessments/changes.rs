//! What happens to an assessment.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::analytics::{AssessmentAppealOutcome, AssessmentState};
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Care;

/// Puts an assessment into a state that says nothing else of it.
pub(crate) async fn turn(
    connection: &mut PgConnection,
    id: Uuid,
    state: AssessmentState,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE analytics.assessment SET state = $2, revision = revision + 1 WHERE id = $1",
        id,
        state as i16,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A result that is kept.
pub(crate) struct NewResult<'r> {
    /// 1 or 2.
    pub(crate) number: i32,
    pub(crate) made_at: Timestamp,
    pub(crate) made_by: Uuid,
    pub(crate) content: &'r [u8],
    pub(crate) sha256: &'r [u8],
}

/// Keeps a result, for good.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    id: Uuid,
    new: &NewResult<'_>,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO analytics.assessment_result (assessment_id, number, made_at, made_by, content, sha256)
         VALUES ($1, $2, $3, $4, $5, $6)",
        id,
        new.number,
        new.made_at.to_sqlx() as _,
        new.made_by,
        new.content,
        new.sha256,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Publishes: the result is kept beside it.
pub(crate) async fn publish(
    connection: &mut PgConnection,
    id: Uuid,
    (by, now): (Uuid, Timestamp),
    appeal_until: Timestamp,
    care: Care,
    note: &str,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE analytics.assessment
         SET state = 3, published_at = $2, published_by = $3, appeal_until = $4, owner_id = $5, due_day = $6,
             note = $7, revision = revision + 1
         WHERE id = $1",
        id,
        now.to_sqlx() as _,
        by,
        appeal_until.to_sqlx() as _,
        care.map(|(owner, _)| owner),
        care.map(|(_, day)| day.to_sqlx()) as _,
        note,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that the person concerned objects.
pub(crate) async fn appeal(
    connection: &mut PgConnection,
    id: Uuid,
    now: Timestamp,
    reason: &str,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE analytics.assessment
         SET state = 4, appealed_at = $2, appeal_reason = $3, revision = revision + 1 WHERE id = $1",
        id,
        now.to_sqlx() as _,
        reason,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes what an appeal came to.
pub(crate) async fn decide(
    connection: &mut PgConnection,
    id: Uuid,
    (by, now): (Uuid, Timestamp),
    outcome: AssessmentAppealOutcome,
    care: Care,
    reason: &str,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE analytics.assessment
         SET state = 5, decided_at = $2, decided_by = $3, appeal_outcome = $4, owner_id = $5, due_day = $6,
             decision_reason = $7, revision = revision + 1
         WHERE id = $1",
        id,
        now.to_sqlx() as _,
        by,
        outcome as i16,
        care.map(|(owner, _)| owner),
        care.map(|(_, day)| day.to_sqlx()) as _,
        reason,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that what followed was done.
pub(crate) async fn complete(
    connection: &mut PgConnection,
    id: Uuid,
    now: Timestamp,
    note: &str,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE analytics.assessment
         SET completed_at = $2, completion_note = $3, revision = revision + 1 WHERE id = $1",
        id,
        now.to_sqlx() as _,
        note,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends one that has no result.
pub(crate) async fn withdraw(
    connection: &mut PgConnection,
    id: Uuid,
    reason: &str,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE analytics.assessment
         SET state = 6, withdrawal_reason = $2, revision = revision + 1 WHERE id = $1",
        id,
        reason,
    )
    .execute(connection)
    .await?;
    Ok(())
}
