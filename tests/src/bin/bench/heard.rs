//! Statements as the services send them, taken from the server's log during one
//! call: the peers get the very same text and parameters, also when a service
//! changes its own.

use std::{
    future::Future,
    io::{Read, Seek, SeekFrom},
    time::Duration,
};

use anyhow::Context;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tonic::Status;

use crate::{house::House, statement::Statement};

/// The statement that begins so and is sent during this call.
pub(crate) async fn heard<F, W>(
    house: &House,
    beginning: &str,
    call: F,
) -> anyhow::Result<Statement>
where
    F: Fn() -> W,
    W: Future<Output = Result<(), Status>>,
{
    let mut admin = house.admin().await?;
    let from = std::fs::metadata(house.log())?.len();
    log_statements(&mut admin, "SET log_statement = 'all'").await?;
    let called = call().await;
    log_statements(&mut admin, "RESET log_statement").await?;
    admin.close().await?;
    called?;
    let mut log = std::fs::File::open(house.log())?;
    log.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    log.read_to_end(&mut bytes)?;
    parse(&String::from_utf8_lossy(&bytes), beginning)
}

async fn log_statements(admin: &mut PgConnection, what: &str) -> anyhow::Result<()> {
    admin
        .execute(AssertSqlSafe(format!("ALTER SYSTEM {what}")))
        .await?;
    admin.execute("SELECT pg_reload_conf()").await?;
    // Sessions are told by a signal.
    tokio::time::sleep(Duration::from_millis(500)).await;
    Ok(())
}

/// A statement goes on in lines that begin with a tab; its parameters follow it.
fn parse(log: &str, beginning: &str) -> anyhow::Result<Statement> {
    let log = log.replace("\n\t", "\n");
    let at = log
        .find(beginning)
        .context("it is not in the server's log")?;
    let (sql, rest) = log[at..]
        .split_once(" DETAIL:  ")
        .context("it has no parameters")?;
    // What stands before DETAIL on its line is the log's prefix.
    let sql = sql.rsplit_once('\n').context("a statement in a line")?.0;
    let (_, mut rest) = rest.split_once(": ").context("parameters without a word")?;
    let mut parameters = Vec::new();
    while let Some(after) = rest.strip_prefix(&format!("${} = ", parameters.len() + 1)) {
        let (text, left) = quoted(after).context("a parameter without an end")?;
        parameters.push(text);
        rest = left.strip_prefix(", ").unwrap_or(left);
    }
    Ok(Statement::new(sql, parameters))
}

/// `'it''s'` or `NULL`, and what follows.
fn quoted(text: &str) -> Option<(Option<String>, &str)> {
    if let Some(rest) = text.strip_prefix("NULL") {
        return Some((None, rest));
    }
    let inner = text.strip_prefix('\'')?;
    let mut from = 0;
    loop {
        let at = from + inner[from..].find('\'')?;
        if inner[at + 1..].starts_with('\'') {
            from = at + 2;
            continue;
        }
        return Some((Some(inner[..at].replace("''", "'")), &inner[at + 1..]));
    }
}
