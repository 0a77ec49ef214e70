//! Webhooks, and by what they are found.

pub(crate) mod delivery;
pub(crate) mod news;
pub(crate) mod queue;
pub(crate) mod secret;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::ScopeColumns;
use kefu_contracts::{access::WebhookPause, common::Reason, policy::Purpose};
use kefu_service::{
    error::Fault,
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::stored::{Listing, Stored, number};
use crate::domain::{register::SYSTEM_ACCOUNTS, webhook::Webhook};

/// Each is its account's own, and no department's.
const OF_ACCOUNT: ScopeColumns = ScopeColumns {
    department: None,
    owner: Some("w.account_id"),
    customer: None,
    duty: None,
    consent: None,
};

/// Under which every look at webhooks is taken.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "w.id, w.created_at",
    from: "access.webhook w",
    id: "w.id",
    scope: OF_ACCOUNT,
    fields: &[
        FilterField::system("account", "w.account_id", FilterKind::Name(SYSTEM_ACCOUNTS)),
        FilterField::system(
            "pause",
            "w.pause",
            FilterKind::Enum {
                prefix: "WEBHOOK_PAUSE_",
                parse: |name| WebhookPause::from_str_name(name).map(i32::from),
            },
        ),
        FilterField::system("create_time", "w.created_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

impl Stored for Webhook {
    fn id(&self) -> Uuid {
        self.id
    }

    fn list<'c>(connection: &'c mut PgConnection, ids: &'c [Uuid]) -> Listing<'c, Self> {
        Box::pin(list(connection, Some(ids)))
    }
}

/// Those of these ids, or all that are sent something.
pub(crate) async fn list(
    connection: &mut PgConnection,
    only: Option<&[Uuid]>,
) -> Result<Vec<Webhook>, Fault> {
    let rows = sqlx::query!(
        "SELECT id, account_id, purpose, title, url, event_types, pause, since, secret_number, failing_since, created_by,
                created_at, deleted_at, revision
         FROM access.webhook
         WHERE id = ANY($1) OR ($1::uuid[] IS NULL AND pause = 0)
         ORDER BY created_at, id",
        only as Option<&[Uuid]>,
    )
    .fetch_all(connection)
    .await?;
    let webhooks = rows.into_iter().map(|row| Webhook {
        id: row.id,
        account: row.account_id,
        purpose: Purpose::try_from(i32::from(row.purpose)).unwrap_or_default(),
        title: row.title,
        url: row.url,
        event_types: row.event_types,
        pause: WebhookPause::try_from(i32::from(row.pause)).unwrap_or_default(),
        since: row.since,
        secret_number: row.secret_number,
        failing_since: row.failing_since.map(jiff_sqlx::Timestamp::to_jiff),
        creator: row.created_by,
        created_at: row.created_at.to_jiff(),
        deleted_at: row.deleted_at.map(jiff_sqlx::Timestamp::to_jiff),
        revision: row.revision,
    });
    Ok(webhooks.collect())
}

/// Enters a new one, or how one is now.
///
/// # Errors
/// [`Reason::Conflict`] where it has changed since it was read, as by its receiver's answer.
pub(crate) async fn put(connection: &mut PgConnection, webhook: &Webhook) -> Result<(), Fault> {
    let written = sqlx::query!(
        "INSERT INTO access.webhook (id, account_id, purpose, title, url, event_types, pause, since, secret_number,
                                     created_by, created_at, deleted_at, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (id) DO UPDATE SET
             title = EXCLUDED.title, url = EXCLUDED.url, event_types = EXCLUDED.event_types, pause = EXCLUDED.pause,
             since = EXCLUDED.since, secret_number = EXCLUDED.secret_number, deleted_at = EXCLUDED.deleted_at,
             revision = EXCLUDED.revision
             WHERE webhook.revision = EXCLUDED.revision - 1",
        webhook.id,
        webhook.account,
        number(webhook.purpose),
        webhook.title,
        webhook.url,
        &webhook.event_types,
        number(webhook.pause),
        webhook.since,
        webhook.secret_number,
        webhook.creator,
        webhook.created_at.to_sqlx(),
        webhook.deleted_at.map(ToSqlx::to_sqlx),
        webhook.revision,
    )
    .execute(connection)
    .await?;
    match written.rows_affected() {
        0 => Err(Fault::new(Reason::Conflict)),
        _ => Ok(()),
    }
}

/// Notes that attempts fail since a moment, or that they do no longer. It is no change of the
/// webhook: what was read of it stands.
pub(crate) async fn failing(
    connection: &mut PgConnection,
    id: Uuid,
    since: Option<Timestamp>,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE access.webhook SET failing_since = $2
         WHERE id = $1 AND (failing_since IS NULL) <> ($2::timestamptz IS NULL)",
        id,
        since.map(ToSqlx::to_sqlx) as Option<jiff_sqlx::Timestamp>,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Its receiver wants nothing any more; the webhook as it is then, unless it was off already.
pub(crate) async fn gone(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<Webhook>, Fault> {
    let changed = sqlx::query!(
        "UPDATE access.webhook SET pause = $2, revision = revision + 1 WHERE id = $1 AND pause = 0",
        id,
        number(WebhookPause::Gone),
    )
    .execute(&mut *connection)
    .await?;
    match changed.rows_affected() {
        0 => Ok(None),
        _ => super::stored::get(connection, id).await,
    }
}

/// After a restore from a backup, which has no secrets: nothing is sent.
pub(crate) async fn pause_all(connection: &mut PgConnection) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE access.webhook SET pause = $1, revision = revision + 1 WHERE deleted_at IS NULL",
        number(WebhookPause::Restored),
    )
    .execute(connection)
    .await?;
    Ok(())
}
