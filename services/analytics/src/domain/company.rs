//! Who is above whom, and who works with whom, as access-control tells it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kefu_contracts::{
    access::{SubjectKind, WatchSnapshotResponse},
    analytics::AssessmentScheme,
};
use kefu_service::{fields::parse_name, time};
use prost_types::Timestamp as Moment;
use uuid::Uuid;

use crate::domain::{organisation::Organisation, report::DEPARTMENTS};

#[derive(Debug, Clone, Default)]
struct Department {
    parent: Option<Uuid>,
    head: Option<Uuid>,
    leader: Option<Uuid>,
}

/// From the first moment until the second, which is not in it; open where there is none.
#[derive(Debug, Clone, Copy, Default)]
struct Span(Option<Timestamp>, Option<Timestamp>);

impl Span {
    fn of(from: Option<&Moment>, until: Option<&Moment>) -> Self {
        Self(
            from.and_then(time::from_proto),
            until.and_then(time::from_proto),
        )
    }

    fn holds(self, at: Timestamp) -> bool {
        self.0.is_none_or(|from| from <= at) && self.1.is_none_or(|until| at < until)
    }
}

#[derive(Debug, Clone, Default)]
struct Person {
    department: Option<Uuid>,
    employed: Span,
    roles: Vec<(String, Span)>,
}

/// The people of the company and its departments at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Company {
    departments: BTreeMap<Uuid, Department>,
    organisation: Organisation,
    people: BTreeMap<Uuid, Person>,
}

/// Who assesses somebody, and where that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Superior {
    pub(crate) id: Uuid,
    /// The department whose head is above them: of a head not their own, so that nobody of it
    /// learns of theirs; `None` above the last.
    pub(crate) department: Option<Uuid>,
}

impl Company {
    /// As access-control tells it: who works there at this moment.
    pub(crate) fn of(policy: &WatchSnapshotResponse, now: Timestamp) -> Self {
        let id = |bytes: &[u8]| Uuid::from_slice(bytes).ok();
        let departments = policy.departments.iter().filter_map(|told| {
            let department = Department {
                parent: id(&told.parent_id),
                head: id(&told.head_id),
                leader: id(&told.supervising_leader_id),
            };
            Some((id(&told.id)?, department))
        });
        let employees = policy.subjects.iter();
        let employees = employees.filter(|told| told.kind() == SubjectKind::Employee);
        let people = employees.filter_map(|told| {
            let person = Person {
                department: id(&told.department_id),
                employed: Span::of(told.joins_at.as_ref(), told.leaves_at.as_ref()),
                roles: Vec::new(),
            };
            Some((id(&told.id)?, person)).filter(|(_, person)| person.employed.holds(now))
        });
        let mut people: BTreeMap<Uuid, Person> = people.collect();
        for binding in &policy.bindings {
            let person = id(&binding.subject_id).and_then(|id| people.get_mut(&id));
            if let Some(person) = person {
                let span = Span::of(binding.starts_at.as_ref(), binding.ends_at.as_ref());
                person.roles.push((binding.role_id.clone(), span));
            }
        }
        Self {
            departments: departments.collect(),
            organisation: Organisation::of(&policy.departments),
            people,
        }
    }

    /// Whether somebody works there.
    pub(crate) fn knows(&self, person: Uuid) -> bool {
        self.people.contains_key(&person)
    }

    /// The department of somebody who works there.
    pub(crate) fn department(&self, person: Uuid) -> Option<Uuid> {
        self.people.get(&person)?.department
    }

    /// The department and all below it.
    pub(crate) fn reach(&self, department: Uuid) -> Vec<Uuid> {
        self.organisation.reach(department)
    }

    /// The one above somebody: who heads their department; of a head the head above, or the
    /// supervising leader where that one is nearer: who supervises the department, and not what
    /// it is a part of.
    pub(crate) fn superior(&self, person: Uuid) -> Option<Superior> {
        let other = |one: Option<Uuid>| one.filter(|one| *one != person && self.knows(*one));
        let mut at = self.department(person);
        let mut passed = BTreeSet::new();
        while let Some(id) = at.filter(|id| passed.insert(*id)) {
            let department = self.departments.get(&id)?;
            if let Some(head) = other(department.head) {
                return Some(Superior {
                    id: head,
                    department: Some(id),
                });
            }
            let above = department.parent.and_then(|id| self.departments.get(&id));
            let nearer = department.leader != above.and_then(|above| above.leader);
            if let Some(leader) = other(department.leader).filter(|_| nearer || above.is_none()) {
                return Some(Superior {
                    id: leader,
                    department: department.parent,
                });
            }
            at = department.parent;
        }
        None
    }

