//! The key-encryption key of a file, which cannot be reached for as long as a test wants.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use kefu_vault::{
    CustomerKey, IndexKey, KeyProvider, LocalKeyProvider, Outage, Pending, VaultError, WrappedKey,
};
use uuid::Uuid;

#[derive(Clone)]
pub(crate) struct Keys {
    file: Arc<LocalKeyProvider>,
    down: Arc<AtomicBool>,
}

impl Keys {
    pub(crate) fn of(file: LocalKeyProvider) -> Self {
        Self {
            file: Arc::new(file),
            down: Arc::default(),
        }
    }

    /// From now on nothing is unwrapped, or again everything is.
    pub(crate) fn down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }
}

impl KeyProvider for Keys {
    fn wrap<'a>(&'a self, customer: Uuid, key: &'a CustomerKey) -> Pending<'a, WrappedKey> {
        self.file.wrap(customer, key)
    }

    fn unwrap<'a>(&'a self, customer: Uuid, wrapped: &'a WrappedKey) -> Pending<'a, CustomerKey> {
        if self.down.load(Ordering::SeqCst) {
            let gone = Err(VaultError::Unavailable(Outage::Unreachable));
            return Box::pin(std::future::ready(gone));
        }
        self.file.unwrap(customer, wrapped)
    }

    fn rewrap<'a>(
        &'a self,
        customer: Uuid,
        wrapped: &'a WrappedKey,
    ) -> Pending<'a, Option<WrappedKey>> {
        self.file.rewrap(customer, wrapped)
    }

    fn current_kek(&self) -> Pending<'_, Option<String>> {
        self.file.current_kek()
    }

    fn index_key(&self) -> &IndexKey {
        self.file.index_key()
    }
}
