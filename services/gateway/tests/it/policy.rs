//! A small company.

use jiff::Timestamp;
use kefu_contracts::{
    access::{
        RoleRule, ScopeTemplate, SnapshotBinding, SnapshotDepartment, SnapshotRole,
        SnapshotSubject, SubjectKind, WatchSnapshotResponse,
    },
    method,
    policy::Purpose,
};
use uuid::Uuid;

pub(crate) const GET_TICKET: &str = "/kefu.ticket.v1.TicketService/GetTicket";
pub(crate) const OPEN_TICKET: &str = "/kefu.ticket.v1.TicketService/OpenTicket";
pub(crate) const LIST_DEPARTMENTS: &str = "/kefu.access.v1.OrganisationService/ListDepartments";
pub(crate) const WATCH_SNAPSHOT: &str = "/kefu.access.v1.SnapshotService/WatchSnapshot";
pub(crate) const UNKNOWN: &str = "/kefu.ticket.v1.TicketService/Nothing";

/// May read tickets for service, and list departments.
pub(crate) const AGENT: Uuid = Uuid::from_u128(0xa1);
/// Heads the agent's department and holds no role.
pub(crate) const HEAD: Uuid = Uuid::from_u128(0xb1);
pub(crate) const DEPARTMENT: Uuid = Uuid::from_u128(0xd1);
pub(crate) const BINDING: Uuid = Uuid::from_u128(0xe1);
/// Nobody of the company.
pub(crate) const STRANGER: Uuid = Uuid::from_u128(0xf1);
/// Revision of the first snapshot.
pub(crate) const REVISION: i64 = 7;

pub(crate) fn permission(path: &str) -> &'static str {
    method(path).unwrap().permission
}

pub(crate) fn start() -> Timestamp {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

pub(crate) fn full() -> WatchSnapshotResponse {
    WatchSnapshotResponse {
        revision: REVISION,
        full: true,
        departments: vec![SnapshotDepartment {
            id: DEPARTMENT.as_bytes().to_vec(),
            title: "客服部".into(),
            head_id: HEAD.as_bytes().to_vec(),
            ..Default::default()
        }],
        subjects: vec![employee(AGENT), employee(HEAD)],
        roles: vec![SnapshotRole {
            id: "agent".into(),
            rules: vec![rule()],
        }],
        bindings: vec![binding(None)],
        ..Default::default()
    }
}

fn employee(id: Uuid) -> SnapshotSubject {
    SnapshotSubject {
        id: id.as_bytes().to_vec(),
        kind: SubjectKind::Employee.into(),
        department_id: DEPARTMENT.as_bytes().to_vec(),
        ..Default::default()
    }
}

fn rule() -> RoleRule {
    RoleRule {
        id: "all".into(),
        permissions: vec![
            permission(GET_TICKET).into(),
            permission(LIST_DEPARTMENTS).into(),
        ],
        scope: ScopeTemplate::All.into(),
        classes: Vec::new(),
        purposes: vec![Purpose::Service.into()],
        consented_only: false,
    }
}

/// The agent's role, until then.
pub(crate) fn binding(end: Option<Timestamp>) -> SnapshotBinding {
    let time = |at: Timestamp| kefu_service::time::to_proto(at);
    SnapshotBinding {
        id: BINDING.as_bytes().to_vec(),
        subject_id: AGENT.as_bytes().to_vec(),
        role_id: "agent".into(),
        department_ids: Vec::new(),
        starts_at: Some(time(Timestamp::UNIX_EPOCH)),
        ends_at: end.map(time),
    }
}

pub(crate) fn revocation() -> WatchSnapshotResponse {
    WatchSnapshotResponse {
        revision: REVISION + 1,
        removed_binding_ids: vec![BINDING.as_bytes().to_vec()],
        ..Default::default()
    }
}
