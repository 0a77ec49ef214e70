//! What a backup from before a destruction still tells (`docs/destruction.md`).

use std::{path::PathBuf, process::Command, sync::Arc};

use kefu_contracts::{ClassSet, Resource, profile::Customer};
use kefu_postgres::name_for_test;
use kefu_service::{ids::system_randomness, rewrap, sealed::Sealer};
use kefu_testkit::{TestDatabase, TestSuite};
use kefu_vault::{LocalKeyProvider, Vault, WrappedKey};
use sqlx::{Connection, PgConnection, Row};
use uuid::Uuid;

use crate::{
    destruction::{COOLING, certificate, form, full, id, scheduled, scrubbed, sealed},
    records::enter,
    retention::{ago, last_met},
};

/// Base64 of 32 bytes that are no other key's.
const SECOND: &str = "c2Vjb25kIGtleS1lbmNyeXB0aW9uIGtleSwgMzIgYi4=";

fn vault(text: &str) -> Arc<Vault> {
    let provider = LocalKeyProvider::from_text(text).unwrap();
    Arc::new(Vault::new(Arc::new(provider), system_randomness()))
}

/// PostgreSQL's own programs, of the version that runs.
async fn program(sql: &mut PgConnection, name: &str) -> PathBuf {
    let folder: String = sqlx::query_scalar("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
        .fetch_one(sql)
        .await
        .unwrap();
    PathBuf::from(folder).join(name)
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    output.stdout
}

/// The key of a customer as a database has it.
async fn key(sql: &mut PgConnection, customer: Uuid) -> WrappedKey {
    let row =
        sqlx::query("SELECT kek_id, wrapped FROM profile.customer_key WHERE customer_id = $1")
            .bind(customer)
            .fetch_one(sql)
            .await
            .unwrap();
    WrappedKey {
        kek_id: row.get(0),
        bytes: row.get(1),
    }
}

/// The name in a file as a database has it, under this key.
async fn opened(
    sql: &mut PgConnection,
    vault: &Arc<Vault>,
    customer: Uuid,
    wrapped: &WrappedKey,
) -> Option<String> {
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT sealed FROM profile.customer WHERE id = $1")
        .bind(customer)
        .fetch_one(sql)
        .await
        .unwrap();
    let sealer = Sealer::new(vault.clone(), "profile.customer");
    let key = sealer.open_key(customer, wrapped).await.ok()?;
    let all = ClassSet::of(Customer::CLASSES);
    let file = sealer.open::<Customer>(&key, customer, &sealed, all);
    Some(file.unwrap().0.display_name)
}

/// Clause CF-10.2: a backup from before the destruction is restored, and tells nothing of the
/// customer once the key-encryption key of its time is destroyed; others' files open with
/// their keys of today. Until then it does tell: that is why the old key has to go.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_tells_nothing_of_a_destroyed_file() {
    let suite = TestSuite::start().await;
    let (gone, _) = full(&suite).await;
    let erp = suite.caller_for("erp", "integration");
    let stays = enter(&erp, last_met(ago(&suite, 1))).await;
    let mut live = suite.database.connect().await.unwrap();
    let dump = program(&mut live, "pg_dump").await;
    let backup = run(Command::new(dump).arg(suite.database.url()));
    let text = String::from_utf8_lossy(&backup).into_owned();
    let lies = sealed(&suite.database, &gone.name).await;
    assert!(
        lies.iter().all(|value| text.contains(value)),
        "all of it is in the backup"
    );
    for plain in [
        "张三丰",
        "13812345678",
        "11010519491231002X",
        "4111111111111111",
    ] {
        assert!(!text.contains(plain), "{plain} is in the backup");
    }

    let destruction = scheduled(&suite, form(&[&gone.name])).await;
    suite.clock.advance(COOLING);
    certificate(&suite, &destruction).await;
    scrubbed(&suite, &gone.name).await;

    // The month is over: another key-encryption key, and the old one is dropped.
    let first = suite.keys.vault_text().to_owned();
    let both = first.replace("current = k1", &format!("current = k2\nkek.k2 = {SECOND}"));
    let lines = both.lines().filter(|line| !line.starts_with("kek.k1"));
    let second: String = lines.map(|line| format!("{line}\n")).collect();
    assert!(both.contains("kek.k1") && second.contains("kek.k2") && !second.contains("kek.k1"));
    let databases = suite.database.open().unwrap();
    for service in [
        &databases.customer_profile,
        &databases.ticket,
        &databases.order_followup,
    ] {
        rewrap::all(service, &vault(&both)).await.unwrap();
    }
    let left: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM profile.customer_key WHERE kek_id = 'k1')
              + (SELECT count(*) FROM ticket.customer_key WHERE kek_id = 'k1')
              + (SELECT count(*) FROM orders.customer_key WHERE kek_id = 'k1')",
    )
    .fetch_one(&mut live)
    .await
    .unwrap();
    assert_eq!(left, 0);
    assert_eq!(
        rewrap::all(&databases.customer_profile, &vault(&both))
            .await
            .unwrap(),
        0
    );

    let mut restored = restore(&suite.database, &mut live, &backup).await;
    let (gone, stays) = (id(&gone.name), id(&stays.name));
    let wrapped = key(&mut restored, gone).await;
    let after = opened(&mut restored, &vault(&second), gone, &wrapped).await;
    assert_eq!(after, None, "the key-encryption key is gone");
    let before = opened(&mut restored, &vault(&first), gone, &wrapped).await;
    assert_eq!(
        before.as_deref(),
        Some("张三丰"),
        "nothing but that key stood before it"
    );
    let today = key(&mut live, stays).await;
    let other = opened(&mut restored, &vault(&second), stays, &today).await;
    assert_eq!(other.as_deref(), Some("张三丰"));
}

async fn restore(of: &TestDatabase, live: &mut PgConnection, backup: &[u8]) -> PgConnection {
    let name = name_for_test(live).await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::raw_sql(create).execute(&mut *live).await.unwrap();
    let (before, options) =
        of.url()
            .rsplit_once('/')
            .map_or((String::new(), String::new()), |(before, after)| {
                let options = after
                    .split_once('?')
                    .map(|(_, options)| format!("?{options}"));
                (before.to_owned(), options.unwrap_or_default())
            });
    let url = format!("{before}/{name}{options}");
    let file = std::env::temp_dir().join(format!("{name}.sql"));
    std::fs::write(&file, backup).unwrap();
    let psql = program(live, "psql").await;
    run(Command::new(psql)
        .args(["--quiet", "--set", "ON_ERROR_STOP=1", "--file"])
        .arg(&file)
        .arg(&url));
    std::fs::remove_file(&file).unwrap();
    PgConnection::connect(&url).await.unwrap()
}
