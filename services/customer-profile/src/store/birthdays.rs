//! Who has a birthday (OP-3.3), found by keyed hash.

use kefu_contracts::policy::Purpose;
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

/// Customers found by one of these hashes who agreed to be turned to for MARKETING, and whose
/// file stands (ARCHIVED, IN_REVIEW, RETURNED); the next so many after this one.
pub(crate) async fn found(
    connection: &mut PgConnection,
    blinds: &[Vec<u8>],
    after: Uuid,
    most: i64,
) -> Result<Vec<Uuid>, Fault> {
    let customers = sqlx::query_scalar!(
        "SELECT DISTINCT c.id
         FROM profile.lookup_key k JOIN profile.customer c ON c.id = k.customer_id
         JOIN profile.consent g ON g.customer_id = c.id AND g.purpose = $2
         WHERE k.blind = ANY($1) AND c.id > $3 AND c.state IN (2, 3, 4)
         ORDER BY c.id LIMIT $4",
        blinds,
        Purpose::Marketing as i16,
        after,
        most
    )
    .fetch_all(connection)
    .await?;
    Ok(customers)
}

/// A file that is not found by its birthday yet.
pub(crate) struct Unmarked {
    pub(crate) id: Uuid,
    pub(crate) sealed: Vec<u8>,
    pub(crate) kek_id: String,
    pub(crate) wrapped: Vec<u8>,
}

/// Some of them, locked in one order; who holds one is waited for.
pub(crate) async fn unmarked(
    connection: &mut PgConnection,
    most: i64,
) -> Result<Vec<Unmarked>, Fault> {
    let files = sqlx::query_as!(
        Unmarked,
        "SELECT c.id, c.sealed, k.kek_id, k.wrapped
         FROM profile.birthday_unmarked u JOIN profile.customer c ON c.id = u.customer_id
         JOIN profile.customer_key k ON k.customer_id = c.id
         ORDER BY c.id LIMIT $1 FOR UPDATE OF c",
        most
    )
    .fetch_all(connection)
    .await?;
    Ok(files)
}

/// Adds what a file is found by.
pub(crate) async fn mark(
    connection: &mut PgConnection,
    customer: Uuid,
    blinds: &[Vec<u8>],
) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO profile.lookup_key (customer_id, blind) SELECT $1, * FROM UNNEST($2::bytea[])
         ON CONFLICT DO NOTHING",
        customer,
        blinds
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "DELETE FROM profile.birthday_unmarked WHERE customer_id = $1",
        customer
    )
    .execute(connection)
    .await?;
    Ok(())
}
