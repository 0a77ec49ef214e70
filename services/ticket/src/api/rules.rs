//! The company's rules that were seen lately, so that opening a ticket need not ask for
//! them. Rules that changed meanwhile do no harm: the statement that opens a ticket writes
//! nothing under rules that have another version.

use std::sync::{Arc, PoisonError, RwLock};

/// The versions of rules of one kind. Cheap to clone; clones share them.
#[derive(Clone)]
pub(crate) struct Rules<V>(Arc<RwLock<Arc<Vec<V>>>>);

impl<V> Default for Rules<V> {
    fn default() -> Self {
        Self(Arc::new(RwLock::new(Arc::new(Vec::new()))))
    }
}

impl<V> Rules<V> {
    /// Those that were seen last; none: what is shipped.
    pub(crate) fn known(&self) -> Arc<Vec<V>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn put(&self, versions: Vec<V>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(versions);
    }
}
