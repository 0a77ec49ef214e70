//! Customers whose key is gone, and what is sealed under it with it. No service leads there: a key is made and
//! destroyed in one transaction with what it opens. A statement that was mistyped does.

use std::collections::BTreeMap;

use anyhow::bail;
use kefu_contracts::profile::CustomerState;
use sqlx::{AssertSqlSafe, PgConnection};

/// Who has to be in which table of keys. Whatever else is sealed hangs on one of these.
const NEEDED: [(&str, &str); 3] = [
    (
        "profile.customer_key",
        "SELECT id AS customer_id FROM profile.customer",
    ),
    (
        "ticket.customer_key",
        "SELECT customer_id FROM ticket.ticket WHERE sealed <> ''",
    ),
    (
        "orders.customer_key",
        "SELECT customer_id FROM orders.purchase_order WHERE sealed <> ''
         UNION ALL SELECT customer_id FROM orders.follow_up WHERE sealed <> ''
         UNION ALL SELECT customer_id FROM orders.after_sales_case WHERE sealed <> ''
         UNION ALL SELECT customer_id FROM orders.visit WHERE sealed <> ''",
    ),
];

/// How many customers have no key, by the table that they should have one in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keyless(BTreeMap<&'static str, u64>);

/// Looks for them. Whose file was destroyed needs none, though other services may not have come to it.
///
/// # Errors
/// The database's.
pub async fn keyless(connection: &mut PgConnection) -> anyhow::Result<Keyless> {
    let mut found = BTreeMap::new();
    for (table, needed) in NEEDED {
        // Sets less sets: no plan looks one table up for each row of another, whatever statistics there are.
        let count = format!(
            "SELECT count(*) FROM (({needed}) EXCEPT SELECT customer_id FROM {table}
                                   EXCEPT SELECT id FROM profile.customer WHERE state = $1) keyless"
        );
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(count))
            .bind(CustomerState::Destroyed as i16)
            .fetch_one(&mut *connection)
            .await?;
        if count > 0 {
            found.insert(table, u64::try_from(count)?);
        }
    }
    Ok(Keyless(found))
}

impl Keyless {
    /// Keys that are missing.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// `customers without a key: 2 in profile.customer_key`.
    pub fn told(&self) -> String {
        let each = self.0.iter();
        let each: Vec<_> = each
            .map(|(table, count)| format!("{count} in {table}"))
            .collect();
        format!("customers without a key: {}", each.join(", "))
    }

    /// Refuses more than are known to be lost.
    ///
    /// # Errors
    /// How many there are, and the way out.
    pub fn check(&self, known: u64) -> anyhow::Result<()> {
        match self.count() {
            missing if missing > known => bail!(
                "{}. Nobody can read what is sealed under them. Older keys-….age may have them: keep those aside, in \
                 every place, and put the keys back (docs/backup.md). Lost for good: --keys-lost {missing}",
                self.told()
            ),
            _ => Ok(()),
        }
    }
}
