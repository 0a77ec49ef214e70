//! What was shown and refused, counted by quarters of an hour: who saw what is in the audit log.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kefu_contracts::journal::{Entry, EntryKind, event::Event};
use kefu_service::time;

/// Quarters of an hour begin and end with every hour of every time zone's clock.
const QUARTER: i64 = 15 * 60;

/// So many alike within a quarter of an hour.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tally {
    /// Its beginning.
    pub(crate) at: Timestamp,
    pub(crate) purpose: i16,
    /// Of a customer's record; else of the company's own.
    pub(crate) personal: bool,
    pub(crate) refused: bool,
    pub(crate) count: i64,
}

/// Counts the views and refusals among these entries.
pub(crate) fn tally(entries: &[Entry]) -> Vec<Tally> {
    let mut counts: BTreeMap<(Timestamp, i16, bool, bool), i64> = BTreeMap::new();
    for entry in entries {
        let refused = match entry.kind() {
            EntryKind::View => false,
            EntryKind::Refusal => true,
            _ => continue,
        };
        let Some(at) = entry.recorded_at.as_ref().and_then(time::from_proto) else {
            continue;
        };
        let begun = at.as_second().div_euclid(QUARTER) * QUARTER;
        let Ok(quarter) = Timestamp::from_second(begun) else {
            continue;
        };
        let purpose = i16::try_from(entry.purpose).unwrap_or_default();
        let personal = !entry.customer_id.is_empty();
        *counts
            .entry((quarter, purpose, personal, refused))
            .or_default() += weight(entry);
    }
    let tallies = counts
        .into_iter()
        .map(|((at, purpose, personal, refused), count)| Tally {
            at,
            purpose,
            personal,
            refused,
            count,
        });
    tallies.collect()
}

/// An entry of a refusal may stand for more like it.
fn weight(entry: &Entry) -> i64 {
    match entry.event.as_ref().and_then(|event| event.event.as_ref()) {
        Some(Event::Refused(refused)) => 1 + i64::from(refused.repeated_count.max(0)),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use kefu_contracts::journal;
    use proptest::prelude::*;

    use super::*;

    fn entry(second: i64, kind: EntryKind, purpose: i32, customer: bool, more: i32) -> Entry {
        let refused = journal::Refused {
            repeated_count: more,
            ..Default::default()
        };
        Entry {
            recorded_at: Some(time::to_proto(Timestamp::from_second(second).unwrap())),
            kind: kind.into(),
            purpose,
            customer_id: if customer { vec![1; 16] } else { Vec::new() },
            event: (kind == EntryKind::Refusal).then_some(journal::Event {
                event: Some(Event::Refused(refused)),
            }),
            ..Default::default()
        }
    }

    proptest! {
        /// Clause CF-6.3: in whatever stretches a journal is read, every look is counted once, in
        /// its quarter of an hour, and changes are not counted as looks.
        #[test]
        fn every_look_is_counted_once(
            told in prop::collection::vec((-4000..4000_i64, 0..4_usize, 0..4_i32, any::<bool>(), 0..3_i32), 0..60),
            cut in 0..60_usize,
        ) {
            let kinds = [EntryKind::View, EntryKind::Refusal, EntryKind::Change, EntryKind::Unspecified];
            let entries: Vec<Entry> = told.iter().map(|(at, kind, purpose, customer, more)| {
                entry(*at, kinds[*kind], *purpose, *customer, *more)
            }).collect();
            let (first, second) = entries.split_at(cut.min(entries.len()));
            let tallies: Vec<Tally> = [tally(first), tally(second)].concat();
            for at in (-5..5).map(|quarter| quarter * 900) {
                for refused in [false, true] {
                    let counted: i64 = tallies.iter().filter(|one| one.at.as_second() == at && one.refused == refused).map(|one| one.count).sum();
                    let expected: i64 = told.iter()
                        .filter(|(second, kind, ..)| at <= *second && *second < at + 900 && *kind == usize::from(refused))
                        .map(|(.., more)| if refused { 1 + i64::from(*more) } else { 1 })
                        .sum();
                    prop_assert_eq!(counted, expected);
                }
            }
        }
    }
}
