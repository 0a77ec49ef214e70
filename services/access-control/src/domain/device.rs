//! Devices (OP-6): who uses which, since when, and its state.

use jiff::Timestamp;
use kefu_contracts::access::DeviceState;
use uuid::Uuid;

/// Collection of devices in resource names.
pub const DEVICES: &str = "devices";
/// Most characters of an asset number.
pub const MOST_ASSET_NUMBER: usize = 64;
/// Most characters of a note.
pub const MOST_NOTE: usize = 500;

/// A device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its key.
    pub id: Uuid,
    /// What stands on it.
    pub asset_number: String,
    /// `headset`
    pub kind: String,
    /// Name for people.
    pub title: String,
    /// Where it stands.
    pub state: DeviceState,
    /// Who has it.
    pub holder: Option<Holder>,
    /// Since when it is in this state and these hands.
    pub since: Timestamp,
    /// What was said at the last change.
    pub note: String,
    /// Counts the changes, from 1.
    pub revision: i64,
}

/// Who has a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Somebody.
    Employee(Uuid),
    /// Nobody by name: it stands in the department.
    Department(Uuid),
}

/// What is done with a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is given to somebody.
    Assign,
    /// It is given back.
    Return,
    /// It goes to repair.
    Repair,
    /// It comes back from repair, to who has it or into stock.
    Restore,
    /// It is used no more.
    Retire,
}

/// Every step that can be taken; what does not stand here is refused. The middle
/// says whether somebody has it, where that matters.
const STEPS: [(DeviceState, Option<bool>, Step, DeviceState); 9] = {
    use DeviceState::{InRepair, InStock, InUse, Retired};
    use Step::{Assign, Repair, Restore, Retire, Return};
    [
        (InStock, None, Assign, InUse),
        (InStock, None, Repair, InRepair),
        (InStock, None, Retire, Retired),
        // From hand to hand.
        (InUse, None, Assign, InUse),
        (InUse, None, Return, InStock),
        (InUse, None, Repair, InRepair),
        (InRepair, Some(true), Restore, InUse),
        (InRepair, Some(false), Restore, InStock),
        (InRepair, None, Retire, Retired),
    ]
};

impl Device {
    /// The state after a step; `None` when it cannot be taken now.
    pub fn after(&self, step: Step) -> Option<DeviceState> {
        let held = self.holder.is_some();
        STEPS
            .iter()
            .find(|(from, when, by, _)| {
                *from == self.state && *by == step && when.is_none_or(|when| when == held)
            })
            .map(|(.., to)| *to)
    }

    /// The step that leads to a state without changing hands.
    pub fn step_to(&self, state: DeviceState) -> Option<Step> {
        [Step::Repair, Step::Restore, Step::Retire]
            .into_iter()
            .find(|step| self.after(*step) == Some(state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(state: DeviceState, held: bool) -> Device {
        Device {
            id: Uuid::from_u128(1),
            asset_number: "KF-1".into(),
            kind: "headset".into(),
            title: "耳机".into(),
            state,
            holder: held.then(|| Holder::Employee(Uuid::from_u128(2))),
            since: Timestamp::UNIX_EPOCH,
            note: String::new(),
            revision: 1,
        }
    }

    /// Clause OP-6: nobody holds what is in stock or retired, what is in use is held,
    /// and what is retired stays so.
    #[test]
    fn whatever_is_done_a_device_in_use_has_a_holder_and_no_other_needs_one() {
        use DeviceState::{InRepair, InStock, InUse, Retired};
        let every = [
            Step::Assign,
            Step::Return,
            Step::Repair,
            Step::Restore,
            Step::Retire,
        ];
        let mut reached = vec![(InStock, false)];
        let mut at = 0;
        while let Some((state, held)) = reached.get(at).copied() {
            at += 1;
            for step in every {
                let Some(to) = device(state, held).after(step) else {
                    continue;
                };
                assert_ne!(state, Retired);
                let held = match step {
                    Step::Assign => true,
                    Step::Return | Step::Retire => false,
                    Step::Repair | Step::Restore => held,
                };
                assert!(to != InUse || held, "{state:?} {step:?}");
                assert!(
                    !matches!(to, InStock | Retired) || !held,
                    "{state:?} {step:?}"
                );
                if !reached.contains(&(to, held)) {
                    reached.push((to, held));
                }
            }
        }
        let all = [
            (InStock, false),
            (InUse, true),
            (InRepair, false),
            (Retired, false),
            (InRepair, true),
        ];
        assert!(all.iter().all(|one| reached.contains(one)));
        assert_eq!(reached.len(), all.len());
    }

    #[test]
    fn states_are_set_by_the_steps_that_change_no_hands() {
        use DeviceState::{InRepair, InStock, InUse, Retired};
        assert_eq!(device(InRepair, true).step_to(InUse), Some(Step::Restore));
        assert_eq!(device(InRepair, true).step_to(InStock), None);
        assert_eq!(device(InStock, false).step_to(InUse), None);
        assert_eq!(device(InUse, true).step_to(Retired), None);
        assert_eq!(device(InStock, false).step_to(Retired), Some(Step::Retire));
    }
}
