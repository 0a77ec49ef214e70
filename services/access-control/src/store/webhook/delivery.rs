//! What webhooks are sent, and the log of it.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::access::{WebhookDeliveryState as State, WebhookOutcome};
use kefu_service::{
    error::Fault,
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Listing, OF_ACCOUNT, Stored, number};
use crate::domain::webhook::{Attempt, Delivery, WEBHOOKS};

/// Attempts that are told of each.
const TOLD: i32 = 20;

/// Under which every look at them is taken: each is of its webhook's account.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "d.id, d.created_at",
    from: "access.webhook_delivery d JOIN access.webhook w ON w.id = d.webhook_id",
    id: "d.id",
    scope: OF_ACCOUNT,
    fields: &[
        FilterField::system("webhook", "d.webhook_id", FilterKind::Name(WEBHOOKS)),
        FilterField::system(
            "state",
            "d.state",
            FilterKind::Enum {
                prefix: "WEBHOOK_DELIVERY_STATE_",
                parse: |name| State::from_str_name(name).map(i32::from),
            },
        ),
        FilterField::system("event_type", "d.event_type", FilterKind::Text),
        FilterField::system("create_time", "d.created_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// One, with its latest attempts in their order.
#[derive(Debug, Clone)]
pub(crate) struct Logged {
    pub(crate) delivery: Delivery,
    pub(crate) attempts: Vec<Attempt>,
}

impl Stored for Logged {
    fn id(&self) -> Uuid {
        self.delivery.id
    }

    fn list<'c>(connection: &'c mut PgConnection, ids: &'c [Uuid]) -> Listing<'c, Self> {
        Box::pin(async move {
            let deliveries = list(connection, ids).await?.into_iter();
            let mut attempts = attempts(connection, ids).await?;
            let logged = deliveries.map(|delivery| {
                let mut attempts = attempts.remove(&delivery.id).unwrap_or_default();
                // What came between the two reads is none of this state.
                attempts.retain(|one| one.number <= delivery.attempts);
                Self { delivery, attempts }
            });
            Ok(logged.collect())
        })
    }
}

async fn list(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Delivery>, Fault> {
    let rows = sqlx::query!(
        "SELECT id, webhook_id, seq, service, transaction_id, position, event_type, change, resource, event_at, state,
                failures, attempts, due_at, created_at, begun_at, settled_at
         FROM access.webhook_delivery WHERE id = ANY($1)",
        ids,
    )
    .fetch_all(connection)
    .await?;
    let deliveries = rows.into_iter().map(|row| Delivery {
        id: row.id,
        webhook: row.webhook_id,
        seq: row.seq,
        service: row.service,
        place: (row.transaction_id, row.position),
        event_type: row.event_type,
        change: row.change,
        resource: row.resource,
        event_at: row.event_at.to_jiff(),
        state: State::try_from(i32::from(row.state)).unwrap_or_default(),
        failures: row.failures,
        attempts: row.attempts,
        due_at: row.due_at.to_jiff(),
        created_at: row.created_at.to_jiff(),
        begun_at: row.begun_at.to_jiff(),
        settled_at: row.settled_at.map(jiff_sqlx::Timestamp::to_jiff),
    });
    Ok(deliveries.collect())
}

async fn attempts(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Attempt>>, Fault> {
    let rows = sqlx::query!(
        "SELECT a.delivery_id, a.number, a.at, a.outcome, a.status_code, a.latency_ms
         FROM access.webhook_attempt a JOIN access.webhook_delivery d ON d.id = a.delivery_id
         WHERE a.delivery_id = ANY($1) AND a.number > d.attempts - $2
         ORDER BY a.delivery_id, a.number",
        ids,
        TOLD,
    )
    .fetch_all(connection)
    .await?;
    let mut found: HashMap<Uuid, Vec<Attempt>> = HashMap::new();
    for row in rows {
        found.entry(row.delivery_id).or_default().push(Attempt {
            number: row.number,
            at: row.at.to_jiff(),
            outcome: WebhookOutcome::try_from(i32::from(row.outcome)).unwrap_or_default(),
            status_code: row.status_code,
            latency_ms: row.latency_ms,
        });
    }
    Ok(found)
}

/// Notes what is to be sent. What is noted already stays as it is; or, where it is asked for
/// `anew`, begins anew unless somebody has taken it up, and goes after what is new.
pub(crate) async fn note(
    connection: &mut PgConnection,
    deliveries: &[Delivery],
    anew: bool,
) -> Result<(), Fault> {
    let of = |tell: fn(&Delivery) -> &str| deliveries.iter().map(move |one| tell(one).to_owned());
    let ids: Vec<Uuid> = deliveries.iter().map(|one| one.id).collect();
    let webhooks: Vec<Uuid> = deliveries.iter().map(|one| one.webhook).collect();
    let seqs: Vec<Option<i64>> = deliveries.iter().map(|one| one.seq).collect();
    let services: Vec<String> = of(|one| &one.service).collect();
    let transactions: Vec<i64> = deliveries.iter().map(|one| one.place.0).collect();
    let positions: Vec<i64> = deliveries.iter().map(|one| one.place.1).collect();
    let event_types: Vec<String> = of(|one| &one.event_type).collect();
    let changes: Vec<String> = of(|one| &one.change).collect();
    let resources: Vec<String> = of(|one| &one.resource).collect();
    let event_at: Vec<_> = deliveries
        .iter()
        .map(|one| one.event_at.to_sqlx())
        .collect();
    let due_at: Vec<_> = deliveries.iter().map(|one| one.due_at.to_sqlx()).collect();
    sqlx::query!(
        "INSERT INTO access.webhook_delivery AS d
             (id, webhook_id, seq, service, transaction_id, position, event_type, change, resource, event_at, state,
              failures, attempts, due_at, claim, created_at, begun_at, anew)
         SELECT id, webhook_id, seq, service, transaction_id, position, event_type, change, resource, event_at, 1, 0, 0,
                due_at, 0, due_at, due_at, $12::bool
         FROM UNNEST($1::uuid[], $2::uuid[], $3::int8[], $4::text[], $5::int8[], $6::int8[], $7::text[], $8::text[],
                     $9::text[], $10::timestamptz[], $11::timestamptz[])
              AS given (id, webhook_id, seq, service, transaction_id, position, event_type, change, resource, event_at,
                        due_at)
         ON CONFLICT (id) DO UPDATE SET state = 1, failures = 0, due_at = EXCLUDED.due_at, settled_at = NULL,
                                        claimed_until = NULL, begun_at = EXCLUDED.begun_at, anew = true
             WHERE $12 AND (d.state <> 1 OR d.claimed_until IS NULL OR d.claimed_until <= EXCLUDED.due_at)",
        &ids,
        &webhooks,
        &seqs as &[Option<i64>],
        &services,
        &transactions,
        &positions,
        &event_types,
        &changes,
        &resources,
        &event_at as &[jiff_sqlx::Timestamp],
        &due_at as &[jiff_sqlx::Timestamp],
        anew,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Tries one anew from the first attempt on.
pub(crate) async fn begin_anew(
    connection: &mut PgConnection,
    id: Uuid,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE access.webhook_delivery
         SET state = 1, failures = 0, due_at = $2, begun_at = $2, settled_at = NULL, claimed_until = NULL
         WHERE id = $1",
        id,
        now.to_sqlx(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What a webhook is still to be sent is begun with anew, as it was off.
pub(crate) async fn resume(
    connection: &mut PgConnection,
    webhook: Uuid,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE access.webhook_delivery SET begun_at = $2 WHERE webhook_id = $1 AND state = 1",
        webhook,
        now.to_sqlx(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Sends nothing of what a webhook is still to be sent.
pub(crate) async fn drop_pending(
    connection: &mut PgConnection,
    webhook: Uuid,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE access.webhook_delivery SET state = $2, settled_at = $3, claimed_until = NULL
         WHERE webhook_id = $1 AND state = 1",
        webhook,
        number(State::Dropped),
        now.to_sqlx(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets what was settled before a moment, at most so many; how many there were.
pub(crate) async fn forget(
    connection: &mut PgConnection,
    before: Timestamp,
    most: i64,
) -> Result<u64, Fault> {
    let gone = sqlx::query!(
        "DELETE FROM access.webhook_delivery WHERE id IN (
             SELECT id FROM access.webhook_delivery WHERE settled_at < $1 ORDER BY settled_at LIMIT $2)",
        before.to_sqlx(),
        most,
    )
    .execute(connection)
    .await?;
    Ok(gone.rows_affected())
}
