//! New entries of the audit log, and those of a journal that are sent anew.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_audit::Leaf;
use kefu_contracts::journal::EntryKind;
use kefu_journal::Cursor;
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

/// An entry that changed something.
#[derive(Debug, Clone)]
pub(crate) struct News {
    pub(crate) seq: i64,
    pub(crate) place: Cursor,
    pub(crate) recorded_at: Timestamp,
    pub(crate) leaf: Leaf,
}

/// How long a journal's order and that of time can differ.
const APART: std::time::Duration = std::time::Duration::from_secs(60);

/// Whether there may be entries that nobody has looked at.
pub(crate) async fn is_behind(connection: &mut PgConnection) -> Result<bool, Fault> {
    Ok(sqlx::query_scalar!(
        r#"SELECT next_seq < (SELECT size FROM access.audit_head) AS "behind!" FROM access.webhook_cursor"#
    )
    .fetch_one(connection)
    .await?)
}

/// The entry to go on with. Whoever else looks waits until the transaction ends.
pub(crate) async fn lock_cursor(connection: &mut PgConnection) -> Result<i64, Fault> {
    Ok(
        sqlx::query_scalar!("SELECT next_seq FROM access.webhook_cursor FOR UPDATE")
            .fetch_one(connection)
            .await?,
    )
}

/// Goes on with this entry next.
pub(crate) async fn move_cursor(connection: &mut PgConnection, next: i64) -> Result<(), Fault> {
    sqlx::query!("UPDATE access.webhook_cursor SET next_seq = $1", next)
        .execute(connection)
        .await?;
    Ok(())
}

/// Entries from one on, at most so many: those that changed something, and where to go on.
pub(crate) async fn from(
    connection: &mut PgConnection,
    next: i64,
    most: i64,
) -> Result<(Vec<News>, i64), Fault> {
    let rows = sqlx::query!(
        "SELECT seq, transaction_id, position, recorded_at, CASE WHEN kind = $3 THEN leaf END AS leaf
         FROM access.audit_entry WHERE seq >= $1 ORDER BY seq LIMIT $2",
        next,
        most,
        EntryKind::Change as i16,
    )
    .fetch_all(connection)
    .await?;
    let after = rows.last().map_or(next, |row| row.seq + 1);
    let mut news = Vec::new();
    for row in rows {
        let Some(leaf) = row.leaf else { continue };
        let place = Cursor {
            transaction_id: row.transaction_id,
            position: row.position,
        };
        news.push(read(row.seq, place, row.recorded_at.to_jiff(), &leaf)?);
    }
    Ok((news, after))
}

fn read(seq: i64, place: Cursor, recorded_at: Timestamp, leaf: &[u8]) -> Result<News, Fault> {
    let leaf = Leaf::from_bytes(leaf)
        .map_err(|_| Fault::internal("an entry of the audit log cannot be read"))?;
    Ok(News {
        seq,
        place,
        recorded_at,
        leaf,
    })
}

/// The size of the audit log: what is recorded from now on has at least this number.
pub(crate) async fn size(connection: &mut PgConnection) -> Result<i64, Fault> {
    Ok(sqlx::query_scalar!("SELECT size FROM access.audit_head")
        .fetch_one(connection)
        .await?)
}

/// A stretch of a journal that is sent anew.
#[derive(Debug, Clone)]
pub(crate) struct Replay {
    pub(crate) webhook: Uuid,
    pub(crate) service: String,
    pub(crate) start_at: Option<Timestamp>,
    pub(crate) after: Cursor,
    pub(crate) end: i64,
}

/// The place before the first entry of a journal that was recorded from a moment on.
pub(crate) async fn place_of(
    connection: &mut PgConnection,
    service: &str,
    start: Timestamp,
) -> Result<Cursor, Fault> {
    let from = start.saturating_sub(APART).unwrap_or(start);
    let first = sqlx::query!(
        "SELECT transaction_id, position FROM access.audit_entry
         WHERE recorded_at >= $2 AND service = $1 ORDER BY recorded_at, seq LIMIT 1",
        service,
        from.to_sqlx(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(first.map_or(
        Cursor {
            transaction_id: i64::MAX,
            position: 0,
        },
        |row| Cursor {
            transaction_id: row.transaction_id,
            position: row.position - 1,
        },
    ))
}

/// Asks for one, in place of that of the same journal.
pub(crate) async fn ask(connection: &mut PgConnection, replay: &Replay) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO access.webhook_replay (webhook_id, service, start_at, transaction_id, position, end_seq)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (webhook_id, service) DO UPDATE SET
             start_at = EXCLUDED.start_at, transaction_id = EXCLUDED.transaction_id, position = EXCLUDED.position,
             end_seq = EXCLUDED.end_seq",
        replay.webhook,
        replay.service,
        replay.start_at.map(ToSqlx::to_sqlx) as Option<jiff_sqlx::Timestamp>,
        replay.after.transaction_id,
        replay.after.position,
        replay.end,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// One that nobody works at; nobody else does until the transaction ends.
pub(crate) async fn next_replay(connection: &mut PgConnection) -> Result<Option<Replay>, Fault> {
    let row = sqlx::query!(
        "SELECT webhook_id, service, start_at, transaction_id, position, end_seq
         FROM access.webhook_replay ORDER BY webhook_id, service LIMIT 1 FOR UPDATE SKIP LOCKED"
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Replay {
        webhook: row.webhook_id,
        service: row.service,
        start_at: row.start_at.map(jiff_sqlx::Timestamp::to_jiff),
        after: Cursor {
            transaction_id: row.transaction_id,
            position: row.position,
        },
        end: row.end_seq,
    }))
}

/// What comes next in one, at most so many entries.
pub(crate) async fn again(
    connection: &mut PgConnection,
    replay: &Replay,
    most: i64,
) -> Result<Vec<News>, Fault> {
    let rows = sqlx::query!(
        "SELECT seq, transaction_id, position, recorded_at, leaf FROM access.audit_entry
         WHERE service = $1 AND (transaction_id, position) > ($2, $3) AND seq < $4 AND kind = $5
         ORDER BY transaction_id, position LIMIT $6",
        replay.service,
        replay.after.transaction_id,
        replay.after.position,
        replay.end,
        EntryKind::Change as i16,
        most,
    )
    .fetch_all(connection)
    .await?;
    let news = rows.into_iter().map(|row| {
        let place = Cursor {
            transaction_id: row.transaction_id,
            position: row.position,
        };
        read(row.seq, place, row.recorded_at.to_jiff(), &row.leaf)
    });
    news.collect()
}

/// Ends one, or all of a webhook.
pub(crate) async fn end(
    connection: &mut PgConnection,
    webhook: Uuid,
    service: Option<&str>,
) -> Result<(), Fault> {
    sqlx::query!(
        "DELETE FROM access.webhook_replay WHERE webhook_id = $1 AND service = COALESCE($2, service)",
        webhook,
        service,
    )
    .execute(connection)
    .await?;
    Ok(())
}
