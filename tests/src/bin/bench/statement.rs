//! A statement that was heard, to be sent again by somebody else: with other ids
//! for the driver, or with its parameters written into it for pgbench.

use std::{str::FromStr, sync::Arc};

use anyhow::{Context, bail};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{
    Arguments, AssertSqlSafe, Connection, Either, Executor, PgConnection, SqlSafeStr,
    Statement as _, TypeInfo, postgres::PgArguments,
};
use tonic::Status;
use uuid::Uuid;

/// What of a statement differs from call to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Id of the customer.
    Customer,
    /// The customer's wrapped key.
    Key,
    /// Id of the new ticket.
    Ticket,
    /// `tickets/…`
    TicketName,
    /// The request id.
    Request,
}

/// A parameter's value, of the type that the server expects.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Nothing,
    Id(Uuid),
    Ids(Vec<Uuid>),
    Small(i16),
    Int(i32),
    Big(i64),
    Ints(Vec<i32>),
    Bigs(Vec<i64>),
    Flag(bool),
    Text(String),
    Bytes(Vec<u8>),
    Time(Timestamp),
}

struct Parameter {
    /// As the log writes it; `None` is NULL.
    text: Option<String>,
    role: Option<Role>,
    value: Value,
}

pub(crate) struct Statement {
    sql: Arc<str>,
    parameters: Vec<Parameter>,
}

impl Statement {
    /// With its parameters as the log writes them.
    pub(crate) fn new(sql: &str, texts: Vec<Option<String>>) -> Self {
        let parameter = |text| Parameter {
            text,
            role: None,
            value: Value::Nothing,
        };
        Self {
            sql: sql.into(),
            parameters: texts.into_iter().map(parameter).collect(),
        }
    }

    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    /// Says which parameters differ from call to call: those with this value.
    pub(crate) fn mark(&mut self, role: Role, text: &str) {
        for parameter in &mut self.parameters {
            if parameter.text.as_deref() == Some(text) {
                parameter.role = Some(role);
            }
        }
    }

    /// Reads the parameters' values by the types that the server says.
    pub(crate) async fn type_by(&mut self, url: &str) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(url).await?;
        let prepared = connection
            .prepare(AssertSqlSafe(self.sql.clone()).into_sql_str())
            .await?;
        let Some(Either::Left(types)) = prepared.parameters() else {
            bail!("the server does not say the types of parameters");
        };
        for (parameter, kind) in self.parameters.iter_mut().zip(types) {
            parameter.value = match &parameter.text {
                None => Value::Nothing,
                Some(text) => value(kind.name(), text)?,
            };
        }
        Ok(connection.close().await?)
    }

    /// The parameters of one call, as the driver takes them.
    pub(crate) fn arguments(&self, one: impl Fn(Role) -> Value) -> Result<PgArguments, Status> {
        let mut arguments = PgArguments::default();
        for parameter in &self.parameters {
            let value = match parameter.role {
                Some(role) => one(role),
                None => parameter.value.clone(),
            };
            match value {
                Value::Nothing => arguments.add(None::<String>),
                Value::Id(value) => arguments.add(value),
                Value::Ids(value) => arguments.add(value),
                Value::Small(value) => arguments.add(value),
                Value::Int(value) => arguments.add(value),
                Value::Big(value) => arguments.add(value),
                Value::Ints(value) => arguments.add(value),
                Value::Bigs(value) => arguments.add(value),
                Value::Flag(value) => arguments.add(value),
                Value::Text(value) => arguments.add(value),
                Value::Bytes(value) => arguments.add(value),
                Value::Time(value) => arguments.add(value.to_sqlx()),
            }
            .map_err(|error| Status::internal(error.to_string()))?;
        }
        Ok(arguments)
    }

    /// The statement as the driver takes it.
    pub(crate) fn safe(&self) -> AssertSqlSafe<Arc<str>> {
        AssertSqlSafe(self.sql.clone())
    }

    /// What runs it under this name, prepared.
    pub(crate) fn execute(&self, name: &str) -> String {
        let all = self.parameters.iter();
        let all: Vec<String> = all.map(|one| one.literal(|_| None)).collect();
        match all.as_slice() {
            [] => format!("EXECUTE {name}"),
            all => format!("EXECUTE {name} ({})", all.join(", ")),
        }
    }

    /// The statement with its parameters written into it, for pgbench.
    pub(crate) fn literal(&self, one: impl Fn(Role) -> Option<String>) -> String {
        let mut text = String::new();
        let mut rest = &*self.sql;
        while let Some((before, after)) = rest.split_once('$') {
            text.push_str(before);
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            let number: usize = after[..digits].parse().unwrap_or_default();
            match number.checked_sub(1).and_then(|at| self.parameters.get(at)) {
                Some(parameter) => text.push_str(&parameter.literal(&one)),
                None => text.push_str(&format!("${}", &after[..digits])),
            }
            rest = &after[digits..];
        }
        text.push_str(rest);
        text
    }
}

impl Parameter {
    fn literal(&self, one: impl Fn(Role) -> Option<String>) -> String {
        let given = self.role.and_then(one).map(|sql| format!("({sql})"));
        given.unwrap_or_else(|| match &self.text {
            Some(text) => format!("'{}'", text.replace('\'', "''")),
            None => "NULL".to_owned(),
        })
    }
}

fn value(kind: &str, text: &str) -> anyhow::Result<Value> {
    Ok(match kind {
        "UUID" => Value::Id(text.parse()?),
        "UUID[]" => Value::Ids(values(text)?),
        "INT4[]" => Value::Ints(values(text)?),
        "INT8[]" => Value::Bigs(values(text)?),
        "INT2" => Value::Small(text.parse()?),
        "INT4" => Value::Int(text.parse()?),
        "INT8" => Value::Big(text.parse()?),
        "BOOL" => Value::Flag(text == "t"),
        "TEXT" => Value::Text(text.to_owned()),
        "BYTEA" => Value::Bytes(unhex(text).context("not bytes")?),
        "TIMESTAMPTZ" => Value::Time(text.parse()?),
        other => bail!("the bench knows no parameters of type {other}"),
    })
}

/// Of an array of what needs no quotes.
fn values<T: FromStr>(text: &str) -> Result<Vec<T>, T::Err> {
    let inner = text.trim_matches(['{', '}']).split(',');
    inner
        .filter(|one| !one.is_empty())
        .map(str::parse)
        .collect()
}

/// Bytes as PostgreSQL writes them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\\x{digits}")
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    let bytes = digits.chunks(2).map(|two| {
        let two = std::str::from_utf8(two).ok()?;
        u8::from_str_radix(two, 16).ok()
    });
    bytes.collect()
}
