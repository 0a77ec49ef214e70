//! Keys wrapped, unwrapped and moved to newer versions while all goes on; against the double, and against a server of
//! Vault's or OpenBao's where `KEFU_TEST_TRANSIT` says where one is (`make check-transit`).

use std::env;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use kefu_transit_double::{TOKEN, Transit};
use kefu_vault::{
    KeyProvider, Outage, SetupProblem, TransitKeyProvider, TransitOptions, VaultError, WrappedKey,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::house::{House, INDEX, token_file};
use crate::fixture::{CUSTOMER, STRANGER, customer_key, flipped};

#[tokio::test]
async fn keys_are_kept_through_all_versions_by_the_double() {
    let transit = Transit::start().await;
    let address = transit.address.clone();
    keys_are_kept_through_all_versions(&address, TOKEN).await;
}

#[tokio::test]
async fn keys_are_kept_through_all_versions_by_a_server() {
    let (Ok(address), Ok(token)) = (
        env::var("KEFU_TEST_TRANSIT"),
        env::var("KEFU_TEST_TRANSIT_TOKEN"),
    ) else {
        println!("KEFU_TEST_TRANSIT names no server");
        return;
    };
    keys_are_kept_through_all_versions(&address, &token).await;
}

/// What an administrator does.
struct Desk<'a>(&'a str, &'a str);

impl Desk<'_> {
    async fn post(&self, path: &str, body: Value) -> Value {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let request = Request::post(format!("{}/v1/transit/{path}", self.0))
            .header("x-vault-token", self.1)
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        let (head, body) = client.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        assert_eq!(head.status, StatusCode::OK, "{path}: {body:?}");
        serde_json::from_slice(&body).unwrap()
    }
}

