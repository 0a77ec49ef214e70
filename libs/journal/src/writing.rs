use jiff_sqlx::ToSqlx;
use sqlx::{PgConnection, Row};

use crate::{Cursor, Entry, TraceParent, trace_parent};

/// Appends entries of the current span in the running transaction and tells the place of the last.
///
/// # Errors
/// The driver's; the transaction is then lost.
pub async fn append(
    connection: &mut PgConnection,
    entries: &[Entry],
) -> Result<Cursor, sqlx::Error> {
    let traces = vec![trace_parent(); entries.len()];
    append_traced(connection, entries, &traces).await
}

/// The same of entries that were made elsewhere: each is of the span beside it.
///
/// # Errors
/// The driver's; the transaction is then lost.
pub async fn append_traced(
    connection: &mut PgConnection,
    entries: &[Entry],
    traces: &[Option<TraceParent>],
) -> Result<Cursor, sqlx::Error> {
    let recorded_at: Vec<_> = entries.iter().map(|e| e.recorded_at.to_sqlx()).collect();
    let actors: Vec<_> = entries.iter().map(|e| e.actor_id).collect();
    let purposes: Vec<_> = entries.iter().map(|e| e.purpose as i16).collect();
    let requests: Vec<_> = entries.iter().map(|e| e.request_id.as_str()).collect();
    let kinds: Vec<_> = entries.iter().map(|e| e.kind as i16).collect();
    let resources: Vec<_> = entries.iter().map(|e| e.resource.as_str()).collect();
    let customers: Vec<_> = entries.iter().map(|e| e.customer_id).collect();
    let types: Vec<_> = entries.iter().map(|e| e.r#type).collect();
    let events: Vec<_> = entries.iter().map(Entry::encoded_event).collect();
    let traces: Vec<_> = traces.iter().map(Option::as_deref).collect();
    let row = sqlx::query(
        "WITH written AS (
             INSERT INTO journal (recorded_at, actor_id, purpose, request_id, kind, resource, customer_id, type, event,
                                  trace_parent)
             SELECT * FROM UNNEST($1::timestamptz[], $2::uuid[], $3::int2[], $4::text[], $5::int2[], $6::text[],
                                  $7::uuid[], $8::text[], $9::bytea[], $10::text[])
             RETURNING transaction_id, position
         )
         SELECT COALESCE(max(transaction_id), 0), COALESCE(max(position), 0) FROM written",
    )
    .bind(recorded_at)
    .bind(actors)
    .bind(purposes)
    .bind(requests)
    .bind(kinds)
    .bind(resources)
    .bind(customers)
    .bind(types)
    .bind(events)
    .bind(traces)
    .fetch_one(connection)
    .await?;
    Ok(Cursor {
        transaction_id: row.try_get(0)?,
        position: row.try_get(1)?,
    })
}
