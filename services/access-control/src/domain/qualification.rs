//! Agreements signed and trainings passed (CF-8.1, OP-4.1): every one is kept.

use jiff::Timestamp;
use kefu_contracts::access::QualificationKind;
use uuid::Uuid;

/// Collection of agreements and trainings in resource names.
pub const QUALIFICATIONS: &str = "qualifications";
/// Most characters of the reference to the evidence.
pub const MOST_EVIDENCE: usize = 200;

/// An agreement that was signed, or a training that was passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qualification {
    /// Its key.
    pub id: Uuid,
    /// Whose it is.
    pub employee: Uuid,
    /// Which of the two.
    pub kind: QualificationKind,
    /// When it was signed or passed.
    pub obtained_at: Timestamp,
    /// First moment at which it no longer holds.
    pub valid_until: Timestamp,
    /// Where the paper or the result is found.
    pub evidence: String,
    /// Since when it does not count.
    pub withdrawn_at: Option<Timestamp>,
}

/// Whether the new one says until when its holder is qualified: unless a later one
/// of its kind is recorded already, because papers are found late.
pub fn counts(recorded: &[Qualification], new: &Qualification) -> bool {
    recorded
        .iter()
        .filter(|one| one.kind == new.kind && one.withdrawn_at.is_none())
        .all(|one| one.obtained_at <= new.obtained_at)
}

/// Until when its holder is qualified without the one that is withdrawn: as of those that were
/// recorded the one obtained last says, or else as it was before, unless by one withdrawn too.
pub fn without(
    recorded: &[Qualification],
    withdrawn: &Qualification,
    held_until: Option<Timestamp>,
) -> Option<Timestamp> {
    let of_kind = |one: &&Qualification| one.kind == withdrawn.kind && one.id != withdrawn.id;
    let others = recorded.iter().filter(of_kind);
    let (counting, gone): (Vec<_>, Vec<_>) = others.partition(|one| one.withdrawn_at.is_none());
    // Of those obtained at the same moment, the one recorded last.
    let last = counting.into_iter().max_by_key(|one| one.obtained_at);
    let before = held_until.filter(|until| gone.iter().all(|one| one.valid_until != *until));
    last.map(|one| one.valid_until).or(before)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn qualification(kind: bool, obtained: i64, valid: i64) -> Qualification {
        let at = |second| Timestamp::from_second(second).unwrap();
        let kinds = [QualificationKind::Agreement, QualificationKind::Training];
        Qualification {
            id: Uuid::from_u128(1),
            employee: Uuid::from_u128(2),
            kind: kinds[usize::from(kind)],
            obtained_at: at(obtained),
            valid_until: at(obtained + valid),
            evidence: "HR-1".into(),
            withdrawn_at: None,
        }
    }

    /// Clause CF-8.1: what is withdrawn leaves its holder qualified as they were without it.
    #[test]
    fn a_withdrawn_training_leaves_what_was_before() {
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        let of = |id, obtained, withdrawn| Qualification {
            id: Uuid::from_u128(id),
            withdrawn_at: at(0).filter(|_| withdrawn),
            ..qualification(true, obtained, 10)
        };
        let last = of(3, 30, false);
        assert_eq!(without(std::slice::from_ref(&last), &last, at(5)), at(5));
        assert_eq!(without(std::slice::from_ref(&last), &last, None), None);
        let earlier = [of(1, 10, false), of(2, 20, false), last.clone()];
        assert_eq!(without(&earlier, &last, at(30)), at(30));
        let taken_back = [of(2, 20, true), last.clone()];
        assert_eq!(without(&taken_back, &last, at(30)), None);
        let agreement = [qualification(false, 20, 10), last.clone()];
        assert_eq!(without(&agreement, &last, at(5)), at(5));
        // And counts for nothing that is recorded later.
        assert!(counts(&[of(2, 20, true)], &of(4, 10, false)));
        assert!(!counts(&[of(2, 20, false)], &of(4, 10, false)));
    }

    proptest! {
        /// Clause CF-8.1: in whichever order they are recorded, the one obtained last
        /// says until when.
        #[test]
        fn the_agreement_signed_last_counts(
            all in proptest::collection::vec((any::<bool>(), 0..1000_i64, 1..50_i64), 1..8),
        ) {
            let mut recorded: Vec<Qualification> = Vec::new();
            let mut until = [None, None];
            for (kind, obtained, valid) in all {
                let new = qualification(kind, obtained, valid);
                if counts(&recorded, &new) {
                    until[usize::from(kind)] = Some(new.valid_until);
                }
                recorded.push(new);
            }
            for kind in [false, true] {
                let of_kind = |one: &&Qualification| one.kind == qualification(kind, 0, 1).kind;
                // Of those obtained at the same moment, the one recorded last.
                let last = recorded.iter().filter(of_kind).max_by_key(|one| one.obtained_at);
                prop_assert_eq!(until[usize::from(kind)], last.map(|one| one.valid_until));
            }
        }
    }
}
