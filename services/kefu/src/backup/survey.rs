//! What is in a database: how many rows of what, where each journal ends, what the audit log hashes to.
//! Taken at the snapshot of a backup and again after it was restored, the two have to be the same.

use std::collections::BTreeMap;

use anyhow::Context;
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::TryStreamExt;
use kefu_audit::{Frontier, Hash, leaf_hash, parts, range_root};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::{contents, sealed::hex};
use crate::migrate::schemas;

/// What is in a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// Newest migration of each schema.
    pub migrations: BTreeMap<String, i64>,
    /// Rows of each table, `profile.customer`.
    pub tables: BTreeMap<String, Rows>,
    /// Where the journal of each schema ends.
    pub journals: BTreeMap<String, Head>,
    /// The audit log.
    pub audit: Audit,
}

/// The rows of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// How many.
    pub count: i64,
    /// Sum over the rows of a part of MD5, whatever their order: against damage, not against malice.
    pub digest: String,
}

/// The end of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Entries.
    pub entries: i64,
    /// Place of the last, as readers go.
    pub last: String,
}

/// The audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Entries.
    pub size: i64,
    /// What they hash to, in hexadecimal digits.
    pub root: String,
    /// The newest signed checkpoint.
    pub checkpoint: Option<String>,
    /// Signed checkpoints.
    pub checkpoints: i64,
}

/// How the audit log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Its root from the subtrees that are kept.
    Kept,
    /// Its root, and that of each checkpoint, from each entry.
    Entries,
}

/// Texts of rows have to be the same whoever asks.
const SETTINGS: &str = "SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'postgres';
    SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1; SET LOCAL statement_timeout = 0;";

/// Looks at all of it; within a transaction, which should be a snapshot.
///
/// # Errors
/// The database's, or that the audit log is not what was signed.
pub async fn survey(connection: &mut PgConnection, depth: Depth) -> anyhow::Result<Survey> {
    sqlx::raw_sql(SETTINGS).execute(&mut *connection).await?;
    let mut found = Survey {
        migrations: BTreeMap::new(),
        tables: BTreeMap::new(),
        journals: BTreeMap::new(),
        audit: audit(connection, depth).await?,
    };
    for (schema, _) in schemas() {
        let newest = format!(
            "SELECT coalesce(max(version), 0) FROM {schema}._sqlx_migrations WHERE success"
        );
        let newest = sqlx::query_scalar(AssertSqlSafe(newest))
            .fetch_one(&mut *connection)
            .await;
        let newest = newest.with_context(|| format!("schema {schema} is not here"))?;
        found.migrations.insert(schema.to_owned(), newest);
        found
            .journals
            .insert(schema.to_owned(), head(connection, schema).await?);
    }
    for table in tables(connection).await? {
        let rows = rows(connection, &table)
            .await
            .with_context(|| format!("table {table}"))?;
        found.tables.insert(table, rows);
    }
    Ok(found)
}

impl Survey {
    /// Every difference, in words.
    pub fn differences(&self, found: &Self) -> Vec<String> {
        let mut all = Vec::new();
        compare(
            "migrations of",
            &self.migrations,
            &found.migrations,
            |one| one.to_string(),
            &mut all,
        );
        let rows = |rows: &Rows| format!("{} rows ({})", rows.count, rows.digest);
        compare("table", &self.tables, &found.tables, rows, &mut all);
        let head = |head: &Head| format!("{} entries, the last at {}", head.entries, head.last);
        compare(
            "journal of",
            &self.journals,
            &found.journals,
            head,
            &mut all,
        );
        if self.audit != found.audit {
            let told = |audit: &Audit| format!("{} entries, root {}", audit.size, audit.root);
            all.push(format!(
                "audit log: {} were backed up, {} are here",
                told(&self.audit),
                told(&found.audit)
            ));
        }
        all
    }

    /// Rows in all tables.
    pub fn rows(&self) -> i64 {
        self.tables.values().map(|rows| rows.count).sum()
    }
}

fn compare<T: PartialEq>(
    what: &str,
    one: &BTreeMap<String, T>,
    other: &BTreeMap<String, T>,
    told: impl Fn(&T) -> String,
    all: &mut Vec<String>,
) {
    let names: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
    for name in names {
        let (before, after) = (one.get(name), other.get(name));
        if before != after {
            let told = |one: Option<&T>| one.map_or_else(|| "nothing".to_owned(), &told);
            all.push(format!(
                "{what} {name}: {} was backed up, {} is here",
                told(before),
                told(after)
            ));
        }
    }
}

