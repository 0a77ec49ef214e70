//! What is refused in production, and what a configuration of TLS may not say: each service as
//! `k8s/` configures it, with one thing changed.

use std::{fs, process::Command};

use kefu::{serve, settings::Settings};
use kefu_gateway::{Environment, dev_issuer};
use kefu_service::config::{FrontTls, Secret, ServicesTls};

use crate::deployed::Pod;

/// What is said against the service, if anything is.
fn refusal(service: &str, change: impl FnOnce(&mut Settings)) -> Option<String> {
    // Its files have to last as long as the building does.
    let pod = Pod::new();
    let mut settings = pod.settings("prod", service);
    change(&mut settings);
    let refused = serve::build(&settings, service).err();
    refused.map(|error| format!("{error:#}"))
}

#[track_caller]
fn assert_refused(service: &str, part: &str, change: impl FnOnce(&mut Settings)) {
    let told = refusal(service, change).expect("a refusal");
    assert!(told.contains(part), "{told}");
}

/// Plaintext between the services.
fn without_tls(settings: &mut Settings) {
    settings.tls.services = ServicesTls::default();
    let upstream = &mut settings.upstream;
    for one in [
        &mut upstream.access_control,
        &mut upstream.customer_profile,
        &mut upstream.ticket,
        &mut upstream.order_followup,
        &mut upstream.analytics,
    ] {
        one.uri = one.uri.replace("https://", "http://");
    }
}

/// Clause CF-5.3.
#[tokio::test]
async fn a_gateway_without_a_certificate_is_refused_in_production() {
    assert_refused("gateway", "tls.front has no certificate", |settings| {
        settings.tls.front = FrontTls::default();
    });
    let elsewhere = |settings: &mut Settings| {
        settings.tls.front = FrontTls {
            elsewhere: true,
            ..FrontTls::default()
        };
    };
    assert_eq!(refusal("gateway", elsewhere), None);
}

/// Clause CF-5.3.
#[tokio::test]
async fn plaintext_between_services_is_refused_in_production() {
    for service in ["gateway", "ticket"] {
        assert_refused(service, "tls.services has no certificate", without_tls);
        let in_a_mesh = |settings: &mut Settings| {
            without_tls(settings);
            settings.tls.services.elsewhere = true;
        };
        assert_eq!(refusal(service, in_a_mesh), None);
        // And one address alone.
        assert_refused(service, "customer-profile:50051 is plaintext", |settings| {
            settings.upstream.customer_profile.uri = "http://customer-profile:50051".into();
        });
    }
}

#[tokio::test]
async fn https_needs_certificates() {
    assert_refused("ticket", "needs TLS", |settings| {
        settings.tls.services = ServicesTls {
            elsewhere: true,
            ..ServicesTls::default()
        };
    });
}

#[tokio::test]
async fn keys_in_the_process_itself_are_refused_in_production() {
    let forbid = |settings: &mut Settings| settings.vault.allow_local = false;
    assert_refused("ticket", "vault.allow_local", forbid);
    assert_eq!(refusal("ticket", |_| {}), None);
    // The gateway has none.
    assert_eq!(refusal("gateway", forbid), None);
}

/// Clause CF-5.3.
#[tokio::test]
async fn a_database_in_plaintext_is_refused_in_production() {
    let url = |url: &'static str| {
        move |settings: &mut Settings| {
            settings.ticket.database.as_mut().unwrap().url = Secret::new(url);
        }
    };
    for plaintext in [
        "postgres://kefu@database/kefu",
        "postgres://kefu@database/kefu?sslmode=require",
    ] {
        assert_refused("ticket", "database.url does not ask", url(plaintext));
        let meant = |settings: &mut Settings| {
            url(plaintext)(settings);
            settings
                .ticket
                .database
                .as_mut()
                .unwrap()
                .encrypted_elsewhere = true;
        };
        assert_eq!(refusal("ticket", meant), None);
    }
    let known = "postgres://kefu@database/kefu?sslmode=verify-ca";
    assert_eq!(refusal("ticket", url(known)), None);
    // There is no way for anybody to be on.
    let here = "postgres://kefu@%2Frun%2Fpostgresql/kefu";
    assert_eq!(refusal("ticket", url(here)), None);
}

