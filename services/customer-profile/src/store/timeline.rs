//! What happened with customers, and who was shown their files.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::{
    google::r#type::Money,
    journal::{Entry, Event},
    policy::{DataClass, Purpose},
    profile::{PurchaseHabit, TimelineKind},
};
use kefu_service::{
    error::Fault,
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time,
};
use prost::Message;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::records::SCOPE;
use crate::domain::timeline::Happening;

/// Under which every look at the history is taken: where the file is, and where the class of
/// the entry is cleared on it. Kinds and classes of this service's own entries: 1 file
/// (SYSTEM; that it is held is SERVICE, as a grave complaint does that), 2 consent (RELATION), 3
/// verification (SYSTEM), 4 data request (RELATION). What somebody said about the rating, and what
/// became of it, is in the rating, for whom that is cleared; so are findings, in their own list.
pub(crate) const TIMELINE: RecordSpec = RecordSpec {
    columns: "e.id, e.customer_id, e.occurred_at, e.kind, e.class, e.resource, e.act, e.actor_id, e.event",
    from: "(SELECT id, customer_id, occurred_at, kind, class, resource, act, actor_id, event
            FROM profile.timeline
            UNION ALL
            SELECT ('00000000-0000-8000-8000-' || lpad(to_hex(position), 12, '0'))::uuid, customer_id, recorded_at,
                   CASE WHEN type LIKE 'consent.%' THEN 2 WHEN type LIKE 'verification.%' THEN 3
                        WHEN type LIKE 'data\\_request.%' THEN 4 ELSE 1 END,
                   CASE WHEN type LIKE 'consent.%' OR type LIKE 'data\\_request.%' THEN 7
                        WHEN type LIKE 'hold.%' THEN 6 ELSE 8 END,
                   resource, type, actor_id, event
            FROM profile.journal WHERE kind = 1 AND customer_id IS NOT NULL AND type NOT LIKE 'rating.%'
               AND type NOT LIKE 'quality\\_finding.%'
            UNION ALL
            SELECT ('00000000-0000-8000-8000-' || lpad(to_hex(j.position), 12, '0'))::uuid, m.merged_into, recorded_at,
                   CASE WHEN j.type LIKE 'consent.%' THEN 2 WHEN j.type LIKE 'verification.%' THEN 3
                        WHEN j.type LIKE 'data\\_request.%' THEN 4 ELSE 1 END,
                   CASE WHEN j.type LIKE 'consent.%' OR j.type LIKE 'data\\_request.%' THEN 7
                        WHEN j.type LIKE 'hold.%' THEN 6 ELSE 8 END,
                   j.resource, j.type, j.actor_id, j.event
            FROM profile.customer m JOIN profile.journal j ON j.customer_id = m.id AND m.merged_into IS NOT NULL
            WHERE j.kind = 1 AND j.type NOT LIKE 'rating.%'
              AND j.type NOT LIKE 'quality\\_finding.%') e
           JOIN profile.customer c ON c.id = e.customer_id AND c.state IN (2, 3, 4)",
    id: "e.id",
    scope: SCOPE,
    class: Some("e.class"),
    fields: &[
        CUSTOMER,
        FilterField {
            name: "kind",
            column: "e.kind",
            kind: FilterKind::Enum {
                prefix: "TIMELINE_KIND_",
                parse: |name| TimelineKind::from_str_name(name).map(Into::into),
            },
            class: DataClass::System,
        },
        FilterField::system("time", "e.occurred_at", FilterKind::Time),
        FilterField::system("resource", "e.resource", FilterKind::Text),
    ],
    ..RecordSpec::PLAIN
};

/// Looks at a file and what hangs on it here. A look at the looks shows nothing of the
/// customer and is none.
pub(crate) const VIEWS: RecordSpec = RecordSpec {
    columns: "e.id, e.customer_id, e.recorded_at, e.resource, e.actor_id, e.purpose, e.event",
    from: "(SELECT ('00000000-0000-8000-8000-' || lpad(to_hex(position), 12, '0'))::uuid AS id, customer_id,
                   recorded_at, resource, actor_id, purpose, event
            FROM profile.journal WHERE kind = 2 AND customer_id IS NOT NULL AND type <> 'views.viewed'
            UNION ALL
            SELECT ('00000000-0000-8000-8000-' || lpad(to_hex(j.position), 12, '0'))::uuid, m.merged_into,
                   j.recorded_at, j.resource, j.actor_id, j.purpose, j.event
            FROM profile.customer m JOIN profile.journal j ON j.customer_id = m.id AND m.merged_into IS NOT NULL
            WHERE j.kind = 2 AND j.type <> 'views.viewed') e
           JOIN profile.customer c ON c.id = e.customer_id AND c.state IN (2, 3, 4)",
    id: "e.id",
    scope: SCOPE,
    fields: &[CUSTOMER],
    ..RecordSpec::PLAIN
};

const CUSTOMER: FilterField =
    FilterField::system("customer", "e.customer_id", FilterKind::Name("customers"));

/// An entry as it was read.
pub(crate) struct StoredEntry {
    pub(crate) id: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) kind: i32,
    pub(crate) class: i32,
    pub(crate) resource: String,
    pub(crate) act: String,
    pub(crate) actor: Option<Uuid>,
    pub(crate) event: Event,
    /// Rules of the call that let the file through.
    pub(crate) matched: i64,
}

