//! What a write answers: the first time, and when its request comes again.

use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    idempotency::Plain,
    present::{Shown, Views},
};

/// What a write led to.
pub(super) struct Written<M> {
    body: M,
    position: Cursor,
    /// What is shown again, where that was answered before and nothing was changed now.
    again: Option<Shown>,
}

impl<M> Written<M> {
    /// What was changed just now, and journaled here.
    pub(super) fn now(body: M, position: Cursor) -> Self {
        Self {
            body,
            position,
            again: None,
        }
    }

    /// What was answered before.
    pub(super) fn before(kept: Plain<M>, shown: Shown) -> Self {
        Self {
            body: kept.body,
            position: kept.position,
            again: Some(shown),
        }
    }

    /// The answer. What a change shows is journaled with it; what is shown again is a view.
    pub(super) async fn into_answer(
        self,
        views: &Views,
        call: &Call,
        viewed: &'static str,
    ) -> Result<Answer<M>, Fault> {
        if let Some(shown) = self.again {
            views.record(call, viewed, &[shown]).await?;
        }
        Ok(Answer::written(self.body, self.position))
    }
}
