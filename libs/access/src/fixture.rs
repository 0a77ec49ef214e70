//! A small company, as messages: what the tests of this crate decide about.

use jiff::Timestamp;
use kefu_contracts::{
    access::{
        RoleRule, ScopeTemplate, SnapshotBinding, SnapshotDepartment, SnapshotGrant, SnapshotRole,
        SnapshotSubject, SubjectKind, WatchSnapshotResponse,
    },
    policy::{DataClass, Purpose},
};
use uuid::Uuid;

use crate::{Query, Snapshot, wire::time_to_wire};

pub(crate) const GET: &str = "profile.customers.get";

pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub(crate) fn bytes(number: u128) -> Vec<u8> {
    match number {
        0 => Vec::new(),
        number => id(number).as_bytes().to_vec(),
    }
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// The nanosecond before.
pub(crate) fn before(time: Timestamp) -> Timestamp {
    Timestamp::from_nanosecond(time.as_nanosecond() - 1).unwrap()
}

pub(crate) fn wire_at(second: i64) -> Option<prost_types::Timestamp> {
    Some(time_to_wire(at(second)))
}

pub(crate) fn department(number: u128, parent: u128) -> SnapshotDepartment {
    SnapshotDepartment {
        id: bytes(number),
        parent_id: bytes(parent),
        title: format!("department {number}"),
        ..Default::default()
    }
}

/// Sworn to secrecy and trained until second 1000.
pub(crate) fn employee(number: u128, department: u128) -> SnapshotSubject {
    SnapshotSubject {
        id: bytes(number),
        kind: SubjectKind::Employee as i32,
        department_id: bytes(department),
        agreement_valid_until: wire_at(1000),
        training_valid_until: wire_at(1000),
        ..Default::default()
    }
}

/// Grants [`GET`].
pub(crate) fn rule(
    id: &str,
    scope: ScopeTemplate,
    classes: &[DataClass],
    purposes: &[Purpose],
) -> RoleRule {
    RoleRule {
        id: id.into(),
        permissions: vec![GET.into()],
        scope: scope as i32,
        classes: classes.iter().map(|class| *class as i32).collect(),
        purposes: purposes.iter().map(|purpose| *purpose as i32).collect(),
        consented_only: false,
    }
}

pub(crate) fn role(id: &str, rules: Vec<RoleRule>) -> SnapshotRole {
    SnapshotRole {
        id: id.into(),
        rules,
    }
}

/// From second 0, open-ended, over the subject's own departments.
pub(crate) fn binding(number: u128, subject: u128, role: &str) -> SnapshotBinding {
    SnapshotBinding {
        id: bytes(number),
        subject_id: bytes(subject),
        role_id: role.into(),
        starts_at: wire_at(0),
        ..Default::default()
    }
}

/// Lets these people see BASIC and CONTACT of these files for quality inspection, from
/// second 0 to 100.
pub(crate) fn grant(number: u128, people: &[u128], files: &[u128]) -> SnapshotGrant {
    SnapshotGrant {
        id: bytes(number),
        subject_ids: people.iter().copied().map(bytes).collect(),
        customer_ids: files.iter().copied().map(bytes).collect(),
        permissions: vec![GET.into()],
        classes: vec![DataClass::Basic as i32, DataClass::Contact as i32],
        purpose: Purpose::Quality as i32,
        starts_at: wire_at(0),
        ends_at: wire_at(100),
        ..Default::default()
    }
}

pub(crate) fn snapshot(message: WatchSnapshotResponse) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let message = WatchSnapshotResponse {
        full: true,
        ..message
    };
    snapshot.apply(&message).unwrap();
    snapshot
}

pub(crate) fn query(subject: u128, purpose: Purpose) -> Query<'static> {
    Query {
        subject: id(subject),
        permission: GET,
        purpose,
        purpose_required: true,
    }
}

/// Departments 1 > 2 > 3 and 1 > 4. 10 heads department 2, 11 leads it, 12 heads 4;
/// 20 is an agent in 2, 21 a salesman in 4, 22 a marketer in 4, 30 a machine.
pub(crate) fn company() -> WatchSnapshotResponse {
    use DataClass::{Basic, Contact, Purchase, Service};
    let seat = |number, parent, head, leader| SnapshotDepartment {
        head_id: bytes(head),
        supervising_leader_id: bytes(leader),
        ..department(number, parent)
    };
    let duty = rule(
        "duty",
        ScopeTemplate::Duty,
        &[Basic, Contact, Service],
        &[Purpose::Service, Purpose::Complaint],
    );
    let own = rule(
        "department",
        ScopeTemplate::Departments,
        &[Basic, Contact],
        &[Purpose::Service, Purpose::Quality],
    );
    let buying = rule("buying", ScopeTemplate::All, &[Purchase], &[Purpose::Sales]);
    let mailing = RoleRule {
        consented_only: true,
        ..rule(
            "mailing",
            ScopeTemplate::All,
            &[Contact],
            &[Purpose::Marketing],
        )
    };
    let figures = RoleRule {
        permissions: vec!["analytics.metrics.query".into()],
        ..rule("figures", ScopeTemplate::All, &[], &[Purpose::Analysis])
    };
    let sync = rule(
        "sync",
        ScopeTemplate::All,
        &[Basic, Contact],
        &[Purpose::Integration],
    );
    WatchSnapshotResponse {
        revision: 7,
        full: true,
        departments: vec![
            seat(1, 0, 13, 0),
            seat(2, 1, 10, 11),
            seat(3, 2, 0, 0),
            seat(4, 1, 12, 0),
        ],
        subjects: vec![
            employee(10, 2),
            employee(11, 1),
            employee(20, 2),
            employee(21, 4),
            employee(22, 4),
            SnapshotSubject {
                kind: SubjectKind::SystemAccount as i32,
                agreement_valid_until: None,
                training_valid_until: None,
                ..employee(30, 0)
            },
        ],
        roles: vec![
            role("agent", vec![duty]),
            role("head", vec![own]),
            role("sales", vec![buying]),
            role("marketing", vec![figures]),
            role("mailer", vec![mailing]),
            role("integration", vec![sync]),
        ],
        bindings: vec![
            binding(100, 10, "head"),
            binding(101, 20, "agent"),
            binding(102, 21, "sales"),
            binding(103, 22, "marketing"),
            binding(104, 30, "integration"),
        ],
        ..Default::default()
    }
}
