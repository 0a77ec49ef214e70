//! Each service as `k8s/` configures it: its ConfigMap read as a process reads it, and the
//! service put together from it. Whether the objects are right is for `make k8s-check`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use kefu::{dev::Keys, serve, settings::Settings};
use kefu_gateway::Environment;
use kefu_service::config::UpstreamConfig;
use tempfile::TempDir;

const OVERLAYS: [&str; 2] = ["dev", "prod"];
const SERVICES: [&str; 6] = [
    "gateway",
    "access-control",
    "customer-profile",
    "ticket",
    "order-followup",
    "analytics",
];
/// Where a pod finds its secrets.
const MOUNTED: &str = "/run/secrets/kefu";

fn k8s() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../k8s")
}

/// What the ConfigMap of this name is made from.
fn config_map(overlay: &str, name: &str) -> String {
    let own = k8s().join(format!("overlays/{overlay}/{name}.toml"));
    let shared = k8s().join(format!("base/{name}/config.toml"));
    fs::read_to_string(own)
        .or_else(|_| fs::read_to_string(shared))
        .unwrap()
}

/// Variables that the overlay gives to the pods of its services.
fn variables(overlay: &str) -> Vec<(String, String)> {
    let path = k8s().join(format!("overlays/{overlay}/kustomization.yaml"));
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let variables = lines.windows(2).filter_map(|pair| {
        let name = pair[0].strip_prefix("name: KEFU__")?;
        let value = pair[1].strip_prefix("value: ")?;
        Some((format!("KEFU__{name}"), value.to_owned()))
    });
    variables.collect()
}

/// A pod's files.
pub(crate) struct Pod {
    folder: TempDir,
    /// What `k8s/new-keys` makes: a folder for each secret.
    made: TempDir,
    keys: Keys,
}

impl Pod {
    pub(crate) fn new() -> Self {
        let made = tempfile::tempdir().unwrap();
        let status = Command::new("sh")
            .arg(k8s().join("new-keys"))
            .arg(made.path().join("keys"))
            .arg("postgres")
            .status()
            .unwrap();
        assert!(status.success(), "k8s/new-keys needs openssl");
        let keys = Keys::make().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let public = |key: [u8; 32]| STANDARD.encode(key);
        let (gateway, service) = keys.signing_keys();
        let secrets = [
            ("gateway-signing-key", gateway.to_owned()),
            ("identity-signing-key", service.to_owned()),
            ("audit-signing-key", service.to_owned()),
            (
                "webhooks-signing-key",
                keys.webhooks().unwrap().0.to_owned(),
            ),
            (
                "gateway-public-keys",
                public(keys.gateway().unwrap().public_key()),
            ),
            (
                "service-public-keys",
                public(keys.service().unwrap().public_key()),
            ),
            ("objects-access-key-id", "id".to_owned()),
            ("objects-secret-access-key", "key".to_owned()),
        ];
        for (name, text) in secrets {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder, made, keys }
    }

    /// Puts the service's certificate where the pod has it.
    fn certify(&self, service: &str) {
        let secret = format!("keys/services-tls-{service}");
        for (key, mounted) in [
            ("tls.crt", &["services-tls.crt", "tls.crt"][..]),
            ("tls.key", &["services-tls.key", "tls.key"]),
            ("ca.crt", &["services-ca.crt"]),
        ] {
            for path in mounted {
                let from = self.made.path().join(&secret).join(key);
                fs::copy(from, self.folder.path().join(path)).unwrap();
            }
        }
    }

    /// Puts the url of the service's database where the pod has it: in dev as `k8s/new-keys` makes
    /// it, elsewhere as docs/deployment.md says.
    fn connect(&self, overlay: &str, service: &str) {
        let made = format!("keys/database-{service}/url");
        let url = match overlay {
            "dev" => fs::read_to_string(self.made.path().join(made)).unwrap(),
            _ => "postgres://kefu@database/kefu?sslmode=verify-full".to_owned(),
        };
        fs::write(self.folder.path().join("database-url"), url).unwrap();
    }

