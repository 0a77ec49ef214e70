//! The suite goes on over a database that was restored from a backup (docs/backup.md): what was
//! destroyed or taken away since stays so, and journals, figures and the audit log go on.

use std::{path::PathBuf, sync::Arc};

use age::{secrecy::ExposeSecret, x25519};
use kefu::{
    backup::{
        Source,
        folder::Folder,
        programs::Programs,
        sealed::{Reader, Recipients},
        take::{Keep, Taken, take, take_keys},
    },
    restore::{GAP, Restored, Target, into},
};
use kefu_access_control::config::AccessControlConfig;
use kefu_contracts::profile::{
    GetCertificateRequest, LookupCustomerRequest,
    certificate_service_client::CertificateServiceClient, lookup_customer_request::By,
};
use kefu_service::ids::system_randomness;
use kefu_testkit::{TestDatabase, TestSuite, eventually};
use kefu_ticket::TicketConfig;
use kefu_vault::Vault;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use tonic::Code;
use uuid::Uuid;

use crate::{
    attachments::{announced, put},
    destruction::{COOLING, certificate, form, full, id, scheduled, scrubbed, sealed},
    leak::dump::tables,
    records::{customers, enter, get, open, person, refusal, ticket},
    retention::{ago, last_met},
    shares::World,
};

/// A folder of backups, and who may read them.
struct Site {
    folder: Folder,
    recipients: Recipients,
    reader: Reader,
    files: TempDir,
    programs: PathBuf,
}

impl Site {
    async fn of(suite: &TestSuite) -> Self {
        let files = tempfile::tempdir().unwrap();
        let key = x25519::Identity::generate();
        let secret = files.path().join("key");
        std::fs::write(&secret, key.to_string().expose_secret()).unwrap();
        std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        let mut sql = suite.database.connect().await.unwrap();
        let programs: String =
            sqlx::query_scalar("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
                .fetch_one(&mut sql)
                .await
                .unwrap();
        Self {
            folder: Folder::at(files.path().join("backups")),
            recipients: Recipients::from_texts(&[key.to_public().to_string()]).unwrap(),
            reader: Reader::from_file(&secret).unwrap(),
            files,
            programs: programs.into(),
        }
    }

    fn source(&self, suite: &TestSuite) -> Source {
        Source {
            url: suite.database.url(),
            programs: Programs {
                folder: Some(self.programs.clone()),
            },
        }
    }

    async fn take(&self, suite: &TestSuite) -> Taken {
        take(&self.source(suite), &self.folder, &self.recipients, KEEP)
            .await
            .unwrap()
    }

    async fn keys(&self, suite: &TestSuite) {
        take_keys(&self.source(suite), &self.folder, &self.recipients, KEEP)
            .await
            .unwrap();
    }

    /// Restored into a database of its own.
    async fn restore(
        &self,
        suite: &TestSuite,
        taken: &Taken,
    ) -> (TestDatabase, anyhow::Result<Restored>) {
        let database = TestDatabase::empty().await.unwrap();
        let provider = kefu_vault::LocalKeyProvider::from_text(suite.keys.vault_text()).unwrap();
        let vault = Vault::new(Arc::new(provider), system_randomness());
        let mut tickets = TicketConfig::default();
        tickets.attachments.folder = suite.objects.path().to_owned();
        let target = Target {
            url: &database.url(),
            programs: &Programs {
                folder: Some(self.programs.clone()),
            },
            access: &AccessControlConfig::default(),
            clock: &suite.clock,
            vault: Some(&vault),
            numbers_ahead: 10_000,
            objects: Some(&tickets),
        };
        let restored = into(&target, &self.folder, &taken.data, &self.reader).await;
        (database, restored)
    }
}

const KEEP: Keep = Keep {
    data: 9,
    keys: 1,
    after_restore: false,
    keys_lost: 0,
};

async fn number(sql: &mut PgConnection, statement: &'static str) -> i64 {
    sqlx::query_scalar(statement).fetch_one(sql).await.unwrap()
}

/// Clauses CF-5.1, CF-8.2, CF-10.2: a backup from before a destruction is restored, and the file is as
/// destroyed as it was: no key of it comes back, nothing finds it, its certificate is the one that was
/// issued, and the other services scrub again. Everything else goes on where it was.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_destroyed_after_a_backup_stays_destroyed_when_it_is_restored() {
    let suite = TestSuite::start().await;
    let (gone, _) = full(&suite).await;
    let erp = suite.caller_for("erp", "integration");
    let stays = enter(&erp, last_met(ago(&suite, 1))).await;
    let kept = open(
        &suite.caller_for("erp", "integration").after(&erp),
        ticket(&stays.name),
    )
    .await;
    let site = Site::of(&suite).await;
    let taken = site.take(&suite).await;

