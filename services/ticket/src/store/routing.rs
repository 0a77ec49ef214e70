//! Tickets that wait, and agents who can take one.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::ticket::{Presence, RoutingStrategy};
use kefu_service::error::Fault;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    queues::at_work,
    records::{RECORD, StoredTicket},
};
use crate::domain::routing::{Demand, Server};

/// Takes the turn of giving tickets out until the transaction ends; `false` while somebody
/// else has it.
pub(crate) async fn take_turn(connection: &mut PgConnection) -> Result<bool, Fault> {
    let turn = sqlx::query_scalar!("SELECT sole FROM ticket.routing_turn FOR UPDATE SKIP LOCKED")
        .fetch_optional(connection)
        .await?;
    Ok(turn.is_some())
}

/// Agents who are there and have less than they can do.
pub(crate) async fn free(
    connection: &mut PgConnection,
    now: Timestamp,
) -> Result<Vec<Server>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT a.employee_id, a.skills, a.languages, a.serves, a.capacity, a.routed_seq, held.open AS "open!"
           FROM ticket.agent a
           CROSS JOIN LATERAL (
               SELECT count(*) AS open FROM ticket.ticket t WHERE t.assignee_id = a.employee_id AND t.state < 4
           ) held
           WHERE a.presence = $1 AND a.present_until > $2 AND held.open < a.capacity
           ORDER BY a.employee_id"#,
        Presence::Available as i16,
        now.to_sqlx() as _
    )
    .fetch_all(connection)
    .await?;
    let servers = rows.into_iter().map(|row| Server {
        id: row.employee_id,
        skills: row.skills,
        languages: row.languages,
        serves: row.serves,
        capacity: row.capacity.into(),
        open: row.open,
        routed_seq: row.routed_seq,
    });
    Ok(servers.collect())
}

/// Place of the last ticket that any queue gave.
pub(crate) async fn last(connection: &mut PgConnection) -> Result<i64, Fault> {
    let last = sqlx::query_scalar!("SELECT max(routed_seq) FROM ticket.agent")
        .fetch_one(connection)
        .await?;
    Ok(last.unwrap_or_default())
}

/// A ticket that waits.
pub(crate) struct Waiting {
    pub(crate) id: Uuid,
    pub(crate) queue_id: Uuid,
    pub(crate) demand: Demand,
}

/// Tickets that any of these agents can take, the most urgent first, then the oldest: none
/// that only waits is among them, so that it holds up no other.
pub(crate) async fn waiting(
    connection: &mut PgConnection,
    free: &[Uuid],
    most: i64,
) -> Result<Vec<Waiting>, Fault> {
    let rows = sqlx::query(concat!(
        "SELECT t.id, q.id AS queue_id, t.department_id, q.skills, q.languages, q.strategy,
                ARRAY(SELECT s.from_id FROM ticket.assignment s
                      WHERE s.ticket_id = t.id AND s.cause = 3 AND s.from_id IS NOT NULL) AS released_by
         FROM ",
        at_work!(),
        // Requests (4) once they are found legitimate (1).
        // The departments that any of them serves first, for the index.
        " WHERE t.assignee_id IS NULL AND q.id IS NOT NULL AND (t.kind <> 4 OR t.legitimacy = 1)
          AND t.department_id = ANY (ARRAY(SELECT unnest(serves) FROM ticket.agent WHERE employee_id = ANY ($1)))
          AND EXISTS (
             SELECT FROM ticket.agent a
             WHERE a.employee_id = ANY ($1) AND t.department_id = ANY (a.serves)
               AND q.skills <@ a.skills AND q.languages <@ a.languages
               AND NOT EXISTS (SELECT FROM ticket.assignment s
                               WHERE s.ticket_id = t.id AND s.cause = 3 AND s.from_id = a.employee_id))
         ORDER BY t.priority DESC, t.received_at, t.id LIMIT $2"
    ))
    .bind(free)
    .bind(most)
    .fetch_all(connection)
    .await?;
    rows.iter().map(read).collect()
}

fn read(row: &PgRow) -> Result<Waiting, Fault> {
    let strategy: i16 = row.try_get("strategy")?;
    Ok(Waiting {
        id: row.try_get("id")?,
        queue_id: row.try_get("queue_id")?,
        demand: Demand {
            department: row.try_get("department_id")?,
            skills: row.try_get("skills")?,
            languages: row.try_get("languages")?,
            strategy: RoutingStrategy::try_from(i32::from(strategy)).unwrap_or_default(),
            released_by: row.try_get("released_by")?,
        },
    })
}

/// A ticket for whoever gives it out, while it still waits where it did.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    waiting: &Waiting,
) -> Result<Option<StoredTicket>, Fault> {
    let mut query = QueryBuilder::<Postgres>::new("SELECT ");
    query
        .push(RECORD.columns)
        .push(", 0::int8 AS matched FROM ")
        .push(RECORD.from)
        .push(" WHERE t.assignee_id IS NULL AND t.state < 4 AND (t.kind <> 4 OR t.legitimacy = 1) AND t.id = ")
        .push_bind(waiting.id)
        .push(" AND t.department_id = ")
        .push_bind(waiting.demand.department)
        .push(" FOR UPDATE OF t SKIP LOCKED");
    let row = query.build().fetch_optional(connection).await?;
    row.as_ref().map(StoredTicket::read).transpose()
}

/// Notes that a queue gave somebody its latest.
pub(crate) async fn routed(
    connection: &mut PgConnection,
    employee: Uuid,
    seq: i64,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE ticket.agent SET routed_seq = $2 WHERE employee_id = $1",
        employee,
        seq
    )
    .execute(connection)
    .await?;
    Ok(())
}
