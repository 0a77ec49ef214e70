//! The handle on a running cluster.

use std::{
    fmt,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use sqlx::postgres::PgConnectOptions;

use crate::{
    StartError,
    error::At,
    lock::Lock,
    place::Place,
    postmaster::port_in,
    server::{SUPERUSER, Server, admin_options, try_connect},
};

/// How a cluster is to be run. They count for a server that is started; one that
/// already runs is adopted as it is.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// The folder for everything the cluster keeps; created where missing. Deleting it deletes the cluster.
    pub data_dir: PathBuf,
    /// Whether commits survive a crash of the machine. `false` is for tests.
    pub durable: bool,
    /// Connections the server accepts at most, ours and everyone's.
    pub max_connections: u16,
    /// A fixed port on 127.0.0.1; otherwise last time's where it is free, else any.
    pub port: Option<u16>,
}

/// A running PostgreSQL cluster. Dropping the handle ends the server as
/// [`Cluster::stop`] does, unless it was told to [`Cluster::leave_running`].
pub struct Cluster {
    place: Place,
    port: u16,
    password: String,
    /// `None` once it has been given back.
    in_use: Option<Lock>,
    leave: bool,
}

impl Cluster {
    /// Starts the cluster in `options.data_dir`, creating it the first time, or
    /// adopts the server that already runs on it. Returns once it accepts
    /// connections; every step has a bound.
    ///
    /// # Errors
    /// [`StartError`] says what is missing and the way out.
    pub async fn start(options: ClusterOptions) -> Result<Self, StartError> {
        if let Some(cluster) = Self::adopt(&options.data_dir).await? {
            return Ok(cluster);
        }
        if !options.data_dir.exists() {
            fs::create_dir_all(&options.data_dir).at("create", &options.data_dir)?;
            // Whatever the umask: the server's user has to pass through.
            fs::set_permissions(&options.data_dir, Permissions::from_mode(0o755))
                .at("open", &options.data_dir)?;
        }
        let lock = Lock::for_change(&options.data_dir).await?;
        let server = Server::open(&options.data_dir).await?;
        let port = match server.adopt().await? {
            Some(port) => port,
            None => server.start(&options).await?,
        };
        let place = server.place().clone();
        let password = place.password()?;
        // Only one who holds the other lock ends the server, so that this one is to be had.
        let in_use = Lock::for_use(place.folder())?;
        drop(lock);
        tracing::debug!(folder = %place.folder().display(), port, "PostgreSQL runs");
        Ok(Self {
            place,
            port,
            password,
            in_use,
            leave: false,
        })
    }

    /// The server that runs on `data_dir`, if any. Nothing is started, and the
    /// handle leaves it running.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn find(data_dir: &Path) -> Result<Option<Self>, StartError> {
        let found = Self::adopt(data_dir).await?;
        Ok(found.map(|mut cluster| {
            cluster.leave_running();
            cluster
        }))
    }

    /// Ends the server that runs on `data_dir`, whoever uses it. Whether one ran.
    ///
    /// # Errors
    /// When it does not end within its bound.
    pub async fn stop_at(data_dir: &Path) -> Result<bool, StartError> {
        if Place::existing(data_dir).is_none() {
            return Ok(false);
        }
        let _lock = Lock::for_change(data_dir).await?;
        Server::open(data_dir).await?.stop().await
    }

    /// Ends the server on `data_dir`, whoever uses it, and deletes the cluster
    /// with its data, also what lies outside the folder.
    ///
    /// # Errors
    /// When the server does not end, or something cannot be deleted.
    pub async fn delete(data_dir: &Path) -> Result<(), StartError> {
        if Place::existing(data_dir).is_none() {
            return Ok(());
        }
        let _lock = Lock::for_change(data_dir).await?;
        let server = Server::open(data_dir).await?;
        server.stop().await?;
        server.place().delete()
    }

    /// The same, unless a handle uses it, in this process or another. Whether it was deleted.
    ///
    /// # Errors
    /// As [`Cluster::delete`].
    pub async fn delete_if_unused(data_dir: &Path) -> Result<bool, StartError> {
        if Place::existing(data_dir).is_none() {
            return Ok(true);
        }
        let _lock = Lock::for_change(data_dir).await?;
        let Some(_nobody_else) = Lock::for_end(data_dir)? else {
            return Ok(false);
        };
        let server = Server::open(data_dir).await?;
        server.stop().await?;
        server.place().delete().map(|()| true)
    }

    /// The superuser's URL of `database`. It holds the password.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let (password, database) = (percent(&self.password), percent(database));
        format!(
            "postgres://{SUPERUSER}:{password}@127.0.0.1:{}/{database}?sslmode=disable",
            self.port
        )
    }

    /// Options to connect as superuser, to the database `postgres`.
    #[must_use]
    pub fn admin_options(&self) -> PgConnectOptions {
        admin_options(self.port, &self.password)
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The cluster's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.place.folder()
    }

    /// The server's log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.place.log()
    }

    /// Leaves the server running when this handle is dropped. The next start
    /// adopts it.
    pub fn leave_running(&mut self) {
        self.leave = true;
    }

    /// Ends the server in order, or leaves it to the other handles that use it,
    /// in this process and in others. Open connections are cut.
    ///
    /// # Errors
    /// When it does not end within its bound.
    pub async fn stop(mut self) -> Result<(), StartError> {
        self.leave = true;
        self.in_use = None;
        end(self.place.folder()).await
    }

    /// Takes the short way to a server that is known to run: tests, one process
    /// each, do this by the hundred.
    async fn adopt(data_dir: &Path) -> Result<Option<Self>, StartError> {
        let Some(place) = Place::existing(data_dir) else {
            return Ok(None);
        };
        let (Some(port), Ok(password)) = (place.port(), place.password()) else {
            return Ok(None);
        };
        // The port might be another server's by now: ask the data, too.
        let running = fs::read_to_string(place.data().join("postmaster.pid"));
        if running.ok().and_then(|text| port_in(&text)) != Some(port) {
            return Ok(None);
        }
        // First the lock, then the look: whoever ends the server does not get past us.
        let Some(in_use) = Lock::for_use(place.folder())? else {
            return Ok(None);
        };
        if try_connect(port, &password).await.is_err() {
            return Ok(None);
        }
        Ok(Some(Self {
            place,
            port,
            password,
            in_use: Some(in_use),
            leave: false,
        }))
    }
}

/// Ends the server in `folder` if nobody uses it any more.
async fn end(folder: &Path) -> Result<(), StartError> {
    let _lock = Lock::for_change(folder).await?;
    let Some(_nobody_else) = Lock::for_end(folder)? else {
        return Ok(());
    };
    Server::open(folder).await?.stop().await.map(drop)
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.in_use = None;
        // A folder that has been deleted is not created again for this.
        if self.leave || !self.place.folder().exists() {
            return;
        }
        let folder = self.place.folder().to_owned();
        // A thread of its own: we may be inside a runtime, or after its end.
        let ending = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let ended = runtime.map(|runtime| runtime.block_on(end(&folder)));
            if !matches!(ended, Ok(Ok(()))) {
                tracing::warn!(folder = %folder.display(), "PostgreSQL was not stopped; the next start adopts it");
            }
        });
        let _ = ending.join();
    }
}

impl fmt::Debug for Cluster {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("folder", &self.place.folder())
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// Everything but letters and digits as `%xx`.
pub(crate) fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}