    let others = sealed(&suite.database, &stays.name).await;
    let mut lies = sealed(&suite.database, &gone.name).await;
    // Two customers with one number.
    lies.retain(|value| !others.contains(value));
    assert!(lies.len() > 5);
    let keys_then: Vec<String> = keys_of(&suite.database, id(&gone.name)).await;
    assert_eq!(keys_then.len(), 3);
    let destruction = scheduled(&suite, form(&[&gone.name])).await;
    suite.clock.advance(COOLING);
    let certified = certificate(&suite, &destruction).await;
    scrubbed(&suite, &gone.name).await;
    site.keys(&suite).await;
    assert_eq!(
        site.folder.keys().unwrap().len(),
        1,
        "older keys are not kept"
    );

    let (database, restored) = site.restore(&suite, &taken).await;
    let restored = restored.unwrap();
    assert_eq!(restored.destroyed, (1, 1));
    assert_eq!(restored.keys_tried, Some(1));
    // Before any service starts.
    assert!(keys_of(&database, id(&gone.name)).await.is_empty());
    let stay = keys_of(&database, id(&stays.name)).await;
    assert_eq!(stay, keys_of(&suite.database, id(&stays.name)).await);
    assert!(stay.len() >= 2);
    let whole = tables(&database).await;
    for key in &keys_then {
        assert!(
            whole.iter().all(|(_, rows)| !rows.contains(key)),
            "its key is in no table"
        );
    }
    let mut sql = database.connect().await.unwrap();
    let ended = restored.manifest.survey.journals["ticket"].last.clone();
    let ended: i64 = ended.split_once('.').unwrap().0.parse().unwrap();

    let keys = suite.keys.clone();
    let again = TestSuite::over(database, keys, suite.clock.clone()).await;
    let erp = again.caller_for("erp", "integration");
    assert_eq!(
        refusal(&get(&erp, &gone.name).await.unwrap_err()).0,
        Code::NotFound
    );
    let by = LookupCustomerRequest {
        by: Some(By::Phone("13812345678".into())),
    };
    let found = customers(&erp)
        .lookup_customer(by)
        .await
        .unwrap()
        .into_inner();
    let found: Vec<_> = found
        .customers
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(found, [stays.name.as_str()]);
    let request = GetCertificateRequest {
        name: certified.name.clone(),
    };
    let keeper = again.caller_for("feng.yulan", "administration");
    let answer = CertificateServiceClient::new(keeper)
        .get_certificate(request)
        .await;
    assert_eq!(answer.unwrap().into_inner(), certified);
    scrubbed(&again, &gone.name).await;
    let whole = tables(&again.database).await;
    for value in &lies {
        for (table, rows) in &whole {
            assert!(!rows.contains(value), "{value} is still in {table}");
        }
    }

    // What was there is there, and what is new is heard of by the others.
    assert_eq!(
        get(&erp, &stays.name).await.unwrap().display_name,
        stays.display_name
    );
    let new = enter(&erp, person()).await;
    let opened = open(
        &again.caller_for("erp", "integration").after(&erp),
        ticket(&new.name),
    )
    .await;
    let of = |number: &str| number.trim_start_matches('T').parse::<i64>().unwrap();
    assert!(
        of(&opened.number) > of(&kept.number) + 10_000,
        "numbers of later are not given again"
    );
    let after = number(&mut sql, "SELECT max(transaction_id) FROM ticket.journal").await;
    assert!(
        after >= ended + GAP / 2,
        "places of later are not given again"
    );
    eventually(async || {
        let told = "SELECT count(*) FROM access.audit_entry WHERE type IN ('suite.restored', 'customer.destroyed')";
        (number(&mut sql, told).await == 2).then_some(())
    })
    .await;
    // The log that was restored and grew is one log, to its newest checkpoint.
    eventually(async || {
        let signed = "SELECT (SELECT max(size) FROM access.audit_checkpoint) - (SELECT count(*) FROM access.audit_entry
                              WHERE seq < (SELECT min(seq) FROM access.audit_entry WHERE type = 'suite.restored'))";
        (number(&mut sql, signed).await > 0).then_some(())
    })
    .await;
    let later = site.take(&again).await;
    let (_, tried) = site.restore(&again, &later).await;
    assert!(tried.unwrap().found.audit.checkpoints > 0);
}

