//! Exports: where they stand, and their packages.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::{ClassSet, access::ExportState, policy::Purpose};
use kefu_service::{
    error::Fault,
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
};
use kefu_vault::WrappedKey;
use sqlx::PgConnection;
use uuid::Uuid;

use super::approval::record;
use crate::domain::{approval::ExportRule, export::State};

/// Under which every look at exports is taken: one's own, those of shares one has a part
/// in or carries out, and those of one's departments.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "e.id, e.created_at",
    from: "access.export e JOIN access.approval a ON a.id = e.share_id",
    id: "e.id",
    scope: record::SCOPE,
    fields: &[
        FilterField::system(
            "state",
            "e.state_number",
            FilterKind::Enum {
                prefix: "EXPORT_STATE_",
                parse: |name| ExportState::from_str_name(name).map(i32::from),
            },
        ),
        record::PURPOSE,
        FilterField::system("share", "e.share_id", FilterKind::Name("shares")),
        FilterField::system("receiver", "e.receiver_id", FilterKind::Name("employees")),
        FilterField::system("carrier", "e.carrier_id", FilterKind::Name("employees")),
        FilterField::system("create_time", "e.created_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// An export as it is stored, with what its share says.
#[derive(Debug, Clone)]
pub(crate) struct StoredExport {
    pub(crate) id: Uuid,
    pub(crate) share: Uuid,
    pub(crate) receiver: Uuid,
    pub(crate) carrier: Option<Uuid>,
    pub(crate) state: State,
    /// The receiver's public key.
    pub(crate) recipient: Option<String>,
    /// The package's own key.
    pub(crate) key: Option<WrappedKey>,
    pub(crate) attempt: i32,
    pub(crate) claimed_until: Option<Timestamp>,
    pub(crate) size: i64,
    pub(crate) sha256: Option<Vec<u8>>,
    pub(crate) recalled_at: Option<Timestamp>,
    pub(crate) confirm_by: Option<Timestamp>,
    pub(crate) reminders: i32,
    pub(crate) confirmed_at: Option<Timestamp>,
    pub(crate) statement: String,
    pub(crate) revision: i64,
    pub(crate) purpose: Purpose,
    pub(crate) classes: ClassSet,
    pub(crate) customers: Vec<Uuid>,
    pub(crate) period: Option<(Timestamp, Timestamp)>,
    /// Downloads begun, and bytes sent or reserved by them.
    pub(crate) downloads: i64,
    pub(crate) sent: i64,
    /// Records by collection.
    pub(crate) contents: Vec<(String, i64)>,
}

/// The export of this id, whoever asks.
pub(crate) async fn get(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<StoredExport>, Fault> {
    Ok(list(connection, &[id]).await?.pop())
}

/// These exports, in the order asked for.
pub(crate) async fn list(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<StoredExport>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT e.id, e.share_id, e.receiver_id, e.carrier_id, e.state, e.recipient, e.kek_id, e.wrapped, e.attempt,
                  e.claimed_until, e.size_bytes, e.sha256, e.recalled_at, e.confirm_by, e.reminders, e.confirmed_at,
                  e.statement, e.revision, a.purpose, a.starts_at, a.ends_at, t.classes, t.customer_ids,
                  d.begun AS "begun!", d.sent AS "sent!"
           FROM access.export e
           JOIN access.approval a ON a.id = e.share_id
           JOIN access.share_terms t ON t.approval_id = e.share_id AND t.which = 'current'
           CROSS JOIN LATERAL (
               SELECT count(*) AS begun, COALESCE(sum(to_offset - from_offset), 0)::int8 AS sent
               FROM access.export_download WHERE export_id = e.id
           ) d
           WHERE e.id = ANY($1) ORDER BY array_position($1, e.id)"#,
        ids
    )
    .fetch_all(&mut *connection)
    .await?;
    let contents = sqlx::query!(
        "SELECT export_id, collection, record_count FROM access.export_content WHERE export_id = ANY($1)
         ORDER BY collection",
        ids
    )
    .fetch_all(connection)
    .await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let classes: Vec<i32> = row.classes.iter().copied().map(i32::from).collect();
        let starts_at = row.starts_at.map(jiff_sqlx::Timestamp::to_jiff);
        let own = contents.iter().filter(|one| one.export_id == row.id);
        all.push(StoredExport {
            id: row.id,
            share: row.share_id,
            receiver: row.receiver_id,
            carrier: row.carrier_id,
            state: State::parse(&row.state)
                .ok_or_else(|| Fault::internal("state of a stored export"))?,
            recipient: row.recipient,
            key: row
                .kek_id
                .zip(row.wrapped)
                .map(|(kek_id, bytes)| WrappedKey { kek_id, bytes }),
            attempt: row.attempt,
            claimed_until: row.claimed_until.map(jiff_sqlx::Timestamp::to_jiff),
            size: row.size_bytes,
            sha256: row.sha256,
            recalled_at: row.recalled_at.map(jiff_sqlx::Timestamp::to_jiff),
            confirm_by: row.confirm_by.map(jiff_sqlx::Timestamp::to_jiff),
            reminders: row.reminders,
            confirmed_at: row.confirmed_at.map(jiff_sqlx::Timestamp::to_jiff),
            statement: row.statement,
            revision: row.revision,
            purpose: Purpose::try_from(i32::from(row.purpose)).unwrap_or_default(),
            classes: ClassSet::from_numbers(&classes),
            customers: row.customer_ids,
            period: starts_at.zip(row.ends_at.map(jiff_sqlx::Timestamp::to_jiff)),
            downloads: row.begun,
            sent: row.sent,
            contents: own
                .map(|one| (one.collection.clone(), one.record_count))
                .collect(),
        });
    }
    Ok(all)
}

/// The exports of a share, in the order of their receivers.
pub(crate) async fn of_share(
    connection: &mut PgConnection,
    share: Uuid,
) -> Result<Vec<StoredExport>, Fault> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM access.export WHERE share_id = $1 ORDER BY receiver_id",
        share
    )
    .fetch_all(&mut *connection)
    .await?;
    list(connection, &ids).await
}

