use aws_lc_rs::rand::SystemRandom;
use prost::Message;

use super::*;
use crate::{
    context::tests::context,
    fixture::{at, before, id},
};

struct Suite {
    gateway: ContextSigner,
    service: ContextSigner,
    verifier: ContextVerifier,
}

fn suite() -> Suite {
    let (gateway, _) = ContextSigner::generate(&SystemRandom::new());
    let (service, _) = ContextSigner::generate(&SystemRandom::new());
    let verifier = ContextVerifier::new([
        (Trust::Gateway, gateway.public_key()),
        (Trust::Service, service.public_key()),
    ]);
    Suite {
        gateway,
        service,
        verifier,
    }
}

fn internal() -> AccessContext {
    let mut context = context();
    context.subject.kind = SubjectKind::Service;
    context.permission = "internal.journal.follow".into();
    context
}

#[test]
fn what_is_signed_is_what_is_believed() {
    let suite = suite();
    let signed = suite.gateway.sign(&context());
    assert_eq!(suite.verifier.verify(&signed, at(0)), Ok(context()));
    let signed = suite.service.sign(&internal());
    assert_eq!(suite.verifier.verify(&signed, at(0)), Ok(internal()));
}

#[test]
fn a_kept_key_is_the_same_signer() {
    let (signer, pkcs8) = ContextSigner::generate(&SystemRandom::new());
    let kept = ContextSigner::from_pkcs8(&pkcs8).unwrap();
    assert_eq!(kept.public_key(), signer.public_key());
    assert_eq!(kept.sign(&context()), signer.sign(&context()));
    assert_eq!(ContextSigner::from_pkcs8(&pkcs8[1..]).err(), Some(KeyError));
    assert_eq!(ContextSigner::from_pkcs8(b"").err(), Some(KeyError));
}

/// Clause CC-2.5: no unauthorised entry; whatever byte is touched, nobody comes in.
#[test]
fn any_flipped_bit_is_refused() {
    let suite = suite();
    let signed = suite.gateway.sign(&context());
    for at_byte in 0..signed.len() {
        for bit in 0..8 {
            let mut forged = signed.clone();
            forged[at_byte] ^= 1 << bit;
            let refused = suite.verifier.verify(&forged, at(0)).is_err();
            assert!(refused, "bit {bit} of byte {at_byte}");
        }
    }
}

#[test]
fn whatever_is_cut_off_is_refused() {
    let suite = suite();
    let signed = suite.gateway.sign(&context());
    for length in 0..signed.len() {
        assert!(suite.verifier.verify(&signed[..length], at(0)).is_err());
    }
    let refusal = suite.verifier.verify(b"\xff", at(0));
    assert_eq!(refusal, Err(ContextError::Malformed));
}

#[test]
fn a_stranger_is_not_believed() {
    let (stranger, _) = ContextSigner::generate(&SystemRandom::new());
    let refusal = suite().verifier.verify(&stranger.sign(&context()), at(0));
    assert_eq!(refusal, Err(ContextError::UnknownKey));
}

#[test]
fn a_stranger_in_anothers_name_is_not_believed() {
    let suite = suite();
    let (stranger, _) = ContextSigner::generate(&SystemRandom::new());
    let signed = stranger.sign(&context());
    let mut message = wire::SignedContext::decode(signed.as_slice()).unwrap();
    message.key_id = key_id(&suite.gateway.public_key()).to_vec();
    let refusal = suite.verifier.verify(&message.encode_to_vec(), at(0));
    assert_eq!(refusal, Err(ContextError::BadSignature));
}

/// The same key signing the same bytes for something else makes no context.
#[test]
fn a_signature_without_the_domain_is_refused() {
    let suite = suite();
    let context = context().to_proto().encode_to_vec();
    let signature = suite.gateway.pair.sign(&context);
    let message = wire::SignedContext {
        key_id: suite.gateway.key_id.to_vec(),
        signature: signature.as_ref().to_vec(),
        context,
    };
    let refusal = suite.verifier.verify(&message.encode_to_vec(), at(0));
    assert_eq!(refusal, Err(ContextError::BadSignature));
}

