//! Notices to customers in the database.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::order::{Language, NoticeEvent, NoticeState, OrderNoticeSummary};
use kefu_service::{
    error::Fault,
    fields::name,
    filter::{FilterField, FilterKind},
    notice::Outcome,
    scope::RecordSpec,
    time::to_proto,
};
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::records;

/// Collection of the resource names.
pub(crate) const NOTICES: &str = "order-notices";

/// Under which every look at notices is taken: they are seen where their order is.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "n.id, n.order_id AS about_id, n.customer_id, n.event, n.rules_version, n.rule, n.language, n.channels,
              n.state, n.sealed, n.created_at, n.attempts, n.next_attempt_at, n.outcome_at, n.channel, n.marked_by,
              n.revision, o.number, k.kek_id, k.wrapped",
    from: "orders.notice n JOIN orders.purchase_order o ON o.id = n.order_id
           JOIN orders.customer_key k ON k.customer_id = n.customer_id",
    id: "n.id",
    scope: records::RECORD.scope,
    fields: &[
        FilterField::system("order", "n.order_id", FilterKind::Name("orders")),
        FilterField::system("customer", "n.customer_id", FilterKind::Name("customers")),
        FilterField::system(
            "state",
            "n.state",
            FilterKind::Enum {
                prefix: "NOTICE_STATE_",
                parse: |name| NoticeState::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system(
            "event",
            "n.event",
            FilterKind::Enum {
                prefix: "NOTICE_EVENT_",
                parse: |name| NoticeEvent::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system("create_time", "n.created_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// A notice about to be written.
pub(crate) struct NewNotice<'a> {
    pub(crate) id: Uuid,
    /// Names the occasion.
    pub(crate) cause: &'a str,
    pub(crate) order_id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) event: NoticeEvent,
    pub(crate) rules_version: i32,
    pub(crate) rule: &'a str,
    pub(crate) language: Language,
    pub(crate) channels: &'a [i16],
    pub(crate) sealed: &'a [u8],
    pub(crate) now: Timestamp,
    /// When the connector is asked; `None`: somebody tells the customer.
    pub(crate) first_attempt: Option<Timestamp>,
}

/// Writes a notice; `false` where its occasion was told before.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    new: &NewNotice<'_>,
) -> Result<bool, Fault> {
    let written = sqlx::query!(
        "INSERT INTO orders.notice
             (id, cause, order_id, customer_id, event, rules_version, rule, language, channels, state, sealed,
              created_at, attempts, next_attempt_at, channel, marked_by, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11, 0, $12, 0, '', 1)
         ON CONFLICT (cause) DO NOTHING",
        new.id,
        new.cause,
        new.order_id,
        new.customer_id,
        new.event as i16,
        new.rules_version,
        new.rule,
        new.language as i16,
        new.channels,
        new.sealed,
        new.now.to_sqlx() as _,
        new.first_attempt.map(ToSqlx::to_sqlx) as _
    )
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Notices of an order without what they say, from the arrays of [`WHOLE`](records::WHOLE),
/// oldest first.
pub(crate) fn of_order(row: &PgRow) -> Result<Vec<OrderNoticeSummary>, Fault> {
    let Some(ids) = row.try_get::<Option<Vec<Uuid>>, _>("notice_ids")? else {
        return Ok(Vec::new());
    };
    let events: Vec<i16> = row.try_get("notice_events")?;
    let states: Vec<i16> = row.try_get("notice_states")?;
    let channels: Vec<i16> = row.try_get("notice_channels")?;
    let written: Vec<jiff_sqlx::Timestamp> = row.try_get("notice_written")?;
    let ended: Vec<Option<jiff_sqlx::Timestamp>> = row.try_get("notice_ended")?;
    let numbers = events.into_iter().zip(states).zip(channels);
    let all = ids
        .into_iter()
        .zip(numbers)
        .zip(written.into_iter().zip(ended));
    let notices =
        all.map(
            |((id, ((event, state), channel)), (written, ended))| OrderNoticeSummary {
                name: name(NOTICES, id),
                event: event.into(),
                state: state.into(),
                create_time: Some(to_proto(written.to_jiff())),
                outcome_time: ended.map(|at| to_proto(at.to_jiff())),
                channel: channel.into(),
            },
        );
    Ok(notices.collect())
}

/// Keeps what became of it.
pub(crate) async fn end(
    connection: &mut PgConnection,
    id: Uuid,
    outcome: &Outcome<'_>,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.notice
         SET state = $2, outcome_at = $3, channel = $4, marked_by = $5, sealed = $6, next_attempt_at = NULL,
             revision = revision + 1
         WHERE id = $1",
        id,
        outcome.state as i16,
        outcome.at.to_sqlx() as _,
        outcome.channel as i16,
        outcome.marked_by,
        outcome.sealed
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes some that the connector is to be asked for, none of which anybody else takes until
/// then, and counts the attempt.
pub(crate) async fn take(
    connection: &mut PgConnection,
    now: Timestamp,
    until: Timestamp,
    most: i64,
) -> Result<Vec<Uuid>, Fault> {
    let ids = sqlx::query_scalar!(
        "UPDATE orders.notice SET attempts = attempts + 1, next_attempt_at = $2
         WHERE id IN (SELECT id FROM orders.notice WHERE state = 1 AND next_attempt_at <= $1
                      ORDER BY next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED)
         RETURNING id",
        now.to_sqlx() as _,
        until.to_sqlx() as _,
        most
    )
    .fetch_all(connection)
    .await?;
    Ok(ids)
}

/// The connector is asked again then.
pub(crate) async fn postpone(
    connection: &mut PgConnection,
    id: Uuid,
    until: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.notice SET next_attempt_at = $2 WHERE id = $1",
        id,
        until.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Nothing is left of what a customer was told.
pub(crate) async fn scrub(connection: &mut PgConnection, customer: Uuid) -> Result<(), Fault> {
    sqlx::query!("DELETE FROM orders.notice WHERE customer_id = $1", customer)
        .execute(connection)
        .await?;
    Ok(())
}
