//! How connections are made and when they are used again. sqlx's own pool asks
//! each connection whether it lives on every return; ours asks only one that
//! has been idle for a while.

use std::{str::FromStr, time::Duration};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

use crate::{config::DatabaseConfig, error::Fault};

/// A connection older than this is replaced, so that load spreads after a fail-over.
const LIFETIME: Duration = Duration::from_secs(30 * 60);
/// One idle for longer than this is asked whether it lives.
const IDLE: Duration = Duration::from_secs(15);

pub(super) struct Connections {
    options: PgConnectOptions,
}

impl Connections {
    pub(super) fn new(config: &DatabaseConfig, schema: &'static str) -> Result<Self, Fault> {
        let options = PgConnectOptions::from_str(config.url.expose())
            .map_err(|_| Fault::internal("database.url is not a PostgreSQL URL"))?
            .application_name(&format!("kefu-{schema}"))
            .options([
                ("search_path", schema.to_owned()),
                ("statement_timeout", config.statement_timeout_ms.to_string()),
                (
                    "idle_in_transaction_session_timeout",
                    config.idle_in_transaction_timeout_ms.to_string(),
                ),
                // The server notices a client that went without a word.
                ("tcp_keepalives_idle", "30".to_owned()),
                ("tcp_keepalives_interval", "10".to_owned()),
                ("tcp_keepalives_count", "3".to_owned()),
                ("tcp_user_timeout", "30000".to_owned()),
            ]);
        Ok(Self { options })
    }
}

impl Manager for Connections {
    type Type = PgConnection;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect_with(&self.options).await
    }

    async fn recycle(
        &self,
        connection: &mut PgConnection,
        metrics: &Metrics,
    ) -> RecycleResult<sqlx::Error> {
        if metrics.age() > LIFETIME {
            return Err(RecycleError::message("past its lifetime"));
        }
        if metrics.last_used() > IDLE {
            connection.ping().await?;
        }
        Ok(())
    }
}
