//! Key-encryption keys in transit: another version, all keys moved to it, the end of the old one, while the suite is
//! worked with (`docs/destruction.md`).

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use kefu_contracts::common::Reason;
use kefu_service::{ids::system_randomness, rewrap};
use kefu_testkit::{TestSuite, eventually};
use kefu_transit_double::{Fault, TOKEN, Transit};
use kefu_vault::{TransitKeyProvider, TransitOptions, Vault, VaultError, WrappedKey};
use sqlx::{PgConnection, Row};
use tonic::Code;
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::{
    destruction::{full, id},
    records::{customers, enter, get, open, person, ticket},
    retention::{ago, last_met},
};

/// Base64 of 32 bytes.
const INDEX: &str = "MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM=";

/// A vault of its own, with nothing remembered.
pub(crate) fn vault(transit: &Transit, folder: &Path) -> Arc<Vault> {
    let token_file = folder.join("token");
    std::fs::write(&token_file, TOKEN).unwrap();
    let options = TransitOptions {
        address: transit.address.clone(),
        mount: "transit".into(),
        key: "kefu".into(),
        namespace: None,
        token_file,
        authority_file: None,
        timeout: Duration::from_secs(10),
        pause: Duration::from_millis(1),
    };
    let provider = TransitKeyProvider::new(&options, INDEX).unwrap();
    Arc::new(Vault::new(Arc::new(provider), system_randomness()))
}

/// Keys under this version, in all services.
async fn under(sql: &mut PgConnection, kek_id: &str) -> i64 {
    sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM profile.customer_key WHERE kek_id = $1)
              + (SELECT count(*) FROM ticket.customer_key WHERE kek_id = $1)
              + (SELECT count(*) FROM orders.customer_key WHERE kek_id = $1)",
    )
    .bind(kek_id)
    .fetch_one(sql)
    .await
    .unwrap()
}

/// Clause CF-10.2: the key-encryption key is changed with nothing restarted and nothing refused, and its old version
/// opens nothing any more once it has ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_transits_is_rotated_and_nothing_is_refused() {
    let (transit, folder) = (Transit::start().await, tempfile::tempdir().unwrap());
    transit.make_key("kefu", true);
    let vault_of_suite = vault(&transit, folder.path());
    let given = vault_of_suite.clone();
    let suite = TestSuite::with_parts(|parts| parts.vault = given).await;
    let (first, _) = full(&suite).await;
    let mut sql = suite.database.connect().await.unwrap();
    assert!(
        under(&mut sql, "kefu:v1").await >= 3,
        "a key in each service"
    );
    let row =
        sqlx::query("SELECT kek_id, wrapped FROM profile.customer_key WHERE customer_id = $1")
            .bind(id(&first.name))
            .fetch_one(&mut sql)
            .await
            .unwrap();
    let copy = WrappedKey {
        kek_id: row.get(0),
        bytes: row.get(1),
    };

    // Files are entered and read all the time; whatever is refused ends the test.
    let (ended, done) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let erp = suite.caller_for("erp", "integration");
    open(&erp, ticket(&first.name)).await;
    let then = ago(&suite, 1);
    let work = tokio::spawn({
        let (ended, done, first) = (ended.clone(), done.clone(), first.name.clone());
        async move {
            let mut names = vec![first];
            while !ended.load(SeqCst) {
                names.push(enter(&erp, last_met(then)).await.name);
                for name in names.iter().rev().take(3).chain(names.first()) {
                    get(&erp, name).await.unwrap();
                }
                done.fetch_add(1, SeqCst);
            }
            names
        }
    });
    let some_more = || {
        let (done, before) = (done.clone(), done.load(SeqCst));
        eventually(async move || (done.load(SeqCst) >= before + 3).then_some(()))
    };

    some_more().await;
    transit.rotate("kefu");
    some_more().await;
    assert!(
        under(&mut sql, "kefu:v2").await >= 2,
        "the next ones are under it"
    );

    let databases = suite.database.open().unwrap();
    let apart = vault(&transit, folder.path());
    let mut moved = 0;
    for service in [
        &databases.customer_profile,
        &databases.ticket,
        &databases.order_followup,
    ] {
        moved += rewrap::all(service, &apart).await.unwrap();
        assert_eq!(rewrap::all(service, &apart).await.unwrap(), 0);
    }
    assert!(moved >= 6, "{moved}");
    assert_eq!(under(&mut sql, "kefu:v1").await, 0);
    some_more().await;
    transit.trim("kefu", 2);
    some_more().await;
    ended.store(true, SeqCst);
    let names = work.await.unwrap();

    // The ticket service remembers how the key was wrapped before, which nothing opens any more.
    vault_of_suite.forget(id(&first.name));
    open(&suite.caller_for("erp", "integration"), ticket(&first.name)).await;

    // Nobody remembers anything: all are opened by their keys of today, and not by the copy.
    let apart = vault(&transit, folder.path());
    let gone = apart.open_key(id(&first.name), &copy).await.unwrap_err();
    assert!(matches!(gone, VaultError::UnknownKek { .. }), "{gone}");
    let keys = sqlx::query("SELECT customer_id, kek_id, wrapped FROM profile.customer_key")
        .fetch_all(&mut sql)
        .await
        .unwrap();
    assert_eq!(keys.len(), names.len());
    for key in keys {
        let wrapped = WrappedKey {
            kek_id: key.get(1),
            bytes: key.get(2),
        };
        let customer: Uuid = key.get(0);
        assert!(apart.open_key(customer, &wrapped).await.is_ok());
    }
}

