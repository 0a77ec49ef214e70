//! What the company's inventory is asked for, in the database (OP-3.4.2).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

/// What is to be done about a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Reserve = 1,
    /// Nothing: it is held.
    Hold = 2,
    Release = 3,
    Consume = 4,
    /// Nothing any more.
    End = 5,
}

impl Act {
    fn of(number: i16) -> Result<Self, Fault> {
        [
            Self::Reserve,
            Self::Hold,
            Self::Release,
            Self::Consume,
            Self::End,
        ]
        .into_iter()
        .find(|act| *act as i16 == number)
        .ok_or_else(|| Fault::internal("a reservation that is none"))
    }
}

/// A reservation as it is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reservation {
    pub(crate) id: Uuid,
    pub(crate) order_id: Uuid,
    pub(crate) act: Act,
    pub(crate) attempts: i32,
}

/// Asks for what an order needs, unless it is being asked for.
pub(crate) async fn ask(
    connection: &mut PgConnection,
    id: Uuid,
    order: Uuid,
    customer: Uuid,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO orders.reservation (id, order_id, customer_id, act, attempts, next_attempt_at)
         VALUES ($1, $2, $3, 1, 0, $4) ON CONFLICT (order_id) WHERE act = 1 DO NOTHING",
        id,
        order,
        customer,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What is held, or asked for, of an order is let go, or has left. What was asked for and not
/// answered is let go in any case.
pub(crate) async fn end_all(
    connection: &mut PgConnection,
    order: Uuid,
    act: Act,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.reservation
         SET act = CASE act WHEN 1 THEN 3 ELSE $2::smallint END, attempts = 0, next_attempt_at = $3
         WHERE order_id = $1 AND act IN (1, 2)",
        order,
        act as i16,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes some that are to be carried out, none of which anybody else takes until then, and counts
/// the attempt.
pub(crate) async fn take(
    connection: &mut PgConnection,
    now: Timestamp,
    until: Timestamp,
    most: i64,
) -> Result<Vec<Reservation>, Fault> {
    let rows = sqlx::query!(
        "UPDATE orders.reservation SET attempts = attempts + 1, next_attempt_at = $2
         WHERE id IN (SELECT id FROM orders.reservation WHERE next_attempt_at <= $1
                      ORDER BY next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED)
         RETURNING id, order_id, act, attempts",
        now.to_sqlx() as _,
        until.to_sqlx() as _,
        most
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Reservation {
                id: row.id,
                order_id: row.order_id,
                act: Act::of(row.act)?,
                attempts: row.attempts,
            })
        })
        .collect()
}

/// What is to be done about it now, held until the transaction ends.
pub(crate) async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Act, Fault> {
    let act = sqlx::query_scalar!(
        "SELECT act FROM orders.reservation WHERE id = $1 FOR UPDATE",
        id
    )
    .fetch_one(connection)
    .await?;
    Act::of(act)
}

/// What is to be done about a locked one from now on, and when; `None`: nothing.
pub(crate) async fn turn(
    connection: &mut PgConnection,
    id: Uuid,
    act: Act,
    next: Option<Timestamp>,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.reservation SET act = $2, next_attempt_at = $3 WHERE id = $1",
        id,
        act as i16,
        next.map(ToSqlx::to_sqlx) as _
    )
    .execute(connection)
    .await?;
    Ok(())
}
