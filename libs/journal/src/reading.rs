use std::collections::BTreeSet;

use jiff_sqlx::Timestamp;
use kefu_contracts::journal::{self, EntryKind, Event};
use prost::Message;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use crate::{Cursor, Recorded};

/// A stretch of a journal.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Entries in reading order.
    pub entries: Vec<Recorded>,
    /// Spans in which they were written, each once, as far as traces were kept of them.
    pub traces: BTreeSet<String>,
    /// Whether nothing more was safe to read.
    pub caught_up: bool,
}

/// Where reading goes on once all that is safe to read now has been read. Everything before it
/// is safe; whatever a transaction writes that runs yet, or begins later, comes after it.
///
/// # Errors
/// The driver's.
pub async fn end(connection: &mut PgConnection) -> Result<Cursor, sqlx::Error> {
    let horizon = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint + journal_lead()";
    Ok(Cursor {
        transaction_id: sqlx::query_scalar(horizon).fetch_one(connection).await?,
        position: 0,
    })
}

/// When the oldest entry was recorded that is committed and not safe to read yet, as a
/// transaction still runs that began to write before it; none where readers see everything.
///
/// # Errors
/// The driver's.
pub async fn held_back(
    connection: &mut PgConnection,
) -> Result<Option<jiff::Timestamp>, sqlx::Error> {
    let oldest = "SELECT recorded_at FROM journal
                  WHERE transaction_id >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint + journal_lead()
                  ORDER BY transaction_id, position LIMIT 1";
    let oldest: Option<Timestamp> = sqlx::query_scalar(oldest)
        .fetch_optional(connection)
        .await?;
    Ok(oldest.map(Timestamp::to_jiff))
}

/// What the entry at this place is about; none where there is no such entry.
///
/// # Errors
/// The driver's.
pub async fn resource(
    connection: &mut PgConnection,
    at: Cursor,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT resource FROM journal WHERE (transaction_id, position) = ($1, $2)")
        .bind(at.transaction_id)
        .bind(at.position)
        .fetch_optional(connection)
        .await
}

/// Reads on after a place: entries of the given kinds (all when empty) whose
/// transactions, and all before them, have ended. At most `limit` of them.
///
/// # Errors
/// The driver's, or [`sqlx::Error::Decode`] on an entry that cannot be read.
pub async fn read(
    connection: &mut PgConnection,
    after: Cursor,
    kinds: &[EntryKind],
    limit: u16,
) -> Result<Batch, sqlx::Error> {
    let rows = rows(connection, after, kinds, limit).await?;
    batch(&rows, limit, recorded)
}

/// As [`read`], for who hands entries on or acts upon them: one with anything in it that is not
/// known here cannot be read. A newer version of the service wrote it, beside this one; without
/// what is new in it, it would be kept or acted upon like that for ever.
///
/// # Errors
/// As [`read`].
pub async fn read_whole(
    connection: &mut PgConnection,
    after: Cursor,
    kinds: &[EntryKind],
    limit: u16,
) -> Result<Batch, sqlx::Error> {
    let rows = rows(connection, after, kinds, limit).await?;
    batch(&rows, limit, |row| with_event(row, Some(whole_event(row)?)))
}

/// As [`read`], for checking: an entry whose facts cannot be read comes without them.
///
/// # Errors
/// The driver's.
pub async fn read_damaged_too(
    connection: &mut PgConnection,
    after: Cursor,
    kinds: &[EntryKind],
    limit: u16,
) -> Result<Batch, sqlx::Error> {
    let rows = rows(connection, after, kinds, limit).await?;
    batch(&rows, limit, |row| with_event(row, event(row).ok()))
}

fn batch(
    rows: &[PgRow],
    limit: u16,
    read: impl Fn(&PgRow) -> Result<Recorded, sqlx::Error>,
) -> Result<Batch, sqlx::Error> {
    let traces = rows.iter().map(|row| row.try_get(11));
    let traces: Vec<Option<String>> = traces.collect::<Result<_, _>>()?;
    Ok(Batch {
        entries: rows.iter().map(read).collect::<Result<_, _>>()?,
        traces: traces.into_iter().flatten().collect(),
        caught_up: rows.len() < usize::from(limit),
    })
}

macro_rules! select {
    ($of_kinds:literal) => {
        concat!(
            "SELECT transaction_id, position, recorded_at, actor_id, purpose, request_id, kind, resource,
                    customer_id, type, event, trace_parent
             FROM journal
             WHERE (transaction_id, position) > ($1, $2)
               AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint + journal_lead()
               AND ",
            $of_kinds,
            " ORDER BY transaction_id, position LIMIT $3"
        )
    };
}

async fn rows(
    connection: &mut PgConnection,
    after: Cursor,
    kinds: &[EntryKind],
    limit: u16,
) -> Result<Vec<PgRow>, sqlx::Error> {
    // Changes have an index of their own, to which a parameter would not lead.
    let of_changes = kinds == [EntryKind::Change];
    let statement = match of_changes {
        true => select!("kind = 1"),
        false => select!("(cardinality($4::int2[]) = 0 OR kind = ANY($4))"),
    };
    let mut query = sqlx::query(statement)
        .bind(after.transaction_id)
        .bind(after.position)
        .bind(i64::from(limit));
    if !of_changes {
        let kinds: Vec<i16> = kinds.iter().map(|kind| *kind as i16).collect();
        query = query.bind(kinds);
    }
    query.fetch_all(connection).await
}

fn recorded(row: &PgRow) -> Result<Recorded, sqlx::Error> {
    with_event(row, Some(event(row)?))
}

fn event(row: &PgRow) -> Result<Event, sqlx::Error> {
    Event::decode(row.try_get::<&[u8], _>(10)?).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn whole_event(row: &PgRow) -> Result<Event, sqlx::Error> {
    let event = event(row)?;
    // What is not known is not written back.
    if event.encoded_len() == row.try_get::<&[u8], _>(10)?.len() {
        Ok(event)
    } else {
        Err(sqlx::Error::Decode("written by a newer version".into()))
    }
}

fn with_event(row: &PgRow, event: Option<Event>) -> Result<Recorded, sqlx::Error> {
    let cursor = Cursor {
        transaction_id: row.try_get(0)?,
        position: row.try_get(1)?,
    };
    let recorded_at = row.try_get::<Timestamp, _>(2)?.to_jiff();
    let id = |at| {
        row.try_get::<Option<Uuid>, _>(at)
            .map(|id| id.map(|id| id.as_bytes().to_vec()).unwrap_or_default())
    };
    let entry = journal::Entry {
        cursor: Some(cursor.into()),
        recorded_at: Some(prost_time(recorded_at)),
        actor_id: id(3)?,
        purpose: row.try_get::<i16, _>(4)?.into(),
        request_id: row.try_get(5)?,
        kind: row.try_get::<i16, _>(6)?.into(),
        resource: row.try_get(7)?,
        customer_id: id(8)?,
        r#type: row.try_get(9)?,
        event,
    };
    Ok(Recorded { cursor, entry })
}

fn prost_time(at: jiff::Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.as_second(),
        nanos: at.subsec_nanosecond(),
    }
}
