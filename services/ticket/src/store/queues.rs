//! Queues, and tickets as queues see them.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::ticket::Queue;
use kefu_service::{
    error::Fault,
    fields::{etag, name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time::to_proto,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::records::{ASSIGNEE, DEPARTMENT, KIND, PRIORITY, RECEIVED_TIME, RECORD, STATE};

/// Collection of the resource names.
pub(crate) const QUEUES: &str = "queues";

/// Tickets `t` without a solution, their customers' keys `k`, and the queue `q` in which each
/// of them waits that nobody has.
macro_rules! at_work {
    () => {
        "(SELECT * FROM ticket.ticket WHERE state < 4) t
         JOIN ticket.customer_key k ON k.customer_id = t.customer_id
         LEFT JOIN LATERAL (
             SELECT * FROM ticket.queue q
             WHERE t.assignee_id IS NULL AND NOT q.closed AND q.department_id = t.department_id
               AND (q.kinds = '{}' OR t.kind = ANY (q.kinds))
               AND (q.categories = '{}' OR t.category = ANY (q.categories))
               AND (q.channels = '{}' OR t.channel = ANY (q.channels))
             ORDER BY q.position, q.code LIMIT 1
         ) q ON true"
    };
}
pub(crate) use at_work;

/// Tickets without a solution, under which every look at queues is taken.
pub(crate) const WORK: RecordSpec = RecordSpec {
    from: at_work!(),
    fields: &[
        FilterField::system("queue", "q.id", FilterKind::Name(QUEUES)),
        ASSIGNEE,
        DEPARTMENT,
        STATE,
        KIND,
        PRIORITY,
        RECEIVED_TIME,
    ],
    ..RECORD
};

/// A queue about to be written: of this department, as the message defines it otherwise.
pub(crate) struct Defined<'a> {
    pub(crate) id: Uuid,
    pub(crate) department: Uuid,
    pub(crate) queue: &'a Queue,
}

/// Adds a queue; `false` when its code is taken.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    new: &Defined<'_>,
    now: Timestamp,
) -> Result<bool, Fault> {
    let queue = new.queue;
    let written = sqlx::query!(
        "INSERT INTO ticket.queue
             (id, code, title, department_id, kinds, categories, channels, languages, skills, strategy,
              position, closed, revision, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13)
         ON CONFLICT (code) DO NOTHING",
        new.id,
        queue.code,
        queue.title,
        new.department,
        &small(&queue.kinds),
        &queue.categories,
        &small(&queue.channels),
        &queue.languages,
        &queue.skills,
        queue.strategy() as i16,
        queue.position,
        queue.closed,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Puts another definition in the place of a queue's.
pub(crate) async fn update(connection: &mut PgConnection, new: &Defined<'_>) -> Result<(), Fault> {
    let queue = new.queue;
    sqlx::query!(
        "UPDATE ticket.queue
         SET title = $2, kinds = $3, categories = $4, channels = $5, languages = $6, skills = $7,
             strategy = $8, position = $9, closed = $10, revision = revision + 1
         WHERE id = $1",
        new.id,
        queue.title,
        &small(&queue.kinds),
        &queue.categories,
        &small(&queue.channels),
        &queue.languages,
        &queue.skills,
        queue.strategy() as i16,
        queue.position,
        queue.closed
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps a queue as it is until the transaction ends.
pub(crate) async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<(), Fault> {
    sqlx::query!("SELECT id FROM ticket.queue WHERE id = $1 FOR UPDATE", id)
        .fetch_optional(connection)
        .await?;
    Ok(())
}

/// The queue of this id, or all of them, in the order in which they are asked.
pub(crate) async fn find(
    connection: &mut PgConnection,
    only: Option<Uuid>,
) -> Result<Vec<Queue>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT id, code, title, department_id, kinds, categories, channels, languages, skills, strategy,
                  position, closed, revision, created_at AS "created_at: jiff_sqlx::Timestamp"
           FROM ticket.queue WHERE $1::uuid IS NULL OR id = $1 ORDER BY position, code"#,
        only
    )
    .fetch_all(connection)
    .await?;
    let queues = rows.into_iter().map(|row| Queue {
        name: name(QUEUES, row.id),
        code: row.code,
        title: row.title,
        department: name("departments", row.department_id),
        kinds: row.kinds.into_iter().map(i32::from).collect(),
        categories: row.categories,
        channels: row.channels.into_iter().map(i32::from).collect(),
        languages: row.languages,
        skills: row.skills,
        strategy: row.strategy.into(),
        position: row.position,
        closed: row.closed,
        etag: etag(row.revision),
        create_time: Some(to_proto(row.created_at.to_jiff())),
    });
    Ok(queues.collect())
}

/// Numbers of enum values that were checked.
fn small(numbers: &[i32]) -> Vec<i16> {
    numbers
        .iter()
        .filter_map(|one| i16::try_from(*one).ok())
        .collect()
}
