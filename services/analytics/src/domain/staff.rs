//! Who works in the company, and in which department.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kefu_contracts::access::{SnapshotSubject, SubjectKind};
use kefu_service::time::from_proto;
use uuid::Uuid;

/// Everybody who belongs to the company at some moment, with their department.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Staff(BTreeMap<Uuid, Uuid>);

impl Staff {
    /// As access-control tells it.
    pub(crate) fn of(subjects: &[SnapshotSubject], now: Timestamp) -> Self {
        let at = |time: Option<&_>| time.and_then(from_proto);
        let here = subjects.iter().filter(|one| {
            let joined = at(one.joins_at.as_ref()).is_none_or(|joins_at| joins_at <= now);
            let left = at(one.leaves_at.as_ref()).is_some_and(|leaves_at| leaves_at <= now);
            one.kind() == SubjectKind::Employee && joined && !left
        });
        let id = |bytes: &[u8]| Uuid::from_slice(bytes).ok();
        let staff = here.filter_map(|one| Some((id(&one.id)?, id(&one.department_id)?)));
        Self(staff.collect())
    }

    /// The department of somebody who belongs to the company.
    pub(crate) fn department(&self, id: Uuid) -> Option<Uuid> {
        self.0.get(&id).copied()
    }
}

#[cfg(test)]
mod tests {
    use kefu_service::time::to_proto;

    use super::*;

    #[test]
    fn who_left_or_is_to_come_or_is_a_machine_works_in_no_department() {
        let now: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        let (before, after) = ("2026-10-01T00:00:00Z", "2026-12-01T00:00:00Z");
        let time = |at: &str| Some(to_proto(at.parse().unwrap()));
        let bytes = |id: u128| Uuid::from_u128(id).as_bytes().to_vec();
        let one = |id| SnapshotSubject {
            id: bytes(id),
            kind: SubjectKind::Employee.into(),
            department_id: bytes(7),
            ..SnapshotSubject::default()
        };
        let staff = Staff::of(
            &[
                one(1),
                SnapshotSubject {
                    joins_at: time(before),
                    leaves_at: time(after),
                    ..one(2)
                },
                SnapshotSubject {
                    leaves_at: Some(to_proto(now)),
                    ..one(3)
                },
                SnapshotSubject {
                    joins_at: time(after),
                    ..one(4)
                },
                SnapshotSubject {
                    kind: SubjectKind::SystemAccount.into(),
                    ..one(5)
                },
            ],
            now,
        );
        let known = (1..=6).filter(|id| staff.department(Uuid::from_u128(*id)).is_some());
        assert_eq!(known.collect::<Vec<u128>>(), [1, 2]);
    }
}
