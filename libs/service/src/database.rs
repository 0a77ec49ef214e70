//! The database behind a service: connections that are handed out by a kept
//! pool, statements with a bound, transactions that no caller can cut in half.

mod metrics;
pub mod migration;
mod pool;

use std::{
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};

use deadpool::managed::{Object, Pool};
use kefu_contracts::common::Reason;
use kefu_journal::{Cursor, Entry, Sink, TraceParent, WriteFailed};
use sqlx::{Connection, PgConnection, Postgres, QueryBuilder, postgres::PgRow};
use tokio::time::timeout;
use tracing::Instrument;

use crate::{config::DatabaseConfig, error::Fault};
use metrics::Metrics;
use pool::Connections;

/// The future of one use of a connection.
pub type Use<'c, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'c>>;

/// Times a transaction is tried when others changed the same at once.
const ATTEMPTS: u32 = 5;

const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// A service's database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    pool: Pool<Connections>,
    metrics: Metrics,
    bound: Duration,
}

impl Db {
    /// Connections are made when they are first needed. `schema` is the
    /// service's own, put first on the search path.
    ///
    /// # Errors
    /// When the URL is not one of PostgreSQL.
    pub fn new(config: &DatabaseConfig, schema: &'static str) -> Result<Self, Fault> {
        let connections = Connections::new(config, schema)?;
        let acquire = Duration::from_millis(config.acquire_timeout_ms);
        let pool = Pool::builder(connections)
            .max_size(config.max_connections)
            .runtime(deadpool::Runtime::Tokio1)
            .wait_timeout(Some(acquire))
            .create_timeout(Some(acquire))
            .recycle_timeout(Some(Duration::from_secs(1)))
            .build()
            .map_err(|error| Fault::internal(format!("pool: {error}")))?;
        // Past the server's own timeout and some way on the wire, nothing comes any more.
        let bound = Duration::from_millis(config.statement_timeout_ms) + Duration::from_secs(1);
        Ok(Self {
            metrics: Metrics::new(&pool, schema),
            pool,
            bound,
        })
    }

    /// The same, for uses that are of many statements and may take this long; each statement is
    /// bounded by the server as ever.
    #[must_use]
    pub fn within(&self, bound: Duration) -> Self {
        Self {
            bound,
            ..self.clone()
        }
    }

    /// Runs one statement. A connection whose use did not end within its bound,
    /// or was given up, is thrown away: nobody can tell what is still on its wire.
    ///
    /// # Errors
    /// What `work` returns, or that no connection could be had.
    pub async fn run<T, F>(&self, work: F) -> Result<T, Fault>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> Use<'c, T> + Send,
        T: Send,
    {
        let mut lease = self.lease().await?;
        let outcome = timeout(self.bound, work(lease.connection()?)).await;
        match outcome {
            Ok(Ok(value)) => {
                lease.give_back();
                Ok(value)
            }
            Ok(Err(fault)) => {
                if !broken(&fault) {
                    lease.give_back();
                }
                Err(fault)
            }
            Err(_) => Err(silent()),
        }
    }

    /// Runs statements that look at the database as it is at one moment, so that a count agrees
    /// with its list and a record with its parts, whoever writes meanwhile.
    ///
    /// # Errors
    /// Those of [`Db::run`].
    pub async fn snapshot<T, F>(&self, work: F) -> Result<T, Fault>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> Use<'c, T> + Send + 'static,
        T: Send + 'static,
    {
        let run = self.run(move |connection| {
            Box::pin(async move {
                let mut moment = connection.begin_with(SNAPSHOT).await?;
                let outcome = work(&mut moment).await;
                moment.rollback().await?;
                outcome
            })
        });
        run.await
    }

    /// The row that a statement finds, if any.
    ///
    /// # Errors
    /// Those of [`Db::run`].
    pub async fn row(&self, mut query: QueryBuilder<Postgres>) -> Result<Option<PgRow>, Fault> {
        self.run(move |connection| {
            Box::pin(async move { Ok(query.build().fetch_optional(connection).await?) })
        })
        .await
    }

    /// Runs a transaction on a task of its own, so that a caller who goes away
    /// cannot cut it in half, and again when others changed the same at once.
    ///
    /// # Errors
    /// What `work` returns; nothing is then changed.
    pub async fn transaction<T, F>(&self, work: F) -> Result<T, Fault>
    where
        F: for<'c> Fn(&'c mut PgConnection) -> Use<'c, T> + Send + Sync + 'static,
        T: Send + 'static,
    {
        let db = self.clone();
        let attempts = async move {
            let mut attempt = 1;
            loop {
                match db.attempt(&work).await {
                    Err(fault) if fault.reason == Reason::Conflict && attempt < ATTEMPTS => {
                        attempt += 1
                    }
                    outcome => return outcome,
                }
            }
        };
        let task = tokio::spawn(attempts.in_current_span());
        task.await
            .map_err(|error| Fault::internal(format!("transaction: {error}")))?
    }

    async fn attempt<T, F>(&self, work: &F) -> Result<T, Fault>
    where
        F: for<'c> Fn(&'c mut PgConnection) -> Use<'c, T> + Send + Sync,
        T: Send,
    {
        let mut lease = self.lease().await?;
        let connection = lease.connection()?;
        let outcome = timeout(self.bound, async {
            let mut transaction = connection.begin().await?;
            match work(&mut transaction).await {
                Ok(value) => {
                    transaction.commit().await?;
                    Ok(value)
                }
                Err(fault) => {
                    transaction.rollback().await?;
                    Err(fault)
                }
            }
        })
        .await;
        match outcome {
            Ok(outcome) => {
                if !outcome.as_ref().is_err_and(broken) {
                    lease.give_back();
                }
                outcome
            }
            Err(_) => Err(silent()),
        }
    }

    async fn lease(&self) -> Result<Lease, Fault> {
        let since = Instant::now();
        let outcome = self.pool.get().await;
        self.metrics.waited(since, &outcome);
        match outcome {
            Ok(object) => Ok(Lease(Some(object))),
            Err(error) => Err(Fault {
                detail: format!("no connection: {error}").into(),
                ..Fault::new(Reason::StorageUnavailable)
            }
            .retry_after(Duration::from_secs(1))),
        }
    }

    /// Connections in use and waited for, for metrics.
    pub fn status(&self) -> deadpool::Status {
        self.pool.status()
    }

    /// Closes the pool once nobody needs it any more.
    pub fn close(&self) {
        self.pool.close();
    }
}

impl Sink for Db {
    fn write(
        &self,
        entries: Vec<Entry>,
        traces: Vec<Option<TraceParent>>,
    ) -> Pin<Box<dyn Future<Output = Result<Cursor, WriteFailed>> + Send + '_>> {
        Box::pin(async move {
            let append = self.run(move |connection| {
                Box::pin(async move {
                    Ok(kefu_journal::append_traced(connection, &entries, &traces).await?)
                })
            });
            append
                .await
                .map_err(|fault| WriteFailed(fault.detail.into()))
        })
    }
}

/// A connection in use; dropped without being given back, it is closed.
struct Lease(Option<Object<Connections>>);

impl Lease {
    fn connection(&mut self) -> Result<&mut PgConnection, Fault> {
        self.0
            .as_deref_mut()
            .ok_or_else(|| Fault::internal("connection already given back"))
    }

    fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}

fn broken(fault: &Fault) -> bool {
    fault.reason == Reason::StorageUnavailable
}

fn silent() -> Fault {
    Fault {
        detail: "the connection went silent".into(),
        ..Fault::new(Reason::StorageUnavailable)
    }
    .retry_after(Duration::from_secs(1))
}
