//! What falls short in a file, and what that makes of its findings (CF-7.3).

use jiff::Timestamp;
use kefu_contracts::{policy::DataClass, profile::QualityFindingKind};

use super::Contents;
use crate::domain::change;

/// Something that falls short: a kind, and the field, where it is about one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    pub(crate) kind: i16,
    pub(crate) field: String,
}

impl Problem {
    fn new(kind: QualityFindingKind, field: &str) -> Self {
        Self {
            kind: kind as i16,
            field: field.to_owned(),
        }
    }

    /// Class of what its being there tells of.
    pub(crate) fn class(&self) -> DataClass {
        change::class(&self.field).unwrap_or(DataClass::System)
    }

    /// As the contract has it.
    pub(crate) fn kind(&self) -> QualityFindingKind {
        QualityFindingKind::try_from(i32::from(self.kind)).unwrap_or_default()
    }
}

/// Everything that falls short, each once.
pub(crate) fn all(contents: &Contents, outdated: bool, review_due: bool) -> Vec<Problem> {
    let missing = contents.missing.iter();
    let missing = missing.map(|field| Problem::new(QualityFindingKind::Missing, field));
    let invalid = contents.invalid.iter();
    let invalid = invalid.map(|field| Problem::new(QualityFindingKind::Invalid, field));
    let outdated = outdated.then(|| Problem::new(QualityFindingKind::Outdated, ""));
    let review = review_due.then(|| Problem::new(QualityFindingKind::ReviewDue, ""));
    missing
        .chain(invalid)
        .chain(outdated)
        .chain(review)
        .collect()
}

/// What a measurement makes of findings.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Turned {
    /// Nobody has found them yet.
    pub(crate) found: Vec<Problem>,
    /// Open, and no longer so.
    pub(crate) resolved: Vec<Problem>,
    /// When the first of those that were left as they are is found again.
    pub(crate) again_at: Option<Timestamp>,
}

/// Compares what falls short with what is open, and with what is left as it is until then.
pub(crate) fn turn(
    problems: &[Problem],
    open: &[Problem],
    dismissed: &[(Problem, Timestamp)],
    now: Timestamp,
) -> Turned {
    let mut turned = Turned::default();
    for problem in problems.iter().filter(|one| !open.contains(one)) {
        let left = dismissed.iter().filter(|(one, _)| one == problem);
        match left.map(|(_, until)| *until).max() {
            Some(until) if until > now => {
                let first = turned.again_at.map_or(until, |at| at.min(until));
                turned.again_at = Some(first);
            }
            _ => turned.found.push(problem.clone()),
        }
    }
    let over = open.iter().filter(|one| !problems.contains(one));
    turned.resolved = over.cloned().collect();
    turned
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    const FIELDS: [(QualityFindingKind, &str); 5] = [
        (QualityFindingKind::Missing, "birth_date"),
        (QualityFindingKind::Missing, "phones"),
        (QualityFindingKind::Invalid, "phones"),
        (QualityFindingKind::Outdated, ""),
        (QualityFindingKind::ReviewDue, ""),
    ];

    fn some() -> impl Strategy<Value = Vec<Problem>> {
        vec(select(&FIELDS[..]), 0..5).prop_map(|some| {
            let mut some: Vec<Problem> = some
                .into_iter()
                .map(|(kind, field)| Problem::new(kind, field))
                .collect();
            some.sort();
            some.dedup();
            some
        })
    }

    proptest! {
        /// Clause CF-7.3: afterwards exactly what falls short and was not left as it is is open.
        #[test]
        fn what_falls_short_is_found_once_and_resolves_by_itself(
            problems in some(), open in some(), left in vec((some(), 0_i64..20), 0..3), now in 0_i64..20,
        ) {
            let at = |second| Timestamp::from_second(second).unwrap();
            let left: Vec<_> = left
                .into_iter()
                .flat_map(|(some, until)| some.into_iter().map(move |one| (one, at(until))))
                .collect();
            let turned = turn(&problems, &open, &left, at(now));
            let mut after: Vec<Problem> = open.iter().filter(|one| !turned.resolved.contains(one)).cloned().collect();
            after.extend(turned.found.clone());
            after.sort();
            for (kind, field) in FIELDS {
                let one = Problem::new(kind, field);
                let is_left = left.iter().any(|(other, until)| *other == one && *until > at(now));
                let expected = problems.contains(&one) && (open.contains(&one) || !is_left);
                prop_assert_eq!(after.iter().filter(|other| **other == one).count(), usize::from(expected));
            }
            // Looked at again at that moment, more is found; nothing is before.
            if let Some(again) = turned.again_at {
                prop_assert!(!turn(&problems, &after, &left, again).found.is_empty());
                let before = at(again.as_second() - 1).max(at(now));
                prop_assert!(turn(&problems, &after, &left, before).found.is_empty());
            }
        }
    }

    #[test]
    fn a_finding_about_a_field_is_of_its_class() {
        let of = |kind, field| Problem::new(kind, field).class();
        assert_eq!(
            of(QualityFindingKind::Missing, "id_card"),
            DataClass::Identity
        );
        assert_eq!(
            of(QualityFindingKind::Invalid, "phones"),
            DataClass::Contact
        );
        assert_eq!(of(QualityFindingKind::ReviewDue, ""), DataClass::System);
    }
}
