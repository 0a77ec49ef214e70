//! What can be done with something that is to be done for a customer (OP-3.3, OP-3.4).

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::order::{
    FollowUpKind::{self, *},
    FollowUpState,
};
use kefu_service::error::Fault;
use uuid::Uuid;

/// Most characters of what is said about one.
pub(crate) const MOST_WORDS: usize = 2_000;

/// How the follow-ups of a kind are closed, but for those that settle by themselves.
struct Rule {
    kind: FollowUpKind,
    /// By whoever says what came of it; the others by the command they are about.
    by_hand: bool,
    /// Not going to be done, for a reason. The others stand for something that the customer
    /// is owed.
    dropped: bool,
}

const fn rule(kind: FollowUpKind, by_hand: bool, dropped: bool) -> Rule {
    Rule {
        kind,
        by_hand,
        dropped,
    }
}

const RULES: [Rule; 13] = [
    //   kind          by hand  dropped
    rule(ClearUp, false, false),
    rule(Shortage, false, false),
    rule(HandOver, false, false),
    rule(Late, true, true),
    rule(Stuck, true, true),
    rule(Confirmation, false, true),
    rule(Dissatisfied, true, false),
    rule(CaseStep, false, false),
    rule(CaseClosing, false, false),
    rule(Visit, false, true),
    rule(Greeting, true, true),
    rule(Campaign, true, true),
    rule(Other, true, true),
];

/// What somebody does with one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Gives it to somebody, or to nobody.
    Assign(Option<Uuid>),
    /// Takes it for themselves.
    Take(Uuid),
    /// Puts it off until then, and why.
    Postpone(Timestamp, String),
    /// Does it; what came of it.
    Complete(String),
    /// Does not do it, and why.
    Drop(String),
}

/// One as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) kind: FollowUpKind,
    pub(crate) state: FollowUpState,
    pub(crate) assignee: Option<Uuid>,
    pub(crate) due_at: Timestamp,
}

impl Step {
    /// What the step makes of one.
    ///
    /// # Errors
    /// `STATE_NOT_ALLOWED` when it is closed, somebody's already, or of a kind with which
    /// that is not done.
    pub(crate) fn of(&self, one: Standing) -> Result<Standing, Fault> {
        let rule = RULES.iter().find(|rule| rule.kind == one.kind);
        let name = self.name();
        if one.state != FollowUpState::Open {
            let state = one.state.as_str_name();
            let state = state.strip_prefix("FOLLOW_UP_STATE_").unwrap_or(state);
            return Err(Fault::state(state, name).with("allowed", "OPEN"));
        }
        let by_command = || Fault::state(one.kind.as_str_name(), name);
        Ok(match self {
            Self::Assign(assignee) => Standing {
                assignee: *assignee,
                ..one
            },
            Self::Take(_) if one.assignee.is_some() => return Err(Fault::state("ASSIGNED", name)),
            Self::Take(caller) => Standing {
                assignee: Some(*caller),
                ..one
            },
            Self::Postpone(until, _) => Standing {
                due_at: *until,
                ..one
            },
            Self::Complete(_) if rule.is_some_and(|rule| rule.by_hand) => Standing {
                state: FollowUpState::Done,
                ..one
            },
            Self::Drop(_) if rule.is_some_and(|rule| rule.dropped) => Standing {
                state: FollowUpState::Dropped,
                ..one
            },
            Self::Complete(_) | Self::Drop(_) => return Err(by_command()),
        })
    }

    /// Type of its journal entry.
    pub(crate) fn journaled_as(&self) -> &'static str {
        match self {
            Self::Assign(_) | Self::Take(_) => "follow_up.assigned",
            Self::Postpone(..) => "follow_up.postponed",
            Self::Complete(_) => "follow_up.completed",
            Self::Drop(_) => "follow_up.dropped",
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Assign(_) => "assign",
            Self::Take(_) => "take",
            Self::Postpone(..) => "postpone",
            Self::Complete(_) => "complete",
            Self::Drop(_) => "drop",
        }
    }
}

/// By how much follow-ups are missed before each next level of escalation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Escalation(Vec<SignedDuration>);

impl Escalation {
    /// So many hours after they were due, each more than the one before.
    pub(crate) fn after_hours(hours: &[u16]) -> Self {
        let steps = hours.iter().copied().map(i64::from);
        Self(steps.map(SignedDuration::from_hours).collect())
    }

