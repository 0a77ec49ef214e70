//! `kefu backup` as a process that is killed (kill -9).

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use age::{secrecy::ExposeSecret, x25519};
use kefu::backup::programs::Programs;
use kefu_postgres::{Cluster, ClusterOptions};
use kefu_testkit::{TestDatabase, eventually};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::processes::Process;

async fn programs(sql: &mut PgConnection) -> String {
    sqlx::query_scalar("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
        .fetch_one(sql)
        .await
        .unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| !name.starts_with("lock-"));
    names.sort();
    names
}

/// Clauses CF-5.1, CF-8.2: a backup that is killed in the middle leaves nothing that passes for one; the
/// next deletes what it left, and verifies. No file of it has anything in the clear.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_killed_is_none() {
    let database = TestDatabase::create().await.unwrap();
    let mut sql = database.connect().await.unwrap();
    let secret = x25519::Identity::generate();
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("backups");
    let programs = programs(&mut sql).await;
    let kefu = |what: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kefu"));
        command
            .arg("backup")
            .args(what)
            .env("KEFU_BACKUP_FOLDER", &folder);
        command
    };
    let take = || {
        let mut command = kefu(&["take", "--programs", &programs]);
        command
            .env("KEFU_BACKUP_URL", database.url())
            .env("KEFU_BACKUP_RECIPIENTS", secret.to_public().to_string());
        command
    };

    // pg_dump waits for a table that somebody else has.
    let mut watch = database.connect().await.unwrap();
    let mut lock = sql.begin().await.unwrap();
    sqlx::query("LOCK TABLE ticket.message IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *lock)
        .await
        .unwrap();
    let stopped = Process(
        take()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    eventually(async || {
        let waits = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND application_name = 'pg_dump' AND wait_event_type = 'Lock'";
        let waits: i64 = sqlx::query_scalar(waits).fetch_one(&mut watch).await.unwrap();
        (waits > 0).then_some(())
    })
    .await;
    // Dropped is killed.
    drop(stopped);
    lock.rollback().await.unwrap();
    let left = names(&folder);
    assert!(
        left.len() == 1 && left[0].starts_with("unfinished-data-"),
        "{left:?}"
    );
    assert!(
        !kefu(&["list"]).output().unwrap().status.success(),
        "none is listed"
    );

    let output = take().output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let made = names(&folder);
    let kinds: Vec<_> = made.iter().map(|name| &name[..5]).collect();
    assert_eq!(kinds, ["data-", "keys-"], "{made:?}");
    for file in ["dump.age", "manifest.age"]
        .map(|file| folder.join(&made[0]).join(file))
        .iter()
        .chain([&folder.join(&made[1])])
    {
        let bytes = fs::read(file).unwrap();
        assert!(
            bytes.starts_with(b"age-encryption.org/v1\n"),
            "{}",
            file.display()
        );
        let plain = b"customer_key";
        assert!(!bytes.windows(plain.len()).any(|part| part == plain));
    }

    let key = home.path().join("key");
    fs::write(&key, secret.to_string().expose_secret()).unwrap();
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let scratch = home.path().join("scratch");
    let (key, place) = (key.to_str().unwrap(), scratch.to_str().unwrap());
    let verified = kefu(&["verify", "--identity", key, "--scratch", place])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(
        verified.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&verified.stderr)
    );
    assert!(said.contains("verified: data-"), "{said}");
    assert!(!scratch.exists(), "the scratch cluster is gone");
}

/// Clause CF-8.2: a backup in which a customer's key is missing is not taken, and where it was, it does not pass.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_lacks_a_key_does_not_pass() {
    let database = TestDatabase::create().await.unwrap();
    let mut sql = database.connect().await.unwrap();
    let without_key = "SET search_path = profile;
        INSERT INTO customer (id, type, state, business_line, department_id, tier, sealed, revision, created_at,
            updated_at, intake_channel, name_marks, address_marks)
        VALUES (gen_random_uuid(), 1, 2, 'retail', gen_random_uuid(), 1, 'sealed', 1, now(), now(), 5, '{}', '{}')";
    run(&mut sql, without_key.to_owned()).await;
    let secret = x25519::Identity::generate();
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("backups");
    let programs = programs(&mut sql).await;
    let key = home.path().join("key");
    fs::write(&key, secret.to_string().expose_secret()).unwrap();
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let backup = |what: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kefu"));
        command
            .arg("backup")
            .args(what)
            .env("KEFU_BACKUP_FOLDER", &folder)
            .env("KEFU_BACKUP_URL", database.url())
            .env("KEFU_BACKUP_RECIPIENTS", secret.to_public().to_string());
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        (output.status.success(), said)
    };
    let missing = "customers without a key: 1 in profile.customer_key";
    let take = ["take", "--programs", programs.as_str()];

    for what in [&take[..], &["keys"][..]] {
        let (passed, said) = backup(what);
        assert!(!passed && said.contains(missing), "{said}");
        assert_eq!(names(&folder), Vec::<String>::new());
    }
    let given_up = [&take[..], &["--keys-lost", "1"][..]].concat();
    let (passed, said) = backup(&given_up);
    assert!(passed, "{said}");
    let scratch = home.path().join("scratch");
    let (key, place) = (key.to_str().unwrap(), scratch.to_str().unwrap());
    let verify = ["verify", "--identity", key, "--scratch", place];
    let (passed, said) = backup(&verify);
    assert!(!passed && said.contains(missing), "{said}");
    assert!(!said.contains("verified: "), "{said}");
    assert!(!scratch.exists(), "the scratch cluster is gone");
}