    pub(crate) fn settings(&self, overlay: &str, name: &str) -> Settings {
        if SERVICES.contains(&name) {
            self.certify(name);
        }
        if name != "gateway" {
            self.connect(overlay, name);
        }
        let here = self.folder.path().to_str().unwrap();
        let text = config_map(overlay, name)
            .replace(MOUNTED, here)
            .replace("/var/lib/kefu", here);
        let path = self.folder.path().join("config.toml");
        fs::write(&path, text).unwrap();
        let vault_key = ("KEFU__VAULT__KEY".to_owned(), self.keys.vault_text().into());
        Settings::layers(Some(path))
            .env_vars(variables(overlay).into_iter().chain([vault_key]))
            .load::<Settings>()
            .unwrap_or_else(|error| panic!("{name} of {overlay}: {error}"))
            .value
    }
}

/// Whom a service calls, by the table that the network policies are held against.
fn callees(service: &str) -> Vec<String> {
    let table: toml::Table = fs::read_to_string(k8s().join("arrows.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let targets = table["all"][service].as_array().unwrap();
    let targets = targets
        .iter()
        .map(|target| target.as_str().unwrap().to_owned());
    targets
        .filter(|target| SERVICES.contains(&target.as_str()))
        .collect()
}

fn upstreams(settings: &Settings) -> [(&'static str, &UpstreamConfig); 5] {
    let upstream = &settings.upstream;
    [
        ("access-control", &upstream.access_control),
        ("customer-profile", &upstream.customer_profile),
        ("ticket", &upstream.ticket),
        ("order-followup", &upstream.order_followup),
        ("analytics", &upstream.analytics),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_config_map_makes_its_service() {
    let pod = Pod::new();
    for overlay in OVERLAYS {
        for service in SERVICES {
            let settings = pod.settings(overlay, service);
            let prepared = serve::build(&settings, service)
                .unwrap_or_else(|error| panic!("{service} of {overlay}: {error:#}"));
            assert_eq!(prepared.hosted.name, service);
            let server = prepared.server;
            // Callers of dev's gateway come in plaintext, and nobody else.
            let plaintext = overlay == "dev" && service == "gateway";
            assert_eq!(prepared.tls.is_none(), plaintext, "{service} of {overlay}");
            // What the pods of all services have in common (k8s/base/service).
            assert_eq!(server.listen.port(), 50051, "{service}");
            assert_eq!(server.health_listen.unwrap().port(), 50052, "{service}");
            assert!(server.max_connection_age_seconds.is_some(), "{service}");
            assert!(settings.telemetry.otlp_endpoint.is_some(), "{service}");
        }
    }
}

#[test]
fn each_config_map_says_where_those_are_whom_the_service_calls() {
    let pod = Pod::new();
    for overlay in OVERLAYS {
        for service in SERVICES {
            let callees = callees(service);
            for (name, upstream) in upstreams(&pod.settings(overlay, service)) {
                let called = callees.iter().any(|callee| callee == name);
                let said = upstream.uri == format!("https://{name}:50051");
                assert_eq!(said, called, "{service} of {overlay}: {name}");
            }
        }
    }
}

/// Who may open a connection to a service may also call it, and nobody else.
#[test]
fn each_config_map_says_who_may_call_its_service() {
    let pod = Pod::new();
    for overlay in OVERLAYS {
        for service in SERVICES.into_iter().filter(|name| *name != "gateway") {
            let callers = pod.settings(overlay, service).tls.services.callers;
            for other in SERVICES {
                let calls = callees(other).iter().any(|callee| callee == service);
                assert_eq!(
                    callers.iter().any(|name| name == other),
                    calls,
                    "{other} → {service} of {overlay}"
                );
            }
        }
    }
}

#[test]
fn the_migration_reaches_the_register() {
    let settings = Pod::new().settings("prod", "migrate");
    assert!(settings.access_control.database.is_some());
}

/// As `kefu migrate` refuses plaintext in production too.
#[test]
fn the_migration_of_dev_may_reach_its_database_in_plaintext() {
    let settings = Pod::new().settings("dev", "migrate");
    assert_eq!(settings.environment, Environment::Development);
    let overlay = fs::read_to_string(k8s().join("overlays/dev/kustomization.yaml")).unwrap();
    let migration = overlay.split_once("      kind: Job\n      name: migrate\n");
    let (_, migration) = migration.unwrap();
    let (migration, _) = migration.split_once("  - target:").unwrap();
    assert!(migration.contains("name: KEFU__ENVIRONMENT\n          value: development"));
}

#[test]
fn production_is_run_as_such() {
    let settings = Pod::new().settings("prod", "gateway");
    assert_eq!(settings.environment, Environment::Production);
    let rules = settings.gateway.rules;
    assert!(rules.oidc_discovery && !rules.allow_development_issuer);
}
