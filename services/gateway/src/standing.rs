//! Whether what an open answer rests on still stands. A decision is made when a call
//! comes; an answer that is still under way when the policy moves, when a rule ends or
//! when the policy grows too old must not outlive it; nor may it outlive the caller's
//! token, or the issuer's word for the key that signed it. A stream ends before the gateway
//! does, so that nobody waits for it.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use kefu_contracts::policy::Effect;
use kefu_service::error::Fault;

use crate::{
    context::Ready,
    error::{Seen, decided_anew, upstream_unavailable},
    stack::Stack,
    token::Verified,
};

/// How an answer whose ground is gone ends.
pub(crate) struct Closing {
    /// What the caller is told.
    pub(crate) fault: Fault,
    /// Ends when the refusal is journaled, or the wait for it is over.
    pub(crate) noted: BoxFuture<'static, ()>,
}

/// What one open answer rests on.
pub(crate) struct Standing {
    pub(crate) stack: Arc<Stack>,
    pub(crate) seen: Seen,
    pub(crate) ready: Arc<Ready>,
    pub(crate) token: Verified,
    /// It goes on for as long as it is watched: it does not outlive the gateway.
    pub(crate) streams: bool,
}

/// To be called again, which another gateway answers.
fn going_down() -> Closing {
    Closing {
        fault: upstream_unavailable(),
        noted: Box::pin(std::future::ready(())),
    }
}

enum Gone {
    /// Refused now, as a new call would be.
    Refused(Fault),
    /// Let through by other rules than those the service was told of.
    Changed,
}

impl Standing {
    /// Ends when the answer must.
    pub(crate) async fn lost(mut self) -> Closing {
        self.fallen().await
    }

    /// The same for an answer that has not begun: it is watched on when it has.
    pub(crate) async fn fallen(&mut self) -> Closing {
        let mut moved = self.stack.policy.moved();
        let mut keys_moved = self.stack.tokens.keys_moved();
        loop {
            // Before the look, so that what moves during it is looked at again.
            moved.borrow_and_update();
            keys_moved.borrow_and_update();
            let now = self.stack.clock.now();
            if let Err(gone) = self.look(now) {
                return self.close(gone, now);
            }
            let clock = self.stack.clock.clone();
            tokio::select! {
                () = self.stack.ending.cancelled(), if self.streams => return going_down(),
                _ = moved.changed() => {}
                _ = keys_moved.changed() => {}
                () = clock.sleep_until(self.next_look()) => {}
            }
        }
    }

    fn look(&mut self, now: Timestamp) -> Result<(), Gone> {
        let token = self.stack.tokens.stands(&self.token, now);
        token.map_err(|unbelieved| Gone::Refused(unbelieved.into()))?;
        let held = self.stack.policy.current(now).map_err(Gone::Refused)?;
        self.seen.revision = held.snapshot.revision();
        if self.ready.generation == held.generation && now < self.ready.ground.until {
            return Ok(());
        }
        let (Some(subject), Some(method)) = (self.seen.subject, self.seen.method) else {
            return Err(Gone::Changed);
        };
        let ready = self
            .stack
            .contexts
            .context(
                &held,
                subject,
                method,
                self.seen.purpose,
                (now, Duration::ZERO),
            )
            .map_err(Gone::Refused)?;
        if !ready.ground.is_that_of(&self.ready.ground) {
            return Err(Gone::Changed);
        }
        self.ready = ready;
        Ok(())
    }

    fn next_look(&self) -> Timestamp {
        let decision = self.ready.ground.until.min(self.stack.policy.stale_at());
        decision.min(self.stack.tokens.stands_until(&self.token))
    }

    fn close(&self, gone: Gone, now: Timestamp) -> Closing {
        let reads = self
            .seen
            .method
            .is_some_and(|one| one.effect == Effect::Read);
        match gone {
            Gone::Refused(fault) if reads => {
                let seen = Seen { now, ..self.seen };
                let (stack, reason) = (self.stack.clone(), fault.reason);
                let noted = async move {
                    let path = seen.method.map_or("", |method| method.path);
                    stack.note(&seen, reason, path).await;
                };
                Closing {
                    fault,
                    noted: Box::pin(noted),
                }
            }
            // A change may have been made by now: that it was refused could be untrue, and who
            // makes the call again is told.
            Gone::Changed | Gone::Refused(_) => Closing {
                fault: decided_anew(),
                noted: Box::pin(std::future::ready(())),
            },
        }
    }
}
