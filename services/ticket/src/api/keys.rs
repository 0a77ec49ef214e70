//! Wrapped customer keys that were seen lately, so that opening a ticket need
//! not ask for one. A key that changed meanwhile does no harm: the statement
//! that opens a ticket writes nothing under a key that no longer stands.

use std::sync::Arc;

use kefu_vault::WrappedKey;
use moka::sync::Cache;
use uuid::Uuid;

/// The keys. Cheap to clone; clones share them.
#[derive(Clone)]
pub(crate) struct Keys(Cache<Uuid, Arc<WrappedKey>>);

impl Keys {
    /// Remembers at most this many.
    pub(crate) fn new(most: u64) -> Self {
        Self(Cache::new(most))
    }

    pub(crate) fn get(&self, customer: Uuid) -> Option<Arc<WrappedKey>> {
        self.0.get(&customer)
    }

    pub(crate) fn put(&self, customer: Uuid, wrapped: WrappedKey) -> Arc<WrappedKey> {
        let wrapped = Arc::new(wrapped);
        self.0.insert(customer, wrapped.clone());
        wrapped
    }

    pub(crate) fn forget(&self, customer: Uuid) {
        self.0.invalidate(&customer);
    }
}
