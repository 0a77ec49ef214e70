//! What has lapsed or will soon, and needs somebody to see to it (CF-8.1, CC-1.1).

use std::collections::HashMap;

use jiff::Timestamp;
use kefu_contracts::access::LapseKind;
use uuid::Uuid;

use super::register::{DEPARTMENTS, Department, Employee};

/// Something of the register that comes to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lapse {
    /// Whose agreement, training or leaving it is.
    pub employee: Uuid,
    /// What ends.
    pub kind: LapseKind,
    /// Resource name of what it concerns.
    pub resource: String,
    /// Department in whose reach that lies.
    pub department: Option<Uuid>,
    /// When it ends or ended.
    pub at: Timestamp,
}

/// All that lapses before `until`, the first first. Agreements and trainings of
/// who has left need nobody; a post whose holder has left does.
pub fn lapses(
    employees: &[Employee],
    departments: &[Department],
    now: Timestamp,
    until: Timestamp,
) -> Vec<Lapse> {
    let people: HashMap<Uuid, &Employee> = employees.iter().map(|one| (one.id, one)).collect();
    let leaving = |id: Option<Uuid>| Some((id?, people.get(&id?)?.leaves_at?));
    let mut all = Vec::new();
    for one in employees.iter().filter(|one| one.serves(now)) {
        let own = [
            (LapseKind::Agreement, one.agreement_valid_until),
            (LapseKind::Training, one.training_valid_until),
        ];
        all.extend(own.into_iter().filter_map(|(kind, at)| {
            Some(Lapse {
                employee: one.id,
                kind,
                resource: one.name(),
                department: one.department,
                at: at?,
            })
        }));
    }
    for one in departments {
        let leaders = [
            (LapseKind::Head, leaving(one.head)),
            (
                LapseKind::SupervisingLeader,
                leaving(one.supervising_leader),
            ),
        ];
        all.extend(leaders.into_iter().filter_map(|(kind, leaving)| {
            let (employee, at) = leaving?;
            Some(Lapse {
                employee,
                kind,
                resource: kefu_service::fields::name(DEPARTMENTS, one.id),
                department: Some(one.id),
                at,
            })
        }));
    }
    let closed = |one: &&Employee| one.leaves_at.is_some_and(|end| end <= now);
    for one in employees.iter().filter(|one| !closed(one)) {
        all.extend(leaving(one.responsible).map(|(employee, at)| Lapse {
            employee,
            kind: LapseKind::Responsible,
            resource: one.name(),
            department: one.department,
            at,
        }));
    }
    all.retain(|one| one.at < until);
    all.sort_by_key(|one| one.at);
    all
}
