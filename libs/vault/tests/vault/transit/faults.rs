//! Each thing that goes wrong is told as what it is, tried again where that helps, and in bounded time.

use std::fs;
use std::time::Duration;

use kefu_transit_double::{Fault, TOKEN, Transit};
use kefu_vault::{KeyProvider, Outage, SetupProblem, TransitKeyProvider, VaultError, WrappedKey};

use super::house::{House, INDEX, token_file};
use crate::fixture::{CUSTOMER, customer_key};

/// How a request ends that all goes wrong with, and how often it was tried.
async fn outcome(fault: Fault) -> (VaultError, usize) {
    let mut house = House::new().await;
    let wrapped = house
        .provider()
        .wrap(CUSTOMER, &customer_key([5; 32]))
        .await
        .unwrap();
    if matches!(fault, Fault::Slow) {
        house.options.timeout = Duration::from_millis(100);
    }
    let provider = house.provider();
    house.lines();
    house.transit.always(Some(fault));
    let error = provider.unwrap(CUSTOMER, &wrapped).await.unwrap_err();
    (error, house.lines().len())
}

#[tokio::test]
async fn each_fault_is_told_as_what_it_is() {
    let table = [
        (Fault::Sealed, Outage::Sealed, 3),
        (Fault::Busy(0), Outage::Busy, 3),
        // Whoever asks to be left alone for a minute is not asked again.
        (Fault::Busy(60), Outage::Busy, 1),
        (Fault::Behind, Outage::Behind, 3),
        (Fault::Slow, Outage::Silent, 3),
        (Fault::Dropped, Outage::Unreachable, 3),
        (Fault::Cut, Outage::Unreachable, 3),
        (Fault::Status(500), Outage::Failed { status: 500 }, 3),
        (Fault::Status(502), Outage::Failed { status: 502 }, 3),
        (Fault::Status(400), Outage::Failed { status: 400 }, 1),
        // Of a standby that does not hand on: another address is not where keys are sent.
        (Fault::Status(307), Outage::Failed { status: 307 }, 1),
        (Fault::Denied, Outage::Denied, 1),
        (Fault::Page, Outage::Unintelligible, 1),
        (Fault::TooFew, Outage::Unintelligible, 1),
    ];
    for (fault, expected, tries) in table {
        let (error, tried) = outcome(fault).await;
        match error {
            VaultError::Unavailable(outage) => assert_eq!(outage, expected, "{fault:?}"),
            other => panic!("{fault:?}: {other}"),
        }
        assert_eq!(tried, tries, "{fault:?}");
    }
}