async fn keys_of(database: &TestDatabase, customer: Uuid) -> Vec<String> {
    let mut sql = database.connect().await.unwrap();
    sqlx::query_scalar(
        "SELECT encode(wrapped, 'hex') FROM profile.customer_key WHERE customer_id = $1
         UNION ALL SELECT encode(wrapped, 'hex') FROM ticket.customer_key WHERE customer_id = $1
         UNION ALL SELECT encode(wrapped, 'hex') FROM orders.customer_key WHERE customer_id = $1",
    )
    .bind(customer)
    .fetch_all(&mut sql)
    .await
    .unwrap()
}

/// Clauses CF-6.2, CF-8.2: a share that was in use when the backup was made is taken back, whatever became of it
/// since; roles that were withdrawn and people who left stay so, as the keys' file tells.
#[tokio::test(flavor = "multi_thread")]
async fn no_right_comes_back_with_a_backup() {
    let world = Box::pin(World::of(TestSuite::start().await)).await;
    let share = world.granted().await;
    let suite = &world.suite;
    let (sees, shared) = (suite.caller("song.yue"), world.shared.name.as_str());
    eventually(async || get(&sees, shared).await.ok()).await;
    let erp = suite.caller_for("erp", "integration");
    let opened = open(&erp, ticket(&world.shared.name)).await;
    let text = b"what the customer wrote";
    let file = announced(&opened.name, "letter.txt", "text/plain", text);
    put(&erp, file, text).await.unwrap();
    let site = Site::of(suite).await;
    let taken = site.take(suite).await;
    let mut sql = suite.database.connect().await.unwrap();
    sqlx::raw_sql(
        "UPDATE access.binding SET revoked_at = starts_at + interval '1 second'
         WHERE id = (SELECT b.id FROM access.binding b JOIN access.employee e ON e.id = b.subject_id WHERE e.login = 'li.wei' LIMIT 1);
         UPDATE access.employee SET leaves_at = now() WHERE login = 'qian.hua';",
    )
    .execute(&mut sql)
    .await
    .unwrap();
    site.keys(suite).await;

    let (database, restored) = site.restore(suite, &taken).await;
    let restored = restored.unwrap();
    assert_eq!(restored.objects, Some((1, 0)));
    let taken_back = restored.taken_back;
    assert_eq!(
        (taken_back.shares, taken_back.destructions, taken_back.ended),
        (1, 0, 2)
    );
    let again = TestSuite::over(database, suite.keys.clone(), suite.clock.clone()).await;
    let sees = again.caller("song.yue");
    let refused = get(&sees, &world.shared.name).await.unwrap_err();
    assert!(
        matches!(refused.code(), Code::NotFound | Code::PermissionDenied),
        "{refused:?}"
    );
    let mut sql = again.database.connect().await.unwrap();
    let state: String = sqlx::query_scalar("SELECT state FROM access.approval WHERE id = $1")
        .bind(id(&share.name))
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert_eq!(state, "revoked");
    let refused = get(&again.caller("qian.hua"), &world.shared.name)
        .await
        .unwrap_err();
    assert!(
        matches!(
            refused.code(),
            Code::Unauthenticated | Code::PermissionDenied
        ),
        "{refused:?}"
    );

    // The store of objects is another matter: what is gone from it is counted.
    std::fs::remove_dir_all(suite.objects.path()).unwrap();
    let (_, restored) = site.restore(suite, &taken).await;
    assert_eq!(restored.unwrap().objects, Some((1, 1)));
}

