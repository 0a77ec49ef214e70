//! The one cluster that all tests of a checkout share.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{AssertSqlSafe, Executor, PgConnection, postgres::PgConnectOptions};

use crate::{Cluster, ClusterOptions, StartError, cluster::percent};

/// What a cluster for tests accepts: enough for two suites of five services on each of some
/// twenty cores.
pub const TEST_CONNECTIONS: u16 = 1000;

/// The server the tests run against.
#[derive(Debug)]
pub enum TestCluster {
    /// A private cluster, left running for the next test process.
    Private(Cluster),
    /// The server that `KEFU_DATABASE_URL` names.
    Given(GivenServer),
}

impl TestCluster {
    /// The superuser's URL of `database`. It holds the password.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        match self {
            Self::Private(cluster) => cluster.url(database),
            Self::Given(server) => server.url(database),
        }
    }

    /// Options to connect as superuser: to `postgres`, or to the database `KEFU_DATABASE_URL` names.
    #[must_use]
    pub fn admin_options(&self) -> PgConnectOptions {
        match self {
            Self::Private(cluster) => cluster.admin_options(),
            Self::Given(server) => server.admin_options(),
        }
    }
}

/// A server somebody else runs, named by `KEFU_DATABASE_URL`.
pub struct GivenServer {
    url: String,
    // Boxed: large beside a private cluster's handle.
    options: Box<PgConnectOptions>,
}

impl GivenServer {
    /// The server in `KEFU_DATABASE_URL`, where that is set and not empty.
    ///
    /// # Errors
    /// [`StartError::BadUrl`] when it is not a URL of PostgreSQL.
    pub fn from_env() -> Result<Option<Self>, StartError> {
        match env::var("KEFU_DATABASE_URL") {
            Ok(url) if url.is_empty() => Ok(None),
            Ok(url) => Self::from_url(url).map(Some),
            Err(env::VarError::NotPresent) => Ok(None),
            Err(env::VarError::NotUnicode(_)) => Err(StartError::BadUrl),
        }
    }

    fn from_url(url: String) -> Result<Self, StartError> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(StartError::BadUrl);
        }
        let options = PgConnectOptions::from_str(&url).map_err(|_| StartError::BadUrl)?;
        Ok(Self {
            url,
            options: Box::new(options),
        })
    }

    /// The given URL with `database` in place of its own.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let (base, query) = self
            .url
            .split_once('?')
            .map_or((&*self.url, None), |(base, query)| (base, Some(query)));
        let authority = base.find("://").map_or(0, |at| at + "://".len());
        let end = base[authority..]
            .find('/')
            .map_or(base.len(), |at| authority + at);
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        format!("{}/{}{query}", &base[..end], percent(database))
    }

    /// Options to connect as the given URL says.
    #[must_use]
    pub fn admin_options(&self) -> PgConnectOptions {
        PgConnectOptions::clone(&self.options)
    }
}

impl fmt::Debug for GivenServer {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GivenServer")
            .field("host", &self.options.get_host())
            .field("port", &self.options.get_port())
            .finish_non_exhaustive()
    }
}

/// The cluster that all tests of this checkout share, started by the first that
/// asks and left running; `make test` ends and deletes it. It lies in
/// `KEFU_TEST_POSTGRES_DIR`, or else in the cargo target folder, and forgets all
/// when the machine crashes. `KEFU_DATABASE_URL`, where set, replaces it.
///
/// # Errors
/// [`StartError`] says what is missing and the way out.
pub async fn shared_for_tests() -> Result<TestCluster, StartError> {
    if let Some(server) = GivenServer::from_env()? {
        return Ok(TestCluster::Given(server));
    }
    let data_dir = match env::var_os("KEFU_TEST_POSTGRES_DIR") {
        Some(folder) => folder.into(),
        None => target_folder()?.join("kefu-postgres-test"),
    };
    let options = ClusterOptions {
        data_dir,
        durable: false,
        max_connections: TEST_CONNECTIONS,
        port: None,
    };
    let mut cluster = Cluster::start(options).await?;
    cluster.leave_running();
    Ok(TestCluster::Private(cluster))
}

/// A name for a database of this test process. The databases of processes that have ended
/// are dropped with it: dropping one's own as a test ends would wait for connections that
/// are being made, and that the test no longer completes.
///
/// # Errors
/// Whatever the server says.
pub async fn name_for_test(admin: &mut PgConnection) -> Result<String, sqlx::Error> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let alone: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtext('kefu left over'))")
        .fetch_one(&mut *admin)
        .await?;
    if alone {
        let dropped = drop_left_over(admin).await;
        admin
            .execute("SELECT pg_advisory_unlock(hashtext('kefu left over'))")
            .await?;
        dropped?;
    }
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    Ok(format!("kefu_test_{}_{number}", std::process::id()))
}

async fn drop_left_over(admin: &mut PgConnection) -> Result<(), sqlx::Error> {
    let names: Vec<String> =
        sqlx::query_scalar("SELECT datname FROM pg_database WHERE datname LIKE 'kefu_test_%'")
            .fetch_all(&mut *admin)
            .await?;
    for name in names {
        let process = name.split('_').nth(2).unwrap_or_default();
        if !Path::new("/proc").exists() || Path::new("/proc").join(process).exists() {
            continue;
        }
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        admin.execute(AssertSqlSafe(drop)).await?;
    }
    Ok(())
}

/// The target folder the running test lies in, whatever its name: cargo marks it.
fn target_folder() -> Result<PathBuf, StartError> {
    let program = env::current_exe().unwrap_or_default();
    let marked =
        |folder: &&Path| folder.join("CACHEDIR.TAG").is_file() || folder.ends_with("target");
    let found = program.ancestors().skip(1).find(marked).map(Path::to_owned);
    found.ok_or(StartError::NoTargetFolder { program })
}

#[cfg(test)]
mod tests {
    use super::GivenServer;

    #[test]
    fn the_database_of_a_given_url_is_replaced() {
        let url = |given: &str| GivenServer::from_url(given.to_owned()).unwrap().url("a b");
        assert_eq!(
            url("postgres://u:p@h:1/old?sslmode=disable"),
            "postgres://u:p@h:1/a%20b?sslmode=disable"
        );
        assert_eq!(url("postgresql://u@h"), "postgresql://u@h/a%20b");
        assert_eq!(url("postgres://u@h/"), "postgres://u@h/a%20b");
    }

    #[test]
    fn what_is_no_url_is_refused_without_being_shown() {
        let error = GivenServer::from_url("mysql://u:secret@h".to_owned()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
        let shown = format!(
            "{:?}",
            GivenServer::from_url("postgres://u:secret@h".to_owned()).unwrap()
        );
        assert!(shown.contains('h') && !shown.contains("secret"));
    }
}
