use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use serde::{Deserialize, Serialize};

use super::*;

const DEFAULTS: &str = r#"
[server]
listen = "127.0.0.1:50051"
drain_seconds = 7

[database]
max_connections = 3
"#;

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    server: ServerConfig,
    database: DatabaseConfig,
    #[serde(default)]
    telemetry: TelemetryConfig,
    #[serde(default)]
    trust: TrustConfig,
    #[serde(default)]
    vault: VaultConfig,
}

/// A file that is gone when the test is over.
struct Scratch(PathBuf);

impl Scratch {
    fn holding(text: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("kefu-config-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        Path::to_str(&self.0).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn with(variables: &[(&str, &str)]) -> Loader {
    let own = variables
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()));
    Loader::new(DEFAULTS)
        .env_prefix("KEFU")
        .env_vars(own.collect::<Vec<_>>())
}

const URL: (&str, &str) = ("KEFU__DATABASE__URL", "postgres://kefu:hunter2@db/kefu");

fn problems(loader: Loader) -> Vec<Problem> {
    match loader.load::<Whole>().unwrap_err() {
        ConfigError::Invalid(problems) => problems,
        other => panic!("{other}"),
    }
}

#[test]
fn each_layer_wins_over_the_one_before() {
    let drain = ("KEFU__SERVER__DRAIN_SECONDS", "9");
    let file = Scratch::holding("[server]\ndrain_seconds = 8\n");
    let drained = |loader: Loader| {
        let loaded = loader.load::<Whole>().unwrap();
        let origin = loaded.origins.of("server.drain_seconds").to_owned();
        (loaded.value.server.drain_seconds, origin)
    };
    assert_eq!(drained(with(&[URL])), (7, "default".into()));
    let filed = |variables: &[_]| with(variables).file(Some(file.0.clone()));
    assert_eq!(drained(filed(&[URL])), (8, file.path().into()));
    let variable = "variable KEFU__SERVER__DRAIN_SECONDS";
    assert_eq!(drained(filed(&[URL, drain])), (9, variable.into()));
    let flagged = filed(&[URL, drain]).set("server.drain_seconds", "10");
    assert_eq!(drained(flagged), (10, "flag".into()));
}

#[test]
fn what_no_layer_names_has_its_built_in_value() {
    let value = with(&[URL]).load::<Whole>().unwrap().value;
    assert_eq!(value.database.max_connections, 3);
    assert_eq!(value.database.statement_timeout_ms, 5_000);
    assert_eq!(value.server.concurrency, 1024);
    assert_eq!(value.telemetry.format, LogFormat::Json);
}

#[test]
fn all_problems_are_named_with_path_and_source() {
    let file = Scratch::holding("[server]\ndrain_secs = 8\nlisten = \"nowhere\"\n");
    let loader = with(&[
        URL,
        ("KEFU__DATABASE__MAX_CONNECTIONS", "many"),
        ("KEFU__TYPO", "1"),
    ]);
    let found = problems(
        loader
            .file(Some(file.0.clone()))
            .set("telemetry.format", "xml"),
    );
    let named: Vec<_> = found
        .iter()
        .map(|p| (p.key.as_str(), p.origin.as_deref()))
        .collect();
    assert_eq!(
        named,
        [
            (
                "database.max_connections",
                Some("variable KEFU__DATABASE__MAX_CONNECTIONS")
            ),
            ("server.drain_secs", Some(file.path())),
            ("server.listen", Some(file.path())),
            ("telemetry.format", Some("flag")),
            ("typo", Some("variable KEFU__TYPO")),
        ]
    );
    assert_eq!(found[1].message, "is not a key of the configuration");
    assert!(found[0].message.contains("many"), "{}", found[0].message);
}

#[test]
fn numbers_are_not_bent_into_shape() {
    for wrong in ["-1", "1.5", "true", ""] {
        let found = problems(with(&[URL, ("KEFU__DATABASE__MAX_CONNECTIONS", wrong)]));
        assert_eq!(found[0].key, "database.max_connections", "{wrong}");
    }
}

#[test]
fn a_missing_key_is_named() {
    let found = problems(with(&[]));
    assert_eq!(found[0].to_string(), "database.url: is missing");
}

#[test]
fn lists_come_from_the_environment_too_and_keys_are_checked() {
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let two = format!("{key}, {key}");
    let value = with(&[URL, ("KEFU__TRUST__GATEWAY_KEYS", &two)])
        .load::<Whole>()
        .unwrap()
        .value;
    assert_eq!(value.trust.gateway_keys, [key, key]);
    let found = problems(with(&[URL, ("KEFU__TRUST__SERVICE_KEYS", "AAAA")]));
    assert_eq!(
        found[0].to_string(),
        "trust.service_keys: a key has 32 bytes, not 3 (variable KEFU__TRUST__SERVICE_KEYS)"
    );
}

#[test]
fn secrets_come_from_files_and_are_not_seen() {
    let file = Scratch::holding("postgres://kefu:hunter2@db/kefu\n");
    let loaded = with(&[("KEFU__DATABASE__URL_FILE", file.path())])
        .load::<Whole>()
        .unwrap();
    assert_eq!(loaded.value.database.url.expose(), URL.1);
    let rendered = loaded.render().unwrap();
    assert!(!rendered.contains("hunter2"), "{rendered}");
    assert!(!format!("{loaded:?}").contains("hunter2"));
    assert!(!loaded.value.database.url.to_string().contains("hunter2"));
    let line = rendered
        .lines()
        .find(|line| line.starts_with("database.url"))
        .unwrap();
    assert!(line.starts_with("database.url = \"***\""), "{line}");
    let origin = format!(
        "# {}, named by variable KEFU__DATABASE__URL_FILE",
        file.path()
    );
    assert!(line.ends_with(&origin), "{line}");
    // What is printed can be read again.
    rendered.parse::<toml::Table>().unwrap();
}

#[test]
fn a_secret_is_given_once_and_its_file_can_be_read() {
    let both = problems(with(&[URL, ("KEFU__DATABASE__URL_FILE", "/dev/null")]));
    assert_eq!(both[0].key, "database.url_file");
    assert_eq!(both[0].message, "is given together with url");
    let empty = problems(with(&[("KEFU__DATABASE__URL_FILE", "/dev/null")]));
    assert_eq!(empty[0].message, "is missing");
    assert_eq!(empty[1].message, "/dev/null is empty");
}

#[test]
fn a_section_that_declares_a_file_gets_its_path() {
    let value = with(&[URL, ("KEFU__VAULT__KEY_FILE", "/nowhere")])
        .load::<Whole>()
        .unwrap()
        .value;
    assert_eq!(value.vault.key_file.unwrap(), Path::new("/nowhere"));
}

#[test]
fn errors_do_not_quote_secrets() {
    let file = Scratch::holding("[database]\nurl = 'hunter2\n");
    let error = with(&[])
        .file(Some(file.0.clone()))
        .load::<Whole>()
        .unwrap_err();
    assert!(
        matches!(error, ConfigError::Syntax { line: 2, .. }),
        "{error}"
    );
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    let found = problems(with(&[("KEFU__DATABASE", "hunter2")]));
    assert_eq!(
        found[0].to_string(),
        "database: is a section, not a value (variable KEFU__DATABASE)"
    );
    let file = Scratch::holding("[database]\nurl = 271828\n");
    let found = problems(with(&[]).file(Some(file.0.clone())));
    assert_eq!(
        found[0].to_string(),
        format!("database.url: is not text ({})", file.path())
    );
}