/// Clause CF-10.2: one key that was spoilt stays where it is and is told of; all others are moved.
#[tokio::test(flavor = "multi_thread")]
async fn a_spoilt_key_holds_up_no_other() {
    let (transit, folder) = (Transit::start().await, tempfile::tempdir().unwrap());
    transit.make_key("kefu", true);
    let vault_of_suite = vault(&transit, folder.path());
    let suite = TestSuite::with_parts(|parts| parts.vault = vault_of_suite).await;
    let erp = suite.caller_for("erp", "integration");
    let spoilt = enter(&erp, person()).await;
    for _ in 0..3 {
        enter(&erp, person()).await;
    }
    let mut sql = suite.database.connect().await.unwrap();
    // Another customer's: it has the right form, and opens for nobody.
    sqlx::query(
        "UPDATE profile.customer_key SET wrapped =
             (SELECT wrapped FROM profile.customer_key WHERE customer_id <> $1 LIMIT 1) WHERE customer_id = $1",
    )
    .bind(id(&spoilt.name))
    .execute(&mut sql)
    .await
    .unwrap();
    transit.rotate("kefu");
    let databases = suite.database.open().unwrap();
    let apart = vault(&transit, folder.path());
    let told = rewrap::all(&databases.customer_profile, &apart)
        .await
        .unwrap_err();
    assert!(told.detail.starts_with("1 keys"), "{}", told.detail);
    let left: Vec<Uuid> =
        sqlx::query_scalar("SELECT customer_id FROM profile.customer_key WHERE kek_id = 'kefu:v1'")
            .fetch_all(&mut sql)
            .await
            .unwrap();
    assert_eq!(left, [id(&spoilt.name)]);
}

/// While transit is sealed a call that needs it is told to come again; what is remembered goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_key_service_is_told_of_until_it_is_not() {
    let (transit, folder) = (Transit::start().await, tempfile::tempdir().unwrap());
    transit.make_key("kefu", true);
    let vault_of_suite = vault(&transit, folder.path());
    let suite = TestSuite::with_parts(|parts| parts.vault = vault_of_suite).await;
    let erp = suite.caller_for("erp", "integration");
    let known = enter(&erp, person()).await;
    for fault in [Fault::Sealed, Fault::Denied, Fault::Busy(30), Fault::Page] {
        transit.always(Some(fault));
        let request = kefu_contracts::profile::CreateCustomerRequest {
            customer: Some(person()),
            request_id: String::new(),
        };
        let refused = customers(&erp).create_customer(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable, "{fault:?}: {refused}");
        let details = refused.get_error_details();
        let reason = kefu_service::error::reason_name(Reason::StorageUnavailable);
        assert_eq!(details.error_info().unwrap().reason, reason);
        assert!(details.retry_info().unwrap().retry_delay.is_some());
        assert!(get(&erp, &known.name).await.is_ok(), "{fault:?}");
        transit.always(None);
        enter(&erp, person()).await;
    }
}
