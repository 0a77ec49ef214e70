//! The cache answers for the same customer and wrapped bytes, and forgets when told.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use aws_lc_rs::rand::SystemRandom;
use kefu_vault::{
    CustomerKey, IndexKey, KeyProvider, LocalKeyProvider, Pending, Vault, VaultError, WrappedKey,
};
use uuid::Uuid;

use crate::fixture::{CUSTOMER, STRANGER, provider, ready};

/// Counts what reaches the provider; answers on the second poll if `slow`, as a remote one would.
struct Counting {
    inner: LocalKeyProvider,
    unwraps: Arc<AtomicUsize>,
    slow: bool,
}

impl KeyProvider for Counting {
    fn wrap<'a>(&'a self, customer: Uuid, key: &'a CustomerKey) -> Pending<'a, WrappedKey> {
        self.inner.wrap(customer, key)
    }

    fn unwrap<'a>(&'a self, customer: Uuid, wrapped: &'a WrappedKey) -> Pending<'a, CustomerKey> {
        self.unwraps.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if self.slow {
                YieldOnce(false).await;
            }
            self.inner.unwrap(customer, wrapped).await
        })
    }

    fn index_key(&self) -> &IndexKey {
        self.inner.index_key()
    }
}

struct YieldOnce(bool);

impl Future for YieldOnce {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

fn counting(slow: bool) -> (Vault, Arc<AtomicUsize>) {
    let unwraps = Arc::<AtomicUsize>::default();
    let provider = Counting {
        inner: provider("k1"),
        unwraps: Arc::clone(&unwraps),
        slow,
    };
    let vault = Vault::new(Arc::new(provider), Arc::new(SystemRandom::new()));
    (vault, unwraps)
}

#[test]
fn a_key_is_unwrapped_once() {
    let (vault, unwraps) = counting(false);
    let (key, wrapped) = ready(vault.new_key(CUSTOMER)).unwrap();
    for _ in 0..3 {
        let opened = ready(vault.clone().open_key(CUSTOMER, &wrapped)).unwrap();
        assert_eq!(opened.expose(), key.expose());
    }
    assert_eq!(unwraps.load(Ordering::SeqCst), 1);
}

#[test]
fn the_cache_does_not_open_for_another_customer() {
    let (vault, _) = counting(false);
    let (_, wrapped) = ready(vault.new_key(CUSTOMER)).unwrap();
    ready(vault.open_key(CUSTOMER, &wrapped)).unwrap();
    let stolen = ready(vault.open_key(STRANGER, &wrapped));
    assert!(matches!(stolen, Err(VaultError::Tampered)));
}

#[test]
fn the_cache_does_not_open_other_bytes_or_another_kek() {
    let (vault, _) = counting(false);
    let (_, wrapped) = ready(vault.new_key(CUSTOMER)).unwrap();
    ready(vault.open_key(CUSTOMER, &wrapped)).unwrap();

    let mut altered = wrapped.clone();
    altered.bytes[30] ^= 1;
    let mut relabelled = wrapped;
    relabelled.kek_id = "k2".into();
    for forged in [altered, relabelled] {
        let opened = ready(vault.open_key(CUSTOMER, &forged));
        assert!(matches!(opened, Err(VaultError::Tampered)));
    }
}

#[test]
fn a_new_wrapping_takes_the_place_of_the_old() {
    let (vault, _) = counting(false);
    let (old_key, old) = ready(vault.new_key(CUSTOMER)).unwrap();
    let (new_key, new) = ready(vault.new_key(CUSTOMER)).unwrap();
    for (key, wrapped) in [(&old_key, &old), (&new_key, &new), (&old_key, &old)] {
        let opened = ready(vault.open_key(CUSTOMER, wrapped)).unwrap();
        assert_eq!(opened.expose(), key.expose());
    }
}

#[test]
fn a_forgotten_key_is_unwrapped_again_and_no_other() {
    let (vault, unwraps) = counting(false);
    let (_, wrapped) = ready(vault.new_key(CUSTOMER)).unwrap();
    let (_, others) = ready(vault.new_key(STRANGER)).unwrap();
    ready(vault.open_key(CUSTOMER, &wrapped)).unwrap();
    ready(vault.open_key(STRANGER, &others)).unwrap();

    vault.forget(CUSTOMER);
    ready(vault.open_key(STRANGER, &others)).unwrap();
    assert_eq!(unwraps.load(Ordering::SeqCst), 2);
    ready(vault.open_key(CUSTOMER, &wrapped)).unwrap();
    assert_eq!(unwraps.load(Ordering::SeqCst), 3);
}

#[test]
fn a_key_forgotten_while_it_is_unwrapped_is_not_remembered() {
    let (vault, unwraps) = counting(true);
    let (_, wrapped) = ready(vault.new_key(CUSTOMER)).unwrap();
    let open = || async { vault.open_key(CUSTOMER, &wrapped).await.map(drop) };
    let context = &mut Context::from_waker(Waker::noop());

    let mut under_way = pin!(open());
    assert!(under_way.as_mut().poll(context).is_pending());
    vault.forget(CUSTOMER);
    assert!(matches!(under_way.poll(context), Poll::Ready(Ok(()))));

    let mut again = pin!(open());
    assert!(again.as_mut().poll(context).is_pending(), "asks once more");
    assert_eq!(unwraps.load(Ordering::SeqCst), 2);
    assert!(matches!(again.poll(context), Poll::Ready(Ok(()))));
    ready(open()).unwrap();
    assert_eq!(unwraps.load(Ordering::SeqCst), 2, "now remembered");
}
