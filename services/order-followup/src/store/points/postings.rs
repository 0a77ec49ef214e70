//! What was posted to accounts; it stays.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::order::{PointsKind, PointsPosting};
use kefu_service::{
    error::Fault,
    fields::{name, subject_name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time::to_proto,
};
use kefu_vault::WrappedKey;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use crate::{domain::points::Movement, store::relations};

/// Collection of the resource names.
pub(crate) const POSTINGS: &str = "points-postings";

/// Under which every look at postings is taken: as at their accounts.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "p.id, p.customer_id, p.number, p.kind, p.points, p.balance, p.order_id, p.reward, p.expires_at,
              p.rules_version, p.sealed, p.poster_id, p.poster_is_system, p.posted_at, k.kek_id, k.wrapped",
    from: "orders.points_posting p JOIN orders.customer_relation r ON r.customer_id = p.customer_id",
    joins: "JOIN orders.customer_key k ON k.customer_id = p.customer_id",
    id: "p.id",
    scope: relations::SCOPE,
    fields: &[
        FilterField::system("customer", "p.customer_id", FilterKind::Name("customers")),
        FilterField::system(
            "kind",
            "p.kind",
            FilterKind::Enum {
                prefix: "POINTS_KIND_",
                parse: |name| PointsKind::from_str_name(name).map(Into::into),
            },
        ),
        FilterField::system("post_time", "p.posted_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// A row as it was read, its reason still sealed.
pub(crate) struct StoredPosting {
    pub(crate) id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) posted_at: Timestamp,
    pub(crate) sealed: Vec<u8>,
    pub(crate) wrapped: WrappedKey,
    /// Rules of the call that let the row through.
    pub(crate) matched: i64,
    columns: PointsPosting,
}

impl StoredPosting {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let (id, customer_id) = (row.try_get("id")?, row.try_get("customer_id")?);
        let posted_at = row
            .try_get::<jiff_sqlx::Timestamp, _>("posted_at")?
            .to_jiff();
        let expires_at: Option<jiff_sqlx::Timestamp> = row.try_get("expires_at")?;
        let order: Option<Uuid> = row.try_get("order_id")?;
        let poster: Option<Uuid> = row.try_get("poster_id")?;
        let poster_is_system = row.try_get("poster_is_system")?;
        Ok(Self {
            id,
            customer_id,
            posted_at,
            sealed: row.try_get("sealed")?,
            wrapped: WrappedKey {
                kek_id: row.try_get("kek_id")?,
                bytes: row.try_get("wrapped")?,
            },
            matched: row.try_get("matched")?,
            columns: PointsPosting {
                name: name(POSTINGS, id),
                customer: name("customers", customer_id),
                number: row.try_get("number")?,
                kind: row.try_get::<i16, _>("kind")?.into(),
                points: row.try_get("points")?,
                balance: row.try_get("balance")?,
                order: order.map(|id| name("orders", id)).unwrap_or_default(),
                reward: row.try_get("reward")?,
                poster: poster
                    .map(|id| subject_name(id, poster_is_system))
                    .unwrap_or_default(),
                post_time: Some(to_proto(posted_at)),
                expire_time: expires_at.map(|at| to_proto(at.to_jiff())),
                rules_version: row.try_get("rules_version")?,
                ..PointsPosting::default()
            },
        })
    }

    /// The record: its columns with the opened reason.
    pub(crate) fn with_opened(&self, opened: PointsPosting) -> PointsPosting {
        PointsPosting {
            reason: opened.reason,
            ..self.columns.clone()
        }
    }
}

/// A posting about to be written.
pub(crate) struct NewPosting<'a> {
    pub(crate) id: Uuid,
    pub(crate) customer_id: Uuid,
    pub(crate) number: i64,
    pub(crate) movement: Movement,
    /// With this.
    pub(crate) balance: i64,
    pub(crate) order_id: Option<Uuid>,
    pub(crate) reward: &'a str,
    pub(crate) rules_version: i32,
    pub(crate) sealed: &'a [u8],
    /// By which it moved from or to another account.
    pub(crate) merge: Option<Uuid>,
    /// Who posts it, and whether that is a system.
    pub(crate) poster: Option<(Uuid, bool)>,
    pub(crate) now: Timestamp,
}

/// Writes a posting; the one before it and the balance are held against it by the database.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    new: &NewPosting<'_>,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO orders.points_posting
             (id, customer_id, number, kind, points, balance_before, balance, order_id, reward, expires_at,
              rules_version, sealed, poster_id, poster_is_system, posted_at, merge_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        new.id,
        new.customer_id,
        new.number,
        new.movement.kind as i16,
        new.movement.points,
        new.balance - new.movement.points,
        new.balance,
        new.order_id,
        new.reward,
        new.movement.expires_at.map(ToSqlx::to_sqlx) as _,
        new.rules_version,
        new.sealed,
        new.poster.map(|(id, _)| id),
        new.poster.is_some_and(|(_, is_system)| is_system),
        new.now.to_sqlx() as _,
        new.merge
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How many points came by a merge that have not ended since.
pub(crate) async fn came_by(
    connection: &mut PgConnection,
    merge: Uuid,
    now: Timestamp,
) -> Result<i64, Fault> {
    let points = sqlx::query_scalar!(
        r#"SELECT coalesce(sum(points), 0)::int8 AS "points!" FROM orders.points_posting
           WHERE merge_id = $1 AND points > 0 AND (expires_at IS NULL OR expires_at > $2)"#,
        merge,
        now.to_sqlx() as _
    )
    .fetch_one(connection)
    .await?;
    Ok(points)
}

/// What was posted to an account, oldest first.
pub(super) async fn movements(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<Vec<Movement>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT kind, points, expires_at AS "expires_at: jiff_sqlx::Timestamp"
           FROM orders.points_posting WHERE customer_id = $1 ORDER BY number"#,
        customer
    )
    .fetch_all(connection)
    .await?;
    let movements = rows.into_iter().map(|row| Movement {
        kind: PointsKind::try_from(i32::from(row.kind)).unwrap_or_default(),
        points: row.points,
        expires_at: row.expires_at.map(|at| at.to_jiff()),
    });
    Ok(movements.collect())
}

/// What an order earned; none: nothing.
pub(crate) async fn earned_by(
    connection: &mut PgConnection,
    order: Uuid,
) -> Result<Option<i64>, Fault> {
    // EARNED
    let points = sqlx::query_scalar!(
        "SELECT points FROM orders.points_posting WHERE order_id = $1 AND kind = 1",
        order
    )
    .fetch_optional(connection)
    .await?;
    Ok(points)
}

/// How much of what an order earned went back, or was to.
pub(crate) async fn reversed_of(connection: &mut PgConnection, order: Uuid) -> Result<i64, Fault> {
    let points = sqlx::query_scalar!(
        r#"SELECT coalesce(sum(points), 0)::int8 AS "points!" FROM orders.points_reversal WHERE order_id = $1"#,
        order
    )
    .fetch_one(connection)
    .await?;
    Ok(points)
}

/// Notes that so much of what an order earned goes back on an occasion; `false` when it has.
pub(crate) async fn reverse_once(
    connection: &mut PgConnection,
    occasion: &str,
    order: Uuid,
    customer: Uuid,
    points: i64,
) -> Result<bool, Fault> {
    let written = sqlx::query!(
        "INSERT INTO orders.points_reversal (occasion, order_id, customer_id, points) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
        occasion,
        order,
        customer,
        points
    )
    .execute(connection)
    .await?;
    Ok(written.rows_affected() == 1)
}