    /// All above somebody, the nearest first.
    pub(crate) fn line(&self, person: Uuid) -> Vec<Uuid> {
        let mut line = Vec::new();
        let mut at = person;
        while let Some(above) = self.superior(at) {
            if above.id == person || line.contains(&above.id) {
                break;
            }
            line.push(above.id);
            at = above.id;
        }
        line
    }

    /// Who works in the same department, but the one above and themselves.
    pub(crate) fn colleagues(&self, person: Uuid) -> Vec<Uuid> {
        let own = self.department(person);
        let above = self.superior(person).map(|above| above.id);
        let alike = self.people.iter().filter(|(id, one)| {
            own.is_some() && one.department == own && **id != person && Some(**id) != above
        });
        alike.map(|(id, _)| *id).collect()
    }

    /// Whether a scheme is for somebody: by role and department, and there is one above.
    pub(crate) fn is_meant(&self, scheme: &AssessmentScheme, person: Uuid, now: Timestamp) -> bool {
        let Some(one) = self.people.get(&person) else {
            return false;
        };
        let holds = |(role, span): &(String, Span)| scheme.roles.contains(role) && span.holds(now);
        let named = scheme.departments.iter();
        let mut named = named.filter_map(|name| parse_name(name, DEPARTMENTS));
        let below = |root| {
            one.department
                .is_some_and(|own| self.reach(root).contains(&own))
        };
        let within = scheme.departments.is_empty() || named.any(below);
        within && one.roles.iter().any(holds) && self.superior(person).is_some()
    }

