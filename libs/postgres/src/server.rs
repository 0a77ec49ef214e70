//! Creates, starts, adopts and ends the server of one place. Callers hold the
//! place's lock.

use std::{
    fs, net::TcpListener, os::unix::fs::OpenOptionsExt, path::Path, process::Output, time::Duration,
};

use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::{
    process::Command,
    time::{Instant, sleep, timeout},
};

use crate::{
    ClusterOptions, StartError,
    binaries::Binaries,
    error::At,
    launch::{Launcher, check, tail},
    place::{Place, write_private},
    postmaster::{self, Running},
};

/// The superuser's name.
pub(crate) const SUPERUSER: &str = "kefu";

/// Creating writes some 40 MB; a slow disk may take its time to sync them.
const CREATING: Duration = Duration::from_secs(180);
/// Includes recovery after a crash.
const STARTING: Duration = Duration::from_secs(60);
/// In order, and then by force.
const STOPPING: [(&str, Duration); 2] = [
    ("fast", Duration::from_secs(30)),
    ("immediate", Duration::from_secs(10)),
];
/// Times a start is tried when its port was taken in between.
const ATTEMPTS: u32 = 5;
/// The log starts afresh past this size.
const LOG_BYTES: u64 = 10 * 1024 * 1024;

pub(crate) struct Server {
    place: Place,
    launcher: Launcher,
    binaries: Binaries,
}

