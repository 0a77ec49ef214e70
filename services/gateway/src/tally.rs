//! Refusals that are too many to be journaled one by one: counted, and journaled once a
//! second as one that says how many more like it there were. So the journal tells of
//! every refusal, and a flood is no more than a line a second.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use kefu_contracts::access::RefusalRecord;

/// Kinds of refusals that are told apart in one second; those past them are counted
/// together, by reason alone.
const KINDS: usize = 1024;

/// What makes refusals alike: who was refused what, and why.
type Kind = (Vec<u8>, String, String);

/// Counts since they were last taken.
#[derive(Default)]
pub(crate) struct Tally(Mutex<HashMap<Kind, RefusalRecord>>);

impl Tally {
    /// One more like this.
    pub(crate) fn add(&self, mut record: RefusalRecord) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kind = kind(&record);
        if counts.len() >= KINDS && !counts.contains_key(&kind) {
            record.subject_id.clear();
            record.method.clear();
            record.permission.clear();
            kind = self::kind(&record);
        }
        counts
            .entry(kind)
            .and_modify(|first| first.repeated_count = first.repeated_count.saturating_add(1))
            .or_insert(record);
    }

    /// What was counted, each kind as one.
    pub(crate) fn take(&self) -> Vec<RefusalRecord> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *counts).into_values().collect()
    }
}

fn kind(record: &RefusalRecord) -> Kind {
    (
        record.subject_id.clone(),
        record.method.clone(),
        record.reason.clone(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(subject: u32, reason: &str) -> RefusalRecord {
        RefusalRecord {
            subject_id: subject.to_be_bytes().to_vec(),
            reason: reason.to_owned(),
            ..RefusalRecord::default()
        }
    }

    #[test]
    fn those_alike_are_one_and_all_are_counted() {
        let tally = Tally::default();
        for _ in 0..5 {
            tally.add(refusal(1, "OVERLOADED"));
        }
        tally.add(refusal(2, "OVERLOADED"));
        let mut taken = tally.take();
        taken.sort_by_key(|record| record.repeated_count);
        let counts: Vec<_> = taken.iter().map(|record| record.repeated_count).collect();
        assert_eq!(counts, [0, 4]);
        assert!(tally.take().is_empty());
    }

    #[test]
    fn a_crowd_is_counted_whole_in_bounded_room() {
        let tally = Tally::default();
        let crowd = u32::try_from(KINDS).unwrap() * 3;
        for subject in 0..crowd {
            tally.add(refusal(subject, "OVERLOADED"));
        }
        let taken = tally.take();
        assert_eq!(taken.len(), KINDS + 1);
        let counted: i32 = taken.iter().map(|one| 1 + one.repeated_count).sum();
        assert_eq!(counted, i32::try_from(crowd).unwrap());
    }
}
