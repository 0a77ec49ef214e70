//! Which files are to be compared, and with which others (IH-2.2).

use kefu_service::error::Fault;
use kefu_vault::WrappedKey;
use sqlx::PgConnection;
use uuid::Uuid;

/// One comparison at a time: of two files that are entered at once, the second sees the first.
pub(crate) async fn alone(connection: &mut PgConnection) -> Result<(), Fault> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtext('profile.duplicate'))")
        .execute(connection)
        .await?;
    Ok(())
}

/// A file to be compared.
pub(crate) struct Sealed {
    pub(crate) id: Uuid,
    pub(crate) kind: i16,
    pub(crate) sealed: Vec<u8>,
    pub(crate) wrapped: WrappedKey,
}

/// The file of this id, if it is one.
pub(crate) async fn file(
    connection: &mut PgConnection,
    customer: Uuid,
) -> Result<Option<Sealed>, Fault> {
    let row = sqlx::query!(
        "SELECT c.id, c.type AS kind, c.sealed, k.kek_id, k.wrapped
         FROM profile.customer c JOIN profile.customer_key k ON k.customer_id = c.id
         WHERE c.id = $1 AND c.state IN (2, 3, 4) FOR SHARE OF c",
        customer
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Sealed {
        id: row.id,
        kind: row.kind,
        sealed: row.sealed,
        wrapped: WrappedKey {
            kek_id: row.kek_id,
            bytes: row.wrapped,
        },
    }))
}

/// Replaces what a file is compared by; none of what is no file.
pub(crate) async fn replace_keys(
    connection: &mut PgConnection,
    customer: Uuid,
    blinds: &[Vec<u8>],
) -> Result<(), Fault> {
    sqlx::query!(
        "DELETE FROM profile.duplicate_key WHERE customer_id = $1 AND blind <> ALL($2)",
        customer,
        blinds
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO profile.duplicate_key (customer_id, blind) SELECT $1, * FROM UNNEST($2::bytea[])
         ON CONFLICT DO NOTHING",
        customer,
        blinds
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Files of the same type that share a key with this one, but for keys that more files have
/// than tell anything.
pub(crate) async fn sharing(
    connection: &mut PgConnection,
    file: &Sealed,
    most: i64,
) -> Result<Vec<Sealed>, Fault> {
    let rows = sqlx::query!(
        "SELECT c.id, c.type AS kind, c.sealed, k.kek_id, k.wrapped
         FROM profile.customer c JOIN profile.customer_key k ON k.customer_id = c.id
         WHERE c.state IN (2, 3, 4) AND c.type = $2 AND c.id IN (
             SELECT s.customer_id FROM profile.duplicate_key own
             CROSS JOIN LATERAL (SELECT customer_id, count(*) OVER () AS files FROM (
                 SELECT customer_id FROM profile.duplicate_key WHERE blind = own.blind LIMIT $3::bigint + 1) few) s
             WHERE own.customer_id = $1 AND s.files <= $3::bigint AND s.customer_id <> $1)
         ORDER BY c.id",
        file.id,
        file.kind,
        most
    )
    .fetch_all(connection)
    .await?;
    let files = rows.into_iter().map(|row| Sealed {
        id: row.id,
        kind: row.kind,
        sealed: row.sealed,
        wrapped: WrappedKey {
            kek_id: row.kek_id,
            bytes: row.wrapped,
        },
    });
    Ok(files.collect())
}