impl Server {
    /// Finds or creates the place's folders, and the programs for it.
    pub(crate) async fn open(folder: &Path) -> Result<Self, StartError> {
        let launcher = Launcher::detect().await?;
        let (place, launcher) = Place::prepare(folder, launcher).await?;
        let binaries = Binaries::find(&place.data(), &launcher).await?;
        Ok(Self {
            place,
            launcher,
            binaries,
        })
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The port of a server that runs already, for instance because our process
    /// was killed. One that is just starting or ending is waited for.
    pub(crate) async fn adopt(&self) -> Result<Option<u16>, StartError> {
        let deadline = Instant::now() + STARTING;
        while let Some(running) = self.running().await? {
            if let Some(port) = running.port
                && self.accepts(port).await?
            {
                self.place.keep_port(port)?;
                return Ok(Some(port));
            }
            if Instant::now() > deadline {
                return Err(self.too_slow("waiting for the running server", STARTING));
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(None)
    }

    /// Creates the data if there is none yet, then starts the server on it.
    pub(crate) async fn start(&self, options: &ClusterOptions) -> Result<u16, StartError> {
        self.place.ensure_password()?;
        if !self.place.data().join("PG_VERSION").exists() {
            self.create(options.durable).await?;
        }
        let mut taken = false;
        for _ in 0..ATTEMPTS {
            let port = self.choose_port(options.port, taken)?;
            self.configure(options, port)?;
            let Some(said) = self.try_start().await? else {
                // The adoption proves that the password is taken, too.
                let running = self.adopt().await?;
                return running
                    .ok_or_else(|| self.failed("postgres", "it ended at once".to_owned()));
            };
            if said.contains("pre-existing shared memory block") {
                // Its predecessor was killed, and the last of that one's children is just ending.
                sleep(Duration::from_secs(1)).await;
            } else if said.contains("Address already in use") {
                if let Some(port) = options.port {
                    return Err(StartError::PortTaken { port });
                }
                taken = true;
            } else {
                return Err(self.failed("pg_ctl", said));
            }
        }
        Err(self.failed(
            "pg_ctl",
            format!(
                "gave up after {ATTEMPTS} attempts; see {}",
                self.place.log().display()
            ),
        ))
    }

    /// Ends the server, if it runs.
    pub(crate) async fn stop(&self) -> Result<bool, StartError> {
        if self.running().await?.is_none() {
            return Ok(false);
        }
        for (mode, bound) in STOPPING {
            self.pg_ctl(&["stop", "-m", mode], bound).await?;
            if self.running().await?.is_none() {
                return Ok(true);
            }
        }
        Err(self.too_slow(
            "stopping the server",
            STOPPING.iter().map(|(_, bound)| *bound).sum(),
        ))
    }

    /// `initdb`, into a folder that gets its name only when it is complete.
    async fn create(&self, durable: bool) -> Result<(), StartError> {
        let draft = self.place.server().join("data.new");
        let password = self.place.server().join("password.new");
        for locale in self.locales() {
            if draft.exists() {
                fs::remove_dir_all(&draft).at("delete", &draft)?;
            }
            write_private(&password, &self.place.password()?)?;
            self.launcher.hand_over(&password)?;
            let program = self.binaries.program("initdb");
            let mut command = self.launcher.command(&program);
            command.arg("-D").arg(&draft).arg("--pwfile").arg(&password);
            command.args([
                "--username",
                SUPERUSER,
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--no-instructions",
            ]);
            command.args(locale);
            if !durable {
                command.arg("--no-sync");
            }
            let output = self.run(command, "creating the cluster", CREATING).await;
            fs::remove_file(&password).at("delete", &password)?;
            let output = output?;
            if String::from_utf8_lossy(&output.stderr).contains("invalid locale name") {
                continue;
            }
            check(&program, &output)?;
            let settings = draft.join("postgresql.conf");
            let text = fs::read_to_string(&settings).at("read", &settings)?;
            fs::write(&settings, text + "\ninclude 'kefu.conf'\n").at("write", &settings)?;
            return fs::rename(&draft, self.place.data()).at("rename", &draft);
        }
        Err(self.failed(
            "initdb",
            "neither the locale C.UTF-8 nor C is known".to_owned(),
        ))
    }

    /// Text sorts by code point everywhere; letters beyond ASCII have cases
    /// where the system knows C.UTF-8, or PostgreSQL itself does (17 and newer).
    fn locales(&self) -> Vec<&'static [&'static str]> {
        let mut locales: Vec<&[&str]> = vec![&["--locale=C.UTF-8"], &["--locale=C"]];
        if self.binaries.major() >= 17 {
            locales.insert(
                0,
                &[
                    "--locale=C",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                ],
            );
        }
        locales
    }

    /// Our settings, written on every start so that new options take effect.
    fn configure(&self, options: &ClusterOptions, port: u16) -> Result<(), StartError> {
        let sockets = self.place.socket_folder(&self.launcher)?;
        let mut settings = vec![
            format!("port = {port}"),
            "listen_addresses = '127.0.0.1'".to_owned(),
            format!(
                "unix_socket_directories = '{}'",
                sockets.display().to_string().replace('\'', "''")
            ),
            format!("max_connections = {}", options.max_connections),
            "shared_buffers = 128MB".to_owned(),
            "timezone = 'UTC'".to_owned(),
            "log_timezone = 'UTC'".to_owned(),
            "lc_messages = 'C'".to_owned(),
            // A statement that fails may hold personal data: it stays out of the log.
            "log_min_error_statement = panic".to_owned(),
        ];
        if !options.durable {
            // CREATE and DROP DATABASE wait until every process has taken note, and the
            // launcher of autovacuum may be napping for its whole minute.
            let needless = [
                "fsync",
                "synchronous_commit",
                "full_page_writes",
                "autovacuum",
            ];
            for name in needless {
                settings.push(format!("{name} = off"));
            }
        }
        let path = self.place.data().join("kefu.conf");
        fs::write(&path, settings.join("\n") + "\n").at("write", &path)?;
        self.launcher.hand_over(&path)
    }

    /// A port that is free now: the one asked for, last time's, or any.
    fn choose_port(&self, asked: Option<u16>, other: bool) -> Result<u16, StartError> {
        let free = |port: u16| {
            TcpListener::bind(("127.0.0.1", port)).and_then(|listener| listener.local_addr())
        };
        if let Some(port) = asked {
            return free(port)
                .map(|_| port)
                .map_err(|_| StartError::PortTaken { port });
        }
        let last = self.place.port().filter(|_| !other);
        let chosen = last.and_then(|port| free(port).ok());
        let address = chosen
            .map_or_else(|| free(0), Ok)
            .at("find a free port for", self.place.folder())?;
        Ok(address.port())
    }

    /// Starts the server and waits for it. What the log says where that fails.
    async fn try_start(&self) -> Result<Option<String>, StartError> {
        let log = self.place.log();
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&log)
            .at("open", &log)?;
        self.launcher.hand_over(&log)?;
        if file.metadata().at("look at", &log)?.len() > LOG_BYTES {
            file.set_len(0).at("empty", &log)?;
        }
        let before = file.metadata().at("look at", &log)?.len();
        let log_text = log.to_string_lossy().into_owned();
        // pg_ctl makes the server a session of its own, which our terminal's
        // signals do not reach and which a test runner does not wait for.
        let output = self.pg_ctl(&["start", "-l", &log_text], STARTING).await?;
        if output.status.success() {
            return Ok(None);
        }
        if self.running().await?.is_some() {
            return Err(self.too_slow("starting the server", STARTING));
        }
        let text = fs::read(&log).at("read", &log)?;
        let new = usize::try_from(before)
            .ok()
            .and_then(|from| text.get(from..))
            .unwrap_or_default();
        let said = [&output.stderr[..], new].concat();
        Ok(Some(tail(&String::from_utf8_lossy(&said))))
    }

    async fn running(&self) -> Result<Option<Running>, StartError> {
        postmaster::running(&self.place, &self.launcher).await
    }

    async fn pg_ctl(&self, arguments: &[&str], bound: Duration) -> Result<Output, StartError> {
        let mut command = self.launcher.command(&self.binaries.program("pg_ctl"));
        command.args(arguments).arg("-D").arg(self.place.data());
        command.args(["-w", "-s", "-t", &bound.as_secs().to_string()]);
        self.run(command, "pg_ctl", bound + Duration::from_secs(10))
            .await
    }

    async fn run(
        &self,
        command: Command,
        what: &'static str,
        bound: Duration,
    ) -> Result<Output, StartError> {
        self.launcher
            .run(command, what, bound, &self.place.log())
            .await
    }

    /// Whether the server takes our password. An error where it never will.
    async fn accepts(&self, port: u16) -> Result<bool, StartError> {
        let refused = |source| StartError::Refused {
            folder: self.place.folder().to_owned(),
            source,
        };
        match try_connect(port, &self.place.password()?).await {
            Ok(()) => Ok(true),
            // 28: the password is wrong, or the rules are not ours. 53300: it is full, so it runs.
            Err(sqlx::Error::Database(error)) => match error.code().as_deref() {
                Some("53300") => Ok(true),
                Some(code) if code.starts_with("28") => Err(refused(sqlx::Error::Database(error))),
                _ => Ok(false),
            },
            Err(_) => Ok(false),
        }
    }

    fn failed(&self, program: &str, output: String) -> StartError {
        StartError::Program {
            program: self.binaries.program(program),
            status: "no server".to_owned(),
            output,
        }
    }

    fn too_slow(&self, what: &'static str, bound: Duration) -> StartError {
        StartError::TooSlow {
            what,
            seconds: bound.as_secs(),
            see: self.place.log(),
        }
    }
}

/// Options for the superuser of a server on `port`.
pub(crate) fn admin_options(port: u16, password: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .username(SUPERUSER)
        .password(password)
        .database("postgres")
        .ssl_mode(sqlx::postgres::PgSslMode::Disable)
}

/// Connects once and goes away again.
pub(crate) async fn try_connect(port: u16, password: &str) -> Result<(), sqlx::Error> {
    let options = admin_options(port, password);
    let connecting = async { PgConnection::connect_with(&options).await?.close().await };
    timeout(Duration::from_secs(5), connecting)
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))
}