/// Clauses CF-8.2, CF-10.2: a destruction that could have been called off since is not carried out by itself after a restore;
/// nothing is restored without keys as new as the data, into what is not empty, or from what was damaged.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_refuses_what_it_cannot_vouch_for() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let file = enter(&erp, last_met(ago(&suite, 70))).await;
    scheduled(&suite, form(&[&file.name])).await;
    let site = Site::of(&suite).await;
    let first = site.take(&suite).await;
    let aside = site.files.path().join("first-keys");
    std::fs::copy(&first.keys.keys.file, &aside).unwrap();

    let (database, restored) = site.restore(&suite, &first).await;
    assert_eq!(restored.unwrap().taken_back.destructions, 1);
    let mut sql = database.connect().await.unwrap();
    let scheduled = number(
        &mut sql,
        "SELECT count(*) FROM access.approval WHERE state = 'scheduled'",
    )
    .await;
    assert_eq!(scheduled, 0);
    drop(sql);

    // Over what is there.
    let target = Target {
        url: &database.url(),
        programs: &Programs {
            folder: Some(site.programs.clone()),
        },
        access: &AccessControlConfig::default(),
        clock: &suite.clock,
        vault: None,
        numbers_ahead: 0,
        objects: None,
    };
    let refused = into(&target, &site.folder, &first.data, &site.reader)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("not empty"), "{refused}");

    // While a service is connected, seen by a role that may not read statistics.
    let used = TestDatabase::empty().await.unwrap();
    let url = used.url_of("orders").unwrap();
    let service = PgConnection::connect(&url).await.unwrap();
    let beside = Target {
        url: &used.url_of("ticket").unwrap(),
        ..target
    };
    let refused = into(&beside, &site.folder, &first.data, &site.reader)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("1 others are"), "{refused}");
    drop(service);

    // With keys from before the data.
    let second = site.take(&suite).await;
    std::fs::remove_file(&second.keys.keys.file).unwrap();
    std::fs::copy(&aside, &first.keys.keys.file).unwrap();
    let (database, refused) = site.restore(&suite, &second).await;
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("what was destroyed between the two is not known"),
        "{refused}"
    );
    assert!(tables(&database).await.is_empty());

    // Keys of a database that has had fewer files do not take the place of these.
    let other = TestDatabase::create().await.unwrap();
    let other = Source {
        url: other.url(),
        ..site.source(&suite)
    };
    let refused = take_keys(&other, &site.folder, &site.recipients, KEEP)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("it is another"), "{refused}");
    assert_eq!(site.folder.keys().unwrap().len(), 1);

    // From a dump in which one bit is another.
    let third = site.take(&suite).await;
    let mut dump = std::fs::read(third.data.dump()).unwrap();
    let middle = dump.len() / 2;
    dump[middle] ^= 1;
    std::fs::write(third.data.dump(), dump).unwrap();
    let (database, refused) = site.restore(&suite, &third).await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("not what the manifest says")
    );
    assert!(tables(&database).await.is_empty());

    // By whom it was not sealed for.
    let other = site.files.path().join("other");
    std::fs::write(
        &other,
        x25519::Identity::generate().to_string().expose_secret(),
    )
    .unwrap();
    std::fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let open_to_all = Reader::from_file(&other).err().unwrap();
    assert!(open_to_all.to_string().contains("can be read by others"));
    std::fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let other = Reader::from_file(&other).unwrap();
    let refused = into(&target, &site.folder, &first.data, &other)
        .await
        .unwrap_err();
    assert!(
        format!("{refused:#}").contains("cannot open"),
        "{refused:#}"
    );
}

/// Clauses CF-5.1, CF-8.2: keys that vanished by a mistyped statement are not backed up over those that are kept, in
/// whichever service; where they are given up, a restore says of how many customers nothing can be read.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_vanished_do_not_push_out_the_last_file_that_has_them() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    enter(&erp, person()).await;
    let loses = enter(&erp, last_met(ago(&suite, 1))).await;
    open(
        &suite.caller_for("erp", "integration").after(&erp),
        ticket(&loses.name),
    )
    .await;
    let site = Site::of(&suite).await;
    let taken = site.take(&suite).await;
    let kept = site.folder.keys().unwrap();

    let (source, to) = (site.source(&suite), &site.folder);
    let mut sql = suite.database.connect().await.unwrap();
    for schema in ["ticket", "profile"] {
        let vanish = format!("DELETE FROM {schema}.customer_key WHERE customer_id = $1");
        sqlx::query(AssertSqlSafe(vanish))
            .bind(id(&loses.name))
            .execute(&mut sql)
            .await
            .unwrap();
        let missing = format!("1 in {schema}.customer_key");
        let refused = take_keys(&source, to, &site.recipients, KEEP)
            .await
            .unwrap_err();
        assert!(refused.to_string().contains(&missing), "{refused}");
        let refused = take(&source, to, &site.recipients, KEEP).await.unwrap_err();
        assert!(refused.to_string().contains(&missing), "{refused}");
        assert_eq!(to.keys().unwrap(), kept, "the last good file stays");
        assert_eq!(to.data().unwrap().len(), 1);
    }
    let (_, restored) = site.restore(&suite, &taken).await;
    let restored = restored.unwrap();
    assert_eq!(restored.keyless.count(), 0);
    assert!(!restored.told().contains("without a key"));

    let one = Keep {
        keys_lost: 1,
        ..KEEP
    };
    let both = Keep {
        keys_lost: 2,
        ..KEEP
    };
    let refused = take_keys(&source, to, &site.recipients, one).await;
    assert!(refused.unwrap_err().to_string().contains("--keys-lost 2"));
    take_keys(&source, to, &site.recipients, both)
        .await
        .unwrap();
    let (_, restored) = site.restore(&suite, &taken).await;
    let told = restored.unwrap().told();
    let missing =
        "customers without a key: 1 in profile.customer_key, 1 in ticket.customer_key: NOBODY";
    assert!(told.contains(missing), "{told}");
}
