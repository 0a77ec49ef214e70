//! Calls that gateways refused.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::{
    journal::{EntryKind, Event, Refused, event},
    policy::Purpose,
};
use kefu_service::error::Fault;
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

/// A refusal as it goes into the journal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) id: Uuid,
    pub(crate) at: Timestamp,
    /// Nobody where it could not be told who called.
    pub(crate) subject: Option<Uuid>,
    pub(crate) purpose: Purpose,
    pub(crate) refused: Refused,
}

/// Journals the refusals that are not in it yet, in one statement.
pub(crate) async fn record(
    connection: &mut PgConnection,
    refusals: &[Refusal],
) -> Result<(), Fault> {
    let ids: Vec<Uuid> = refusals.iter().map(|one| one.id).collect();
    let at: Vec<_> = refusals.iter().map(|one| one.at.to_sqlx()).collect();
    let subjects: Vec<Option<Uuid>> = refusals.iter().map(|one| one.subject).collect();
    let purposes: Vec<i16> = refusals.iter().map(|one| one.purpose as i16).collect();
    let events: Vec<Vec<u8>> = refusals.iter().map(|one| encoded(&one.refused)).collect();
    sqlx::query!(
        "WITH given AS (
             SELECT DISTINCT ON (id) *
             FROM UNNEST($1::uuid[], $2::timestamptz[], $3::uuid[], $4::int2[], $5::bytea[])
                  AS given (id, at, subject_id, purpose, event)
             ORDER BY id
         ), fresh AS (
             INSERT INTO access.refusal (id) SELECT id FROM given ON CONFLICT DO NOTHING RETURNING id
         )
         INSERT INTO access.journal (recorded_at, actor_id, purpose, request_id, kind, resource, customer_id, type, event)
         SELECT at, subject_id, purpose, id::text, $6::int2, '', NULL, 'call.refused', event
         FROM given JOIN fresh USING (id)
         ORDER BY at, id",
        &ids,
        &at,
        &subjects as &[Option<Uuid>],
        &purposes,
        &events,
        EntryKind::Refusal as i16,
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn encoded(refused: &Refused) -> Vec<u8> {
    Event {
        event: Some(event::Event::Refused(refused.clone())),
    }
    .encode_to_vec()
}