impl StoredEntry {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        Ok(Self {
            id: row.try_get("id")?,
            customer: row.try_get("customer_id")?,
            at: moment(row, "occurred_at")?,
            kind: number(row, "kind")?,
            class: number(row, "class")?,
            resource: row.try_get("resource")?,
            act: row.try_get("act")?,
            actor: row.try_get("actor_id")?,
            event: event(row)?,
            matched: row.try_get("matched")?,
        })
    }
}

/// A look as it was read.
pub(crate) struct StoredView {
    pub(crate) id: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) resource: String,
    pub(crate) actor: Option<Uuid>,
    pub(crate) purpose: i16,
    pub(crate) event: Event,
}

impl StoredView {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        Ok(Self {
            id: row.try_get("id")?,
            at: moment(row, "recorded_at")?,
            resource: row.try_get("resource")?,
            actor: row.try_get("actor_id")?,
            purpose: row.try_get("purpose")?,
            event: event(row)?,
        })
    }
}

fn moment(row: &PgRow, column: &str) -> Result<Timestamp, Fault> {
    Ok(row.try_get::<jiff_sqlx::Timestamp, _>(column)?.to_jiff())
}

/// A smallint of a table, an int of an expression.
fn number(row: &PgRow, column: &str) -> Result<i32, Fault> {
    Ok(row.try_get::<i32, _>(column)?)
}

fn event(row: &PgRow) -> Result<Event, Fault> {
    let bytes: &[u8] = row.try_get("event")?;
    Event::decode(bytes).map_err(|_| Fault::internal("an event that is not of the contracts"))
}

/// Keeps what happened, once: `id` is that of its entry.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    id: Uuid,
    customer: Uuid,
    entry: &Entry,
    happening: &Happening,
    at: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO profile.timeline (id, customer_id, occurred_at, kind, class, resource, act, actor_id, category, event)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        id,
        customer,
        at.to_sqlx() as _,
        happening.kind as i32,
        happening.class as i32,
        entry.resource,
        entry.r#type,
        Uuid::from_slice(&entry.actor_id).ok(),
        happening.category,
        entry.event.as_ref().map(Message::encode_to_vec).unwrap_or_default(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What the journal of tickets says when a customer turns to us.
pub(crate) const CONTACT: &str = "ticket.opened";

/// In seconds.
const DAY: i64 = 86_400;

/// What a customer came with: tickets of a kind and category.
pub(crate) struct Problem {
    pub(crate) kind: i32,
    pub(crate) category: String,
    pub(crate) tickets: i64,
}

/// What the customer came with since then, most frequent first.
pub(crate) async fn problems(
    connection: &mut PgConnection,
    customer: Uuid,
    since: Timestamp,
) -> Result<Vec<Problem>, Fault> {
    let problems = sqlx::query_as!(
        Problem,
        "SELECT kind, category, count(*) AS \"tickets!\"
         FROM (SELECT DISTINCT ON (resource) kind, category FROM profile.timeline
               WHERE customer_id = $1 AND occurred_at >= $2 AND resource LIKE 'tickets/%'
               ORDER BY resource, occurred_at DESC, id DESC) latest
         GROUP BY kind, category ORDER BY count(*) DESC, kind, category",
        customer,
        since.to_sqlx() as _,
    )
    .fetch_all(connection)
    .await?;
    Ok(problems)
}

/// Orders that stand and were placed since then.
pub(crate) async fn habit(
    connection: &mut PgConnection,
    customer: Uuid,
    since: Timestamp,
) -> Result<PurchaseHabit, Fault> {
    let rows = sqlx::query!(
        r#"SELECT currency, count(*)::int AS "orders!", trunc(sum(amount))::bigint AS "units!",
                  ((sum(amount) - trunc(sum(amount))) * 1000000000)::int AS "nanos!",
                  min(placed_at) AS "first!: jiff_sqlx::Timestamp", max(placed_at) AS "last!: jiff_sqlx::Timestamp"
           FROM profile.purchase WHERE customer_id = $1 AND placed_at >= $2
           GROUP BY currency ORDER BY currency"#,
        customer,
        since.to_sqlx() as _,
    )
    .fetch_all(connection)
    .await?;
    let order_count = rows.iter().map(|row| row.orders).sum();
    let first = rows.iter().map(|row| row.first.to_jiff()).min();
    let last = rows.iter().map(|row| row.last.to_jiff()).max();
    let average_interval_days = match (first, last) {
        (Some(first), Some(last)) if order_count > 1 => {
            let steps = i64::from(order_count - 1);
            let days = (last.duration_since(first).as_secs() + steps * DAY / 2) / (steps * DAY);
            i32::try_from(days).unwrap_or(i32::MAX)
        }
        _ => 0,
    };
    let totals = rows.into_iter().map(|row| Money {
        currency_code: row.currency,
        units: row.units,
        nanos: row.nanos,
    });
    Ok(PurchaseHabit {
        order_count,
        totals: totals.collect(),
        average_interval_days,
        last_placed_time: last.map(time::to_proto),
    })
}

/// Of a look.
pub(crate) fn purpose(number: i16) -> Purpose {
    Purpose::try_from(i32::from(number)).unwrap_or_default()
}
