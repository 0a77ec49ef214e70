//! What people said about ratings.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_service::error::Fault;
use kefu_vault::Place;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::rating::statement::{Said, Statement};

/// Its table.
pub(super) const TABLE: &str = "profile.rating_statement";

/// A statement as it is kept.
pub(crate) struct StoredStatement {
    pub(crate) id: Uuid,
    pub(crate) statement: Statement,
    pub(crate) recorder: String,
    pub(crate) recorded_at: Timestamp,
    /// Sealed.
    pub(crate) texts: Vec<u8>,
    pub(crate) withdrawn: Option<Withdrawn>,
}

/// That it was taken back.
pub(crate) struct Withdrawn {
    pub(crate) by: String,
    pub(crate) at: Timestamp,
    /// Sealed.
    pub(crate) reason: Vec<u8>,
}

/// Where its words are sealed.
pub(crate) fn place(id: Uuid, column: &'static str) -> Place {
    Place {
        table: TABLE,
        column,
        row: id,
    }
}

/// What counts of it.
pub(crate) fn standing(statements: &[StoredStatement]) -> Vec<Statement> {
    let standing = statements.iter().filter(|one| one.withdrawn.is_none());
    standing.map(|one| one.statement).collect()
}

/// What was said about these customers, in the order in which it was recorded.
pub(crate) async fn of(
    connection: &mut PgConnection,
    customers: &[Uuid],
) -> Result<HashMap<Uuid, Vec<StoredStatement>>, Fault> {
    let rows = sqlx::query!(
        r#"SELECT id, customer_id, kind, value, starts_at AS "starts_at: jiff_sqlx::Timestamp",
                  ends_at AS "ends_at: jiff_sqlx::Timestamp", recorder,
                  recorded_at AS "recorded_at: jiff_sqlx::Timestamp", texts, withdrawer,
                  withdrawn_at AS "withdrawn_at: jiff_sqlx::Timestamp", withdraw_reason
           FROM profile.rating_statement WHERE customer_id = ANY($1) ORDER BY recorded_at, id"#,
        customers
    )
    .fetch_all(connection)
    .await?;
    let mut of: HashMap<Uuid, Vec<StoredStatement>> = HashMap::new();
    for row in rows {
        let said = Said::of(row.kind, row.value);
        let said = said.ok_or_else(|| Fault::internal("a stored statement that says nothing"))?;
        let withdrawn = row.withdrawn_at.map(|at| Withdrawn {
            by: row.withdrawer,
            at: at.to_jiff(),
            reason: row.withdraw_reason.unwrap_or_default(),
        });
        of.entry(row.customer_id)
            .or_default()
            .push(StoredStatement {
                id: row.id,
                statement: Statement {
                    said,
                    from: row.starts_at.to_jiff(),
                    until: row.ends_at.map(|at| at.to_jiff()),
                },
                recorder: row.recorder,
                recorded_at: row.recorded_at.to_jiff(),
                texts: row.texts,
                withdrawn,
            });
    }
    Ok(of)
}

/// Keeps what was said.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    customer: Uuid,
    new: &StoredStatement,
) -> Result<(), Fault> {
    let (kind, value) = new.statement.said.numbers();
    sqlx::query!(
        "INSERT INTO profile.rating_statement
             (id, customer_id, kind, value, starts_at, ends_at, recorder, recorded_at, texts)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        new.id,
        customer,
        kind,
        value,
        new.statement.from.to_sqlx() as _,
        new.statement.until.map(|at| at.to_sqlx()) as _,
        new.recorder,
        new.recorded_at.to_sqlx() as _,
        new.texts
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes a statement back.
pub(crate) async fn withdraw(
    connection: &mut PgConnection,
    id: Uuid,
    withdrawn: &Withdrawn,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE profile.rating_statement SET withdrawer = $2, withdrawn_at = $3, withdraw_reason = $4 WHERE id = $1",
        id,
        withdrawn.by,
        withdrawn.at.to_sqlx() as _,
        withdrawn.reason
    )
    .execute(connection)
    .await?;
    Ok(())
}