/// A certificate for `localhost`, its key, and the authority that vouches for it.
fn certificate() -> [String; 3] {
    // Under its authority's name it would count as its own authority.
    let called = |name: &str, params: Result<CertificateParams, rcgen::Error>| {
        let mut params = params.unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let mut params = called("authority", CertificateParams::new(Vec::new()));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let params = called("database", CertificateParams::new(["localhost".to_owned()]));
    let key = KeyPair::generate().unwrap();
    let own = params.signed_by(&key, &authority).unwrap();
    [own.pem(), key.serialize_pem(), authority.pem()]
}

async fn run(sql: &mut PgConnection, statement: String) {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(sql)
        .await
        .unwrap();
}

/// From now on the server shows this certificate to whoever asks for TLS.
async fn speak_tls(sql: &mut PgConnection, certificate: &str, key: &str) {
    for (file, text) in [("server.crt", certificate), ("server.key", key)] {
        // By the server itself, as the key has to be its own.
        let lines = format!("SELECT string_to_table('{text}', E'\\n')");
        let into = format!("umask 077; cat > {file}");
        run(sql, format!("COPY ({lines}) TO PROGRAM '{into}'")).await;
    }
    run(sql, "ALTER SYSTEM SET ssl = on".to_owned()).await;
    run(sql, "SELECT pg_reload_conf()".to_owned()).await;
}

/// With the url of docs/deployment.md the driver and PostgreSQL's programs believe the authority that
/// is named, and without it nobody of its own making.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_an_authority_of_its_own_is_dumped_and_restored() {
    let home = tempfile::tempdir().unwrap();
    let options = ClusterOptions {
        data_dir: home.path().join("cluster"),
        durable: false,
        max_connections: 20,
        port: None,
    };
    let cluster = Cluster::start(options.clone()).await.unwrap();
    let mut admin = PgConnection::connect_with(&cluster.admin_options())
        .await
        .unwrap();
    let [certificate, key, authority] = certificate();
    speak_tls(&mut admin, &certificate, &key).await;
    let file = home.path().join("database-ca.crt");
    fs::write(&file, authority).unwrap();
    let url = |database: &str, roots: &str| {
        let url = cluster.url(database).replace("127.0.0.1", "localhost");
        url.replace("sslmode=disable", &format!("sslmode=verify-full{roots}"))
    };
    let named = format!("&sslrootcert={}", file.display());
    let programs = Programs {
        folder: Some(programs(&mut admin).await.into()),
    };

    let connect = async || PgConnection::connect(&url("postgres", &named)).await.ok();
    let mut sql = eventually(connect).await;
    run(
        &mut sql,
        "CREATE SCHEMA kept; CREATE TABLE kept.thing AS SELECT 1".to_owned(),
    )
    .await;
    run(&mut sql, "CREATE DATABASE restored".to_owned()).await;
    let mut moment = sql
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .await
        .unwrap();
    let snapshot: String = sqlx::query_scalar("SELECT pg_export_snapshot()")
        .fetch_one(&mut *moment)
        .await
        .unwrap();
    let mut dump = Vec::new();
    let dumping = async |roots: &str, to: &mut Vec<u8>| {
        let url = url("postgres", roots);
        programs.dump(&url, &snapshot, &["kept"], &[], to).await
    };
    dumping(&named, &mut dump).await.unwrap();
    let told = dumping("", &mut Vec::new()).await.unwrap_err();
    assert!(told.to_string().contains("certificate"), "{told}");
    assert!(PgConnection::connect(&url("postgres", "")).await.is_err());

    let to = url("restored", &named);
    programs.restore(&to, &mut dump.as_slice()).await.unwrap();
    let mut restored = PgConnection::connect(&to).await.unwrap();
    let there: i64 = sqlx::query_scalar("SELECT count(*) FROM kept.thing")
        .fetch_one(&mut restored)
        .await
        .unwrap();
    assert_eq!(there, 1);
    drop(cluster);
    Cluster::delete(&options.data_dir).await.unwrap();
}
