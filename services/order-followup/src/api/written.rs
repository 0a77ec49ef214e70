//! What a write leads to, the first time and when its request comes again.

use kefu_access::Clearance;
use kefu_contracts::Resource;
use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call},
    core::Core,
    error::Fault,
    present::{Shown, disclose},
};
use uuid::Uuid;

/// A record as a write left it.
pub(super) struct Written<R> {
    /// Whole; not disclosed yet.
    pub(super) record: R,
    pub(super) customer: Uuid,
    pub(super) clearance: Clearance,
    pub(super) position: Cursor,
    /// The answer was given before; nothing was changed now.
    pub(super) replayed: bool,
}

impl<R: Resource> Written<R> {
    /// The answer. What a change shows is journaled with it; what is shown again is a view.
    pub(super) async fn answer(
        mut self,
        core: &Core,
        call: &Call,
        viewed: &'static str,
        named: fn(&R) -> &String,
    ) -> Result<Answer<R>, Fault> {
        disclose(&mut self.record, &self.clearance, Default::default());
        if self.replayed {
            let shown = Shown {
                resource: named(&self.record).clone(),
                customer_id: Some(self.customer),
                clearance: self.clearance,
            };
            core.views.record(call, viewed, &[shown]).await?;
        }
        Ok(Answer::written(self.record, self.position))
    }
}