    /// Everybody whom a scheme is for.
    pub(crate) fn meant(&self, scheme: &AssessmentScheme, now: Timestamp) -> Vec<Uuid> {
        let all = self.people.keys().copied();
        all.filter(|person| self.is_meant(scheme, *person, now))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use kefu_contracts::access::{SnapshotBinding, SnapshotDepartment, SnapshotSubject};

    use super::*;
    use crate::domain::assessment::fixture::scheme;

    const ROOT: u128 = 100;
    const CENTRE: u128 = 101;
    const SUPPORT: u128 = 102;
    const SALES: u128 = 103;
    const CHIEF: u128 = 1;
    const LEADER: u128 = 2;
    const HEAD: u128 = 3;
    const LEAD: u128 = 4;
    const SELLER: u128 = 5;

    fn bytes(id: u128) -> Vec<u8> {
        match id {
            0 => Vec::new(),
            id => Uuid::from_u128(id).as_bytes().to_vec(),
        }
    }

    fn moment(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn department(id: u128, parent: u128, head: u128, leader: u128) -> SnapshotDepartment {
        SnapshotDepartment {
            id: bytes(id),
            parent_id: bytes(parent),
            head_id: bytes(head),
            supervising_leader_id: bytes(leader),
            ..Default::default()
        }
    }

    /// A chief; a centre with a leader over it and a desk below; sales, which the chief supervises.
    fn company(now: i64) -> Company {
        let of = [
            (CHIEF, ROOT),
            (LEADER, ROOT),
            (HEAD, CENTRE),
            (LEAD, SUPPORT),
            (SELLER, SALES),
            (10, CENTRE),
            (11, CENTRE),
            (12, SUPPORT),
            (13, SUPPORT),
            (14, SUPPORT),
        ];
        let subject = |(id, department)| SnapshotSubject {
            id: bytes(id),
            kind: SubjectKind::Employee.into(),
            department_id: bytes(department),
            // Number 14 works until then.
            leaves_at: (id == 14).then_some(Moment {
                seconds: 500,
                nanos: 0,
            }),
            ..Default::default()
        };
        let agent = |id| SnapshotBinding {
            subject_id: bytes(id),
            role_id: "agent".into(),
            ends_at: (id == 12).then_some(Moment {
                seconds: 700,
                nanos: 0,
            }),
            ..Default::default()
        };
        let policy = WatchSnapshotResponse {
            departments: vec![
                department(ROOT, 0, CHIEF, 0),
                department(CENTRE, ROOT, HEAD, LEADER),
                department(SUPPORT, CENTRE, LEAD, LEADER),
                department(SALES, ROOT, SELLER, CHIEF),
            ],
            subjects: of.into_iter().map(subject).collect(),
            bindings: [CHIEF, LEAD, 10, 12].into_iter().map(agent).collect(),
            ..Default::default()
        };
        Company::of(&policy, moment(now))
    }

    /// Clause OP-4.2: the one above is who the organisation says.
    #[test]
    fn the_one_above_is_found_in_the_organisation() {
        let company = company(0);
        let above = |id| {
            let found = company.superior(Uuid::from_u128(id));
            found.map(|one| (one.id.as_u128(), one.department.map(|id| id.as_u128())))
        };
        assert_eq!(above(12), Some((LEAD, Some(SUPPORT))));
        assert_eq!(
            above(LEAD),
            Some((HEAD, Some(CENTRE))),
            "the leader is over both"
        );
        assert_eq!(above(HEAD), Some((LEADER, Some(ROOT))));
        assert_eq!(above(LEADER), Some((CHIEF, Some(ROOT))));
        assert_eq!(above(SELLER), Some((CHIEF, Some(ROOT))));
        assert_eq!(above(CHIEF), None);
        let line = company.line(Uuid::from_u128(12));
        let line: Vec<u128> = line.iter().map(Uuid::as_u128).collect();
        assert_eq!(line, [LEAD, HEAD, LEADER, CHIEF]);
    }

    /// Clause OP-4.2: never oneself.
    #[test]
    fn colleagues_are_of_the_same_department_and_work_there() {
        let colleagues = |now, id| -> Vec<u128> {
            let all = company(now).colleagues(Uuid::from_u128(id));
            all.iter().map(Uuid::as_u128).collect()
        };
        assert_eq!(colleagues(0, 12), [13, 14]);
        assert_eq!(colleagues(500, 12), [13], "who left is no colleague");
        assert_eq!(colleagues(0, 99), [0_u128; 0]);
    }

    #[test]
    fn a_scheme_is_for_roles_and_departments() {
        let meant = |now, departments: &[u128]| -> Vec<u128> {
            let names = departments
                .iter()
                .map(|id| format!("departments/{}", Uuid::from_u128(*id)));
            let scheme = AssessmentScheme {
                departments: names.collect(),
                ..scheme()
            };
            let all = company(now).meant(&scheme, moment(now));
            all.iter().map(Uuid::as_u128).collect()
        };
        assert_eq!(meant(0, &[]), [LEAD, 10, 12], "nobody is above the chief");
        assert_eq!(meant(0, &[SUPPORT]), [LEAD, 12]);
        assert_eq!(meant(0, &[CENTRE]), [LEAD, 10, 12], "with those below");
        assert_eq!(meant(700, &[SUPPORT]), [LEAD], "a role ends");
    }

    #[test]
    fn who_left_or_is_to_come_or_is_a_machine_works_in_no_department() {
        let now: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        let (before, after) = ("2026-10-01T00:00:00Z", "2026-12-01T00:00:00Z");
        let time = |at: &str| Some(time::to_proto(at.parse().unwrap()));
        let one = |id| SnapshotSubject {
            id: bytes(id),
            kind: SubjectKind::Employee.into(),
            department_id: bytes(7),
            ..SnapshotSubject::default()
        };
        let policy = WatchSnapshotResponse {
            subjects: vec![
                one(1),
                SnapshotSubject {
                    joins_at: time(before),
                    leaves_at: time(after),
                    ..one(2)
                },
                SnapshotSubject {
                    leaves_at: Some(time::to_proto(now)),
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
            ..WatchSnapshotResponse::default()
        };
        let company = Company::of(&policy, now);
        let known = (1..=6).filter(|id| company.department(Uuid::from_u128(*id)).is_some());
        assert_eq!(known.collect::<Vec<u128>>(), [1, 2]);
    }
}
