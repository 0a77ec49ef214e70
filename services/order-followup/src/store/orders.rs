//! Writing orders.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::order::{OrderIntake, OrderStage, OrderStock};
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::{case::action::OrderStanding, stage::Reached};

/// An order about to be entered; it is submitted when it was placed.
pub(crate) struct NewRow<'a> {
    pub(crate) id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) submitted: Reached,
    pub(crate) department_id: Uuid,
    pub(crate) owner_id: Option<Uuid>,
    pub(crate) external_ref: Option<&'a str>,
    pub(crate) currency: &'a str,
    pub(crate) sealed: &'a [u8],
    pub(crate) intake: OrderIntake,
    pub(crate) promised_at: Option<Timestamp>,
    /// When it is judged whether it is late or stuck.
    pub(crate) look_at: Timestamp,
    pub(crate) now: Timestamp,
}

/// Enters an order at revision 1 and tells its number; `None` when the external
/// reference is taken. The transaction goes on either way, so that the caller
/// can look for the answer that the same request was given meanwhile.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    row: &NewRow<'_>,
) -> Result<Option<String>, Fault> {
    let number = sqlx::query_scalar!(
        "INSERT INTO orders.purchase_order
             (id, customer_id, stage, stage_at, department_id, owner_id, external_ref, currency, sealed, placed_at,
              promised_at, look_at, intake, revision, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $4, $10, $11, $12, 1, $13, $13)
         ON CONFLICT (external_ref) DO NOTHING
         RETURNING number",
        row.id,
        row.customer_id,
        row.submitted.stage as i16,
        row.submitted.at.to_sqlx() as _,
        row.department_id,
        row.owner_id,
        row.external_ref,
        row.currency,
        row.sealed,
        row.promised_at.map(ToSqlx::to_sqlx) as _,
        row.look_at.to_sqlx() as _,
        row.intake as i16,
        row.now.to_sqlx() as _
    )
    .fetch_optional(connection)
    .await?;
    Ok(number)
}

/// Whose an order is; what a rule looks at.
pub(crate) struct Locked {
    pub(crate) customer_id: Uuid,
    pub(crate) department_id: Uuid,
    pub(crate) owner_id: Option<Uuid>,
}

/// Lets one command at a time at an order. What the order says is read by a
/// statement of its own afterwards: one that waited for the lock would see the
/// order as it is now, but its events as they were when it began to wait.
pub(crate) async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Option<Locked>, Fault> {
    let locked = sqlx::query_as!(
        Locked,
        "SELECT customer_id, department_id, owner_id FROM orders.purchase_order WHERE id = $1 FOR UPDATE",
        id
    )
    .fetch_optional(connection)
    .await?;
    Ok(locked)
}

/// Lets one command at a time at each of these, whoever else takes several in this way too.
pub(crate) async fn lock_all(connection: &mut PgConnection, ids: &[Uuid]) -> Result<(), Fault> {
    sqlx::query!(
        "SELECT FROM orders.purchase_order WHERE id = ANY($1) ORDER BY id FOR UPDATE",
        ids
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Number of an order, and whose it is.
pub(crate) async fn numbered(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<(String, Locked)>, Fault> {
    let row = sqlx::query!(
        "SELECT number, customer_id, department_id, owner_id FROM orders.purchase_order WHERE id = $1",
        id
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| {
        let locked = Locked {
            customer_id: row.customer_id,
            department_id: row.department_id,
            owner_id: row.owner_id,
        };
        (row.number, locked)
    }))
}

/// Puts the next revision of a locked order down, at this stage. It is judged anew at
/// `look_at`; at once where it is in trouble, as that may be over.
pub(crate) async fn settle(
    connection: &mut PgConnection,
    id: Uuid,
    current: Reached,
    look_at: Timestamp,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.purchase_order
         SET stage = $2, stage_at = $3, revision = revision + 1, updated_at = $5,
             look_at = CASE WHEN late_at IS NULL AND stuck_at IS NULL THEN $4::timestamptz ELSE $5 END
         WHERE id = $1",
        id,
        current.stage as i16,
        current.at.to_sqlx() as _,
        look_at.to_sqlx() as _,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What of an order its cases go by (IH-6): it was paid when that was told, or when the customer has
/// the goods, who may have paid at the door.
pub(crate) async fn standing(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<OrderStanding, Fault> {
    let row = sqlx::query!(
        r#"SELECT o.currency, coalesce(bool_or(e.stage IN ($2, $3, $4)), FALSE) AS "paid!",
                  max(e.occurred_at) FILTER (WHERE e.stage = $3) AS "delivered: jiff_sqlx::Timestamp"
           FROM orders.purchase_order o LEFT JOIN orders.stage_event e ON e.order_id = o.id
           WHERE o.id = $1 GROUP BY o.id"#,
        id,
        OrderStage::Paid as i16,
        OrderStage::Delivered as i16,
        OrderStage::Completed as i16
    )
    .fetch_one(connection)
    .await?;
    Ok(OrderStanding {
        currency: row.currency,
        paid: row.paid,
        delivered: row.delivered.map(|at| at.to_jiff()),
    })
}

/// Puts what a locked order says anew down; [`settle`] makes it a revision.
pub(crate) async fn rewrite(
    connection: &mut PgConnection,
    id: Uuid,
    (intake, stock): (OrderIntake, OrderStock),
    sealed: &[u8],
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.purchase_order SET intake = $2, stock = $3, sealed = $4 WHERE id = $1",
        id,
        intake as i16,
        stock as i16,
        sealed
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts down at which stage an order is that was entered in this transaction.
pub(crate) async fn turn(
    connection: &mut PgConnection,
    id: Uuid,
    current: Reached,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.purchase_order SET stage = $2, stage_at = $3 WHERE id = $1",
        id,
        current.stage as i16,
        current.at.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}
