//! Rules that a company sets, in versions: added, and never changed; in the same way whatever they
//! are about. A service says of a kind what it is kept in, what it is called and how it is checked.

mod revise;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use prost::Message;
/// A moment, as contracts carry it.
pub use prost_types::Timestamp as Moment;
use sqlx::{PgConnection, Row};

use crate::{error::Fault, time};

pub use crate::{revisable, versioned};
pub use revise::{Asked, Names, Revisable, get, revise};

/// A version of rules of one kind, as its contract has it. `Owner` is a type of the service that
/// keeps them, which lets it implement this for a message of the contracts.
pub trait Versioned<Owner>: Sized {
    /// What it says.
    type Definition: Message + Default + Clone;

    /// The statements over its table.
    const SQL: Statements;

    /// What counts before any version.
    fn shipped() -> Self::Definition;

    /// From when on it counts, none: from the beginning; and whether it was withdrawn before it did.
    fn dates(&self) -> (Option<&Moment>, bool);

    /// As the contract carries it.
    fn of(version: Version<Self::Definition>) -> Self;
}

/// What every version says, whatever it is a version of.
#[derive(Default)]
pub struct Version<D> {
    /// From 1 on; 0 is what is shipped.
    pub number: i32,
    /// What it says.
    pub definition: D,
    /// From then until the next one is; `None`: from the beginning.
    pub effective_time: Option<Moment>,
    /// Never came into force.
    pub withdrawn: bool,
    /// Resource name of whoever added it.
    pub author: String,
    /// When it was added.
    pub record_time: Option<Moment>,
    /// Why.
    pub reason: String,
}

/// What is asked of a table of versions.
pub struct Statements {
    /// Every version, oldest first.
    pub all: &'static str,
    /// Lets nobody else add one.
    pub lock: &'static str,
    /// Number of the last.
    pub last: &'static str,
    /// Withdraws those that come into force from then on and have not.
    pub withdraw: &'static str,
    /// Adds one.
    pub add: &'static str,
}

/// The rules of a contract, whose versions have the same fields for all, in a table of this name.
#[macro_export]
macro_rules! versioned {
    ($owner:ty, $version:ty, $definition:ty, $table:literal, $shipped:path) => {
        impl $crate::versions::Versioned<$owner> for $version {
            type Definition = $definition;
            const SQL: $crate::versions::Statements = $crate::versions::Statements {
                all: concat!(
                    "SELECT number, effective_at, withdrawn, author, recorded_at, reason, definition FROM ",
                    $table,
                    " ORDER BY number"
                ),
                lock: concat!("LOCK TABLE ", $table, " IN SHARE ROW EXCLUSIVE MODE"),
                last: concat!("SELECT max(number) FROM ", $table),
                withdraw: concat!(
                    "UPDATE ",
                    $table,
                    " SET withdrawn = true WHERE effective_at >= $1 AND effective_at > $2"
                ),
                add: concat!(
                    "INSERT INTO ",
                    $table,
                    " (number, effective_at, author, recorded_at, reason, definition)
                      VALUES ($1, $2, $3, $4, $5, $6)"
                ),
            };

            fn shipped() -> $definition {
                $shipped()
            }

            fn dates(&self) -> (Option<&$crate::versions::Moment>, bool) {
                (self.effective_time.as_ref(), self.withdrawn)
            }

            fn of(version: $crate::versions::Version<$definition>) -> Self {
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

/// The version that counts then, of all there are, oldest first.
pub fn in_force<Owner, V: Versioned<Owner>>(versions: &[V], at: Timestamp) -> Option<&V> {
    versions.iter().rfind(|version| {
        let (from, withdrawn) = version.dates();
        let began = from
            .and_then(time::from_proto)
            .is_none_or(|from| from <= at);
        began && !withdrawn
    })
}

/// All versions, oldest first, the one that is shipped before them.
///
/// # Errors
/// When they cannot be read, or are not of the contracts.
pub async fn all<Owner, V: Versioned<Owner>>(
    connection: &mut PgConnection,
) -> Result<Vec<V>, Fault> {
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
async fn lock<Owner, V: Versioned<Owner>>(connection: &mut PgConnection) -> Result<i32, Fault> {
    sqlx::query(V::SQL.lock).execute(&mut *connection).await?;
    let last: Option<i32> = sqlx::query_scalar(V::SQL.last)
        .fetch_one(connection)
        .await?;
    Ok(last.unwrap_or_default())
}

/// A version about to be added.
struct NewVersion<'a, D> {
    number: i32,
    definition: &'a D,
    effective_at: Timestamp,
    author: &'a str,
    reason: &'a str,
    now: Timestamp,
}

/// Adds a version in the place of those that were to come into force then or later.
async fn add<Owner, V: Versioned<Owner>>(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::to_proto;

    struct One(Option<Moment>, bool);

    impl Versioned<()> for One {
        type Definition = ();
        const SQL: Statements = Statements {
            all: "",
            lock: "",
            last: "",
            withdraw: "",
            add: "",
        };

        fn shipped() {}

        fn dates(&self) -> (Option<&Moment>, bool) {
            (self.0.as_ref(), self.1)
        }

        fn of(version: Version<()>) -> Self {
            Self(version.effective_time, version.withdrawn)
        }
    }

    #[test]
    fn the_last_one_that_has_begun_counts() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let from = |second, withdrawn| One(Some(to_proto(at(second))), withdrawn);
        let versions = [
            One(None, false),
            from(10, false),
            from(20, true),
            from(30, false),
        ];
        let counts = |second| {
            let found = in_force(&versions, at(second)).unwrap();
            versions.iter().position(|one| std::ptr::eq(one, found))
        };
        assert_eq!(
            [9, 10, 25, 30].map(counts),
            [Some(0), Some(1), Some(1), Some(3)]
        );
    }
}
