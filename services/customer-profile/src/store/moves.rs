//! What hangs on a file goes with it into another, and back (IH-2.2). Each row keeps where it
//! came from; what is sealed is sealed anew under the key of the file that it is part of.

use kefu_service::{error::Fault, sealed::Sealer};
use kefu_vault::CustomerKey;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::rating_statements;

/// Rows that say nothing sealed.
const PLAIN: &[&str] = &["duty", "purchase", "timeline", "file_number", "hold_file"];
/// Rows with a record sealed in one column.
const SEALED: &[&str] = &[
    "profile.consent_statement",
    "profile.verification",
    "profile.data_request",
];
/// Rows whose words are sealed one by one.
const STATEMENTS: &str = rating_statements::TABLE;

/// From a file to another, with their keys.
pub(crate) struct Move<'a> {
    pub(crate) sealer: &'a Sealer,
    pub(crate) from: (Uuid, &'a CustomerKey),
    pub(crate) to: (Uuid, &'a CustomerKey),
}

/// Which rows of a file go.
#[derive(Clone, Copy)]
pub(crate) enum Which<'a> {
    /// All of them; they remember where they were.
    All,
    /// Back, what came from one of these files.
    From(&'a [Uuid]),
}

impl Which<'_> {
    /// Conditions on a row, of which `$1` is the file that it goes from and `$3` this.
    fn condition(self) -> &'static str {
        match self {
            Self::All => "customer_id = $1 AND $3::uuid[] IS NULL",
            Self::From(_) => "customer_id = $1 AND origin_id = ANY($3)",
        }
    }

    fn files(self) -> Option<Vec<Uuid>> {
        match self {
            Self::All => None,
            Self::From(files) => Some(files.to_vec()),
        }
    }
}

/// Where a row that goes to `$2` remembers to be from.
const ORIGIN: &str = "NULLIF(COALESCE(origin_id, customer_id), $2)";

impl Move<'_> {
    /// Moves the rows; both files must be locked.
    pub(crate) async fn rows(
        &self,
        connection: &mut PgConnection,
        which: Which<'_>,
    ) -> Result<(), Fault> {
        for table in PLAIN {
            let mut condition = which.condition().to_owned();
            if *table == "hold_file" {
                // The same hold may have both.
                condition += " AND NOT EXISTS (SELECT 1 FROM profile.hold_file o WHERE o.customer_id = $2
                                   AND o.hold_id = moved.hold_id AND o.removed_at IS NULL AND moved.removed_at IS NULL)";
            }
            let statement = format!(
                "UPDATE profile.{table} moved SET customer_id = $2, origin_id = {ORIGIN} WHERE {condition}"
            );
            sqlx::query(sqlx::AssertSqlSafe(statement))
                .bind(self.from.0)
                .bind(self.to.0)
                .bind(which.files())
                .execute(&mut *connection)
                .await?;
        }
        for table in SEALED {
            self.records(connection, table, which).await?;
        }
        self.statements(connection, which).await
    }

    async fn records(
        &self,
        connection: &mut PgConnection,
        table: &'static str,
        which: Which<'_>,
    ) -> Result<(), Fault> {
        let sealer = self.sealer.of_table(table);
        for row in self.find(connection, table, "sealed", which).await? {
            let (id, sealed): (Uuid, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
            let sealed = sealer.reseal((self.from.1, self.to.1), id, &sealed)?;
            let statement = format!(
                "UPDATE {table} SET customer_id = $2, origin_id = {ORIGIN}, sealed = $3 WHERE id = $1"
            );
            sqlx::query(sqlx::AssertSqlSafe(statement))
                .bind(id)
                .bind(self.to.0)
                .bind(sealed)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    async fn statements(
        &self,
        connection: &mut PgConnection,
        which: Which<'_>,
    ) -> Result<(), Fault> {
        let columns = "texts, withdraw_reason";
        for row in self.find(connection, STATEMENTS, columns, which).await? {
            let id: Uuid = row.try_get(0)?;
            let again = |column: &'static str, sealed: &[u8]| -> Result<Vec<u8>, Fault> {
                let (vault, place) = (self.sealer.vault(), rating_statements::place(id, column));
                let plain = vault.open(self.from.1, &place, sealed)?;
                Ok(vault.seal(self.to.1, &place, &plain)?)
            };
            let texts = again("texts", row.try_get(1)?)?;
            let reason: Option<&[u8]> = row.try_get(2)?;
            let reason = reason
                .map(|sealed| again("withdraw_reason", sealed))
                .transpose()?;
            let statement = format!(
                "UPDATE {STATEMENTS} SET customer_id = $2, origin_id = {ORIGIN}, texts = $3, withdraw_reason = $4
                 WHERE id = $1"
            );
            sqlx::query(sqlx::AssertSqlSafe(statement))
                .bind(id)
                .bind(self.to.0)
                .bind(texts)
                .bind(reason)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    async fn find(
        &self,
        connection: &mut PgConnection,
        table: &str,
        columns: &str,
        which: Which<'_>,
    ) -> Result<Vec<sqlx::postgres::PgRow>, Fault> {
        let condition = which.condition();
        let statement =
            format!("SELECT id, {columns}, $2::uuid FROM {table} WHERE {condition} ORDER BY id");
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(self.from.0)
            .bind(self.to.0)
            .bind(which.files())
            .fetch_all(connection)
            .await?;
        Ok(rows)
    }
}
