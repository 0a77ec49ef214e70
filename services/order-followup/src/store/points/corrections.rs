//! Corrections by hand, each by two people.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

/// A correction about to be asked for.
pub(crate) struct NewCorrection<'a> {
    pub(crate) id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) points: i64,
    pub(crate) asker_id: Uuid,
    pub(crate) sealed: &'a [u8],
    pub(crate) now: Timestamp,
}

/// Asks for one of a locked account that none is asked for.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    new: &NewCorrection<'_>,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO orders.points_correction (id, customer_id, points, asker_id, asked_at, sealed)
         VALUES ($1, $2, $3, $4, $5, $6)",
        new.id,
        new.customer_id,
        new.points,
        new.asker_id,
        new.now.to_sqlx() as _,
        new.sealed
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes what was decided; `sealed` is both reasons.
pub(crate) async fn decide(
    connection: &mut PgConnection,
    id: Uuid,
    decider: Uuid,
    approved: bool,
    sealed: &[u8],
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.points_correction SET decider_id = $2, decided_at = $3, approved = $4, sealed = $5 WHERE id = $1",
        id,
        decider,
        now.to_sqlx() as _,
        approved,
        sealed
    )
    .execute(connection)
    .await?;
    Ok(())
}
