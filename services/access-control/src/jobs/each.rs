//! One after another, each for itself: one that fails holds up no other.

use kefu_contracts::common::Reason;
use kefu_service::error::Fault;
use uuid::Uuid;

/// What became of them so far.
#[derive(Debug)]
pub(super) struct Each {
    trouble: &'static str,
    failed: Option<Fault>,
}

impl Each {
    /// None yet. One that fails is warned of in these words.
    pub(super) fn new(trouble: &'static str) -> Self {
        Self {
            trouble,
            failed: None,
        }
    }

    /// Notes what became of one.
    ///
    /// # Errors
    /// When there is no database: the others would wait for it as well.
    pub(super) fn became(&mut self, id: Uuid, outcome: Result<(), Fault>) -> Result<(), Fault> {
        let Err(fault) = outcome else { return Ok(()) };
        if fault.reason == Reason::StorageUnavailable {
            return Err(fault);
        }
        let trouble = self.trouble;
        tracing::warn!(%id, detail = %fault.detail, "{trouble}");
        self.failed = Some(fault);
        Ok(())
    }

    /// What became of them all.
    ///
    /// # Errors
    /// The last that failed.
    pub(super) fn end(self) -> Result<(), Fault> {
        self.failed.map_or(Ok(()), Err)
    }
}
