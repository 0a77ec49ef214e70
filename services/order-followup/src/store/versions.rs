//! Rules that the company sets, in versions: added, and never changed.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::order::{PromiseDefinition, PromiseRulesVersion};
use kefu_service::{error::Fault, time};
use prost::Message;
use prost_types::Timestamp as Moment;
use sqlx::{PgConnection, Row};

use crate::domain::promise;

/// A version of rules of one kind, as its contract has it.
pub(crate) trait Versioned: Sized {
    /// What it says.
    type Definition: Message + Default;

    /// The statements over its table.
    const SQL: Statements;

    /// What counts before any version.
    fn shipped() -> Self::Definition;

    fn of(version: Version<Self::Definition>) -> Self;
}

/// What every version says, whatever it is a version of.
#[derive(Default)]
pub(crate) struct Version<D> {
    /// From 1 on; 0 is what is shipped.
    pub(crate) number: i32,
    pub(crate) definition: D,
    /// From then until the next one is; `None`: from the beginning.
    pub(crate) effective_time: Option<Moment>,
    /// Never came into force.
    pub(crate) withdrawn: bool,
    pub(crate) author: String,
    pub(crate) record_time: Option<Moment>,
    pub(crate) reason: String,
}

/// What is asked of a table of versions.
pub(crate) struct Statements {
    pub(crate) all: &'static str,
    pub(crate) lock: &'static str,
    pub(crate) last: &'static str,
    pub(crate) withdraw: &'static str,
    pub(crate) add: &'static str,
}

/// The statements over the table of this name.
macro_rules! statements {
    ($table:literal) => {
        Statements {
            all: concat!(
                "SELECT number, effective_at, withdrawn, author, recorded_at, reason, definition FROM orders.",
                $table,
                " ORDER BY number"
            ),
            lock: concat!("LOCK TABLE orders.", $table, " IN SHARE ROW EXCLUSIVE MODE"),
            last: concat!("SELECT max(number) FROM orders.", $table),
            withdraw: concat!(
                "UPDATE orders.",
                $table,
                " SET withdrawn = true WHERE effective_at >= $1 AND effective_at > $2"
            ),
            add: concat!(
                "INSERT INTO orders.",
                $table,
                " (number, effective_at, author, recorded_at, reason, definition)
                  VALUES ($1, $2, $3, $4, $5, $6)"
            ),
        }
    };
}

/// The rules as a contract's version of them, whose fields are the same for all.
macro_rules! versioned {
    ($version:ty, $definition:ty, $table:literal, $shipped:path) => {
        impl Versioned for $version {
            type Definition = $definition;
            const SQL: Statements = statements!($table);

            fn shipped() -> $definition {
                $shipped()
            }

            fn of(version: Version<$definition>) -> Self {
                Self {
                    number: version.number,
                    definition: Some(version.definition),
                    effective_time: version.effective_time,
                    withdrawn: version.withdrawn,
                    author: version.author,
                    record_time: version.record_time,
                    reason: version.reason,
                }
            }
        }
    };
}
versioned!(
    PromiseRulesVersion,
    PromiseDefinition,
    "promise_rules_version",
    promise::rules::shipped
);

/// All versions, oldest first, the one that is shipped before them.
pub(crate) async fn all<V: Versioned>(connection: &mut PgConnection) -> Result<Vec<V>, Fault> {
    let rows = sqlx::query(V::SQL.all).fetch_all(connection).await?;
    let mut versions = vec![V::of(Version {
        definition: V::shipped(),
        ..Version::default()
    })];
    for row in rows {
        let at = |column| {
            let at = row.try_get::<jiff_sqlx::Timestamp, _>(column);
            at.map(|at| time::to_proto(at.to_jiff()))
        };
        let definition = V::Definition::decode(row.try_get::<&[u8], _>("definition")?)
            .map_err(|_| Fault::internal("rules that are not of the contracts"))?;
        versions.push(V::of(Version {
            number: row.try_get("number")?,
            definition,
            effective_time: Some(at("effective_at")?),
            withdrawn: row.try_get("withdrawn")?,
            author: row.try_get("author")?,
            record_time: Some(at("recorded_at")?),
            reason: row.try_get("reason")?,
        }));
    }
    Ok(versions)
}

/// Lets nobody else add a version until the transaction ends; the number of the last one.
pub(crate) async fn lock<V: Versioned>(connection: &mut PgConnection) -> Result<i32, Fault> {
    sqlx::query(V::SQL.lock).execute(&mut *connection).await?;
    let last: Option<i32> = sqlx::query_scalar(V::SQL.last)
        .fetch_one(connection)
        .await?;
    Ok(last.unwrap_or_default())
}

/// A version about to be added.
pub(crate) struct NewVersion<'a, D> {
    pub(crate) number: i32,
    pub(crate) definition: &'a D,
    pub(crate) effective_at: Timestamp,
    pub(crate) author: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) now: Timestamp,
}

/// Adds a version in the place of those that were to come into force then or later.
pub(crate) async fn add<V: Versioned>(
    connection: &mut PgConnection,
    new: &NewVersion<'_, V::Definition>,
) -> Result<(), Fault> {
    let (effective_at, now) = (new.effective_at.to_sqlx(), new.now.to_sqlx());
    let withdraw = sqlx::query(V::SQL.withdraw).bind(effective_at).bind(now);
    withdraw.execute(&mut *connection).await?;
    let add = sqlx::query(V::SQL.add)
        .bind(new.number)
        .bind(effective_at)
        .bind(new.author)
        .bind(now)
        .bind(new.reason)
        .bind(new.definition.encode_to_vec());
    add.execute(connection).await?;
    Ok(())
}
