//! Accounts: one for each customer who has a file, with a row once anything was posted to it.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::order::PointsAccount;
use kefu_service::{
    error::Fault,
    fields::{etag, name},
    filter::{FilterField, FilterKind},
    scope::RecordSpec,
    time::to_proto,
};
use kefu_vault::WrappedKey;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::postings;
use crate::{
    domain::points::{Ledger, Movement},
    store::relations,
};

/// Collection of the resource names.
pub(crate) const ACCOUNTS: &str = "points-accounts";

/// Under which every look at an account is taken: where the file is, and for whoever follows an
/// order of the customer up.
pub(crate) const RECORD: RecordSpec = RecordSpec {
    columns: "r.customer_id, coalesce(a.balance, 0) AS balance, a.expires_at, coalesce(a.revision, 0) + 1 AS revision,
              a.updated_at, c.id AS correction_id, c.points AS correction_points, c.asker_id, c.asked_at,
              c.sealed AS correction_sealed, k.kek_id, k.wrapped",
    from: "orders.customer_relation r LEFT JOIN orders.points_account a ON a.customer_id = r.customer_id",
    joins: "LEFT JOIN orders.points_correction c ON c.customer_id = r.customer_id AND c.decided_at IS NULL
            LEFT JOIN orders.customer_key k ON k.customer_id = r.customer_id",
    id: "r.customer_id",
    scope: relations::SCOPE,
    fields: &[
        FilterField::system("customer", "r.customer_id", FilterKind::Name("customers")),
        FilterField::system("update_time", "a.updated_at", FilterKind::Time),
    ],
    ..RecordSpec::PLAIN
};

/// Those on which anything was ever posted or asked for.
pub(crate) const USED: RecordSpec = RecordSpec {
    only: "a.customer_id IS NOT NULL",
    ..RECORD
};

/// A row as it was read, the reason of a correction still sealed.
pub(crate) struct StoredAccount {
    pub(crate) customer_id: Uuid,
    pub(crate) revision: i64,
    pub(crate) updated_at: Timestamp,
    /// None before anything of the customer was sealed.
    pub(crate) wrapped: Option<WrappedKey>,
    pub(crate) correction: Option<StoredCorrection>,
    /// Rules of the call that let the row through.
    pub(crate) matched: i64,
    columns: PointsAccount,
}

/// A correction that waits for a second person.
pub(crate) struct StoredCorrection {
    pub(crate) id: Uuid,
    pub(crate) points: i64,
    pub(crate) asker_id: Uuid,
    pub(crate) sealed: Vec<u8>,
}

impl StoredAccount {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let time = |column| {
            let at = row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column);
            at.map(|at| at.map(|at| at.to_jiff()))
        };
        let customer_id = row.try_get("customer_id")?;
        let revision = row.try_get("revision")?;
        let updated_at = time("updated_at")?;
        let mut columns = PointsAccount {
            name: name(ACCOUNTS, customer_id),
            customer: name("customers", customer_id),
            balance: row.try_get("balance")?,
            next_expire_time: time("expires_at")?.map(to_proto),
            update_time: updated_at.map(to_proto),
            etag: etag(revision),
            ..PointsAccount::default()
        };
        let correction = match row.try_get::<Option<Uuid>, _>("correction_id")? {
            Some(id) => Some(StoredCorrection {
                id,
                points: row.try_get("correction_points")?,
                asker_id: row.try_get("asker_id")?,
                sealed: row.try_get("correction_sealed")?,
            }),
            None => None,
        };
        if let Some(one) = &correction {
            columns.correction_points = one.points;
            columns.correction_asker = name("employees", one.asker_id);
            columns.correction_time = time("asked_at")?.map(to_proto);
        }
        let kek_id: Option<String> = row.try_get("kek_id")?;
        let bytes: Option<Vec<u8>> = row.try_get("wrapped")?;
        Ok(Self {
            customer_id,
            revision,
            updated_at: updated_at.unwrap_or_default(),
            wrapped: kek_id
                .zip(bytes)
                .map(|(kek_id, bytes)| WrappedKey { kek_id, bytes }),
            correction,
            matched: row.try_get("matched")?,
            columns,
        })
    }

    /// The record: its columns with the opened reason of a correction.
    pub(crate) fn with_opened(&self, opened: PointsAccount) -> PointsAccount {
        PointsAccount {
            correction_reason: opened.correction_reason,
            ..self.columns.clone()
        }
    }
}

/// An account that is locked, for whoever posts to it next.
pub(crate) struct Locked {
    /// Of its last posting.
    pub(crate) number: i64,
    pub(crate) ledger: Ledger,
}

/// Lets one at a time at an account, and reads it.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    customer: Uuid,
    now: Timestamp,
) -> Result<Locked, Fault> {
    sqlx::query!(
        "INSERT INTO orders.points_account (customer_id, updated_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        customer,
        now.to_sqlx() as _
    )
    .execute(&mut *connection)
    .await?;
    let account = sqlx::query!(
        "SELECT number, owed FROM orders.points_account WHERE customer_id = $1 FOR UPDATE",
        customer
    )
    .fetch_one(&mut *connection)
    .await?;
    let posted: Vec<Movement> = postings::movements(connection, customer).await?;
    Ok(Locked {
        number: account.number,
        ledger: Ledger::of(posted, account.owed),
    })
}

/// Puts the next revision of a locked account down, as its last posting leaves it.
pub(crate) async fn settle(
    connection: &mut PgConnection,
    customer: Uuid,
    account: &Locked,
    now: Timestamp,
) -> Result<(), Fault> {
    let ledger = &account.ledger;
    sqlx::query!(
        "UPDATE orders.points_account
         SET number = $2, balance = $3, owed = $4, expires_at = $5, revision = revision + 1, updated_at = $6
         WHERE customer_id = $1",
        customer,
        account.number,
        ledger.balance(),
        ledger.owed(),
        ledger.next_end().map(ToSqlx::to_sqlx) as _,
        now.to_sqlx() as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Customers whose next points have ended, the longest ago first.
pub(crate) async fn ended(
    connection: &mut PgConnection,
    now: Timestamp,
    most: i64,
) -> Result<Vec<Uuid>, Fault> {
    let customers = sqlx::query_scalar!(
        "SELECT customer_id FROM orders.points_account WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
         FOR UPDATE SKIP LOCKED",
        now.to_sqlx() as _,
        most
    )
    .fetch_all(connection)
    .await?;
    Ok(customers)
}
