//! Who is believed. Clause OP-7.2; issue 2, point 3.

use std::time::Duration;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header, encode,
    jwk::{Jwk, JwkSet, PublicKeyUse},
};
use kefu_gateway::dev_issuer::{AUDIENCE, DevIssuer, ISSUER};
use kefu_service::clock::Clock;
use serde_json::{Value, json};
use tonic::Code;

use crate::{
    policy::{AGENT, GET_TICKET, STRANGER, start},
    world::World,
};

fn claims(change: Value) -> Value {
    let now = start().as_second();
    let mut claims = json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": AGENT, "exp": now + 600 });
    for (key, value) in change.as_object().unwrap() {
        claims[key] = value.clone();
    }
    claims
}

async fn with_token(world: &World, token: &str) -> crate::world::Answer {
    let call = world.bare(GET_TICKET).purpose("service");
    call.header("authorization", &format!("Bearer {token}"))
        .send()
        .await
}

async fn assert_invalid(world: &World, token: &str, why: &str) {
    let answer = with_token(world, token).await;
    assert_eq!(answer.reason(), "TOKEN_INVALID", "{why}: {answer:?}");
    assert_eq!(answer.status.code(), Code::Unauthenticated, "{why}");
    assert_eq!(world.arrivals(), 0, "{why}");
}

#[tokio::test]
async fn a_good_token_is_let_through() {
    let world = World::new().await;
    world.good().send().await.is_ok();
    assert_eq!(world.arrived_context().subject.id, AGENT);
}

#[tokio::test]
async fn no_bearer_token_is_missing() {
    let world = World::new().await;
    for authorization in [None, Some("Basic YTpi"), Some("Bearer"), Some("Bearer  ")] {
        let mut call = world.bare(GET_TICKET);
        if let Some(value) = authorization {
            call = call.header("authorization", value);
        }
        call.send()
            .await
            .is_refused(Code::Unauthenticated, "TOKEN_MISSING");
    }
}

#[tokio::test]
async fn malformed_tokens_are_invalid() {
    let world = World::new().await;
    let good = world.token(AGENT);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let other = world.token(STRANGER);
    let (other_message, _) = other.rsplit_once('.').unwrap();
    for (token, why) in [
        ("nonsense".to_owned(), "no parts"),
        ("a.b.c".to_owned(), "parts of nothing"),
        (format!("{message}."), "no signature"),
        (message.to_owned(), "signature cut off"),
        (
            format!("{other_message}.{signature}"),
            "another's signature",
        ),
        (format!("{good}.{signature}"), "one part more"),
        ("x".repeat(9000), "too long"),
    ] {
        assert_invalid(&world, &token, why).await;
    }
}

#[tokio::test]
async fn two_authorizations_are_invalid() {
    let world = World::new().await;
    let answer = world
        .good()
        .header("authorization", "Bearer x")
        .send()
        .await;
    answer.is_refused(Code::Unauthenticated, "TOKEN_INVALID");
}

#[tokio::test]
async fn claims_that_are_not_for_us_are_invalid() {
    let world = World::new().await;
    for (change, why) in [
        (json!({ "iss": "https://elsewhere" }), "foreign issuer"),
        (json!({ "aud": "another" }), "foreign audience"),
        (json!({ "aud": ["another", "third"] }), "foreign audiences"),
        (json!({ "aud": null }), "no audience"),
        (json!({ "iss": null }), "no issuer"),
        (json!({ "exp": null }), "no end"),
        (json!({ "exp": "tomorrow" }), "end that is no time"),
        (json!({ "exp": 1e300 }), "end out of all time"),
        (json!({ "nbf": -1e300 }), "beginning out of all time"),
        (json!({ "sub": null }), "no subject"),
        (json!({ "sub": "zhang" }), "subject that is no uuid"),
    ] {
        let token = world.issuer.sign(&claims(change)).unwrap();
        assert_invalid(&world, &token, why).await;
    }
    let token = world
        .issuer
        .sign(&claims(json!({ "aud": ["another", AUDIENCE] })))
        .unwrap();
    with_token(&world, &token).await.is_ok();
}

#[tokio::test]
async fn a_foreign_key_is_not_believed() {
    let world = World::new().await;
    let foreign = DevIssuer::generate(&SystemRandom::new()).unwrap();
    let token = foreign.sign(&claims(json!({}))).unwrap();
    assert_invalid(&world, &token, "unknown kid").await;

    let mut header = Header::new(Algorithm::EdDSA);
    let key = EncodingKey::from_ed_der(foreign.pkcs8());
    header.kid = Some(world.issuer.kid().to_owned());
    let token = encode(&header, &claims(json!({})), &key).unwrap();
    assert_invalid(&world, &token, "our kid, their key").await;

    header.kid = None;
    let ours = EncodingKey::from_ed_der(world.issuer.pkcs8());
    let token = encode(&header, &claims(json!({})), &ours).unwrap();
    assert_invalid(&world, &token, "no kid").await;

    header.kid = Some(world.issuer.kid().to_owned());
    header.crit = Some(vec!["b64".to_owned()]);
    let token = encode(&header, &claims(json!({})), &ours).unwrap();
    assert_invalid(&world, &token, "critical header").await;
}