async fn keys_are_kept_through_all_versions(address: &str, token: &str) {
    let desk = Desk(address, token);
    desk.post("keys/story", json!({ "derived": true })).await;
    desk.post("keys/underived", json!({})).await;
    let folder = tempfile::tempdir().unwrap();
    let options = TransitOptions {
        address: address.to_owned(),
        key: "story".to_owned(),
        token_file: token_file(&folder, token),
        ..House::new().await.options
    };
    let provider = TransitKeyProvider::new(&options, INDEX).unwrap();
    let current = || async { provider.current_kek().await.unwrap().unwrap() };

    TransitKeyProvider::check(&options).await.unwrap();
    let underived = TransitOptions {
        key: "underived".to_owned(),
        ..options.clone()
    };
    let refused = TransitKeyProvider::check(&underived).await.unwrap_err();
    assert!(matches!(
        refused,
        VaultError::Setup(SetupProblem::NotDerived)
    ));
    let missing = TransitOptions {
        key: "missing".to_owned(),
        ..options.clone()
    };
    let refused = TransitKeyProvider::check(&missing).await.unwrap_err();
    assert!(
        matches!(refused, VaultError::Setup(SetupProblem::NoKey)),
        "{refused}"
    );

    // Under the first version, bound to the customer.
    assert_eq!(current().await, "story:v1");
    let first = provider
        .wrap(CUSTOMER, &customer_key([5; 32]))
        .await
        .unwrap();
    assert_eq!(first.kek_id, "story:v1");
    assert!(first.bytes.starts_with(b"vault:v1:"));
    let key = provider.unwrap(CUSTOMER, &first).await.unwrap();
    assert_eq!(key.expose(), &[5; 32]);
    let stolen = provider.unwrap(STRANGER, &first).await.unwrap_err();
    assert!(matches!(stolen, VaultError::Tampered), "{stolen}");
    assert_eq!(provider.rewrap(CUSTOMER, &first).await.unwrap(), None);

    // The key is rotated there; nothing is restarted here.
    desk.post("keys/story/rotate", json!({})).await;
    assert_eq!(current().await, "story:v2");
    let second = provider
        .wrap(STRANGER, &customer_key([6; 32]))
        .await
        .unwrap();
    assert_eq!(second.kek_id, "story:v2");
    assert!(provider.unwrap(CUSTOMER, &first).await.is_ok());
    let stolen = provider.rewrap(STRANGER, &first).await.unwrap_err();
    assert!(matches!(stolen, VaultError::Tampered), "{stolen}");

    // All are moved with one request, the spoilt ones told of each in its place.
    let spoilt = WrappedKey {
        bytes: spoilt(&first.bytes),
        ..first.clone()
    };
    let relabelled = WrappedKey {
        kek_id: "story:v2".into(),
        ..first.clone()
    };
    let foreign = WrappedKey {
        kek_id: "k1".into(),
        bytes: vec![1; 61],
    };
    let from_the_future = WrappedKey {
        kek_id: "story:v9".into(),
        bytes: [b"vault:v9:", &first.bytes[9..]].concat(),
    };
    let keys = [
        first.clone(),
        spoilt,
        second,
        relabelled,
        foreign,
        from_the_future,
    ];
    let customers = [CUSTOMER, CUSTOMER, STRANGER, CUSTOMER, CUSTOMER, CUSTOMER];
    let keys: Vec<(Uuid, WrappedKey)> = customers.into_iter().zip(keys).collect();
    let mut moved = provider.rewrap_all(&keys).await.unwrap();
    assert_eq!(moved.len(), keys.len());
    let error = moved.pop().unwrap().unwrap_err();
    assert!(
        matches!(error, VaultError::Unavailable(Outage::Behind)),
        "{error}"
    );
    let error = moved.pop().unwrap().unwrap_err();
    assert!(matches!(error, VaultError::UnknownKek { .. }), "{error}");
    let error = moved.pop().unwrap().unwrap_err();
    assert!(matches!(error, VaultError::Tampered), "{error}");
    assert_eq!(
        moved.pop().unwrap().unwrap(),
        None,
        "is under the current one"
    );
    let error = moved.pop().unwrap().unwrap_err();
    assert!(matches!(error, VaultError::Tampered), "{error}");
    let after = moved.pop().unwrap().unwrap().unwrap();
    assert_eq!(after.kek_id, "story:v2");
    let key = provider.unwrap(CUSTOMER, &after).await.unwrap();
    assert_eq!(key.expose(), &[5; 32]);

    // More than go into one request are moved all the same.
    let many: Vec<_> = (0..250).map(|_| (CUSTOMER, first.clone())).collect();
    let moved = provider.rewrap_all(&many).await.unwrap();
    assert_eq!(moved.len(), 250);
    let under_second =
        |moved: Result<Option<WrappedKey>, _>| moved.unwrap().unwrap().kek_id == "story:v2";
    assert!(moved.into_iter().all(under_second));

    // The first version ends, and with it every copy of what was under it.
    let least = json!({ "min_decryption_version": 2, "min_encryption_version": 2 });
    desk.post("keys/story/config", least).await;
    let gone = |kek_id: &str| format!("unknown key-encryption key `{kek_id}`");
    let error = provider.unwrap(CUSTOMER, &first).await.unwrap_err();
    assert_eq!(error.to_string(), gone("story:v1"));
    desk.post("keys/story/trim", json!({ "min_available_version": 2 }))
        .await;
    let error = provider.unwrap(CUSTOMER, &first).await.unwrap_err();
    assert_eq!(error.to_string(), gone("story:v1"));
    let error = provider.rewrap(CUSTOMER, &first).await.unwrap_err();
    assert_eq!(error.to_string(), gone("story:v1"));
    assert!(provider.unwrap(CUSTOMER, &after).await.is_ok());

    // An index key that was wrapped by hand, as docs/deployment.md has it.
    let wrapped = desk
        .post("encrypt/story", json!({ "batch_input": [{ "plaintext": INDEX, "context": "a2VmdSBpbmRleCBrZXkgdjE=" }] }))
        .await;
    let text = wrapped["data"]["batch_results"][0]["ciphertext"]
        .as_str()
        .unwrap();
    let plain = TransitKeyProvider::index_key_of(&options, text)
        .await
        .unwrap();
    assert_eq!(plain.as_str(), INDEX);

    let denied = TransitOptions {
        token_file: token_file(&folder, "hvs.wrong"),
        ..options
    };
    let error = TransitKeyProvider::check(&denied).await.unwrap_err();
    assert!(
        matches!(error, VaultError::Unavailable(Outage::Denied)),
        "{error}"
    );
}

/// Another ciphertext of the same version: a bit of what the base64 stands for is flipped.
fn spoilt(text: &[u8]) -> Vec<u8> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let (prefix, base64) = text.split_at(b"vault:v1:".len());
    let bytes = flipped(&STANDARD.decode(base64).unwrap(), 8 * 20);
    [prefix, STANDARD.encode(bytes).as_bytes()].concat()
}
