//! What can become of an order's way to the order system (OP-3.4.3).

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::order::SubmissionState::{self, *};
use kefu_service::{connector::Patience, error::Fault};

/// How long an order system that does not answer is asked.
const PATIENCE: Patience = Patience {
    first: SignedDuration::from_secs(30),
    longest: SignedDuration::from_hours(2),
    whole: SignedDuration::from_hours(24),
};

/// What happens to a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The order system has it.
    Accept,
    /// It would not take it, or did not answer for a day.
    Refuse,
    /// The order is cancelled; the flag: the order system may have heard of it.
    Cancel(bool),
    /// It is out of the order system.
    Withdrawn,
    /// The order system itself tells that the order is cancelled.
    Gone,
}

impl Step {
    /// Where it leads.
    ///
    /// # Errors
    /// `STATE_NOT_ALLOWED`.
    pub(crate) fn leads_from(self, state: SubmissionState) -> Result<SubmissionState, Fault> {
        Ok(match (state, self) {
            (Pending | Refused, Self::Accept) => Accepted,
            (Pending, Self::Refuse) => Refused,
            (Pending, Self::Cancel(false)) | (Refused, Self::Cancel(_)) => Withdrawn,
            (Pending, Self::Cancel(true)) | (Accepted, Self::Cancel(_)) => Withdrawing,
            // That it was taken is known late: it is to be taken out all the same.
            (Withdrawing, Self::Accept | Self::Cancel(_)) => Withdrawing,
            // What was never taken is out.
            (Withdrawing, Self::Withdrawn | Self::Refuse) => Withdrawn,
            (Pending | Accepted | Refused | Withdrawing, Self::Gone) => Withdrawn,
            (state, step) => return Err(Fault::state(state.as_str_name(), step.name())),
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Refuse => "refuse",
            Self::Cancel(_) => "cancel",
            Self::Withdrawn => "withdraw",
            Self::Gone => "end",
        }
    }
}

/// What somebody who sees to it by hand can say; `None`: nothing that there is.
pub(crate) fn said(state: SubmissionState) -> Option<Step> {
    match state {
        Accepted => Some(Step::Accept),
        Refused => Some(Step::Refuse),
        Withdrawn => Some(Step::Withdrawn),
        Unspecified | Pending | Withdrawing => None,
    }
}

/// When an order system that was asked so often for nothing is asked again; `None`: no more.
pub(crate) fn next_attempt(since: Timestamp, attempts: i32, now: Timestamp) -> Option<Timestamp> {
    PATIENCE.next(since, attempts, now)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);
    const STATES: [SubmissionState; 5] = [Pending, Accepted, Refused, Withdrawing, Withdrawn];

    /// Clause OP-3.4.3: what the order system may have heard of is taken out of it before it counts
    /// as out, in whatever order its answers come.
    #[test]
    fn what_the_order_system_may_have_is_taken_out_of_it() {
        let leads = |step: Step, state| step.leads_from(state).ok();
        assert_eq!(leads(Step::Cancel(false), Pending), Some(Withdrawn));
        assert_eq!(leads(Step::Cancel(true), Pending), Some(Withdrawing));
        assert_eq!(leads(Step::Cancel(false), Accepted), Some(Withdrawing));
        assert_eq!(leads(Step::Accept, Withdrawing), Some(Withdrawing));
        assert_eq!(leads(Step::Refuse, Withdrawing), Some(Withdrawn));
        for state in STATES.into_iter().filter(|state| *state != Withdrawn) {
            assert_eq!(leads(Step::Gone, state), Some(Withdrawn));
        }
        let steps = [
            Step::Accept,
            Step::Refuse,
            Step::Cancel(true),
            Step::Withdrawn,
            Step::Gone,
        ];
        for step in steps {
            assert_eq!(leads(step, Withdrawn), None, "{step:?}");
            assert_eq!(leads(step, Unspecified), None, "{step:?}");
        }
        assert_eq!(leads(Step::Withdrawn, Accepted), None);
        for state in STATES {
            assert_eq!(
                said(state).is_some(),
                !matches!(state, Pending | Withdrawing)
            );
        }
    }

    proptest! {
        /// Clause OP-3.4.3: an order system that does not answer is asked for a day, ever more seldom.
        #[test]
        fn an_order_system_is_asked_for_a_day(late in 0..100_i64) {
            let (mut now, mut attempts) = (NOW, 0);
            loop {
                attempts += 1;
                now += SignedDuration::from_secs(late);
                let Some(next) = next_attempt(NOW, attempts, now) else { break };
                prop_assert!(next > now && next <= NOW + PATIENCE.whole);
                now = next;
            }
            prop_assert!(now >= NOW + PATIENCE.whole);
            prop_assert!((8..30).contains(&attempts));
        }
    }
}