/// The token does not choose how it is checked (RFC 8725 §2.1).
#[tokio::test]
async fn algorithms_cannot_be_confused() {
    let world = World::new().await;
    let kid = world.issuer.kid().to_owned();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    for alg in ["none", "None", ""] {
        let header = part(&json!({ "alg": alg, "typ": "JWT", "kid": kid }));
        let token = format!("{header}.{}.", part(&claims(json!({}))));
        assert_invalid(&world, &token, "unsigned").await;
    }

    let jwks: Value = serde_json::from_str(&world.issuer.jwks()).unwrap();
    let public = jwks["keys"][0]["x"].as_str().unwrap();
    let raw = URL_SAFE_NO_PAD.decode(public).unwrap();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(kid);
    for secret in [
        raw.as_slice(),
        public.as_bytes(),
        world.issuer.jwks().as_bytes(),
    ] {
        let token = encode(
            &header,
            &claims(json!({})),
            &EncodingKey::from_secret(secret),
        )
        .unwrap();
        assert_invalid(&world, &token, "the public key as a secret").await;
    }
}

#[tokio::test]
async fn time_goes_by_the_injected_clock_with_skew() {
    let world = World::new().await;
    let now = start().as_second();
    let ends = world
        .issuer
        .sign(&claims(json!({ "exp": now + 5 })))
        .unwrap();
    with_token(&world, &ends).await.is_ok();
    world.turn(34).await;
    with_token(&world, &ends).await.is_ok();
    world.turn(1).await;
    with_token(&world, &ends)
        .await
        .is_refused(Code::Unauthenticated, "TOKEN_EXPIRED");

    let now = world.clock.now().as_second();
    let later = json!({ "nbf": now + 31, "exp": now + 600 });
    let begins = world.issuer.sign(&claims(later)).unwrap();
    with_token(&world, &begins)
        .await
        .is_refused(Code::Unauthenticated, "TOKEN_EXPIRED");
    world.turn(1).await;
    with_token(&world, &begins).await.is_ok();
}

#[tokio::test]
async fn a_subject_the_company_does_not_know_is_refused() {
    let world = World::new().await;
    let answer = world.call(STRANGER, GET_TICKET).send().await;
    answer.is_refused(Code::Unauthenticated, "SUBJECT_UNKNOWN");
    assert!(
        answer
            .metadata("rule")
            .unwrap()
            .contains("not in the register")
    );
}

/// Company identity providers sign with ES256 or RS256 as often as with EdDSA.
#[tokio::test]
async fn es256_and_rs256_keys_are_believed_each_for_its_own_algorithm() {
    let random = SystemRandom::new();
    let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let ec = EncodingKey::from_ec_der(ec.as_ref());
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let rsa: Pkcs8V1Der<'_> = rsa.as_der().unwrap();
    // PKCS #1 lies in PKCS #8 behind a header of fixed length for this size.
    let rsa = EncodingKey::from_rsa_der(&rsa.as_ref()[26..]);
    let keys = [("ec", Algorithm::ES256, ec), ("rsa", Algorithm::RS256, rsa)];
    let set = JwkSet {
        keys: keys
            .iter()
            .map(|(kid, algorithm, key)| {
                let mut jwk = Jwk::from_encoding_key(key, *algorithm).unwrap();
                jwk.common.key_id = Some((*kid).to_owned());
                jwk.common.public_key_use = Some(PublicKeyUse::Signature);
                jwk
            })
            .collect(),
    };
    let world = World::with(|config| config.jwks = serde_json::to_string(&set).unwrap()).await;
    let token = |algorithm: Algorithm, key: &EncodingKey, kid: &str| {
        let mut header = Header::new(algorithm);
        header.kid = Some(kid.to_owned());
        encode(&header, &claims(json!({})), key).unwrap()
    };
    let crossed = token(Algorithm::ES256, &keys[0].2, "rsa");
    assert_invalid(&world, &crossed, "es256 under the kid of an rsa key").await;
    let stronger = token(Algorithm::RS384, &keys[1].2, "rsa");
    assert_invalid(&world, &stronger, "rs384 by an rs256 key").await;
    for (kid, algorithm, key) in &keys {
        with_token(&world, &token(*algorithm, key, kid))
            .await
            .is_ok();
    }
}

#[tokio::test]
async fn issued_tokens_end() {
    let world = World::new().await;
    let token = world
        .issuer
        .issue(AGENT, world.clock.now(), Duration::from_secs(1))
        .unwrap();
    with_token(&world, &token).await.is_ok();
    world.turn(31).await;
    with_token(&world, &token)
        .await
        .is_refused(Code::Unauthenticated, "TOKEN_EXPIRED");
}
