//! The departments of the company, as reports are made for them.

use std::collections::{BTreeMap, BTreeSet};

use kefu_contracts::access::SnapshotDepartment;
use uuid::Uuid;

/// One of them.
#[derive(Debug, Clone, PartialEq)]
struct Department {
    parent: Option<Uuid>,
    title: String,
    headed: bool,
}

/// All of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Organisation(BTreeMap<Uuid, Department>);

impl Organisation {
    /// As access-control tells it.
    pub(crate) fn of(departments: &[SnapshotDepartment]) -> Self {
        let id = |bytes: &[u8]| Uuid::from_slice(bytes).ok();
        let departments = departments.iter().filter_map(|told| {
            let department = Department {
                parent: id(&told.parent_id),
                title: told.title.clone(),
                headed: !told.head_id.is_empty(),
            };
            Some((id(&told.id)?, department))
        });
        Self(departments.collect())
    }

    /// Those that somebody heads.
    pub(crate) fn headed(&self) -> Vec<Uuid> {
        let headed = self.0.iter().filter(|(_, department)| department.headed);
        headed.map(|(id, _)| *id).collect()
    }

    /// Whether there is such a department.
    pub(crate) fn knows(&self, id: Uuid) -> bool {
        self.0.contains_key(&id)
    }

    /// The department and all below it, each once: who heads it reaches just these. Ends also
    /// where departments are each other's parents.
    pub(crate) fn reach(&self, root: Uuid) -> Vec<Uuid> {
        let (mut reached, mut open) = (BTreeSet::new(), vec![root]);
        while let Some(id) = open.pop() {
            if reached.insert(id) {
                let below = self.0.iter().filter(|(_, one)| one.parent == Some(id));
                open.extend(below.map(|(id, _)| *id));
            }
        }
        reached.into_iter().collect()
    }

    /// What it is called.
    pub(crate) fn title(&self, id: Uuid) -> Option<&str> {
        self.0.get(&id).map(|department| department.title.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn department(id: u128, parent: u128, head: bool) -> SnapshotDepartment {
        let bytes = |id: u128| Uuid::from_u128(id).as_bytes().to_vec();
        SnapshotDepartment {
            id: bytes(id),
            parent_id: if parent == 0 {
                Vec::new()
            } else {
                bytes(parent)
            },
            title: format!("department {id}"),
            head_id: if head { bytes(99) } else { Vec::new() },
            ..Default::default()
        }
    }

    /// Clause CF-6.1: what a department's report is of ends where its head's reach does.
    #[test]
    fn a_report_reaches_the_department_and_all_below() {
        let company = Organisation::of(&[
            department(1, 0, true),
            department(2, 1, true),
            department(3, 2, false),
            department(4, 1, true),
            // Each other's parents.
            department(5, 6, false),
            department(6, 5, false),
        ]);
        let reach = |id| {
            let reached = company.reach(Uuid::from_u128(id));
            reached.iter().map(Uuid::as_u128).collect::<Vec<_>>()
        };
        assert_eq!(reach(1), [1, 2, 3, 4]);
        assert_eq!(reach(2), [2, 3]);
        assert_eq!(reach(5), [5, 6]);
        assert_eq!(reach(9), [9], "one that is not known is itself alone");
        let headed: Vec<u128> = company.headed().iter().map(Uuid::as_u128).collect();
        assert_eq!(headed, [1, 2, 4]);
        assert_eq!(company.title(Uuid::from_u128(3)), Some("department 3"));
        assert!(company.knows(Uuid::from_u128(3)) && !company.knows(Uuid::from_u128(9)));
    }
}
