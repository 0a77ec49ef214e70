//! What the gateway does not start with.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use kefu_gateway::{
    Environment, GatewayConfig, Upstreams, build,
    dev_issuer::{DevIssuer, ISSUER},
};
use kefu_service::clock::ManualClock;
use serde_json::{Value, json};

use crate::{
    policy::start,
    upstream::Upstream,
    world::{config, deps},
};

/// What is wrong, or nothing.
fn problem(change: impl FnOnce(&mut GatewayConfig)) -> Option<String> {
    let issuer = DevIssuer::generate(&SystemRandom::new()).unwrap();
    let mut config = config(&issuer);
    change(&mut config);
    let service = || Arc::new(Upstream::default()).service();
    let upstreams = Upstreams {
        profile: service(),
        ticket: service(),
        order: service(),
        analytics: service(),
        access: service(),
    };
    let (deps, _) = deps(&ManualClock::at(start()));
    build(&config, deps, upstreams)
        .err()
        .map(|fault| fault.detail.into_owned())
}

#[track_caller]
fn assert_problem(change: impl FnOnce(&mut GatewayConfig), part: &str) {
    let problem = problem(change).expect("a problem");
    assert!(problem.contains(part), "{problem}");
}

#[test]
fn the_development_issuer_cannot_be_switched_on_in_production() {
    assert_eq!(problem(|_| {}), None);
    assert_problem(
        |config| config.environment = Environment::Production,
        "allow_development_issuer",
    );
    assert_problem(
        |config| {
            config.environment = Environment::Production;
            config.allow_development_issuer = false;
        },
        "development issuer, which is not allowed",
    );
    // Its key among others, under the real issuer's name.
    assert_problem(
        |config| {
            config.environment = Environment::Production;
            config.allow_development_issuer = false;
            config.issuer = "https://id.example".into();
        },
        "development key",
    );
    assert_problem(
        |config| config.allow_development_issuer = false,
        "which is not allowed",
    );
}

#[test]
fn an_origin_is_spelt_as_browsers_spell_it() {
    let with = |origin: &str| problem(|config| config.web_origins = vec![origin.into()]);
    for origin in [
        "https://desk.example.com",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
    ] {
        assert_eq!(with(origin), None, "{origin}");
    }
    for none in [
        "desk.example.com",
        "https://desk.example.com/",
        "https://desk.example.com/app",
        "https://desk.example.com:443",
        "https://Desk.example.com",
        "https://agent@desk.example.com",
        "wss://desk.example.com",
        "null",
        "*",
    ] {
        assert!(
            with(none).is_some_and(|one| one.contains("web_origins")),
            "{none}"
        );
    }
}

#[test]
fn no_call_may_take_longer_than_a_decision_is_believed() {
    assert_eq!(problem(|config| config.max_deadline_ms = 30_000), None);
    assert_problem(|config| config.max_deadline_ms = 30_001, "max_deadline_ms");
}

#[test]
fn keys_that_cannot_be_relied_upon_are_refused() {
    let issuer = DevIssuer::generate(&SystemRandom::new()).unwrap();
    let set: Value = serde_json::from_str(&issuer.jwks()).unwrap();
    let good = set["keys"][0].clone();
    let with = |key: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[key] = value;
        jwk
    };
    for (keys, part) in [
        (json!([]), "no key"),
        (json!([good, good]), "there twice"),
        (json!([with("kid", Value::Null)]), "no kid"),
        (json!([with("use", json!("enc"))]), "no key"),
        (json!([with("alg", json!("ES256"))]), "no key"),
        (json!([with("x", json!("!"))]), "cannot be read"),
        (
            json!([{ "kty": "oct", "kid": "s", "k": "c2VjcmV0" }]),
            "shared secret",
        ),
    ] {
        assert_problem(
            |config| config.jwks = json!({ "keys": keys }).to_string(),
            part,
        );
    }
    assert_problem(|config| config.jwks = "nonsense".into(), "not a jwk set");
}

/// Clause CF-5.3.
#[tokio::test]
async fn published_keys_need_an_address_that_can_be_relied_upon() {
    let published = |url: &'static str, environment| {
        move |config: &mut GatewayConfig| {
            config.environment = environment;
            config.allow_development_issuer = environment == Environment::Development;
            if environment == Environment::Production {
                config.issuer = "https://id.example".into();
            }
            config.jwks = String::new();
            config.jwks_url = url.into();
        }
    };
    use Environment::{Development, Production};
    let (plain, safe) = ("http://id.example/keys", "https://id.example/keys");
    assert_eq!(problem(published(plain, Development)), None);
    assert_eq!(problem(published(safe, Production)), None);
    assert_problem(published(plain, Production), "not an https address");
    assert_problem(published("file:///keys", Development), "not an");
    assert_problem(published("/keys", Development), "not an address");
    let discovered = |config: &mut GatewayConfig| {
        published("", Production)(config);
        config.issuer = "http://id.example".into();
        config.oidc_discovery = true;
    };
    assert_problem(discovered, "not an https address");
    let twice = |config: &mut GatewayConfig| config.oidc_discovery = true;
    assert_problem(twice, "more than one is set");
    let nobody = |config: &mut GatewayConfig| {
        published(safe, Production)(config);
        config.issuer_ca = Some("no certificate".into());
    };
    assert_problem(nobody, "issuer_ca");
    let forgetful = |config: &mut GatewayConfig| config.jwks_max_age_seconds = 300;
    assert_problem(forgetful, "jwks_max_age_seconds");
    for bytes in [0, 4 * 1024 * 1024 + 1] {
        assert_problem(
            |config| config.max_message_bytes = bytes,
            "max_message_bytes",
        );
    }
    for bytes in [0, 32 * 1024 + 1] {
        assert_problem(
            |config| config.max_metadata_bytes = bytes,
            "max_metadata_bytes",
        );
    }
}

#[test]
fn all_that_is_missing_is_said_at_once() {
    let problem = problem(|config| *config = GatewayConfig::default()).unwrap();
    for part in ["issuer", "audience", "jwks"] {
        assert!(problem.contains(&format!("{part} is not set")), "{problem}");
    }
}

#[test]
fn the_section_is_read_from_toml_and_refuses_unknown_keys() {
    let text = format!("issuer = {ISSUER:?}\naudience = \"kefu\"\njwks = \"\"\nburst = 7\n");
    let config: GatewayConfig = toml::from_str(&text).unwrap();
    assert_eq!(config.burst.get(), 7);
    assert_eq!(config.max_snapshot_age_seconds, 10);
    assert_eq!(config.max_message_bytes, 4 * 1024 * 1024);
    assert_eq!(config.environment, Environment::Production);
    assert!(toml::from_str::<GatewayConfig>("brust = 7").is_err());
    assert!(toml::from_str::<GatewayConfig>("burst = 0").is_err());
}
