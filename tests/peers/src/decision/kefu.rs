//! The suite's own engine: grants and all within [`Snapshot`].

use jiff::Timestamp;
use kefu_access::{Decision, Query, RowFacts, Snapshot};
use kefu_contracts::{
    access::{
        RoleRule, ScopeTemplate, SnapshotBinding, SnapshotDepartment, SnapshotGrant, SnapshotRole,
        SnapshotSubject, SubjectKind, WatchSnapshotResponse,
    },
    policy::DataClass,
};
use uuid::Uuid;

use crate::company::{Company, NOW, Question, ROLES};

pub(crate) struct Kefu {
    snapshot: Snapshot,
    inputs: Vec<Input>,
    now: Timestamp,
}

/// A question as a service has it at hand, with the row that it has read.
struct Input {
    query: Query<'static>,
    class: DataClass,
    row: RowFacts,
}

impl Kefu {
    pub(crate) fn new(company: &Company) -> anyhow::Result<Self> {
        let mut snapshot = Snapshot::default();
        snapshot.apply(&message(company))?;
        let inputs = company.questions.iter().map(|question| Input {
            query: query(company, question),
            class: question.class,
            row: row(company, question),
        });
        Ok(Self {
            snapshot,
            inputs: inputs.collect(),
            now: Timestamp::from_second(NOW)?,
        })
    }

    /// The decision as the gateway makes it: which rows and classes, or why not.
    pub(crate) fn decide(&self, number: usize) -> Decision {
        self.snapshot.decide(&self.inputs[number].query, self.now)
    }

    /// Yes or no on this row, as the peers answer: like them, without saying why not. As
    /// theirs, the input is ready: only the decision is timed.
    pub(crate) fn answer(&self, number: usize) -> bool {
        let Input { query, class, row } = &self.inputs[number];
        let classes = self.snapshot.classes_of(query, row, self.now);
        classes.is_some_and(|classes| classes.contains(*class))
    }
}

fn query(company: &Company, question: &Question) -> Query<'static> {
    Query {
        subject: company.people[question.person].id,
        permission: question.permission,
        purpose: question.purpose,
        purpose_required: true,
    }
}

fn row(company: &Company, question: &Question) -> RowFacts {
    let record = &company.records[question.record];
    RowFacts {
        department: Some(department(record.department)),
        owner: Some(company.people[record.owner].id),
        customer: Some(record.id),
        duty: record
            .duty
            .iter()
            .map(|one| company.people[*one].id)
            .collect(),
        consents: Vec::new(),
    }
}

fn department(at: usize) -> Uuid {
    Uuid::from_u128(at as u128 + 1)
}

fn at(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos: 0 })
}

fn bytes(id: Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}

fn message(company: &Company) -> WatchSnapshotResponse {
    let departments = company
        .parents
        .iter()
        .enumerate()
        .map(|(own, parent)| SnapshotDepartment {
            id: bytes(department(own)),
            parent_id: if own == 0 {
                Vec::new()
            } else {
                bytes(department(*parent))
            },
            title: format!("department {own}"),
            ..Default::default()
        });
    let subjects = company.people.iter().map(|person| SnapshotSubject {
        id: bytes(person.id),
        kind: SubjectKind::Employee as i32,
        department_id: bytes(department(person.department)),
        agreement_valid_until: at(person.agreement),
        training_valid_until: at(person.training),
        joins_at: at(person.joins),
        leaves_at: at(person.leaves),
    });
    let bindings = company
        .people
        .iter()
        .flat_map(|person| person.bindings.iter().map(|binding| (person.id, binding)));
    let bindings = bindings
        .enumerate()
        .map(|(number, (subject, binding))| SnapshotBinding {
            id: bytes(Uuid::from_u128(number as u128 + 1)),
            subject_id: bytes(subject),
            role_id: binding.role.into(),
            department_ids: vec![bytes(department(binding.department))],
            starts_at: at(binding.start),
            ends_at: at(binding.end),
        });
    let grants = company.grants.iter().map(|grant| SnapshotGrant {
        id: bytes(grant.id),
        subject_ids: vec![bytes(company.people[grant.person].id)],
        customer_ids: grant
            .records
            .iter()
            .map(|one| bytes(company.records[*one].id))
            .collect(),
        permissions: vec![grant.permission.into()],
        classes: grant.classes.iter().map(|class| *class as i32).collect(),
        purpose: grant.purpose as i32,
        starts_at: at(grant.start),
        ends_at: at(grant.end),
        ..Default::default()
    });
    WatchSnapshotResponse {
        revision: 1,
        full: true,
        departments: departments.collect(),
        subjects: subjects.collect(),
        roles: roles(),
        bindings: bindings.collect(),
        grants: grants.collect(),
        ..Default::default()
    }
}

fn roles() -> Vec<SnapshotRole> {
    let roles = ROLES.iter().map(|(id, rules)| SnapshotRole {
        id: (*id).into(),
        rules: rules
            .iter()
            .map(|rule| RoleRule {
                id: rule.id.into(),
                permissions: rule.permissions.iter().map(|one| (*one).into()).collect(),
                scope: match rule.scope {
                    "all" => ScopeTemplate::All,
                    "owner" => ScopeTemplate::Owner,
                    "duty" => ScopeTemplate::Duty,
                    _ => ScopeTemplate::Departments,
                } as i32,
                classes: rule.classes.iter().map(|class| *class as i32).collect(),
                purposes: rule
                    .purposes
                    .iter()
                    .map(|purpose| *purpose as i32)
                    .collect(),
                ..Default::default()
            })
            .collect(),
    });
    roles.collect()
}
