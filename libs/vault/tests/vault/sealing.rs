//! Values open where they were sealed, as they were sealed, and nowhere else.

use std::collections::HashSet;

use kefu_vault::{Place, VaultError};
use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

use crate::fixture::{ROW, customer_key, flipped, vault};

const PLACE: Place = Place {
    table: "ticket.tickets",
    column: "subject",
    row: ROW,
};

proptest! {
    #[test]
    fn opens_to_what_was_sealed(plain in vec(any::<u8>(), 0..200), key: [u8; 32], row: u128) {
        let (vault, key) = (vault(), customer_key(key));
        let place = Place { row: Uuid::from_u128(row), ..PLACE };
        let sealed = vault.seal(&key, &place, &plain).unwrap();
        prop_assert_eq!(vault.open(&key, &place, &sealed).unwrap(), plain);
    }

    #[test]
    fn only_the_block_count_shows(plain in vec(any::<u8>(), 0..200)) {
        let sealed = vault().seal(&customer_key([1; 32]), &PLACE, &plain).unwrap();
        prop_assert_eq!(sealed.len(), 29 + (plain.len() / 32 + 1) * 32);
    }

    #[test]
    fn any_flipped_bit_is_tampering(plain in vec(any::<u8>(), 0..80), position: usize) {
        let (vault, key) = (vault(), customer_key([1; 32]));
        let sealed = vault.seal(&key, &PLACE, &plain).unwrap();
        let opened = vault.open(&key, &PLACE, &flipped(&sealed, position));
        prop_assert!(matches!(opened, Err(VaultError::Tampered)), "{opened:?}");
    }

    #[test]
    fn a_cut_value_never_opens(plain in vec(any::<u8>(), 0..80), keep: prop::sample::Index) {
        let (vault, key) = (vault(), customer_key([1; 32]));
        let sealed = vault.seal(&key, &PLACE, &plain).unwrap();
        let cut = &sealed[..keep.index(sealed.len())];
        let opened = vault.open(&key, &PLACE, cut);
        prop_assert!(
            matches!(opened, Err(VaultError::Tampered | VaultError::Malformed { .. })),
            "{opened:?}"
        );
    }

    #[test]
    fn another_key_does_not_open(one: [u8; 32], other: [u8; 32]) {
        prop_assume!(one != other);
        let vault = vault();
        let sealed = vault.seal(&customer_key(one), &PLACE, b"secret").unwrap();
        let opened = vault.open(&customer_key(other), &PLACE, &sealed);
        prop_assert!(matches!(opened, Err(VaultError::Tampered)), "{opened:?}");
    }
}

#[test]
fn another_place_does_not_open() {
    let (vault, key) = (vault(), customer_key([1; 32]));
    let sealed = vault.seal(&key, &PLACE, b"secret").unwrap();
    let elsewhere = [
        Place {
            table: "ticket.comments",
            ..PLACE
        },
        Place {
            column: "body",
            ..PLACE
        },
        Place {
            row: Uuid::from_u128(ROW.as_u128() + 1),
            ..PLACE
        },
        // The same letters with the boundary moved, and the names swapped.
        Place {
            table: "ticket.ticketss",
            column: "ubject",
            ..PLACE
        },
        Place {
            table: "subject",
            column: "ticket.tickets",
            ..PLACE
        },
    ];
    for place in elsewhere {
        let opened = vault.open(&key, &place, &sealed);
        assert!(matches!(opened, Err(VaultError::Tampered)), "{place:?}");
    }
}

#[test]
fn too_short_to_be_sealed_is_malformed() {
    let (vault, key) = (vault(), customer_key([1; 32]));
    for length in 0..29 {
        let opened = vault.open(&key, &PLACE, &vec![1; length]);
        assert!(matches!(opened, Err(VaultError::Malformed { .. })));
    }
}

#[test]
fn nonces_do_not_repeat() {
    let (vault, key) = (vault(), customer_key([1; 32]));
    let nonces: HashSet<Vec<u8>> = (0..10_000)
        .map(|_| vault.seal(&key, &PLACE, b"same").unwrap()[1..13].to_vec())
        .collect();
    assert_eq!(nonces.len(), 10_000);
}

#[test]
fn errors_show_neither_plaintext_nor_key() {
    let (vault, key) = (vault(), customer_key(*b"the key is thirty-two bytes long"));
    let mut sealed = vault.seal(&key, &PLACE, b"plaintext").unwrap();
    sealed[20] ^= 1;
    let error = vault.open(&key, &PLACE, &sealed).unwrap_err();
    for shown in [format!("{error}"), format!("{error:?}")] {
        assert!(!shown.contains("plaintext") && !shown.contains("thirty-two"));
    }
}
