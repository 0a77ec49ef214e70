//! The keys that webhooks' secrets are sealed under.

use kefu_transit_double::Transit;
use kefu_vault::WrappedKey;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::*;
use crate::key_rotation::vault;

async fn kept(sql: &mut PgConnection) -> (Uuid, WrappedKey) {
    let row = sqlx::query("SELECT id, kek_id, wrapped FROM access.webhook_secret");
    let row = row.fetch_one(sql).await.unwrap();
    let key = WrappedKey {
        kek_id: row.get(1),
        bytes: row.get(2),
    };
    (row.get(0), key)
}

/// Clause CF-10.2: a secret's key is moved to the next key-encryption key within the hour, by itself; it signs
/// as before, and the old version may end.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_move_to_the_next_key() {
    let (transit, folder) = (Transit::start().await, tempfile::tempdir().unwrap());
    transit.make_key("kefu", true);
    let vault_of_suite = vault(&transit, folder.path());
    let suite = TestSuite::with_parts(|parts| parts.vault = vault_of_suite).await;
    let receiver = Receiver::that(Answer::Status(200)).await;
    let webhook = told(&administrator(&suite), "erp", &receiver, &[CUSTOMERS]).await;
    let mut sql = suite.database.connect().await.unwrap();
    let (secret, before) = kept(&mut sql).await;
    assert_eq!(before.kek_id, "kefu:v1");

    transit.rotate("kefu");
    suite.clock.advance(Duration::from_secs(3600));
    suite.policy_is_fresh().await;
    let moved = eventually(async || {
        let (_, key) = kept(&mut sql).await;
        (key.kek_id == "kefu:v2").then_some(key)
    })
    .await;
    transit.trim("kefu", 2);
    let apart = vault(&transit, folder.path());
    assert!(apart.open_key(secret, &moved).await.is_ok());
    assert!(apart.open_key(secret, &before).await.is_err());
    enter(&suite.caller_for("erp", "integration"), person()).await;
    assert!(receiver.heard(1).await[0].is_signed_with(&webhook.secret));
}
