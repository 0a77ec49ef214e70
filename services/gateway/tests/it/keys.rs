//! Keys that the issuer publishes, rotates, withdraws and mistakes. Issue 3,
//! point 7.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::rand::SystemRandom;
use kefu_gateway::{Environment, GatewayConfig, dev_issuer::DevIssuer};
use kefu_service::clock::Clock;
use serde_json::json;
use tonic::Code;

use crate::{
    issuer::{Page, TestIssuer},
    policy::{AGENT, GET_TICKET, REVISION},
    upstream::Behaviour,
    world::{Answer, World, settle},
};

fn key() -> DevIssuer {
    DevIssuer::generate(&SystemRandom::new()).unwrap()
}

fn published(config: &mut GatewayConfig, issuer: &TestIssuer) {
    config.jwks = String::new();
    config.jwks_url = format!("{}/keys", issuer.url);
    // The clock is turned far at once, and this is not about the policy.
    config.max_snapshot_age_seconds = 1_000_000;
}

async fn following(issuer: &TestIssuer) -> World {
    World::with(|config| published(config, issuer)).await
}

async fn call(world: &World, key: &DevIssuer) -> Answer {
    let now = world.clock.now();
    let token = key.issue(AGENT, now, Duration::from_secs(36_000)).unwrap();
    let call = world.bare(GET_TICKET).purpose("service");
    call.header("authorization", &format!("Bearer {token}"))
        .send()
        .await
}

/// Turns the clock at once, access-control being alive.
async fn pass(world: &World, seconds: u64) {
    world.clock.advance(Duration::from_secs(seconds));
    settle().await;
    world.access.heartbeat(REVISION);
    settle().await;
}

