//! `kefu backup` as a process that is killed (kill -9).

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use age::{secrecy::ExposeSecret, x25519};
use kefu_testkit::{TestDatabase, eventually};
use sqlx::{Connection, PgConnection};

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
    sqlx::query("LOCK TABLE profile.customer IN ACCESS EXCLUSIVE MODE")
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
