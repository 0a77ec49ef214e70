//! Whose customers are and of which tier, as customer-profile's journal tells; how important
//! they are, and when it is to be looked whether one is visited (OP-3.3).

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_access::{DutySql, ScopeColumns};
use kefu_contracts::order::{CustomerCredit, CustomerTier, Importance, Relation};
use kefu_service::{
    error::Fault,
    fields::{etag, name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time::to_proto,
};
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

/// Collection of the resource names.
pub(crate) const RELATIONS: &str = "relations";

/// Under which every look at a relation is taken: where the file is, and for whoever follows an
/// order of the customer up.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "r.customer_id, r.department_id, r.owner_id, r.tier, r.importance, r.known_at, r.visited_at, r.revision",
    from: "orders.customer_relation r",
    id: "r.customer_id",
    scope: SCOPE,
    fields: &[
        FilterField::system("customer", "r.customer_id", FilterKind::Name("customers")),
        FilterField::system(
            "department",
            "r.department_id",
            FilterKind::Name("departments"),
        ),
        FilterField::system("owner", "r.owner_id", FilterKind::Person),
        FilterField::system("known_time", "r.known_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// Of what belongs to a customer as such; the relation is `r`.
pub(crate) const SCOPE: ScopeColumns = ScopeColumns {
    department: Some("r.department_id"),
    owner: Some("r.owner_id"),
    customer: Some("r.customer_id"),
    duty: Some(DutySql {
        before: "EXISTS (SELECT FROM orders.purchase_order d
                 WHERE d.customer_id = r.customer_id AND d.stage NOT IN (8, 9) AND d.owner_id = ",
        after: ")",
    }),
    consent: None,
};

/// A row as it was read.
pub(crate) struct StoredRelation {
    pub(crate) customer_id: Uuid,
    pub(crate) department_id: Uuid,
    pub(crate) known_at: Timestamp,
    pub(crate) revision: i64,
    /// Rules of the call that let the row through.
    pub(crate) matched: i64,
    pub(crate) record: Relation,
}

impl StoredRelation {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let time = |column| {
            let at = row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column);
            at.map(|at| at.map(|at| at.to_jiff()))
        };
        let customer_id = row.try_get("customer_id")?;
        let department_id = row.try_get("department_id")?;
        let owner: Option<Uuid> = row.try_get("owner_id")?;
        let known_at = time("known_at")?.unwrap_or_default();
        let revision = row.try_get("revision")?;
        Ok(Self {
            customer_id,
            department_id,
            known_at,
            revision,
            matched: row.try_get("matched")?,
            record: Relation {
                name: name(RELATIONS, customer_id),
                customer: name("customers", customer_id),
                department: name("departments", department_id),
                owner: owner.map(|id| name("employees", id)).unwrap_or_default(),
                tier: row.try_get::<i16, _>("tier")?.into(),
                importance: row.try_get::<i16, _>("importance")?.into(),
                known_time: Some(to_proto(known_at)),
                last_visit_time: time("visited_at")?.map(to_proto),
                etag: etag(revision),
                disclosure: None,
            },
        })
    }
}

/// What the journal says of a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) customer: Uuid,
    pub(crate) department: Uuid,
    pub(crate) owner: Option<Uuid>,
    /// Unspecified: the entry is of before it was said.
    pub(crate) tier: CustomerTier,
    /// Served under this file.
    pub(crate) active: bool,
}

