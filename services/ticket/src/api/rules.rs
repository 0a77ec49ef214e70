//! The rules of handling that were seen lately, so that opening a ticket need not ask for
//! them. Rules that changed meanwhile do no harm: the statement that opens a ticket writes
//! nothing under rules that have another version.

use std::sync::{Arc, PoisonError, RwLock};

use kefu_contracts::ticket::HandlingVersion;

/// The rules. Cheap to clone; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Rules(Arc<RwLock<Arc<Vec<HandlingVersion>>>>);

impl Rules {
    /// Those that were seen last; none: what is shipped.
    pub(crate) fn known(&self) -> Arc<Vec<HandlingVersion>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn put(&self, versions: Vec<HandlingVersion>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(versions);
    }
}
