//! Each service as `k8s/` configures it: its ConfigMap read as a process reads it, and the
//! service put together from it. Whether the objects are right is for `make k8s-check`.

use std::{
    fs,
    path::{Path, PathBuf},
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

/// A pod's files.
struct Pod {
    folder: TempDir,
    keys: Keys,
}

impl Pod {
    fn new() -> Self {
        let keys = Keys::make().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let public = |key: [u8; 32]| STANDARD.encode(key);
        let (gateway, service) = keys.signing_keys();
        let secrets = [
            ("gateway-signing-key", gateway.to_owned()),
            ("identity-signing-key", service.to_owned()),
            ("audit-signing-key", service.to_owned()),
            (
                "gateway-public-keys",
                public(keys.gateway().unwrap().public_key()),
            ),
            (
                "service-public-keys",
                public(keys.service().unwrap().public_key()),
            ),
            ("database-url", "postgres://kefu@database/kefu".to_owned()),
            ("objects-access-key-id", "id".to_owned()),
            ("objects-secret-access-key", "key".to_owned()),
            ("tls.crt", "certificate".to_owned()),
            ("tls.key", "key".to_owned()),
        ];
        for (name, text) in secrets {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder, keys }
    }

    fn settings(&self, overlay: &str, name: &str) -> Settings {
        let here = self.folder.path().to_str().unwrap();
        let text = config_map(overlay, name)
            .replace(MOUNTED, here)
            .replace("/var/lib/kefu", here);
        let path = self.folder.path().join("config.toml");
        fs::write(&path, text).unwrap();
        let vault_key = ("KEFU__VAULT__KEY".to_owned(), self.keys.vault_text().into());
        Settings::layers(Some(path))
            .env_vars([vault_key])
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
            let (hosted, server) = serve::build(&settings, service)
                .unwrap_or_else(|error| panic!("{service} of {overlay}: {error:#}"));
            assert_eq!(hosted.name, service);
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
                let said = upstream.uri == format!("http://{name}:50051");
                assert_eq!(said, called, "{service} of {overlay}: {name}");
            }
        }
    }
}

#[test]
fn the_migration_reaches_the_register() {
    let settings = Pod::new().settings("prod", "migrate");
    assert!(settings.access_control.database.is_some());
}

#[test]
fn production_is_run_as_such() {
    let gateway = Pod::new().settings("prod", "gateway").gateway;
    assert_eq!(gateway.rules.environment, Environment::Production);
    assert!(gateway.rules.oidc_discovery && !gateway.rules.allow_development_issuer);
    assert!(gateway.server.tls.is_some());
}
