//! Who holds the key-encryption keys, by the configuration: what is taken, what is refused, what is shown of it.

use std::fs;

use kefu::{
    dev::Keys,
    key_provider::{ask, vault},
    settings::Settings,
};
use kefu_service::config::Loaded;
use kefu_transit_double::{Fault, TOKEN, Transit};
use tempfile::TempDir;
use uuid::Uuid;

const SERVICE: &str = "customer-profile";
/// Base64 of 32 bytes.
const INDEX: &str = "MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM=";

/// Names behind `KEFU__VAULT__`, and values.
type Variables<'a> = &'a [(&'a str, &'a str)];

struct House {
    transit: Transit,
    folder: TempDir,
    /// The text of a key file.
    file: String,
}

impl House {
    async fn new() -> Self {
        let transit = Transit::start().await;
        transit.make_key("kefu", true);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token"), TOKEN).unwrap();
        let file = Keys::make().unwrap().vault_text().to_owned();
        Self {
            transit,
            folder,
            file,
        }
    }

    /// By variables, as `k8s/base/transit` sets them.
    fn loaded(&self, transit: bool, more: Variables<'_>) -> Loaded<Settings> {
        let token = self.folder.path().join("token");
        let of_transit = [
            ("TRANSIT__ADDRESS", self.transit.address.as_str()),
            ("TRANSIT__KEY", "kefu"),
            ("TRANSIT__TOKEN_FILE", token.to_str().unwrap()),
        ];
        let variables = of_transit.iter().filter(|_| transit).chain(more);
        let variables =
            variables.map(|(name, value)| (format!("KEFU__VAULT__{name}"), (*value).to_owned()));
        Settings::layers(None)
            .env_vars(variables.collect::<Vec<_>>())
            .load()
            .unwrap()
    }

    fn settings(&self, more: Variables<'_>) -> Settings {
        self.loaded(true, more).value
    }

    /// What transit wrapped for a customer.
    async fn wrapped(&self) -> String {
        let settings = asked(self.settings(&[("KEY", &self.file)]), SERVICE)
            .await
            .unwrap();
        let vault = vault(&settings.vault).unwrap();
        let (_, wrapped) = vault.new_key(Uuid::nil()).await.unwrap();
        String::from_utf8(wrapped.bytes).unwrap()
    }
}

/// The settings once transit was asked.
async fn asked(mut settings: Settings, service: &str) -> anyhow::Result<Settings> {
    ask(&mut settings.vault, service).await?;
    Ok(settings)
}

#[tokio::test]
async fn whoever_is_to_hold_the_keys_holds_them() {
    let house = House::new().await;
    let (index, file) = (("TRANSIT__INDEX_KEY", INDEX), ("KEY", house.file.as_str()));
    let table: [(bool, Variables<'_>, &str); 4] = [
        (false, &[file], "k1"),
        (true, &[index], "kefu:v1"),
        (true, &[file], "kefu:v1"),
        (true, &[file, ("TRANSIT__WRAPS", "false")], "k1"),
    ];
    for (transit, more, expected) in table {
        let settings = asked(house.loaded(transit, more).value, SERVICE)
            .await
            .unwrap();
        let vault = vault(&settings.vault).unwrap();
        let (_, wrapped) = vault.new_key(Uuid::nil()).await.unwrap();
        assert_eq!(wrapped.kek_id, expected, "{more:?}");
    }
}

#[tokio::test]
async fn contradictions_are_refused_with_the_reason() {
    let house = House::new().await;
    let (index, file) = (("TRANSIT__INDEX_KEY", INDEX), ("KEY", house.file.as_str()));
    let table: [(bool, Variables<'_>, &str); 6] = [
        (false, &[], "must be set"),
        (false, &[file, ("KEY_FILE", "/keys")], "both set"),
        (true, &[], "index_key is not set"),
        (true, &[index, file], "the key file has an index key too"),
        (true, &[index, ("TRANSIT__WRAPS", "false")], "no key file"),
        (true, &[index, file, ("KEY_FILE", "/keys")], "both set"),
    ];
    for (transit, more, expected) in table {
        let settings = house.loaded(transit, more).value;
        let errors = [
            vault(&settings.vault).err().unwrap(),
            asked(settings, SERVICE).await.unwrap_err(),
        ];
        for error in errors {
            assert!(error.to_string().contains(expected), "{more:?}: {error:#}");
        }
    }
    assert!(house.transit.seen().is_empty(), "nothing is asked before");
}

#[tokio::test]
async fn what_cannot_be_relied_upon_does_not_start() {
    let house = House::new().await;
    let index = ("TRANSIT__INDEX_KEY", INDEX);
    house.transit.make_key("plain", false);
    let table: [(Variables<'_>, &str); 4] = [
        (&[index, ("TRANSIT__KEY", "plain")], "without `derived`"),
        (&[index, ("TRANSIT__KEY", "other")], "no key of this name"),
        (
            &[index, ("TRANSIT__ADDRESS", "http://vault.example.com:8200")],
            "https",
        ),
        (&[("TRANSIT__INDEX_KEY", "c2hvcnQ=")], "32 bytes"),
    ];
    for (more, expected) in table {
        let error = asked(house.settings(more), SERVICE).await.unwrap_err();
        assert!(
            format!("{error:#}").contains(expected),
            "{more:?}: {error:#}"
        );
    }
    house.transit.always(Some(Fault::Sealed));
    let error = asked(house.settings(&[index]), SERVICE).await.unwrap_err();
    assert!(format!("{error:#}").contains("sealed"), "{error:#}");
    // Who opens nothing asks nothing.
    assert!(asked(house.settings(&[index]), "gateway").await.is_ok());
}

/// A key that transit wrapped for something else is not the index key, whoever puts it there.
#[tokio::test]
async fn another_wrapped_key_is_not_the_index_key() {
    let house = House::new().await;
    let wrapped = house.wrapped().await;
    let error = asked(house.settings(&[("TRANSIT__INDEX_KEY", &wrapped)]), SERVICE).await;
    let error = format!("{:#}", error.unwrap_err());
    assert!(error.contains("vault.transit.index_key"), "{error}");
    assert!(!error.contains(&wrapped), "{error}");
}

#[tokio::test]
async fn the_configuration_shows_where_and_not_what() {
    let house = House::new().await;
    let text = house
        .loaded(true, &[("TRANSIT__INDEX_KEY", INDEX)])
        .render()
        .unwrap();
    let line = |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap();
    assert!(
        line("vault.transit.index_key").contains("\"***\""),
        "{text}"
    );
    assert!(line("vault.transit.address").contains(&house.transit.address));
    assert!(line("vault.transit.mount").contains("\"transit\""));
    assert!(line("vault.transit.token_file").contains("KEFU__VAULT__TRANSIT__TOKEN_FILE"));
    for secret in [INDEX, TOKEN] {
        assert!(!text.contains(secret), "{text}");
    }
}
