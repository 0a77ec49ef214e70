//! The file of keys: what has to be as new as can be when an older backup of the data is restored. Lines of JSON,
//! sealed: a head, a row of a table each, and at the end how many of each there are.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
};

use anyhow::{Context, bail};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use kefu_access_control::restored::Since;
use kefu_customer_profile::restored::CarriedOut;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::contents::{DESTROYED, KEYS, STANDING};

/// The form of the file that this kefu writes.
const FORM: u32 = 1;
/// Keys that are put into the database by one statement.
const BATCH: usize = 1000;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Head { form: u32, at: Timestamp },
    Row(String, Value),
    End(BTreeMap<String, u64>),
}

/// How many rows of which table.
pub(crate) type Counts = BTreeMap<String, u64>;

/// Writes them, as they are in the transaction of this connection.
///
/// # Errors
/// The database's, or that it cannot be written.
pub(super) async fn write(
    connection: &mut PgConnection,
    at: Timestamp,
    to: &mut (impl Write + Send),
) -> anyhow::Result<Counts> {
    let mut counts = Counts::new();
    line(to, &Line::Head { form: FORM, at })?;
    for table in KEYS.iter().chain(&DESTROYED).chain(&STANDING) {
        let select = format!("SELECT to_json(t)::text FROM {table} t");
        let mut rows =
            sqlx::query_scalar::<_, String>(AssertSqlSafe(select)).fetch(&mut *connection);
        let mut count = 0;
        while let Some(row) = rows.try_next().await? {
            line(
                to,
                &Line::Row((*table).to_owned(), serde_json::from_str(&row)?),
            )?;
            count += 1;
        }
        counts.insert((*table).to_owned(), count);
    }
    line(to, &Line::End(counts.clone()))?;
    Ok(counts)
}

fn line(to: &mut impl Write, line: &Line) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    Ok(to.write_all(&text)?)
}

/// What the file says beside the keys themselves.
#[derive(Debug)]
pub(crate) struct Known {
    /// Of the snapshot.
    pub at: Timestamp,
    /// Destructions that were carried out until then, ever.
    pub destructions: Vec<CarriedOut>,
    /// Rights as they stood then.
    pub since: Since,
    /// Rows of each table.
    pub counts: Counts,
}

#[derive(Deserialize)]
struct Certificate {
    id: Uuid,
    issued_at: Timestamp,
    body: String,
}

#[derive(Deserialize)]
struct Tombstone {
    customer_id: Uuid,
    certificate_id: Uuid,
}

/// Puts the keys into a database that has none, and tells what else the file says.
///
/// # Errors
/// The database's, or that the file is not whole.
pub(crate) async fn read(connection: &mut PgConnection, from: impl Read) -> anyhow::Result<Known> {
    let mut reading = Reading::default();
    let mut lines = BufReader::new(from).lines();
    let first = lines.next().context("the file of keys is empty")??;
    let Line::Head { form: FORM, at } = parse(&first)? else {
        bail!("the file of keys has a form that this kefu does not know");
    };
    for text in lines {
        match parse(&text?)? {
            Line::Head { .. } => bail!("the file of keys has two heads"),
            Line::Row(table, row) => reading.row(connection, table, row).await?,
            Line::End(counts) => {
                reading.put(connection).await?;
                reading.counts.retain(|_, count| *count > 0);
                if reading.counts != counts.into_iter().filter(|(_, count)| *count > 0).collect() {
                    bail!("the file of keys does not hold what it says");
                }
                return Ok(reading.known(at));
            }
        }
    }
    bail!("the file of keys has no end")
}

/// The parser's own message would quote the line.
fn parse(text: &str) -> anyhow::Result<Line> {
    serde_json::from_str(text).map_err(|_| anyhow::anyhow!("the file of keys is damaged"))
}

#[derive(Default)]
struct Reading {
    counts: Counts,
    /// Keys of one table that are not in the database yet, as an array in JSON.
    waiting: (String, Vec<String>),
    certificates: Vec<Certificate>,
    tombstones: Vec<Tombstone>,
    standing: BTreeMap<String, Vec<String>>,
}

impl Reading {
    async fn row(
        &mut self,
        connection: &mut PgConnection,
        table: String,
        row: Value,
    ) -> anyhow::Result<()> {
        *self.counts.entry(table.clone()).or_default() += 1;
        let damaged = |_| anyhow::anyhow!("the file of keys is damaged");
        match table.as_str() {
            "profile.certificate" => self
                .certificates
                .push(serde_json::from_value(row).map_err(damaged)?),
            "profile.tombstone" => self
                .tombstones
                .push(serde_json::from_value(row).map_err(damaged)?),
            key if KEYS.contains(&key) => {
                if self.waiting.0 != key || self.waiting.1.len() >= BATCH {
                    self.put(connection).await?;
                }
                self.waiting.0 = table;
                self.waiting.1.push(row.to_string());
            }
            standing if STANDING.contains(&standing) => {
                self.standing
                    .entry(table)
                    .or_default()
                    .push(row.to_string());
            }
            _ => bail!("the file of keys has rows of {table}, of which this kefu knows nothing"),
        }
        Ok(())
    }

    /// Puts the keys that wait into the database.
    async fn put(&mut self, connection: &mut PgConnection) -> anyhow::Result<()> {
        let (table, rows) = std::mem::take(&mut self.waiting);
        if rows.is_empty() {
            return Ok(());
        }
        // One of those named above.
        let insert = format!(
            "INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(NULL::{table}, $1::text::jsonb)"
        );
        let insert = sqlx::query(AssertSqlSafe(insert)).bind(array(&rows));
        insert
            .execute(connection)
            .await
            .context("the keys cannot be put into the database")?;
        Ok(())
    }

    fn known(self, at: Timestamp) -> Known {
        let mut destructions: Vec<CarriedOut> = self
            .certificates
            .into_iter()
            .map(|one| CarriedOut {
                id: one.id,
                issued_at: one.issued_at,
                body: bytea(&one.body),
                customers: Vec::new(),
            })
            .collect();
        destructions.sort_by_key(|one| (one.issued_at, one.id));
        for gone in self.tombstones {
            let by = destructions
                .iter_mut()
                .find(|one| one.id == gone.certificate_id);
            by.into_iter()
                .for_each(|one| one.customers.push(gone.customer_id));
        }
        let rows = |table: &str| {
            self.standing
                .get(table)
                .map(|rows| array(rows))
                .unwrap_or_default()
        };
        Known {
            at,
            since: Since {
                carried_out: destructions.iter().map(|one| one.id).collect(),
                bindings: rows("access.binding"),
                delegations: rows("access.delegation"),
                employees: rows("access.employee"),
            },
            destructions,
            counts: self.counts,
        }
    }
}

fn array(rows: &[String]) -> String {
    format!("[{}]", rows.join(","))
}

/// `\x0aff`, as PostgreSQL writes bytes.
fn bytea(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix("\\x").unwrap_or_default().as_bytes();
    let digit = |at: u8| {
        char::from(at)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
            .unwrap_or_default()
    };
    digits
        .chunks_exact(2)
        .map(|two| digit(two[0]) << 4 | digit(two[1]))
        .collect()
}
