//! Starts, finds and ends private clusters for the Makefile and the tests.

#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::{env, error::Error, path::Path, process::ExitCode};

use kefu_postgres::{Cluster, ClusterOptions, TEST_CONNECTIONS};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, migrate::Migrator, postgres::PgConnectOptions,
};

const USAGE: &str = "usage:
  kefu-postgres start DIR [--fast]   start the cluster in DIR and leave it running; --fast: not durable, for tests
  kefu-postgres stop DIR             end it, whoever uses it
  kefu-postgres delete DIR           end it, whoever uses it, and delete DIR with its data
  kefu-postgres delete DIR --unused  the same, unless somebody uses it
  kefu-postgres url DIR DATABASE     print the superuser's URL, which holds the password
  kefu-postgres scratch DIR DATABASE SCHEMA=MIGRATIONS...
                                     start it; create DATABASE anew, with each schema and its migrations";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kefu-postgres: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    match arguments {
        ["start", dir] => start(dir, true).await.map(drop),
        ["start", dir, "--fast"] => start(dir, false).await.map(drop),
        ["stop", dir] => {
            let ran = Cluster::stop_at(Path::new(dir)).await?;
            println!("{dir}: {}", if ran { "stopped" } else { "was not running" });
            Ok(())
        }
        ["delete", dir] => Ok(Cluster::delete(Path::new(dir)).await?),
        ["delete", dir, "--unused"] => {
            if !Cluster::delete_if_unused(Path::new(dir)).await? {
                eprintln!("{dir}: left running, somebody uses it");
            }
            Ok(())
        }
        ["url", dir, database] => {
            let cluster = Cluster::find(Path::new(dir))
                .await?
                .ok_or_else(|| format!("nothing runs in {dir}"))?;
            println!("{}", cluster.url(database));
            Ok(())
        }
        ["scratch", dir, database, schemas @ ..] => scratch(dir, database, schemas).await,
        _ => Err(USAGE.into()),
    }
}

async fn start(dir: &str, durable: bool) -> Result<Cluster, Box<dyn Error>> {
    let options = ClusterOptions {
        data_dir: dir.into(),
        durable,
        max_connections: TEST_CONNECTIONS,
        port: None,
    };
    let mut cluster = Cluster::start(options).await?;
    cluster.leave_running();
    println!("{dir}: PostgreSQL on 127.0.0.1:{}", cluster.port());
    Ok(cluster)
}

/// A database that has just the tables of the migrations: what sqlx checks
/// queries against. Not through `kefu migrate`: that cannot be built before the
/// queries of its services are checked.
async fn scratch(dir: &str, database: &str, schemas: &[&str]) -> Result<(), Box<dyn Error>> {
    let cluster = start(dir, false).await?;
    let mut admin = cluster.admin_options().connect().await?;
    let quoted = quote(database);
    for sql in [
        format!("DROP DATABASE IF EXISTS {quoted} WITH (FORCE)"),
        format!("CREATE DATABASE {quoted}"),
    ] {
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut admin)
            .await?;
    }
    admin.close().await?;
    for pair in schemas {
        let (schema, migrations) = pair.split_once('=').ok_or(USAGE)?;
        migrate(
            cluster.admin_options().database(database),
            schema,
            migrations,
        )
        .await
        .map_err(|error| format!("{migrations}: {error}"))?;
    }
    Ok(())
}

/// As a service has it: its own schema is the search path.
async fn migrate(
    options: PgConnectOptions,
    schema: &str,
    migrations: &str,
) -> Result<(), Box<dyn Error>> {
    let mut connection = options.options([("search_path", schema)]).connect().await?;
    let sql = format!("CREATE SCHEMA IF NOT EXISTS {}", quote(schema));
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await?;
    Migrator::new(Path::new(migrations))
        .await?
        .run(&mut connection)
        .await?;
    Ok(connection.close().await?)
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
