//! Wrapped keys unwrap for their own customer, and rotation keeps the data key.

use kefu_vault::{KeyProvider, LocalKeyProvider, Vault, VaultError, WrappedKey};
use proptest::prelude::*;
use uuid::Uuid;

use crate::fixture::{CUSTOMER, STRANGER, customer_key, flipped, provider, ready, vault};

fn unwrapped(customer: Uuid, wrapped: &WrappedKey) -> Result<[u8; 32], VaultError> {
    ready(provider("k1").unwrap(customer, wrapped)).map(|key| *key.expose())
}

proptest! {
    #[test]
    fn unwraps_to_what_was_wrapped(key: [u8; 32], customer: u128) {
        let customer = Uuid::from_u128(customer);
        let wrapped = ready(provider("k1").wrap(customer, &customer_key(key))).unwrap();
        prop_assert_eq!(unwrapped(customer, &wrapped).unwrap(), key);
    }

    #[test]
    fn any_flipped_bit_is_tampering(key: [u8; 32], position: usize) {
        let mut wrapped = ready(provider("k1").wrap(CUSTOMER, &customer_key(key))).unwrap();
        wrapped.bytes = flipped(&wrapped.bytes, position);
        prop_assert!(matches!(unwrapped(CUSTOMER, &wrapped), Err(VaultError::Tampered)));
    }

    #[test]
    fn another_customer_does_not_unwrap(one: u128, other: u128) {
        prop_assume!(one != other);
        let wrapped = ready(provider("k1").wrap(Uuid::from_u128(one), &customer_key([1; 32]))).unwrap();
        let unwrapped = unwrapped(Uuid::from_u128(other), &wrapped);
        prop_assert!(matches!(unwrapped, Err(VaultError::Tampered)));
    }
}

#[test]
fn another_kek_does_not_unwrap() {
    let mut wrapped = ready(provider("k1").wrap(CUSTOMER, &customer_key([1; 32]))).unwrap();
    wrapped.kek_id = "k2".into();
    let relabelled = unwrapped(CUSTOMER, &wrapped);
    assert!(matches!(relabelled, Err(VaultError::Tampered)));
}

#[test]
fn an_unknown_kek_is_named() {
    let mut wrapped = ready(provider("k1").wrap(CUSTOMER, &customer_key([1; 32]))).unwrap();
    wrapped.kek_id = "k9".into();
    let error = unwrapped(CUSTOMER, &wrapped).unwrap_err();
    assert_eq!(error.to_string(), "unknown key-encryption key `k9`");
}

#[test]
fn too_short_to_be_wrapped_is_malformed() {
    for length in 0..29 {
        let wrapped = WrappedKey {
            kek_id: "k1".into(),
            bytes: vec![1; length],
        };
        let unwrapped = unwrapped(CUSTOMER, &wrapped);
        assert!(matches!(unwrapped, Err(VaultError::Malformed { .. })));
    }
}

#[test]
fn rewrapping_changes_the_kek_and_keeps_the_key() {
    let before = ready(provider("k1").wrap(CUSTOMER, &customer_key([5; 32]))).unwrap();
    let rotated = provider("k2");
    let after = ready(rotated.rewrap(CUSTOMER, &before)).unwrap().unwrap();
    assert_eq!(after.kek_id, "k2");
    assert_eq!(unwrapped(CUSTOMER, &after).unwrap(), [5; 32]);
    assert_eq!(ready(rotated.rewrap(CUSTOMER, &after)).unwrap(), None);
}

#[test]
fn rewrapping_checks_the_customer() {
    let before = ready(provider("k1").wrap(CUSTOMER, &customer_key([5; 32]))).unwrap();
    let stolen = ready(provider("k2").rewrap(STRANGER, &before));
    assert!(matches!(stolen, Err(VaultError::Tampered)));
}

#[test]
fn new_keys_differ_and_open_again() {
    let vault = vault();
    let (one, wrapped) = ready(vault.new_key(CUSTOMER)).unwrap();
    let (other, _) = ready(vault.new_key(CUSTOMER)).unwrap();
    assert_ne!(one.expose(), other.expose());
    let opened = ready(vault.open_key(CUSTOMER, &wrapped)).unwrap();
    assert_eq!(opened.expose(), one.expose());
}

#[test]
fn a_generated_provider_loads_again_from_its_text() {
    let (generated, text) = LocalKeyProvider::generate().unwrap();
    let loaded = LocalKeyProvider::from_text(&text).unwrap();
    let wrapped = ready(generated.wrap(CUSTOMER, &customer_key([5; 32]))).unwrap();
    let key = ready(loaded.unwrap(CUSTOMER, &wrapped)).unwrap();
    assert_eq!(*key.expose(), [5; 32]);
    let blind = |provider: &LocalKeyProvider| provider.index_key().blind("t", "c", "v");
    assert_eq!(blind(&generated), blind(&loaded));
}

#[test]
fn other_crates_can_rely_on_these_traits() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    fn sendable<T: Send>(_: &T) {}
    shared::<Vault>();
    shared::<kefu_vault::CustomerKey>();
    let vault = vault();
    sendable(&vault.new_key(CUSTOMER));
}
