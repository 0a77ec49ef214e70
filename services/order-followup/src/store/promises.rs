//! What was promised of orders, and those that are to be judged by it (OP-3.4.4).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::order::{OrderStage, StagePromise};
use kefu_service::{error::Fault, time};
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use crate::domain::{promise::Standing, stage::Reached};

/// Promises a stage before delivery.
pub(crate) async fn put(
    connection: &mut PgConnection,
    order: Uuid,
    customer: Uuid,
    promised: Reached,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO orders.stage_promise (order_id, customer_id, stage, promised_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (order_id, stage) DO UPDATE SET promised_at = EXCLUDED.promised_at",
        order,
        customer,
        promised.stage as i16,
        promised.at.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Promises delivery of a locked order.
pub(crate) async fn put_delivery(
    connection: &mut PgConnection,
    order: Uuid,
    promised_at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.purchase_order SET promised_at = $2 WHERE id = $1",
        order,
        promised_at.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps what was promised of locked orders and missed, before another promise takes its place.
pub(crate) async fn keep_missed(
    connection: &mut PgConnection,
    order: Uuid,
    customer: Uuid,
    missed: Reached,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO orders.missed_promise AS m (order_id, customer_id, stage, promised_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (order_id, stage) DO UPDATE SET promised_at = LEAST(m.promised_at, EXCLUDED.promised_at)",
        order,
        customer,
        missed.stage as i16,
        missed.at.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// An order's promises from the arrays of [`WHOLE`](super::records::WHOLE), in stage order.
pub(crate) fn read(row: &PgRow) -> Result<Vec<StagePromise>, Fault> {
    let stages: Option<Vec<i16>> = row.try_get("promise_stages")?;
    let times: Option<Vec<jiff_sqlx::Timestamp>> = row.try_get("promise_times")?;
    let times = times.unwrap_or_default();
    let both = stages.unwrap_or_default().into_iter().zip(times);
    Ok(both
        .map(|(stage, at)| StagePromise {
            stage: stage.into(),
            promised_time: Some(time::to_proto(at.to_jiff())),
        })
        .collect())
}

/// An order that is to be judged, locked.
pub(crate) struct ToJudge {
    pub(crate) id: Uuid,
    pub(crate) number: String,
    pub(crate) customer_id: Uuid,
    pub(crate) owner_id: Option<Uuid>,
    pub(crate) standing: Standing,
    pub(crate) entered: Timestamp,
    /// What was promised and missed before another promise took its place.
    pub(crate) missed: Vec<Reached>,
    /// What was found when it was last judged.
    pub(crate) late: Option<Reached>,
    /// As it was said last.
    pub(crate) once_late: Option<Reached>,
    pub(crate) stuck_since: Option<Timestamp>,
}

/// Takes orders whose time to be judged has come, the first first; those that somebody is
/// changing are left out, and come again.
pub(crate) async fn take(
    connection: &mut PgConnection,
    now: Timestamp,
    most: i64,
) -> Result<Vec<ToJudge>, Fault> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM orders.purchase_order WHERE look_at <= $1 ORDER BY look_at LIMIT $2
         FOR NO KEY UPDATE SKIP LOCKED",
        now.to_sqlx() as _,
        most
    )
    .fetch_all(&mut *connection)
    .await?;
    // In a statement of its own: this one sees all that was told before the orders were locked.
    let rows = sqlx::query!(
        r#"SELECT o.id, o.number, o.customer_id, o.department_id, o.owner_id, o.late_stage, o.once_late_stage,
                  o.created_at AS "entered: jiff_sqlx::Timestamp",
                  o.once_late_at AS "once_late_at: jiff_sqlx::Timestamp",
                  o.promised_at AS "promised_at: jiff_sqlx::Timestamp",
                  o.late_at AS "late_at: jiff_sqlx::Timestamp",
                  o.stuck_at AS "stuck_at: jiff_sqlx::Timestamp",
                  ARRAY(SELECT e.stage FROM orders.stage_event e WHERE e.order_id = o.id
                        ORDER BY e.stage, e.occurred_at) AS "stages!",
                  ARRAY(SELECT e.occurred_at FROM orders.stage_event e WHERE e.order_id = o.id
                        ORDER BY e.stage, e.occurred_at) AS "occurred!: Vec<jiff_sqlx::Timestamp>",
                  ARRAY(SELECT p.stage FROM orders.stage_promise p WHERE p.order_id = o.id
                        ORDER BY p.stage) AS "promised!",
                  ARRAY(SELECT p.promised_at FROM orders.stage_promise p WHERE p.order_id = o.id
                        ORDER BY p.stage) AS "promises!: Vec<jiff_sqlx::Timestamp>",
                  ARRAY(SELECT m.stage FROM orders.missed_promise m WHERE m.order_id = o.id
                        ORDER BY m.stage) AS "missed!",
                  ARRAY(SELECT m.promised_at FROM orders.missed_promise m WHERE m.order_id = o.id
                        ORDER BY m.stage) AS "misses!: Vec<jiff_sqlx::Timestamp>"
           FROM orders.purchase_order o WHERE o.id = ANY($1)"#,
        &ids
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let mut promised = pairs(row.promised, row.promises)?;
            promised.extend(row.promised_at.map(|at| Reached {
                at: at.to_jiff(),
                stage: OrderStage::Delivered,
            }));
            Ok(ToJudge {
                id: row.id,
                number: row.number,
                customer_id: row.customer_id,
                owner_id: row.owner_id,
                standing: Standing {
                    department: row.department_id,
                    reached: pairs(row.stages, row.occurred)?,
                    promised,
                },
                entered: row.entered.to_jiff(),
                missed: pairs(row.missed, row.misses)?,
                late: found(row.late_at, row.late_stage)?,
                once_late: found(row.once_late_at, row.once_late_stage)?,
                stuck_since: row.stuck_at.map(|at| at.to_jiff()),
            })
        })
        .collect()
}

fn found(at: Option<jiff_sqlx::Timestamp>, number: i16) -> Result<Option<Reached>, Fault> {
    let stage = stage(number)?;
    Ok(at.map(|at| Reached {
        at: at.to_jiff(),
        stage,
    }))
}

fn pairs(stages: Vec<i16>, times: Vec<jiff_sqlx::Timestamp>) -> Result<Vec<Reached>, Fault> {
    let both = stages.into_iter().zip(times);
    both.map(|(number, at)| {
        Ok(Reached {
            at: at.to_jiff(),
            stage: stage(number)?,
        })
    })
    .collect()
}

fn stage(number: i16) -> Result<OrderStage, Fault> {
    OrderStage::try_from(i32::from(number)).map_err(|_| Fault::internal("a stage that is none"))
}

/// What was found of an order, and when it is judged again.
pub(crate) struct Found {
    pub(crate) id: Uuid,
    pub(crate) late: Option<Reached>,
    pub(crate) once_late: Option<Reached>,
    pub(crate) stuck_since: Option<Timestamp>,
    pub(crate) look_at: Option<Timestamp>,
}

/// Keeps what was found of locked orders; what is found otherwise than before is another revision.
pub(crate) async fn keep(connection: &mut PgConnection, found: &[Found]) -> Result<(), Fault> {
    let at = |at: Option<Timestamp>| at.map(ToSqlx::to_sqlx);
    let ids: Vec<_> = found.iter().map(|one| one.id).collect();
    let times = |of: fn(&Found) -> Option<Reached>| -> Vec<_> {
        let times = found.iter().map(|one| at(of(one).map(|late| late.at)));
        times.collect()
    };
    let stages = |of: fn(&Found) -> Option<Reached>| -> Vec<i16> {
        let stages = found
            .iter()
            .map(|one| of(one).map_or(0, |late| late.stage as i16));
        stages.collect()
    };
    let (late, late_stages) = (times(|one| one.late), stages(|one| one.late));
    let (once, once_stages) = (times(|one| one.once_late), stages(|one| one.once_late));
    let stuck: Vec<_> = found.iter().map(|one| at(one.stuck_since)).collect();
    let looks: Vec<_> = found.iter().map(|one| at(one.look_at)).collect();
    sqlx::query!(
        "UPDATE orders.purchase_order o
         SET late_at = f.late_at, late_stage = f.late_stage, stuck_at = f.stuck_at, look_at = f.look_at,
             once_late_at = f.once_late_at, once_late_stage = f.once_late_stage,
             revision = o.revision + CASE WHEN (o.late_at, o.late_stage, o.stuck_at)
                 IS DISTINCT FROM (f.late_at, f.late_stage, f.stuck_at) THEN 1 ELSE 0 END
         FROM UNNEST($1::uuid[], $2::timestamptz[], $3::smallint[], $4::timestamptz[], $5::timestamptz[],
                     $6::timestamptz[], $7::smallint[])
              AS f (id, late_at, late_stage, stuck_at, look_at, once_late_at, once_late_stage)
         WHERE o.id = f.id",
        &ids,
        &late as _,
        &late_stages,
        &stuck as _,
        &looks as _,
        &once as _,
        &once_stages
    )
    .execute(connection)
    .await?;
    Ok(())
}
