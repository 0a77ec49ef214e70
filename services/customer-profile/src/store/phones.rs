//! Equality look-up by phone over keyed hashes.

use kefu_service::error::Fault;
use kefu_vault::{BlindIndex, Vault};
use sqlx::PgConnection;
use uuid::Uuid;

/// The keyed hash of a number in E.164.
pub(crate) fn blind(vault: &Vault, number: &str) -> BlindIndex {
    vault.index_key().blind("profile.customer", "phone", number)
}

/// Replaces what the numbers of a file are found by.
pub(crate) async fn replace(
    connection: &mut PgConnection,
    customer: Uuid,
    blinds: &[Vec<u8>],
) -> Result<(), Fault> {
    sqlx::query!(
        "DELETE FROM profile.phone_index WHERE customer_id = $1 AND blind <> ALL($2)",
        customer,
        blinds
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO profile.phone_index (customer_id, blind) SELECT $1, * FROM UNNEST($2::bytea[])
         ON CONFLICT DO NOTHING",
        customer,
        blinds
    )
    .execute(connection)
    .await?;
    Ok(())
}
