//! How customers are rated, and whom to rate.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

/// How a customer is rated, with the figures that tell why.
pub(crate) struct StoredRating {
    pub(crate) rules_version: i32,
    pub(crate) tier: i16,
    pub(crate) credit: i16,
    /// What the rules alone say.
    pub(crate) computed_tier: i16,
    pub(crate) computed_credit: i16,
    pub(crate) amount: i64,
    pub(crate) orders: i32,
    pub(crate) loyalty_days: i32,
    pub(crate) contacts: i32,
    pub(crate) paid: i64,
    pub(crate) conditions: Vec<i16>,
    pub(crate) evaluated_at: Timestamp,
}

/// What of a file a change of its tier has to know.
pub(crate) struct RatedFile {
    pub(crate) kind: i16,
    pub(crate) state: i16,
    pub(crate) tier: i16,
    pub(crate) business_line: String,
    pub(crate) department_id: Uuid,
    pub(crate) owner_id: Option<Uuid>,
    pub(crate) entered_at: Option<Timestamp>,
    pub(crate) sealed: Vec<u8>,
    pub(crate) revision: i64,
}

/// A file as a preview looks at it.
pub(crate) struct Placed {
    pub(crate) customer: Uuid,
    pub(crate) tier: i16,
    /// None while the customer has not been rated.
    pub(crate) credit: Option<i16>,
}

/// Has everybody rated from then on.
pub(crate) async fn look_at_all(connection: &mut PgConnection, at: Timestamp) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO profile.rating_due AS d (customer_id, due_at)
         SELECT id, $1 FROM profile.customer WHERE state IN (2, 3, 4) ORDER BY id
         ON CONFLICT (customer_id) DO UPDATE SET due_at = LEAST(d.due_at, EXCLUDED.due_at)",
        at.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Locks a file.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<Option<RatedFile>, Fault> {
    let row = sqlx::query!(
        r#"SELECT type AS kind, state, tier, business_line, department_id, owner_id,
                  entered_at AS "entered_at: jiff_sqlx::Timestamp", sealed, revision
           FROM profile.customer WHERE id = $1 AND state IN (2, 3, 4) FOR UPDATE"#,
        customer
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| RatedFile {
        kind: row.kind,
        state: row.state,
        tier: row.tier,
        business_line: row.business_line,
        department_id: row.department_id,
        owner_id: row.owner_id,
        entered_at: row.entered_at.map(|at| at.to_jiff()),
        sealed: row.sealed,
        revision: row.revision,
    }))
}

/// Puts a locked file into another tier, under another number.
pub(crate) async fn move_file(
    connection: &mut PgConnection,
    customer: Uuid,
    tier: i16,
    file_number: &str,
    sealed: &[u8],
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE profile.customer
         SET tier = $2, file_number = $3, sealed = $4, revision = revision + 1, updated_at = $5
         WHERE id = $1",
        customer,
        tier,
        file_number,
        sealed,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How a customer was rated last.
pub(crate) async fn find(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<Option<StoredRating>, Fault> {
    let row = sqlx::query!(
        r#"SELECT rules_version, tier, credit, computed_tier, computed_credit, amount, orders, loyalty_days,
                  contacts, paid, conditions, evaluated_at AS "evaluated_at: jiff_sqlx::Timestamp"
           FROM profile.rating WHERE customer_id = $1"#,
        customer
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| StoredRating {
        rules_version: row.rules_version,
        tier: row.tier,
        credit: row.credit,
        computed_tier: row.computed_tier,
        computed_credit: row.computed_credit,
        amount: row.amount,
        orders: row.orders,
        loyalty_days: row.loyalty_days,
        contacts: row.contacts,
        paid: row.paid,
        conditions: row.conditions,
        evaluated_at: row.evaluated_at.to_jiff(),
    }))
}

/// Keeps how a customer is rated.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    customer: Uuid,
    rating: &StoredRating,
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO profile.rating
             (customer_id, rules_version, tier, credit, amount, orders, loyalty_days, paid, conditions, evaluated_at,
              computed_tier, computed_credit, contacts)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (customer_id) DO UPDATE
         SET rules_version = EXCLUDED.rules_version, tier = EXCLUDED.tier, credit = EXCLUDED.credit,
             amount = EXCLUDED.amount, orders = EXCLUDED.orders, loyalty_days = EXCLUDED.loyalty_days,
             paid = EXCLUDED.paid, conditions = EXCLUDED.conditions, evaluated_at = EXCLUDED.evaluated_at,
             computed_tier = EXCLUDED.computed_tier, computed_credit = EXCLUDED.computed_credit,
             contacts = EXCLUDED.contacts",
        customer,
        rating.rules_version,
        rating.tier,
        rating.credit,
        rating.amount,
        rating.orders,
        rating.loyalty_days,
        rating.paid,
        &rating.conditions,
        rating.evaluated_at.to_sqlx() as _,
        rating.computed_tier,
        rating.computed_credit,
        rating.contacts
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Files by id, from behind this one on.
pub(crate) async fn placed(
    connection: &mut PgConnection,
    behind: Uuid,
    most: i64,
) -> Result<Vec<Placed>, Fault> {
    let placed = sqlx::query_as!(
        Placed,
        r#"SELECT c.id AS customer, c.tier, r.credit AS "credit?"
           FROM profile.customer c LEFT JOIN profile.rating r ON r.customer_id = c.id
           WHERE c.state IN (2, 3, 4) AND c.id > $1 ORDER BY c.id LIMIT $2"#,
        behind,
        most
    )
    .fetch_all(connection)
    .await?;
    Ok(placed)
}
