//! What was told about orders (OP-3.4.4).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::order::StageEvent;
use kefu_service::{error::Fault, fields::subject_name, time};
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use crate::{desk::By, domain::stage::Reached};

/// Records that an order reached a stage; `false` when that was told before.
pub(crate) async fn record(
    connection: &mut PgConnection,
    by: &By<'_>,
    order: Uuid,
    customer: Uuid,
    reached: Reached,
) -> Result<bool, Fault> {
    let (actor, is_system) = by.who().unzip();
    let written = sqlx::query!(
        "INSERT INTO orders.stage_event
             (order_id, customer_id, stage, occurred_at, recorded_at, actor_id, actor_is_system)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT DO NOTHING",
        order,
        customer,
        reached.stage as i16,
        reached.at.to_sqlx() as _,
        by.now().to_sqlx() as _,
        actor,
        is_system.unwrap_or_default()
    )
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// An event that is told now, as the contract carries it.
pub(crate) fn told(by: &By<'_>, reached: Reached) -> StageEvent {
    event(reached.stage as i32, reached.at, by.now(), by.who())
}

fn event(
    stage: i32,
    occurred: Timestamp,
    recorded: Timestamp,
    actor: Option<(Uuid, bool)>,
) -> StageEvent {
    StageEvent {
        stage,
        occurred_time: Some(time::to_proto(occurred)),
        recorded_time: Some(time::to_proto(recorded)),
        actor: actor
            .map(|(id, is_system)| subject_name(id, is_system))
            .unwrap_or_default(),
    }
}

/// An order's events from the arrays of [`WHOLE`](super::records::WHOLE), oldest first.
pub(crate) fn read(row: &PgRow) -> Result<Vec<StageEvent>, Fault> {
    let stages: Option<Vec<i16>> = row.try_get("event_stages")?;
    let occurred: Option<Vec<jiff_sqlx::Timestamp>> = row.try_get("event_occurred")?;
    let recorded: Option<Vec<jiff_sqlx::Timestamp>> = row.try_get("event_recorded")?;
    let actors: Option<Vec<Option<Uuid>>> = row.try_get("event_actors")?;
    let systems: Option<Vec<bool>> = row.try_get("event_systems")?;
    let times = occurred
        .unwrap_or_default()
        .into_iter()
        .zip(recorded.unwrap_or_default());
    let actors = actors
        .unwrap_or_default()
        .into_iter()
        .zip(systems.unwrap_or_default());
    Ok(stages
        .unwrap_or_default()
        .into_iter()
        .zip(times)
        .zip(actors)
        .map(|((stage, (occurred, recorded)), (actor, is_system))| {
            event(
                stage.into(),
                occurred.to_jiff(),
                recorded.to_jiff(),
                actor.map(|actor| (actor, is_system)),
            )
        })
        .collect())
}