#[tokio::test]
async fn what_passes_is_not_noticed() {
    let house = House::new().await;
    let provider = house.provider();
    let wrapped = provider
        .wrap(CUSTOMER, &customer_key([5; 32]))
        .await
        .unwrap();
    for fault in [
        Fault::Sealed,
        Fault::Busy(0),
        Fault::Dropped,
        Fault::Cut,
        Fault::Behind,
        Fault::Status(502),
    ] {
        house.transit.next([fault, fault]);
        let key = provider.unwrap(CUSTOMER, &wrapped).await;
        assert_eq!(key.unwrap().expose(), &[5; 32], "{fault:?}");
        house.transit.next([fault]);
        assert!(
            provider
                .wrap(CUSTOMER, &customer_key([6; 32]))
                .await
                .is_ok(),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let mut house = House::new().await;
    // A port that was somebody's until now.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    house.options.address = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let error = house.provider().current_kek().await.unwrap_err();
    assert!(
        matches!(error, VaultError::Unavailable(Outage::Unreachable)),
        "{error}"
    );
}

/// A node that is behind wraps under the version it knows, and the row says so; what is under a newer one does not
/// go back.
#[tokio::test]
async fn a_node_that_is_behind_takes_nothing_back() {
    let house = House::new().await;
    let provider = house.provider();
    let first = provider
        .wrap(CUSTOMER, &customer_key([5; 32]))
        .await
        .unwrap();
    house.transit.rotate("kefu");
    let second = provider.rewrap(CUSTOMER, &first).await.unwrap().unwrap();
    house.transit.always(Some(Fault::FormerVersion));
    let late = provider
        .wrap(CUSTOMER, &customer_key([5; 32]))
        .await
        .unwrap();
    assert_eq!(late.kek_id, "kefu:v1");
    assert_eq!(provider.rewrap(CUSTOMER, &first).await.unwrap(), None);
    let error = provider.unwrap(CUSTOMER, &second).await.unwrap_err();
    assert!(
        matches!(error, VaultError::Unavailable(Outage::Behind)),
        "{error}"
    );
    house.transit.always(None);
    assert_eq!(
        provider
            .rewrap(CUSTOMER, &late)
            .await
            .unwrap()
            .unwrap()
            .kek_id,
        "kefu:v2"
    );
}

#[tokio::test]
async fn the_token_is_the_one_of_the_moment() {
    let house = House::new().await;
    let provider = house.provider();
    provider.current_kek().await.unwrap();
    // An agent renews it.
    house.transit.change_token("hvs.second");
    let error = provider.current_kek().await.unwrap_err();
    assert!(
        matches!(error, VaultError::Unavailable(Outage::Denied)),
        "{error}"
    );
    token_file(&house.folder, "hvs.second");
    provider.current_kek().await.unwrap();
    let tokens: Vec<_> = house
        .transit
        .seen()
        .iter()
        .map(|seen| seen.headers["x-vault-token"].to_str().unwrap().to_owned())
        .collect();
    assert_eq!(tokens, [TOKEN, TOKEN, "hvs.second"]);

    for text in ["", "\n", "two\nlines"] {
        fs::write(&house.options.token_file, text).unwrap();
        let error = provider.current_kek().await.unwrap_err();
        assert!(
            matches!(error, VaultError::Unavailable(Outage::NoToken)),
            "{text:?}: {error}"
        );
    }
    fs::remove_file(&house.options.token_file).unwrap();
    let error = provider.current_kek().await.unwrap_err();
    assert!(
        matches!(error, VaultError::Unavailable(Outage::NoToken)),
        "{error}"
    );
    assert!(house.lines().is_empty(), "nothing is asked without one");
}

#[tokio::test]
async fn requests_are_as_documented() {
    let mut house = House::new().await;
    house.options.namespace = Some("company/kefu".to_owned());
    let provider = house.provider();
    let wrapped = provider
        .wrap(CUSTOMER, &customer_key([5; 32]))
        .await
        .unwrap();
    provider.unwrap(CUSTOMER, &wrapped).await.unwrap();
    let three: [_; 3] = std::array::from_fn(|_| (CUSTOMER, wrapped.clone()));
    provider.rewrap_all(&three).await.unwrap();
    provider.current_kek().await.unwrap();
    let seen = house.transit.seen();
    let asked: Vec<_> = seen
        .iter()
        .map(|seen| (seen.line.as_str(), seen.items))
        .collect();
    let expected = [
        ("POST /v1/transit/encrypt/kefu", 1),
        ("POST /v1/transit/decrypt/kefu", 1),
        ("POST /v1/transit/rewrap/kefu", 3),
        ("GET /v1/transit/keys/kefu", 0),
    ];
    assert_eq!(asked, expected);
    for seen in &seen {
        assert_eq!(seen.headers["x-vault-namespace"], "company/kefu");
        assert_eq!(seen.headers["x-vault-request"], "true");
    }
}

#[tokio::test]
async fn what_is_not_transits_is_not_sent_there() {
    let house = House::new().await;
    let provider = house.provider();
    let wrapped = provider
        .wrap(CUSTOMER, &customer_key([5; 32]))
        .await
        .unwrap();
    house.lines();
    let relabelled = WrappedKey {
        kek_id: "kefu:v2".into(),
        ..wrapped.clone()
    };
    let error = provider.unwrap(CUSTOMER, &relabelled).await.unwrap_err();
    assert!(matches!(error, VaultError::Tampered), "{error}");
    let others = WrappedKey {
        kek_id: "k1".into(),
        ..wrapped.clone()
    };
    let error = provider.unwrap(CUSTOMER, &others).await.unwrap_err();
    assert!(matches!(error, VaultError::UnknownKek { .. }), "{error}");
    for bytes in [vec![0xFF; 40], b"vault:".to_vec(), Vec::new()] {
        let odd = WrappedKey {
            bytes,
            ..wrapped.clone()
        };
        let error = provider.unwrap(CUSTOMER, &odd).await.unwrap_err();
        assert!(matches!(error, VaultError::Malformed { .. }), "{error}");
    }
    assert!(house.lines().is_empty());
}

#[tokio::test]
async fn certificates_are_those_of_the_companys_authority() {
    let mut house = House::with(Transit::with_tls().await);
    let authority = house.folder.path().join("ca.pem");
    fs::write(&authority, house.transit.authority.as_ref().unwrap()).unwrap();
    let stranger = Transit::with_tls().await;
    let strangers = house.folder.path().join("strangers.pem");
    fs::write(&strangers, stranger.authority.as_ref().unwrap()).unwrap();

    house.options.authority_file = Some(authority.clone());
    let provider = house.provider();
    let wrapped = provider
        .wrap(CUSTOMER, &customer_key([5; 32]))
        .await
        .unwrap();
    assert!(provider.unwrap(CUSTOMER, &wrapped).await.is_ok());
    // By its name, which is not the one in the certificate.
    let by_number = house.options.address.replace("localhost", "127.0.0.1");
    for (address, authority) in [
        (house.options.address.clone(), Some(strangers)),
        (house.options.address.clone(), None),
        (by_number, Some(authority)),
    ] {
        house.options.address = address;
        house.options.authority_file = authority;
        let error = house
            .provider()
            .unwrap(CUSTOMER, &wrapped)
            .await
            .unwrap_err();
        assert!(
            matches!(error, VaultError::Unavailable(Outage::Unreachable)),
            "{error}"
        );
    }

    for text in [None, Some("no certificate")] {
        let path = house.folder.path().join("wrong.pem");
        if let Some(text) = text {
            fs::write(&path, text).unwrap();
        }
        house.options.authority_file = Some(path);
        let error = TransitKeyProvider::new(&house.options, INDEX)
            .err()
            .unwrap();
        assert!(
            matches!(error, VaultError::Setup(SetupProblem::Authorities)),
            "{error}"
        );
    }
}

/// Whatever goes wrong, nothing of a key or a token is in what is said about it.
#[tokio::test]
async fn nothing_secret_is_told() {
    let house = House::new().await;
    let provider = house.provider();
    let faults = [
        Fault::Denied,
        Fault::Page,
        Fault::Status(400),
        Fault::Sealed,
        Fault::Cut,
    ];
    let wrapped = provider
        .wrap(CUSTOMER, &customer_key([0xAB; 32]))
        .await
        .unwrap();
    let text = String::from_utf8(wrapped.bytes.clone()).unwrap();
    for fault in faults {
        house.transit.always(Some(fault));
        let wrap = provider
            .wrap(CUSTOMER, &customer_key([0xAB; 32]))
            .await
            .unwrap_err();
        let unwrap = provider.unwrap(CUSTOMER, &wrapped).await.unwrap_err();
        for error in [wrap, unwrap] {
            let said = format!("{error} {error:?}");
            for secret in [TOKEN, "q6urq6ur", &text[9..], &house.transit.address] {
                assert!(!said.contains(secret), "{fault:?}: {said}");
            }
        }
    }
    let options = format!("{:?}", house.options);
    assert!(!options.contains(TOKEN));
}