/// The exports of a share, locked, in the order of their receivers. Whoever changes an
/// export locks its share first, as this does.
pub(crate) async fn lock_of_share(
    connection: &mut PgConnection,
    share: Uuid,
) -> Result<Vec<StoredExport>, Fault> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM access.export WHERE share_id = $1 ORDER BY receiver_id FOR UPDATE",
        share
    )
    .fetch_all(&mut *connection)
    .await?;
    list(connection, &ids).await
}

/// Locks an export, and gives it as it then is.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<StoredExport>, Fault> {
    sqlx::query!("SELECT id FROM access.export WHERE id = $1 FOR UPDATE", id)
        .fetch_optional(&mut *connection)
        .await?;
    get(connection, id).await
}

/// Adds an export that waits to be carried out; one that is there stays as it is.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    id: Uuid,
    share: Uuid,
    receiver: Uuid,
    at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO access.export (id, share_id, receiver_id, state, state_number, attempt, size_bytes, reminders,
                                    statement, revision, created_at)
         VALUES ($1, $2, $3, $4, $5, 0, 0, 0, '', 1, $6) ON CONFLICT DO NOTHING",
        id,
        share,
        receiver,
        State::ToCarryOut.as_str(),
        State::ToCarryOut.to_proto() as i16,
        at.to_sqlx(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts an export where it now stands, and counts the change.
pub(crate) async fn update(
    connection: &mut PgConnection,
    export: &StoredExport,
    rule: &ExportRule,
) -> Result<(), Fault> {
    let next = export
        .recalled_at
        .and_then(|at| rule.next(export.state, at, export.reminders));
    sqlx::query!(
        "UPDATE access.export
         SET carrier_id = $2, state = $3, state_number = $4, recipient = $5, kek_id = $6, wrapped = $7, attempt = $8,
             claimed_until = $9, size_bytes = $10, sha256 = $11, recalled_at = $12, confirm_by = $13, reminders = $14,
             next_at = $15, confirmed_at = $16, statement = $17, revision = revision + 1
         WHERE id = $1",
        export.id,
        export.carrier,
        export.state.as_str(),
        export.state.to_proto() as i16,
        export.recipient,
        export.key.as_ref().map(|key| key.kek_id.as_str()),
        export.key.as_ref().map(|key| key.bytes.as_slice()),
        export.attempt,
        export.claimed_until.map(ToSqlx::to_sqlx),
        export.size,
        export.sha256,
        export.recalled_at.map(ToSqlx::to_sqlx),
        export.confirm_by.map(ToSqlx::to_sqlx),
        export.reminders,
        next.map(|(at, _)| at.to_sqlx()),
        export.confirmed_at.map(ToSqlx::to_sqlx),
        export.statement,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Destroys what is stored of a package.
pub(crate) async fn destroy(connection: &mut PgConnection, id: Uuid) -> Result<(), Fault> {
    sqlx::query!("DELETE FROM access.export_chunk WHERE export_id = $1", id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets what was counted of a package that is made anew.
pub(crate) async fn uncount(connection: &mut PgConnection, id: Uuid) -> Result<(), Fault> {
    sqlx::query!("DELETE FROM access.export_content WHERE export_id = $1", id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Says how many records of a kind are in the package.
pub(crate) async fn count(
    connection: &mut PgConnection,
    id: Uuid,
    collection: &str,
    records: i64,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO access.export_content (export_id, collection, record_count) VALUES ($1, $2, $3)
         ON CONFLICT (export_id, collection) DO UPDATE SET record_count = EXCLUDED.record_count",
        id,
        collection,
        records,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A chunk of a package, sealed.
pub(crate) struct Chunk {
    pub(crate) seq: i32,
    /// Place of its first byte in the package.
    pub(crate) starts_at: i64,
    pub(crate) length: i32,
    pub(crate) sealed: Vec<u8>,
}

/// Adds a chunk.
pub(crate) async fn add_chunk(
    connection: &mut PgConnection,
    id: Uuid,
    attempt: i32,
    chunk: &Chunk,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO access.export_chunk (export_id, attempt, seq, starts_at, length, sealed)
         VALUES ($1, $2, $3, $4, $5, $6)",
        id,
        attempt,
        chunk.seq,
        chunk.starts_at,
        chunk.length,
        chunk.sealed,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The chunk with this byte, while the package can be downloaded.
pub(crate) async fn chunk_at(
    connection: &mut PgConnection,
    id: Uuid,
    attempt: i32,
    offset: i64,
) -> Result<Option<Chunk>, Fault> {
    let chunk = sqlx::query_as!(
        Chunk,
        "SELECT c.seq, c.starts_at, c.length, c.sealed
         FROM access.export e JOIN access.export_chunk c ON c.export_id = e.id AND c.attempt = e.attempt
         WHERE e.id = $1 AND e.attempt = $2 AND e.state = 'ready' AND c.starts_at <= $3
         ORDER BY c.seq DESC LIMIT 1",
        id,
        attempt,
        offset,
    )
    .fetch_optional(connection)
    .await?;
    Ok(chunk)
}

/// A download of a package, or of a part of it.
#[derive(Debug, Clone)]
pub(crate) struct Download {
    pub(crate) started_at: jiff_sqlx::Timestamp,
    pub(crate) ended_at: Option<jiff_sqlx::Timestamp>,
    pub(crate) from_offset: i64,
    pub(crate) to_offset: i64,
    pub(crate) completed: bool,
}

/// Notes a download that begins, with its bytes reserved.
pub(crate) async fn begin_download(
    connection: &mut PgConnection,
    export: &StoredExport,
    id: Uuid,
    from: i64,
    at: Timestamp,
    held_until: Option<Timestamp>,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO access.export_download (id, export_id, started_at, from_offset, to_offset, completed, handed_to,
                                             held_until)
         VALUES ($1, $2, $3, $4, $5, false, $4, $6)",
        id,
        export.id,
        at.to_sqlx(),
        from,
        export.size,
        held_until.map(ToSqlx::to_sqlx),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that a download goes on, and up to where it is handed on next; `false` when it was given
/// up.
pub(crate) async fn hand_on(
    connection: &mut PgConnection,
    id: Uuid,
    to: i64,
    held_until: Option<Timestamp>,
) -> Result<bool, Fault> {
    let done = sqlx::query!(
        "UPDATE access.export_download SET handed_to = $2, held_until = $3 WHERE id = $1 AND ended_at IS NULL",
        id,
        to,
        held_until.map(ToSqlx::to_sqlx),
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes how far a download came; `false` when it was given up before.
pub(crate) async fn end_download(
    connection: &mut PgConnection,
    id: Uuid,
    to: i64,
    completed: bool,
    at: Timestamp,
) -> Result<bool, Fault> {
    let done = sqlx::query!(
        "UPDATE access.export_download SET ended_at = $2, to_offset = $3, completed = $4
         WHERE id = $1 AND ended_at IS NULL",
        id,
        at.to_sqlx(),
        to,
        completed,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Downloads that nobody carries on any more.
pub(crate) async fn silent_downloads(
    connection: &mut PgConnection,
    now: Timestamp,
) -> Result<Vec<Uuid>, Fault> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM access.export_download
         WHERE ended_at IS NULL AND COALESCE(held_until, started_at + interval '1 day') <= $1
         ORDER BY started_at LIMIT 100",
        now.to_sqlx(),
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// A download that was given up: of which export, from where, and what was handed on.
pub(crate) struct GivenUp {
    pub(crate) export_id: Uuid,
    pub(crate) from_offset: i64,
    pub(crate) to_offset: i64,
}

/// Ends a download that nobody carries on any more with what was handed on, or with all that it
/// reserved where that was not noted; `None` when somebody does carry it on.
pub(crate) async fn give_up_download(
    connection: &mut PgConnection,
    id: Uuid,
    now: Timestamp,
) -> Result<Option<GivenUp>, Fault> {
    let given_up = sqlx::query_as!(
        GivenUp,
        "UPDATE access.export_download SET ended_at = $2, to_offset = COALESCE(handed_to, to_offset)
         WHERE id = $1 AND ended_at IS NULL AND COALESCE(held_until, started_at + interval '1 day') <= $2
         RETURNING export_id, from_offset, to_offset",
        id,
        now.to_sqlx(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(given_up)
}

/// The downloads of an export, oldest first.
pub(crate) async fn downloads(
    connection: &mut PgConnection,
    export: Uuid,
) -> Result<Vec<Download>, Fault> {
    let rows = sqlx::query_as!(
        Download,
        r#"SELECT started_at AS "started_at: _", ended_at AS "ended_at: _", from_offset, to_offset, completed
           FROM access.export_download WHERE export_id = $1 ORDER BY started_at, id"#,
        export
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Packages that nobody makes any more.
pub(crate) async fn left_over(
    connection: &mut PgConnection,
    now: Timestamp,
) -> Result<Vec<Uuid>, Fault> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM access.export WHERE state = 'packaging' AND claimed_until <= $1 ORDER BY claimed_until LIMIT 100",
        now.to_sqlx(),
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// Recalled exports to which time has done something.
pub(crate) async fn due(connection: &mut PgConnection, now: Timestamp) -> Result<Vec<Uuid>, Fault> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM access.export WHERE next_at <= $1 ORDER BY next_at LIMIT 1000",
        now.to_sqlx(),
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// Each export that was ever carried out.
pub(crate) async fn carried_out(connection: &mut PgConnection) -> Result<Vec<Uuid>, Fault> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM access.export WHERE carrier_id IS NOT NULL ORDER BY created_at DESC, id"
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}
