//! A cluster's life, on the PostgreSQL programs of this machine.

#![allow(
    clippy::unwrap_used,
    reason = "tests unwrap freely, also in what they share"
)]

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use kefu_postgres::{Cluster, ClusterOptions, StartError, TestCluster, shared_for_tests};
use sqlx::{ConnectOptions, Connection, PgConnection};
use tempfile::TempDir;

/// A folder for one test that the server's user may enter, too.
fn open_folder() -> TempDir {
    let folder = TempDir::with_prefix_in("pg-", env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    folder
}

fn options(folder: &Path) -> ClusterOptions {
    ClusterOptions {
        data_dir: folder.join("cluster"),
        durable: false,
        max_connections: 20,
        port: None,
    }
}

async fn connect(cluster: &Cluster) -> PgConnection {
    cluster.admin_options().connect().await.unwrap()
}

async fn one(connection: &mut PgConnection, sql: &'static str) -> String {
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

/// The bin as the Makefile calls it.
fn program(arguments: &[&str], pg_bin: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kefu-postgres"));
    command.args(arguments);
    if let Some(folder) = pg_bin {
        command.env("KEFU_PG_BIN", folder);
    }
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

fn we_are_root(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    folder.metadata().unwrap().uid() == 0
}

#[tokio::test]
async fn data_and_port_outlive_a_stop() {
    let folder = open_folder();
    let cluster = Cluster::start(options(folder.path())).await.unwrap();
    let port = cluster.port();
    let mut connection = connect(&cluster).await;
    sqlx::raw_sql("CREATE TABLE kept AS SELECT '客服' AS name")
        .execute(&mut connection)
        .await
        .unwrap();
    assert_eq!(one(&mut connection, "SHOW server_encoding").await, "UTF8");
    assert_eq!(one(&mut connection, "SHOW fsync").await, "off");
    assert_eq!(
        one(&mut connection, "SHOW listen_addresses").await,
        "127.0.0.1"
    );
    assert_eq!(one(&mut connection, "SHOW max_connections").await, "20");
    // An open connection does not keep it from stopping.
    cluster.stop().await.unwrap();
    assert!(
        Cluster::find(&options(folder.path()).data_dir)
            .await
            .unwrap()
            .is_none()
    );

    let cluster = Cluster::start(options(folder.path())).await.unwrap();
    assert_eq!(cluster.port(), port);
    let mut connection = PgConnection::connect(&cluster.url("postgres"))
        .await
        .unwrap();
    assert_eq!(one(&mut connection, "SELECT name FROM kept").await, "客服");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_durable_cluster_is_durable() {
    let folder = open_folder();
    let cluster = Cluster::start(ClusterOptions {
        durable: true,
        ..options(folder.path())
    })
    .await
    .unwrap();
    let mut connection = connect(&cluster).await;
    for setting in [
        "SHOW fsync",
        "SHOW synchronous_commit",
        "SHOW full_page_writes",
    ] {
        assert_eq!(one(&mut connection, setting).await, "on", "{setting}");
    }
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_left_over_is_adopted() {
    let folder = open_folder();
    let started = program(
        &["start", path(&options(folder.path()).data_dir), "--fast"],
        None,
    );
    assert!(started.status.success(), "{}", text(&started));
    let first = Cluster::start(options(folder.path())).await.unwrap();
    let pid = one(
        &mut connect(&first).await,
        "SELECT pg_postmaster_start_time()::text",
    )
    .await;
    let port = first.port();
    // Killed with -9, a process runs no destructor, and the system gives its locks back.
    // `leave_running` is the same for the server.
    let mut killed = first;
    killed.leave_running();
    drop(killed);

    let second = Cluster::start(options(folder.path())).await.unwrap();
    assert_eq!(second.port(), port);
    assert_eq!(
        one(
            &mut connect(&second).await,
            "SELECT pg_postmaster_start_time()::text"
        )
        .await,
        pid
    );
    second.stop().await.unwrap();
}

#[tokio::test]
async fn a_leaked_handle_does_not_keep_the_next_from_adopting() {
    let folder = open_folder();
    let dir = options(folder.path()).data_dir;
    let first = Cluster::start(options(folder.path())).await.unwrap();
    let port = first.port();
    std::mem::forget(first);
    let second = Cluster::start(options(folder.path())).await.unwrap();
    assert_eq!(second.port(), port);
    assert!(!Cluster::delete_if_unused(&dir).await.unwrap());
    // Somebody else, it seems, still uses it: it goes on running until it is ended by name.
    second.stop().await.unwrap();
    assert!(Cluster::find(&dir).await.unwrap().is_some());
    assert!(Cluster::stop_at(&dir).await.unwrap());
    assert!(!Cluster::stop_at(&dir).await.unwrap());
    assert!(dir.exists());
}

#[tokio::test]
async fn a_killed_server_and_a_reused_number_do_not_keep_it_from_starting() {
    let folder = open_folder();
    let dir = options(folder.path()).data_dir;
    let cluster = Cluster::start(options(folder.path())).await.unwrap();
    sqlx::raw_sql("CREATE TABLE kept AS SELECT 1 AS n")
        .execute(&mut connect(&cluster).await)
        .await
        .unwrap();
    cluster.stop().await.unwrap();
    // As after a restart of a container: the file is there, its number is another program's.
    let stale = format!("{}\n{}\n0\n1\n", std::process::id(), dir.display());
    fs::write(dir.join("server/data/postmaster.pid"), stale).unwrap();
    let cluster = Cluster::start(options(folder.path())).await.unwrap();
    sqlx::raw_sql("SELECT n FROM kept")
        .execute(&mut connect(&cluster).await)
        .await
        .unwrap();

    let pid_file = fs::read_to_string(dir.join("server/data/postmaster.pid")).unwrap();
    let killed = Command::new("kill")
        .args(["-9", pid_file.lines().next().unwrap()])
        .status()
        .unwrap();
    assert!(killed.success());
    std::mem::forget(cluster);
    let cluster = Cluster::start(options(folder.path())).await.unwrap();
    sqlx::raw_sql("SELECT n FROM kept")
        .execute(&mut connect(&cluster).await)
        .await
        .unwrap();
    drop(cluster);
    Cluster::delete(&dir).await.unwrap();
    assert!(!dir.exists());
}

#[tokio::test]
async fn of_many_starts_at_once_one_starts_and_the_last_stop_ends_it() {
    let folder = open_folder();
    let dir = options(folder.path()).data_dir;
    let start = || tokio::spawn(Cluster::start(options(folder.path())));
    let (first, second) = (start(), start());
    let other = {
        let dir = dir.clone();
        tokio::task::spawn_blocking(move || program(&["start", path(&dir), "--fast"], None))
    };
    let (first, second) = (
        first.await.unwrap().unwrap(),
        second.await.unwrap().unwrap(),
    );
    let other = other.await.unwrap();
    assert!(other.status.success(), "{}", text(&other));
    assert_eq!(first.port(), second.port());
    assert!(text(&other).contains(&first.port().to_string()));

    first.stop().await.unwrap();
    connect(&second).await.ping().await.unwrap();
    drop(second);
    assert!(Cluster::find(&dir).await.unwrap().is_none());
}

#[tokio::test]
async fn another_port_is_found_when_last_times_is_taken() {
    let folder = open_folder();
    let cluster = Cluster::start(options(folder.path())).await.unwrap();
    let port = cluster.port();
    cluster.stop().await.unwrap();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();

    let asked = Cluster::start(ClusterOptions {
        port: Some(port),
        ..options(folder.path())
    })
    .await
    .unwrap_err();
    assert!(
        matches!(asked, StartError::PortTaken { port: taken } if taken == port),
        "{asked}"
    );
    let cluster = Cluster::start(options(folder.path())).await.unwrap();
    assert_ne!(cluster.port(), port);
    cluster.stop().await.unwrap();
}

#[test]
fn missing_programs_are_named_with_the_way_out() {
    let folder = open_folder();
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let output = program(
        &["start", path(&options(folder.path()).data_dir)],
        Some(&empty),
    );
    assert!(!output.status.success());
    for part in [
        "no PostgreSQL 14 or newer",
        path(&empty),
        "apt-get install postgresql",
        "brew install",
        "KEFU_PG_BIN",
    ] {
        assert!(text(&output).contains(part), "{part} in {}", text(&output));
    }
}

#[tokio::test]
async fn data_of_another_version_is_refused_by_name() {
    let folder = open_folder();
    let dir = options(folder.path()).data_dir;
    Cluster::start(options(folder.path()))
        .await
        .unwrap()
        .stop()
        .await
        .unwrap();
    fs::write(dir.join("server/data/PG_VERSION"), "9.6\n").unwrap();
    let error = Cluster::start(options(folder.path()))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("made by PostgreSQL 9.6") && error.contains("delete the folder"),
        "{error}"
    );
}

/// A folder below one that only its owner may enter, such as `/root`.
#[tokio::test]
async fn a_closed_folder_does_not_keep_it_from_starting() {
    let folder = TempDir::with_prefix_in("pg-", env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    let dir = options(folder.path()).data_dir;
    let cluster = Cluster::start(options(folder.path())).await.unwrap();
    connect(&cluster).await.ping().await.unwrap();
    cluster.stop().await.unwrap();
    let server = dir.join("server").canonicalize().unwrap();
    assert_eq!(
        !server.starts_with(folder.path()),
        we_are_root(folder.path()),
        "{}",
        server.display()
    );

    // With the folder deleted, what lies elsewhere goes on the next start, and no data comes back.
    if we_are_root(folder.path()) {
        fs::remove_dir_all(&dir).unwrap();
        Cluster::start(options(folder.path()))
            .await
            .unwrap()
            .stop()
            .await
            .unwrap();
        assert!(!server.exists());
    }
    let server = dir.join("server").canonicalize().unwrap();
    Cluster::delete(&dir).await.unwrap();
    assert!(!server.exists() && !dir.exists());
}

#[tokio::test]
async fn a_folder_closed_afterwards_is_named() {
    let folder = open_folder();
    Cluster::start(options(folder.path()))
        .await
        .unwrap()
        .stop()
        .await
        .unwrap();
    if !we_are_root(folder.path()) {
        return;
    }
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    let error = Cluster::start(options(folder.path()))
        .await
        .unwrap_err()
        .to_string();
    let closed = folder.path().canonicalize().unwrap();
    assert!(
        error.contains(&format!("chmod o+x {}", closed.display())),
        "{error}"
    );
}

#[tokio::test]
async fn a_long_path_is_no_trouble() {
    let folder = open_folder();
    let deep: PathBuf = folder.path().join("long-".repeat(30));
    let cluster = Cluster::start(options(&deep)).await.unwrap();
    let mut connection = connect(&cluster).await;
    let sockets = one(&mut connection, "SHOW unix_socket_directories").await;
    assert!(sockets.starts_with("/tmp/kefu-pg-"), "{sockets}");
    drop(cluster);
    Cluster::delete(&options(&deep).data_dir).await.unwrap();
    assert!(!Path::new(&sockets).exists());
}

#[tokio::test]
async fn the_password_is_shown_nowhere() {
    let folder = open_folder();
    let dir = options(folder.path()).data_dir;
    let started = program(&["start", path(&dir), "--fast"], None);
    let cluster = Cluster::start(options(folder.path())).await.unwrap();
    let file = dir.join("password");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let password = fs::read_to_string(&file).unwrap();
    assert!(password.len() >= 32);
    assert!(cluster.url("postgres").contains(&password));
    assert!(!text(&started).contains(&password));
    assert!(!format!("{cluster:?}").contains(&password));
    assert!(
        !fs::read_to_string(cluster.log())
            .unwrap()
            .contains(&password)
    );

    // A server that refuses it: the error says so, and not the password.
    let sql = "ALTER ROLE kefu PASSWORD 'another'";
    sqlx::raw_sql(sql)
        .execute(&mut connect(&cluster).await)
        .await
        .unwrap();
    let error = Cluster::start(options(folder.path())).await.unwrap_err();
    assert!(matches!(error, StartError::Refused { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains(&password));
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_scratch_database_has_the_tables_of_the_migrations() {
    let folder = open_folder();
    let dir = options(folder.path()).data_dir;
    let migrations = folder.path().join("migrations");
    fs::create_dir(&migrations).unwrap();
    fs::write(
        migrations.join("0001_init.sql"),
        "CREATE TABLE thing (id uuid)",
    )
    .unwrap();
    let pair = format!("own={}", migrations.display());
    // Twice: it is made anew each time.
    for _ in 0..2 {
        let output = program(&["scratch", path(&dir), "scratch", &pair], None);
        assert!(output.status.success(), "{}", text(&output));
    }
    let url = text(&program(&["url", path(&dir), "scratch"], None));
    let mut connection = PgConnection::connect(url.trim()).await.unwrap();
    sqlx::raw_sql("SELECT id FROM own.thing")
        .execute(&mut connection)
        .await
        .unwrap();
    let stopped = program(&["delete", path(&dir), "--unused"], None);
    assert!(
        stopped.status.success() && !dir.exists(),
        "{}",
        text(&stopped)
    );
}

#[tokio::test]
async fn tests_share_one_cluster() {
    let (first, second) = (
        shared_for_tests().await.unwrap(),
        shared_for_tests().await.unwrap(),
    );
    assert_eq!(first.url("a"), second.url("a"));
    first
        .admin_options()
        .connect()
        .await
        .unwrap()
        .ping()
        .await
        .unwrap();
    if let TestCluster::Private(cluster) = &first {
        drop(second);
        connect(cluster).await.ping().await.unwrap();
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