/// Waits, with a bound, until a call by this key is answered so.
async fn until(world: &World, key: &DevIssuer, reason: &str) {
    let looking = async {
        while call(world, key).await.reason() != reason {
            world.access.heartbeat(REVISION);
            settle().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looking)
        .await
        .unwrap_or_else(|_| panic!("never {reason:?}"));
}

/// Waits, with a bound, until the issuer was asked so often.
async fn asked(issuer: &TestIssuer, times: usize) {
    let looking = async {
        while issuer.asked() < times {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looking)
        .await
        .expect("the issuer is asked");
}

#[tokio::test]
async fn a_new_key_is_fetched_with_the_first_token_that_needs_it() {
    let (issuer, old, new) = (TestIssuer::start().await, key(), key());
    issuer.publish(&[&old]);
    let world = following(&issuer).await;
    // Also the very first call waits for the keys instead of being refused.
    call(&world, &old).await.is_ok();
    issuer.publish(&[&old, &new]);
    pass(&world, 5).await;
    call(&world, &new).await.is_ok();
    call(&world, &old).await.is_ok();
    assert_eq!(issuer.asked(), 2);
}

/// Clause CC-2.5.
#[tokio::test]
async fn a_withdrawn_key_is_believed_no_longer_though_its_token_was() {
    let (issuer, old, new) = (TestIssuer::start().await, key(), key());
    issuer.publish(&[&old]);
    let world = following(&issuer).await;
    call(&world, &old).await.is_ok();
    issuer.publish(&[&new]);
    pass(&world, 300).await;
    until(&world, &old, "TOKEN_INVALID").await;
    call(&world, &new).await.is_ok();
}

#[tokio::test]
async fn an_open_answer_ends_when_its_key_is_withdrawn() {
    let (issuer, old, new) = (TestIssuer::start().await, key(), key());
    issuer.publish(&[&old]);
    let world = following(&issuer).await;
    call(&world, &old).await.is_ok();
    let (frames, stream) = tokio::sync::mpsc::unbounded_channel();
    world.upstream.behave(Behaviour::Stream(stream));
    let waiting = call(&world, &old);
    let rotating = async {
        settle().await;
        issuer.publish(&[&old, &new]);
        pass(&world, 5).await;
        call(&world, &new).await.is_ok();
        assert!(!frames.is_closed(), "its own key is there still");
        issuer.publish(&[&new]);
        pass(&world, 300).await;
    };
    let (answer, ()) = futures_util::join!(waiting, rotating);
    answer.is_refused(Code::Unauthenticated, "TOKEN_INVALID");
    assert!(frames.is_closed());
    assert_eq!(world.access.journaled().len(), 1);
}

#[tokio::test]
async fn made_up_key_names_are_no_flood_at_the_issuers_door() {
    let (issuer, good) = (TestIssuer::start().await, key());
    issuer.publish(&[&good]);
    let world = following(&issuer).await;
    call(&world, &good).await.is_ok();
    for _ in 0..50 {
        call(&world, &key())
            .await
            .is_refused(Code::Unauthenticated, "TOKEN_INVALID");
    }
    assert_eq!(issuer.asked(), 1, "not again so soon");
    pass(&world, 5).await;
    let strangers: Vec<_> = (0..20).map(|_| key()).collect();
    let calls = strangers.iter().map(|stranger| call(&world, stranger));
    for answer in futures_util::future::join_all(calls).await {
        answer.is_refused(Code::Unauthenticated, "TOKEN_INVALID");
    }
    assert_eq!(issuer.asked(), 2, "one fetch for all of them");
}

/// Fails closed: with no keys, with keys too old, and with keys in doubt.
#[tokio::test]
async fn without_the_issuer_its_last_keys_serve_within_their_bound() {
    let (issuer, good) = (TestIssuer::start().await, key());
    issuer.put("/keys", Page::Status(503));
    let world = following(&issuer).await;
    let answer = call(&world, &good).await;
    answer.is_refused(Code::Unavailable, "ISSUER_UNAVAILABLE");
    assert!(answer.retry_after().is_some());

    issuer.publish(&[&good]);
    pass(&world, 5).await;
    until(&world, &good, "").await;
    issuer.put("/keys", Page::Status(503));
    let before = issuer.asked();
    pass(&world, 300).await;
    asked(&issuer, before + 1).await;
    call(&world, &good).await.is_ok();
    until(&world, &key(), "ISSUER_UNAVAILABLE").await;
    pass(&world, 3299).await;
    call(&world, &good).await.is_ok();
    pass(&world, 1).await;
    call(&world, &good)
        .await
        .is_refused(Code::Unavailable, "ISSUER_UNAVAILABLE");

    issuer.publish(&[&good]);
    pass(&world, 5).await;
    until(&world, &good, "").await;
}

#[tokio::test]
async fn what_is_no_key_set_changes_nothing() {
    let (issuer, good, other) = (TestIssuer::start().await, key(), key());
    issuer.publish(&[&good]);
    let world = following(&issuer).await;
    call(&world, &good).await.is_ok();
    let huge = format!("{}{}", crate::issuer::set(&[&other]), " ".repeat(300_000));
    let secret = json!({ "keys": [{ "kty": "oct", "kid": "s", "k": "c2VjcmV0" }] });
    for page in [
        Page::Json("<html>".into()),
        Page::Json(json!({ "keys": [] }).to_string()),
        Page::Json(secret.to_string()),
        Page::Json(huge),
        Page::Status(302),
    ] {
        issuer.put("/keys", page);
        pass(&world, 5).await;
        call(&world, &other)
            .await
            .is_refused(Code::Unavailable, "ISSUER_UNAVAILABLE");
        call(&world, &good).await.is_ok();
    }
    assert_eq!(issuer.asked(), 6);
}

#[tokio::test]
async fn an_issuer_that_never_answers_is_given_up() {
    let (issuer, good) = (TestIssuer::start().await, key());
    issuer.put("/keys", Page::Silence);
    let world = Arc::new(following(&issuer).await);
    let waiting = {
        let (world, token) = (world.clone(), key());
        tokio::spawn(async move { call(&world, &token).await })
    };
    asked(&issuer, 1).await;
    pass(&world, 5).await;
    waiting
        .await
        .unwrap()
        .is_refused(Code::Unavailable, "ISSUER_UNAVAILABLE");
    issuer.publish(&[&good]);
    pass(&world, 5).await;
    until(&world, &good, "").await;
}

#[tokio::test]
async fn discovery_finds_the_keys_of_our_issuer_alone() {
    let (issuer, good) = (TestIssuer::start().await, key());
    issuer.publish(&[&good]);
    let path = "/realm/.well-known/openid-configuration";
    let document = |of: &str| {
        let keys = format!("{}/keys", issuer.url);
        Page::Json(json!({ "issuer": of, "jwks_uri": keys }).to_string())
    };
    let ours = format!("{}/realm", issuer.url);
    issuer.put(path, document("https://id.example"));
    let world = World::with(|config| {
        config.jwks = String::new();
        config.oidc_discovery = true;
        config.issuer = ours.clone();
    })
    .await;
    let now = world.clock.now().as_second();
    let token = good
        .sign(&json!({ "iss": ours, "aud": "kefu", "sub": AGENT, "exp": now + 3600 }))
        .unwrap();
    let call = || {
        let call = world.bare(GET_TICKET).purpose("service");
        call.header("authorization", &format!("Bearer {token}"))
            .send()
    };
    call()
        .await
        .is_refused(Code::Unavailable, "ISSUER_UNAVAILABLE");
    issuer.put(path, document(&ours));
    pass(&world, 5).await;
    call().await.is_ok();
}

/// Over TLS, as outside of development it must be.
#[tokio::test]
async fn a_published_development_key_is_refused_in_production() {
    let issuer = TestIssuer::with_tls().await;
    let development = key();
    issuer.publish(&[&development]);
    let world = |allowed: bool, ca: Option<String>| {
        let issuer = issuer.clone();
        World::with(move |config| {
            published(config, &issuer);
            config.issuer_ca = ca;
            if !allowed {
                config.environment = Environment::Production;
                config.allow_development_issuer = false;
                config.issuer = "https://id.example".into();
            }
        })
    };
    let production = world(false, issuer.ca.clone()).await;
    let now = production.clock.now().as_second();
    let token = development
        .sign(&json!({
            "iss": "https://id.example", "aud": "kefu", "sub": AGENT, "exp": now + 3600
        }))
        .unwrap();
    let call_with = production.bare(GET_TICKET).purpose("service");
    call_with
        .header("authorization", &format!("Bearer {token}"))
        .send()
        .await
        .is_refused(Code::Unavailable, "ISSUER_UNAVAILABLE");
    assert_eq!(issuer.asked(), 1, "it was its keys that were refused");

    let desk = world(true, issuer.ca.clone()).await;
    call(&desk, &development).await.is_ok();

    // A server that no authority vouches for is nobody's.
    let foreign = TestIssuer::with_tls().await.ca.clone();
    let distrusting = world(true, foreign).await;
    call(&distrusting, &development)
        .await
        .is_refused(Code::Unavailable, "ISSUER_UNAVAILABLE");
    assert_eq!(issuer.asked(), 2, "nothing was asked of it");
}
