//! What is refused before anything is wrapped.

use kefu_transit_double::Fault;
use kefu_vault::{
    KeyProvider, LocalKeyProvider, Outage, SetupProblem, TransitKeyProvider, TransitOptions,
    VaultError,
};

use super::house::{House, INDEX};
use crate::fixture::key_file;

fn refused(options: &TransitOptions, index_key: &str) -> SetupProblem {
    match TransitKeyProvider::new(options, index_key) {
        Err(VaultError::Setup(problem)) => problem,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("taken"),
    }
}

#[tokio::test]
async fn options_that_cannot_be_meant_are_refused() {
    let options = House::new().await.options;
    let with = |change: fn(&mut TransitOptions)| {
        let mut options = options.clone();
        change(&mut options);
        refused(&options, INDEX)
    };
    let plaintext = with(|options| options.address = "http://vault.example.com:8200".into());
    assert_eq!(plaintext, SetupProblem::Address);
    assert_eq!(
        with(|options| options.key = "a/../b".into()),
        SetupProblem::Name
    );
    assert_eq!(
        with(|options| options.mount = "/transit".into()),
        SetupProblem::Name
    );
    assert_eq!(
        with(|options| options.namespace = Some("a\nb".into())),
        SetupProblem::Namespace
    );
    for index_key in ["", "vault:v1:AAAA", "c2hvcnQ=", "not base64"] {
        assert_eq!(
            refused(&options, index_key),
            SetupProblem::IndexKey,
            "{index_key}"
        );
    }
}

#[tokio::test]
async fn an_engine_of_another_path_is_asked_there() {
    let mut house = House::new().await;
    house.options.mount = "company/keys".to_owned();
    let error = TransitKeyProvider::check(&house.options).await.unwrap_err();
    assert!(
        matches!(error, VaultError::Setup(SetupProblem::NoKey)),
        "{error}"
    );
    assert_eq!(house.lines(), ["GET /v1/company/keys/keys/kefu"]);
}

#[tokio::test]
async fn the_index_key_is_asked_for_once() {
    let house = House::new().await;
    let plain = TransitKeyProvider::index_key_of(&house.options, &format!("{INDEX}\n")).await;
    assert_eq!(plain.unwrap().as_str(), INDEX);
    let blind = |provider: &dyn KeyProvider| provider.index_key().blind("t", "c", "v");
    let local = LocalKeyProvider::from_text(&key_file("k1")).unwrap();
    // The key file of the tests has the same.
    assert_eq!(blind(&house.provider()), blind(&local));
    assert!(
        house.lines().is_empty(),
        "nothing of it is asked of transit"
    );

    house.transit.always(Some(Fault::Sealed));
    let error = TransitKeyProvider::index_key_of(&house.options, "vault:v1:AAAA").await;
    assert!(matches!(
        error.unwrap_err(),
        VaultError::Unavailable(Outage::Sealed)
    ));
}
