//! Files are destroyed (CF-10.2): the key first of all, then whatever hangs on the customer.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::profile::CustomerState;
use kefu_service::{destroyed::destroy_key, error::Fault};
use sqlx::PgConnection;
use uuid::Uuid;

macro_rules! purge {
    ($($table:literal),* $(,)?) => {
        &[$(concat!("DELETE FROM profile.", $table, " WHERE customer_id = $1")),*]
    };
}

/// Everything of a customer that goes with the file and its key. A test sees to it that each table that
/// names customers is here, or is meant to stay.
const PURGED: &[&str] = purge![
    "duplicate_due",
    "duplicate_key",
    "lookup_key",
    "birthday_unmarked",
    "duty",
    "consent",
    "consent_statement",
    "purchase",
    "timeline",
    "quality",
    "quality_due",
    "quality_finding",
    "file_review",
    "rating",
    "rating_statement",
    "rating_due",
    "standing_check",
    "verification",
    "data_request",
    "revision",
];

/// What it was thought to be alike with.
const PAIRS: &str = "DELETE FROM profile.duplicate WHERE one_id = $1 OR other_id = $1";

/// A file that may be destroyed, locked until the transaction ends: neither a hold nor a
/// change comes between what is checked and what is done.
pub(crate) struct Locked {
    pub(crate) created_at: Timestamp,
    pub(crate) retained_from: Timestamp,
    pub(crate) due: bool,
    pub(crate) held: bool,
    /// The last one last.
    pub(crate) numbers: Vec<String>,
}

/// Locks a file; `None` where there is none, or no longer.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    customer: Uuid,
    now: Timestamp,
) -> Result<Option<Locked>, Fault> {
    let row = sqlx::query!(
        "SELECT tier, created_at, retained_from FROM profile.customer
         WHERE id = $1 AND state IN (2, 3, 4) FOR UPDATE",
        customer
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    // Only now: a statement sees what was committed before it began, and the lock may have
    // waited for a hold.
    let found = sqlx::query!(
        r#"SELECT EXISTS (SELECT 1 FROM profile.hold_file
                          WHERE (customer_id = $1 OR customer_id IN (SELECT id FROM profile.customer WHERE merged_into = $1))
                            AND removed_at IS NULL) AS "held!",
                  EXISTS (SELECT 1 FROM profile.retention_rule r
                          WHERE r.tier = $2 AND ($3::timestamptz AT TIME ZONE 'UTC' + make_interval(months => r.months))
                              AT TIME ZONE 'UTC' <= $4) AS "due!",
                  ARRAY(SELECT number FROM profile.file_number WHERE customer_id = $1
                        ORDER BY issued_at, number) AS "numbers!""#,
        customer,
        row.tier,
        row.retained_from as _,
        now.to_sqlx() as _
    )
    .fetch_one(connection)
    .await?;
    Ok(Some(Locked {
        created_at: row.created_at.to_jiff(),
        retained_from: row.retained_from.to_jiff(),
        due: found.due,
        held: found.held,
        numbers: found.numbers,
    }))
}

/// Locks what is part of a locked file; it is destroyed with it, and before it.
pub(crate) async fn parts(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<Vec<Uuid>, Fault> {
    let parts = sqlx::query_scalar!(
        "SELECT id FROM profile.customer WHERE merged_into = $1 ORDER BY id FOR UPDATE",
        customer
    )
    .fetch_all(connection)
    .await?;
    Ok(parts)
}

/// Destroys a locked file: its number, its dates and its place in the company are left.
pub(crate) async fn destroy(
    connection: &mut PgConnection,
    customer: Uuid,
    now: Timestamp,
) -> Result<(), Fault> {
    destroy_key(connection, customer).await?;
    for statement in PURGED.iter().chain(&[PAIRS]) {
        sqlx::query(*statement)
            .bind(customer)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query!(
        "UPDATE profile.customer
         SET state = $2, sealed = '', name_marks = '{}', address_marks = '{}', owner_id = NULL,
             external_ref = NULL, merged_into = NULL, revision = revision + 1, updated_at = $3
         WHERE id = $1",
        customer,
        CustomerState::Destroyed as i16,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether a customer's file was not destroyed; it is not until the transaction ends.
pub(crate) async fn stands(connection: &mut PgConnection, customer: Uuid) -> Result<bool, Fault> {
    let state = sqlx::query_scalar!(
        "SELECT state FROM profile.customer WHERE id = $1 FOR KEY SHARE",
        customer
    )
    .fetch_optional(connection)
    .await?;
    Ok(state != Some(CustomerState::Destroyed as i16))
}