    /// At which level one that is due then is now.
    pub(crate) fn level(&self, due_at: Timestamp, now: Timestamp) -> i16 {
        let missed_by = now.duration_since(due_at);
        let reached = self.0.iter().filter(|step| missed_by >= **step).count();
        i16::try_from(reached).unwrap_or(i16::MAX)
    }

    /// When one of this level reaches the next; none: there is no next, or no such moment.
    pub(crate) fn next(&self, due_at: Timestamp, level: i16) -> Option<Timestamp> {
        let step = self.0.get(usize::try_from(level).ok()?)?;
        due_at.checked_add(*step).ok()
    }
}

#[cfg(test)]
mod tests {
    use kefu_contracts::common::Reason;
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);

    fn one(kind: FollowUpKind) -> Standing {
        Standing {
            kind,
            state: FollowUpState::Open,
            assignee: None,
            due_at: NOW,
        }
    }

    fn steps() -> [Step; 5] {
        [
            Step::Assign(None),
            Step::Take(Uuid::from_u128(1)),
            Step::Postpone(NOW, String::new()),
            Step::Complete(String::new()),
            Step::Drop(String::new()),
        ]
    }

    #[test]
    fn every_kind_of_the_contract_has_its_rule_in_order() {
        let numbers: Vec<_> = RULES.iter().map(|rule| rule.kind as i32).collect();
        assert_eq!(numbers, (1..=13).collect::<Vec<_>>());
        assert!(FollowUpKind::try_from(14).is_err());
    }

    /// Clauses OP-3.3, OP-3.4.4: what a customer is owed is dropped by nobody, and what a
    /// command of its own closes is closed by no other.
    #[test]
    fn a_kind_is_closed_as_its_rule_says() {
        for rule in &RULES {
            let done = Step::Complete(String::new()).of(one(rule.kind));
            assert_eq!(done.is_ok(), rule.by_hand, "{:?}", rule.kind);
            let dropped = Step::Drop(String::new()).of(one(rule.kind));
            assert_eq!(dropped.is_ok(), rule.dropped, "{:?}", rule.kind);
        }
        for owed in [
            ClearUp,
            Shortage,
            HandOver,
            Dissatisfied,
            CaseStep,
            CaseClosing,
        ] {
            let refused = Step::Drop(String::new()).of(one(owed)).unwrap_err();
            assert_eq!(refused.reason, Reason::StateNotAllowed);
        }
        let nothing = Step::Complete(String::new()).of(one(FollowUpKind::Unspecified));
        assert!(nothing.is_err());
    }

    #[test]
    fn from_a_closed_one_nothing_leads_anywhere() {
        for state in [
            FollowUpState::Done,
            FollowUpState::Dropped,
            FollowUpState::Settled,
        ] {
            for step in steps() {
                let refused = step
                    .of(Standing {
                        state,
                        ..one(Other)
                    })
                    .unwrap_err();
                assert_eq!(refused.reason, Reason::StateNotAllowed, "{step:?}");
            }
        }
    }

    #[test]
    fn only_what_is_nobodys_is_taken_and_whose_it_is_may_be_said_anew() {
        let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let taken = Step::Take(first).of(one(Visit)).unwrap();
        assert_eq!(taken.assignee, Some(first));
        assert!(Step::Take(second).of(taken).is_err());
        let given = Step::Assign(Some(second)).of(taken).unwrap();
        assert_eq!(given.assignee, Some(second));
        assert_eq!(Step::Assign(None).of(given).unwrap().assignee, None);
    }

    proptest! {
        /// Whenever it is looked at, the level is that of counting the steps by hand, and the
        /// moment of the next one is when it would be counted.
        #[test]
        fn missed_ones_escalate_step_by_step(
            hours in prop::collection::btree_set(0_u16..200, 0..5),
            missed_by in -1_000_000_i64..1_000_000,
        ) {
            let hours: Vec<u16> = hours.into_iter().collect();
            let escalation = Escalation::after_hours(&hours);
            let now = NOW.checked_add(SignedDuration::from_secs(missed_by)).unwrap();
            let level = escalation.level(NOW, now);
            let by_hand = hours.iter().filter(|hours| missed_by >= i64::from(**hours) * 3600);
            prop_assert_eq!(usize::try_from(level).unwrap(), by_hand.count());
            match escalation.next(NOW, level) {
                Some(next) => {
                    prop_assert!(next > now);
                    prop_assert_eq!(escalation.level(NOW, next), level + 1);
                }
                None => prop_assert_eq!(usize::try_from(level).unwrap(), hours.len()),
            }
        }
    }
}