#[test]
fn a_signed_context_that_cannot_be_read_is_malformed() {
    let suite = suite();
    let unread = [vec![0xff], vec![]];
    for context in unread {
        let signature = suite.gateway.pair.sign(&signed_bytes(&context));
        let message = wire::SignedContext {
            key_id: suite.gateway.key_id.to_vec(),
            signature: signature.as_ref().to_vec(),
            context,
        };
        let refusal = suite.verifier.verify(&message.encode_to_vec(), at(0));
        assert_eq!(refusal, Err(ContextError::Malformed));
    }
}

#[test]
fn a_context_lives_from_its_issue_to_before_its_end() {
    let suite = suite();
    let signed = suite.gateway.sign(&context());
    let verify = |now| suite.verifier.verify(&signed, now).map(|_| ());
    assert_eq!(verify(at(-5)), Ok(()), "the signer's clock may be ahead");
    assert_eq!(verify(before(at(-5))), Err(ContextError::NotYetValid));
    assert_eq!(verify(before(at(10))), Ok(()));
    assert_eq!(verify(at(10)), Err(ContextError::Expired));
    assert_eq!(verify(Timestamp::MIN), Err(ContextError::NotYetValid));
    assert_eq!(verify(Timestamp::MAX), Err(ContextError::Expired));
}

#[test]
fn a_context_lives_thirty_seconds_at_most() {
    let suite = suite();
    let lasting = |expires_at| {
        let signed = suite.gateway.sign(&AccessContext {
            expires_at,
            ..context()
        });
        suite.verifier.verify(&signed, at(0)).map(|_| ())
    };
    assert_eq!(lasting(at(30)), Ok(()));
    let longer = at(30) + SignedDuration::from_nanos(1);
    assert_eq!(lasting(longer), Err(ContextError::TooLong));
    assert_eq!(lasting(Timestamp::MAX), Err(ContextError::TooLong));
    assert_eq!(lasting(at(0)), Err(ContextError::Malformed));
}

#[test]
fn signers_vouch_for_their_own_alone() {
    let suite = suite();
    let of = |kind, permission: &str| {
        let mut context = context();
        context.subject.kind = kind;
        context.permission = permission.into();
        context
    };
    use SubjectKind::{Employee, Service, SystemAccount};
    let (public, inner) = ("profile.customers.get", "internal.journal.follow");
    for (kind, permission, by_gateway, by_service) in [
        (Employee, public, true, false),
        (SystemAccount, public, true, false),
        (Service, public, false, false),
        (Employee, inner, false, false),
        (SystemAccount, inner, false, false),
        (Service, inner, false, true),
    ] {
        let context = of(kind, permission);
        for (signer, allowed) in [(&suite.gateway, by_gateway), (&suite.service, by_service)] {
            let answer = suite.verifier.verify(&signer.sign(&context), at(0));
            let expected = match allowed {
                true => Ok(context.clone()),
                false => Err(ContextError::NotAllowed),
            };
            assert_eq!(answer, expected, "{kind:?} on {permission}");
        }
    }
}

/// Where the suite runs in one process it has one key, trusted twice.
#[test]
fn one_key_may_have_both_trusts() {
    let (signer, _) = ContextSigner::generate(&SystemRandom::new());
    let key = signer.public_key();
    let verifier = ContextVerifier::new([(Trust::Service, key), (Trust::Gateway, key)]);
    for context in [context(), internal()] {
        assert!(verifier.verify(&signer.sign(&context), at(0)).is_ok());
    }
    let mut mixed = internal();
    mixed.subject.kind = SubjectKind::Employee;
    mixed.subject.id = id(1);
    let refusal = verifier.verify(&signer.sign(&mixed), at(0));
    assert_eq!(refusal, Err(ContextError::NotAllowed));
}
