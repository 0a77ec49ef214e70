//! Known answers, computed outside this crate (Python, `cryptography` and `hmac`). If one of these changes, data
//! already stored no longer opens or is no longer found: add a format version instead.

use std::sync::Arc;

use aws_lc_rs::test::rand::FixedByteRandom;
use kefu_vault::{KeyProvider, Place, Randomness, Vault, WrappedKey};

use crate::fixture::{CUSTOMER, ROW, customer_key, index_key, provider, ready};

const WRAPPED: &str = "012424242424242424242424240e3fd58d0e994ca77f1db41fbd6ed008871519f3ac9a5d6a0ed90962ef501d02\
                       f95f811eae0eb8aefea75ab2afe87dd2";
const SEALED: &str = "01242424242424242424242424e34d192b5ff68231f42d201ca9970706812e0af568a281bf3323b527d5d1376d\
                      8adbfd96150d8ce97bebb564bb67c030";
const PLAIN: &str = "张三 13800138000";
const PLACE: Place = Place {
    table: "customer.customers",
    column: "name",
    row: ROW,
};

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn fixed() -> Randomness {
    Arc::new(FixedByteRandom { byte: 0x24 })
}

fn counting_key() -> [u8; 32] {
    std::array::from_fn(|at| at as u8)
}

#[test]
fn wrapped_key() {
    let provider = provider("k1").with_randomness(fixed());
    let wrapped = ready(provider.wrap(CUSTOMER, &customer_key(counting_key()))).unwrap();
    assert_eq!(wrapped.kek_id, "k1");
    assert_eq!(hex(wrapped.bytes), WRAPPED);

    let stored = WrappedKey {
        kek_id: "k1".into(),
        bytes: unhex(WRAPPED),
    };
    let key = ready(provider.unwrap(CUSTOMER, &stored)).unwrap();
    assert_eq!(*key.expose(), counting_key());
}

#[test]
fn sealed_value() {
    let vault = Vault::new(Arc::new(provider("k1")), fixed());
    let key = customer_key(counting_key());
    let sealed = vault.seal(&key, &PLACE, PLAIN.as_bytes()).unwrap();
    assert_eq!(hex(sealed), SEALED);
    let opened = vault.open(&key, &PLACE, &unhex(SEALED)).unwrap();
    assert_eq!(opened, PLAIN.as_bytes());
}

#[test]
fn blind_index() {
    let blind = index_key().blind("customer.customers", "phone", "+8613800138000");
    assert_eq!(hex(blind), "969f62907326952b33ad9a0873502255");
}

#[test]
fn marks() {
    let marks = index_key().marks("profile.customer", "name", ["张三"]);
    assert_eq!(
        marks,
        [
            -8788497058673260131,
            -8249678025975549977,
            8087578656977574568,
        ]
    );
}