/// Clause CF-5.3: whatever else goes to a database: customers' wrapped keys go with a backup.
#[test]
fn no_command_goes_to_a_database_in_plaintext() {
    let home = tempfile::tempdir().unwrap();
    let company = home.path().join("company.toml");
    fs::write(&company, kefu_testkit::COMPANY).unwrap();
    let (here, company) = (home.path().to_str().unwrap(), company.to_str().unwrap());
    let url = "postgres://kefu:secret@database/kefu?sslmode=require";
    let to = ["--url", url, "--to", here, "--recipient", "age1"];
    let from = ["--url", url, "--from", here, "--identity", here];
    let commands: [(&[&str], &[&str]); 5] = [
        (&["migrate"], &["--url", url]),
        (&["backup", "take"], &to),
        (&["backup", "keys"], &to),
        (&["restore"], &from),
        (&["company", "enter"], &[company]),
    ];
    for (command, arguments) in commands {
        let output = Command::new(env!("CARGO_BIN_EXE_kefu"))
            .args(command)
            .args(arguments)
            .env_remove("KEFU_CONFIG")
            .env("KEFU__ACCESS_CONTROL__DATABASE__URL", url)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{command:?}");
        assert!(
            told.contains("does not ask for verified TLS") && !told.contains("secret"),
            "{command:?}: {told}"
        );
    }
}

/// An audit log that nobody signs shows no change of it.
#[tokio::test]
async fn an_audit_log_without_a_key_is_refused_in_production() {
    let unsigned = |settings: &mut Settings| settings.access_control.rules.audit_key = None;
    assert_refused("access-control", "rules.audit_key is not set", unsigned);
    let development = |settings: &mut Settings| {
        unsigned(settings);
        settings.environment = Environment::Development;
    };
    assert_eq!(refusal("access-control", development), None);
    // Nobody else signs it.
    assert_eq!(refusal("ticket", unsigned), None);
}

#[tokio::test]
async fn the_development_issuer_is_refused_in_production() {
    let trust = |settings: &mut Settings| {
        settings.gateway.rules.issuer = dev_issuer::ISSUER.into();
        settings.gateway.rules.allow_development_issuer = true;
    };
    assert_refused("gateway", "allow_development_issuer", trust);
}

/// All at once; and in development none of it.
#[tokio::test]
async fn everything_unsafe_is_said_at_once() {
    let unsafe_settings = |settings: &mut Settings| {
        without_tls(settings);
        settings.tls.front = FrontTls::default();
        settings.vault.allow_local = false;
    };
    for (service, parts) in [
        ("gateway", ["tls.front", "tls.services"]),
        ("ticket", ["tls.services", "vault.allow_local"]),
    ] {
        for part in parts {
            assert_refused(service, part, unsafe_settings);
        }
        let development = |settings: &mut Settings| {
            unsafe_settings(settings);
            settings.environment = Environment::Development;
        };
        assert_eq!(refusal(service, development), None);
    }
}

#[tokio::test]
async fn a_connector_in_plaintext_is_refused_in_production() {
    let at = |uri: &str| {
        let uri = uri.to_owned();
        move |settings: &mut Settings| settings.ticket.rules.notices.connector_uri = uri
    };
    let (plain, safe) = ("http://notices.example.com", "https://notices.example.com");
    assert_refused("ticket", "notices.example.com is plaintext", at(plain));
    assert_eq!(refusal("ticket", at(safe)), None);
    let allowed = |settings: &mut Settings| {
        at(plain)(settings);
        settings.tls.connectors.allow_http = true;
    };
    assert_eq!(refusal("ticket", allowed), None);
}

#[tokio::test]
async fn what_belongs_together_is_named() {
    type Change = fn(&mut Settings);
    let changes: [(&str, &str, Change); 7] = [
        ("gateway", "tls.front.key_file", |settings| {
            settings.tls.front.key_file = None;
        }),
        ("gateway", "one of the two", |settings| {
            settings.tls.front.elsewhere = true;
        }),
        ("gateway", "client_authority_file", |settings| {
            settings
                .gateway
                .rules
                .require_bound_tokens_for_system_accounts = true;
        }),
        ("ticket", "need each other", |settings| {
            settings.tls.services.authority_file = None;
        }),
        ("ticket", "one of the two", |settings| {
            settings.tls.services.elsewhere = true;
        }),
        ("ticket", "cannot read /nowhere", |settings| {
            settings.tls.services.key_file = Some("/nowhere".into());
        }),
        ("ticket", "not a DNS name", |settings| {
            settings.tls.services.callers.push("no name".into());
        }),
    ];
    for (service, part, change) in changes {
        assert_refused(service, part, change);
    }
}
