//! What tiers and credit of customers rest on: what they bought, and how often they turned to
//! us (CF-2.4, IH-8.2).

use std::collections::HashMap;

use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::timeline::CONTACT;
use crate::domain::rating::{Past, Purchase};

/// Of each of these customers who has any.
pub(crate) async fn of(
    connection: &mut PgConnection,
    customers: &[Uuid],
) -> Result<HashMap<Uuid, Past>, Fault> {
    let mut of: HashMap<Uuid, Past> = HashMap::new();
    let bought = sqlx::query!(
        r#"SELECT customer_id, currency, round(amount * 100)::bigint AS "amount!",
                  placed_at AS "placed_at: jiff_sqlx::Timestamp"
           FROM profile.purchase WHERE customer_id = ANY($1)"#,
        customers
    )
    .fetch_all(&mut *connection)
    .await?;
    for row in bought {
        let past = of.entry(row.customer_id).or_default();
        past.purchases.push(Purchase {
            currency: row.currency,
            amount: row.amount,
            placed_at: row.placed_at.to_jiff(),
        });
    }
    let turned = sqlx::query!(
        r#"SELECT customer_id, occurred_at AS "occurred_at: jiff_sqlx::Timestamp"
           FROM profile.timeline WHERE customer_id = ANY($1) AND act = $2"#,
        customers,
        CONTACT
    )
    .fetch_all(connection)
    .await?;
    for row in turned {
        let past = of.entry(row.customer_id).or_default();
        past.contacts.push(row.occurred_at.to_jiff());
    }
    Ok(of)
}
