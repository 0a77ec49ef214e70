//! Who has duty on which file.

use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

/// Says who has duty by this resource now; `None`: nobody.
pub(crate) async fn settle(
    connection: &mut PgConnection,
    resource: &str,
    customer: Uuid,
    subject: Option<Uuid>,
) -> Result<(), Fault> {
    sqlx::query!(
        "DELETE FROM profile.duty WHERE resource = $1 AND (customer_id, subject_id) IS DISTINCT FROM ($2, $3)",
        resource,
        customer,
        subject
    )
    .execute(&mut *connection)
    .await?;
    if let Some(subject) = subject {
        sqlx::query!(
            "INSERT INTO profile.duty (customer_id, subject_id, resource) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            customer,
            subject,
            resource
        )
        .execute(connection)
        .await?;
    }
    Ok(())
}
