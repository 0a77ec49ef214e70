//! Statements as the services send them, taken from the server's log during one
//! call: the peers get the very same text and parameters, also when a service
//! changes its own.

use std::{
    collections::HashMap,
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
    let log = logged(house, async || Ok(call().await?)).await?;
    let said = log.into_iter().find(|said| said.sql.starts_with(beginning));
    said.context("it is not in the server's log")?.read()
}

/// All statements of the transaction in which the one that begins so is sent during this call, but
/// for those that begin and end it.
pub(crate) async fn transaction(
    house: &House,
    beginning: &str,
    call: impl AsyncFn() -> anyhow::Result<()>,
) -> anyhow::Result<Vec<Statement>> {
    let mut open: HashMap<String, Vec<Said>> = HashMap::new();
    for said in logged(house, call).await? {
        match said.sql.trim() {
            "BEGIN" => {
                open.insert(said.session, Vec::new());
            }
            "COMMIT" => {
                let all = open.remove(&said.session).unwrap_or_default();
                if all.iter().any(|one| one.sql.starts_with(beginning)) {
                    return all.iter().map(Said::read).collect();
                }
            }
            _ => {
                let all = open.get_mut(&said.session);
                all.into_iter().for_each(|all| all.push(said.clone()));
            }
        }
    }
    anyhow::bail!("no such transaction is in the server's log")
}

/// A statement in the log.
#[derive(Clone)]
struct Said {
    /// Who sent it.
    session: String,
    sql: String,
    /// `$1 = '…', $2 = NULL`; empty where it has none.
    parameters: String,
}

impl Said {
    fn read(&self) -> anyhow::Result<Statement> {
        let mut rest = self.parameters.as_str();
        let mut parameters = Vec::new();
        while let Some(after) = rest.strip_prefix(&format!("${} = ", parameters.len() + 1)) {
            let (text, left) = quoted(after).context("a parameter without an end")?;
            parameters.push(text);
            rest = left.strip_prefix(", ").unwrap_or(left);
        }
        Ok(Statement::new(&self.sql, parameters))
    }
}

/// What the server logs while every statement is logged during this call.
async fn logged(
    house: &House,
    call: impl AsyncFn() -> anyhow::Result<()>,
) -> anyhow::Result<Vec<Said>> {
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
    Ok(parse(&String::from_utf8_lossy(&bytes)))
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

/// `… UTC [4711] LOG:  execute sqlx_s_1: SELECT …`, and `… UTC [4711] DETAIL:  Parameters: …` after it;
/// what either says goes on in lines that begin with a tab.
fn parse(log: &str) -> Vec<Said> {
    let log = log.replace("\n\t", "\u{1}");
    let mut all: Vec<Said> = Vec::new();
    for line in log.lines() {
        let line = line.replace('\u{1}', "\n");
        let Some((session, said)) = line
            .split_once(" [")
            .and_then(|(_, rest)| rest.split_once("] "))
        else {
            continue;
        };
        if let Some(("LOG", said)) = said.split_once(":  ") {
            let sent = said
                .strip_prefix("execute ")
                .or_else(|| said.strip_prefix("statement"));
            let sql = sent.and_then(|sent| sent.split_once(": "));
            all.extend(sql.map(|(_, sql)| Said {
                session: session.to_owned(),
                sql: sql.to_owned(),
                parameters: String::new(),
            }));
        } else if let Some(("DETAIL", said)) = said.split_once(":  ") {
            let last = all.iter_mut().rfind(|one| one.session == session);
            if let (Some(last), Some((_, parameters))) = (last, said.split_once(": ")) {
                parameters.clone_into(&mut last.parameters);
            }
        }
    }
    all
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
