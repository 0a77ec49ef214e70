//! A service reads its own journal on, in the transaction of what follows from it: each entry once,
//! however many instances look. A migration puts the place where a reader begins into
//! `consumer_cursor`, under a name of its own.

use kefu_contracts::journal::{Entry, EntryKind};
use kefu_journal::Cursor;
use sqlx::{PgConnection, Row, postgres::PgRow};

use crate::error::Fault;

/// Changes that this reader has not read yet. Nobody else reads on until the transaction ends.
#[derive(Debug)]
pub struct Stretch {
    /// In reading order, at least one.
    pub entries: Vec<Entry>,
    reader: &'static str,
    last: Cursor,
    caught_up: bool,
}

/// What comes next for a reader, at most so many entries; none where there is nothing to read, or
/// somebody else reads it.
///
/// # Errors
/// When the place or the journal cannot be read.
pub async fn next(
    connection: &mut PgConnection,
    reader: &'static str,
    most: u16,
) -> Result<Option<Stretch>, Fault> {
    let changes = &[EntryKind::Change];
    // Nothing is locked where there is nothing to read, which is most of the time.
    let seen =
        sqlx::query("SELECT transaction_id, position FROM consumer_cursor WHERE source = $1")
            .bind(reader)
            .fetch_one(&mut *connection)
            .await?;
    let news = kefu_journal::read(connection, cursor(&seen)?, changes, 1).await?;
    if news.entries.is_empty() {
        return Ok(None);
    }
    let locked = sqlx::query(
        "SELECT transaction_id, position FROM consumer_cursor WHERE source = $1 FOR UPDATE SKIP LOCKED",
    )
    .bind(reader)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(locked) = locked else {
        return Ok(None);
    };
    let batch = kefu_journal::read_whole(connection, cursor(&locked)?, changes, most).await?;
    let last = batch.entries.last().map(|recorded| recorded.cursor);
    let entries = batch.entries.into_iter().map(|recorded| recorded.entry);
    Ok(last.map(|last| Stretch {
        entries: entries.collect(),
        reader,
        last,
        caught_up: batch.caught_up,
    }))
}

impl Stretch {
    /// The reader has read it; whether there may be more.
    ///
    /// # Errors
    /// When the place cannot be moved.
    pub async fn done(self, connection: &mut PgConnection) -> Result<bool, Fault> {
        sqlx::query(
            "UPDATE consumer_cursor SET transaction_id = $2, position = $3 WHERE source = $1",
        )
        .bind(self.reader)
        .bind(self.last.transaction_id)
        .bind(self.last.position)
        .execute(connection)
        .await?;
        Ok(!self.caught_up)
    }
}

fn cursor(row: &PgRow) -> Result<Cursor, Fault> {
    Ok(Cursor {
        transaction_id: row.try_get("transaction_id")?,
        position: row.try_get("position")?,
    })
}