/// Every table whose rows are in the dump; partitions are counted with what they are part of.
async fn tables(connection: &mut PgConnection) -> anyhow::Result<Vec<String>> {
    let names: Vec<&str> = schemas().iter().map(|(schema, _)| *schema).collect();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1",
    )
    .bind(&names)
    .fetch_all(connection)
    .await?;
    Ok(tables
        .into_iter()
        .filter(|table| !contents::WITHOUT.contains(&table.as_str()))
        .collect())
}

async fn rows(connection: &mut PgConnection, table: &str) -> anyhow::Result<Rows> {
    let count = format!(
        "SELECT count(*), coalesce(sum(('x' || substr(md5(t::text), 1, 15))::bit(60)::bigint), 0)::text FROM {table} t"
    );
    let row = sqlx::query(AssertSqlSafe(count))
        .fetch_one(connection)
        .await?;
    Ok(Rows {
        count: row.try_get(0)?,
        digest: row.try_get(1)?,
    })
}

async fn head(connection: &mut PgConnection, schema: &str) -> anyhow::Result<Head> {
    let count = format!("SELECT count(*) FROM {schema}.journal");
    let last = format!(
        "SELECT transaction_id || '.' || position FROM {schema}.journal ORDER BY transaction_id DESC, position DESC LIMIT 1"
    );
    let last: Option<String> = sqlx::query_scalar(AssertSqlSafe(last))
        .fetch_optional(&mut *connection)
        .await?;
    Ok(Head {
        entries: sqlx::query_scalar(AssertSqlSafe(count))
            .fetch_one(connection)
            .await?,
        last: last.unwrap_or_else(|| "0.0".to_owned()),
    })
}

async fn audit(connection: &mut PgConnection, depth: Depth) -> anyhow::Result<Audit> {
    let size: i64 = sqlx::query_scalar("SELECT size FROM access.audit_head")
        .fetch_one(&mut *connection)
        .await?;
    let checkpoints = sqlx::query("SELECT size, note FROM access.audit_checkpoint ORDER BY size")
        .fetch_all(&mut *connection)
        .await?;
    let mut signed = Vec::with_capacity(checkpoints.len());
    for row in &checkpoints {
        signed.push((row.try_get::<i64, _>(0)?, row.try_get::<String, _>(1)?));
    }
    let root = match depth {
        Depth::Kept => kept(connection, size).await?,
        Depth::Entries => hashed(connection, size, &signed).await?,
    };
    Ok(Audit {
        size,
        root: hex(&root),
        checkpoints: i64::try_from(signed.len())?,
        checkpoint: signed.pop().map(|(_, note)| note),
    })
}

async fn kept(connection: &mut PgConnection, size: i64) -> anyhow::Result<Hash> {
    let mut hashes = Vec::new();
    for part in parts(0, u64::try_from(size)?) {
        let index = i64::try_from(part.index)?;
        let hash = match part.level {
            0 => sqlx::query_scalar("SELECT leaf_hash FROM access.audit_entry WHERE seq = $1")
                .bind(index),
            level => sqlx::query_scalar(
                "SELECT hash FROM access.audit_node WHERE index = $1 AND level = $2",
            )
            .bind(index)
            .bind(i16::from(level)),
        };
        let hash: Option<Vec<u8>> = hash.fetch_optional(&mut *connection).await?;
        let hash = hash.and_then(|hash| Hash::try_from(hash).ok());
        hashes.push(hash.context("the audit log lacks a subtree: kefu audit verify says which")?);
    }
    Ok(range_root(&hashes))
}

/// From each entry; what was signed on the way has to be what it hashes to there.
async fn hashed(
    connection: &mut PgConnection,
    size: i64,
    signed: &[(i64, String)],
) -> anyhow::Result<Hash> {
    let mut log = Frontier::default();
    let mut signed = signed.iter().peekable();
    let mut leaves = sqlx::query_scalar::<_, Vec<u8>>(
        "SELECT leaf FROM access.audit_entry WHERE seq < $1 ORDER BY seq",
    )
    .bind(size)
    .fetch(connection);
    loop {
        while let Some((_, note)) =
            signed.next_if(|(size, _)| u64::try_from(*size) == Ok(log.size()))
        {
            let said = note
                .split('\n')
                .nth(2)
                .and_then(|root| STANDARD.decode(root).ok());
            if said.as_deref() != Some(log.root().as_slice()) {
                anyhow::bail!(
                    "the first {} entries of the audit log are not what was signed",
                    log.size()
                );
            }
        }
        match leaves.try_next().await? {
            Some(leaf) => drop(log.push(leaf_hash(&leaf))),
            None => break,
        }
    }
    match signed.next() {
        Some((size, _)) => anyhow::bail!(
            "{size} entries of the audit log were signed, {} are here",
            log.size()
        ),
        None => Ok(log.root()),
    }
}
