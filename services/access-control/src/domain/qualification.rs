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
}

/// Whether the new one says until when its holder is qualified: unless a later one
/// of its kind is recorded already, because papers are found late.
pub fn counts(recorded: &[Qualification], new: &Qualification) -> bool {
    recorded
        .iter()
        .filter(|one| one.kind == new.kind)
        .all(|one| one.obtained_at <= new.obtained_at)
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
        }
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