/// Remembers a customer as the file now is; where that is another than before, it is looked
/// anew whether they are visited.
pub(crate) async fn learn(
    connection: &mut PgConnection,
    told: &Told,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO orders.customer_relation AS r
             (customer_id, department_id, owner_id, tier, active, known_at, counted_from, look_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6, $6)
         ON CONFLICT (customer_id) DO UPDATE
         SET department_id = EXCLUDED.department_id, owner_id = EXCLUDED.owner_id,
             tier = CASE WHEN EXCLUDED.tier = 0 THEN r.tier ELSE EXCLUDED.tier END,
             active = EXCLUDED.active, look_at = EXCLUDED.look_at, revision = r.revision + 1
         WHERE (r.department_id, r.owner_id, r.tier, r.active) IS DISTINCT FROM
             (EXCLUDED.department_id, EXCLUDED.owner_id,
              CASE WHEN EXCLUDED.tier = 0 THEN r.tier ELSE EXCLUDED.tier END, EXCLUDED.active)",
        told.customer,
        told.department,
        told.owner,
        told.tier as i16,
        told.active,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Remembers of which credit the customer is; where that is another than before, it is looked anew
/// whether they are visited.
pub(crate) async fn learn_credit(
    connection: &mut PgConnection,
    customer: Uuid,
    credit: CustomerCredit,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.customer_relation SET credit = $2, look_at = $3, revision = revision + 1
         WHERE customer_id = $1 AND credit <> $2",
        customer,
        credit as i16,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Remembers whether the customer is served under this file.
pub(crate) async fn activate(
    connection: &mut PgConnection,
    customer: Uuid,
    active: bool,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.customer_relation SET active = $2, look_at = $3, revision = revision + 1
         WHERE customer_id = $1 AND active <> $2",
        customer,
        active,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Of which tier the customer is; none: nothing is known of them any more.
pub(crate) async fn tier(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<Option<CustomerTier>, Fault> {
    let tier = sqlx::query_scalar!(
        "SELECT tier FROM orders.customer_relation WHERE customer_id = $1",
        customer
    )
    .fetch_optional(connection)
    .await?;
    Ok(tier.map(|tier| CustomerTier::try_from(i32::from(tier)).unwrap_or_default()))
}

/// Says how important a customer is, at the revision that was seen.
pub(crate) async fn set_importance(
    connection: &mut PgConnection,
    customer: Uuid,
    importance: Importance,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.customer_relation SET importance = $2, look_at = $3, revision = revision + 1
         WHERE customer_id = $1",
        customer,
        importance as i16,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that the last visit is over, made or not: the next one is counted from then.
pub(crate) async fn count_from(
    connection: &mut PgConnection,
    customer: Uuid,
    visited_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.customer_relation
         SET counted_from = $2, look_at = $2, visited_at = greatest(visited_at, $3::timestamptz)
         WHERE customer_id = $1",
        customer,
        now.to_sqlx() as _,
        visited_at.map(ToSqlx::to_sqlx) as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A customer at whom is to be looked whether they are visited.
pub(crate) struct ToLookAt {
    pub(crate) customer_id: Uuid,
    pub(crate) department_id: Uuid,
    pub(crate) owner_id: Option<Uuid>,
    pub(crate) tier: CustomerTier,
    pub(crate) credit: CustomerCredit,
    pub(crate) importance: Importance,
    pub(crate) active: bool,
    pub(crate) counted_from: Timestamp,
}

/// Some of them, for whoever looks; those whom somebody else looks at are left out.
pub(crate) async fn to_look_at(
    connection: &mut PgConnection,
    plan_version: i32,
    now: Timestamp,
    most: i64,
) -> Result<Vec<ToLookAt>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT customer_id, department_id, owner_id, tier, credit, importance, active,
                  counted_from AS "counted_from: jiff_sqlx::Timestamp"
           FROM orders.customer_relation
           WHERE look_at <= $2 OR active AND (plan_version < $1 OR plan_version > $1)
           LIMIT $3 FOR UPDATE SKIP LOCKED"#,
        plan_version,
        now.to_sqlx() as _,
        most
    )
    .fetch_all(connection)
    .await?;
    let all = rows.into_iter().map(|row| ToLookAt {
        customer_id: row.customer_id,
        department_id: row.department_id,
        owner_id: row.owner_id,
        tier: CustomerTier::try_from(i32::from(row.tier)).unwrap_or_default(),
        credit: CustomerCredit::try_from(i32::from(row.credit)).unwrap_or_default(),
        importance: Importance::try_from(i32::from(row.importance)).unwrap_or_default(),
        active: row.active,
        counted_from: row.counted_from.to_jiff(),
    });
    Ok(all.collect())
}

/// Notes that one was looked at by a version of the plans, and when to look again.
pub(crate) async fn looked_at(
    connection: &mut PgConnection,
    customer: Uuid,
    plan_version: i32,
    again_at: Option<Timestamp>,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE orders.customer_relation SET plan_version = $2, look_at = $3 WHERE customer_id = $1",
        customer,
        plan_version,
        again_at.map(ToSqlx::to_sqlx) as _
    )
    .execute(connection)
    .await?;
    Ok(())
}
