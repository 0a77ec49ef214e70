//! Fixed keys and rows, and a way to await without a runtime.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use aws_lc_rs::rand::SystemRandom;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kefu_vault::{CustomerKey, IndexKey, LocalKeyProvider, Vault};
use uuid::{Uuid, uuid};
use zeroize::Zeroizing;

pub(crate) const CUSTOMER: Uuid = uuid!("0192f0c1-2b3c-7def-8123-456789abcdef");
pub(crate) const STRANGER: Uuid = uuid!("0192f0c1-2b3c-7def-8123-456789abcdee");
pub(crate) const ROW: Uuid = uuid!("0192f0c1-2b3c-7def-8123-000000000001");

pub(crate) const KEK_1: [u8; 32] = [0x11; 32];
pub(crate) const KEK_2: [u8; 32] = [0x22; 32];
pub(crate) const INDEX: [u8; 32] = [0x33; 32];

/// The local provider answers at once, so a single poll must do.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the local provider kept us waiting"),
    }
}

/// A key file with `k1` and `k2`, the given one current.
pub(crate) fn key_file(current: &str) -> String {
    format!(
        "current = {current}\nkek.k1 = {}\nkek.k2 = {}\nindex = {}\n",
        STANDARD.encode(KEK_1),
        STANDARD.encode(KEK_2),
        STANDARD.encode(INDEX),
    )
}

pub(crate) fn provider(current: &str) -> LocalKeyProvider {
    LocalKeyProvider::from_text(&key_file(current)).unwrap()
}

pub(crate) fn vault() -> Vault {
    Vault::new(Arc::new(provider("k1")), Arc::new(SystemRandom::new()))
}

pub(crate) fn customer_key(bytes: [u8; 32]) -> CustomerKey {
    CustomerKey::from_bytes(Zeroizing::new(bytes)).unwrap()
}

pub(crate) fn index_key() -> IndexKey {
    IndexKey::from_bytes(&INDEX)
}

/// The bytes with the bit at `position`, counted round and round, flipped.
pub(crate) fn flipped(bytes: &[u8], position: usize) -> Vec<u8> {
    let position = position % (bytes.len() * 8);
    let mut flipped = bytes.to_vec();
    flipped[position / 8] ^= 1 << (position % 8);
    flipped
}
