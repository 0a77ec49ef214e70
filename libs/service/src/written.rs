//! What a write answers: the first time, and when its request comes again.

use kefu_contracts::{Account, Resource};
use kefu_journal::Cursor;

use crate::{
    call::{Answer, Call},
    error::Fault,
    present::{Shown, Views, disclose},
};

/// A record as a write left it.
pub struct Written<R> {
    /// The record.
    pub record: R,
    /// What is shown of it.
    pub shown: Shown,
    /// Where the write is journaled.
    pub position: Cursor,
    /// The answer was given before; nothing was changed now.
    pub replayed: bool,
}

impl<R> Written<R> {
    /// What was changed just now, and journaled here.
    pub fn now(record: R, shown: Shown, position: Cursor) -> Self {
        Self {
            record,
            shown,
            position,
            replayed: false,
        }
    }

    /// What was answered before.
    pub fn before(record: R, shown: Shown, position: Cursor) -> Self {
        Self {
            replayed: true,
            ..Self::now(record, shown, position)
        }
    }

    /// The answer. What a change shows is journaled with it; what is shown again is a view.
    ///
    /// # Errors
    /// When the view could not be journaled; the answer must then not leave.
    pub async fn into_answer(
        self,
        views: &Views,
        call: &Call,
        viewed: &'static str,
    ) -> Result<Answer<R>, Fault> {
        if self.replayed {
            views.record(call, viewed, &[self.shown]).await?;
        }
        Ok(Answer::written(self.record, self.position))
    }
}

impl<R: Resource> Written<R> {
    /// Without what is not cleared.
    #[must_use]
    pub fn disclosed(mut self) -> Self {
        disclose(&mut self.record, &self.shown.clearance, Account::default());
        self
    }
}
