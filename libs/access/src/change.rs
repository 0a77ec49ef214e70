//! A snapshot message, read and checked as a whole before any of it counts.
//!
//! A number that this build does not know (a purpose or class of a later contract)
//! grants nothing; one that is left unsaid is a fault of the sender.

use std::sync::Arc;

use kefu_contracts::{
    ClassSet,
    access::{
        RoleRule as WireRule, ScopeTemplate, SnapshotBinding, SnapshotDepartment, SnapshotGrant,
        SnapshotRole, SnapshotSubject, Subject as WireSubject, WatchSnapshotResponse,
    },
    policy::Purpose,
};
use uuid::Uuid;

use crate::{
    context::Subject,
    grant::Grant,
    index::{HashMap, HashSet},
    policy::{Binding, Person, Role, RoleRule, Template, Term},
    tree::Department,
    wire::{WireError, optional_uuid, required_time, time, uuid, uuids},
};

/// What a message changes.
pub(crate) struct Change {
    pub(crate) departments: Vec<Department>,
    pub(crate) people: Vec<Person>,
    pub(crate) roles: Vec<(String, Role)>,
    pub(crate) bindings: Vec<Binding>,
    pub(crate) removed: Vec<Uuid>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) removed_grants: Vec<Uuid>,
}

impl Change {
    pub(crate) fn read(message: &WatchSnapshotResponse) -> Result<Self, WireError> {
        Ok(Self {
            departments: each(&message.departments, department)?,
            people: each(&message.subjects, person)?,
            roles: each(&message.roles, role)?,
            bindings: each(&message.bindings, binding)?,
            removed: uuids(&message.removed_binding_ids, "removed_binding_ids")?,
            grants: each(&message.grants, grant)?,
            removed_grants: uuids(&message.removed_grant_ids, "removed_grant_ids")?,
        })
    }
}

fn each<M, T>(messages: &[M], read: fn(&M) -> Result<T, WireError>) -> Result<Vec<T>, WireError> {
    messages.iter().map(read).collect()
}

fn department(message: &SnapshotDepartment) -> Result<Department, WireError> {
    Ok(Department {
        id: uuid(&message.id, "department.id")?,
        parent: optional_uuid(&message.parent_id, "department.parent_id")?,
        title: message.title.clone(),
        head: optional_uuid(&message.head_id, "department.head_id")?,
        supervising_leader: optional_uuid(
            &message.supervising_leader_id,
            "department.supervising_leader_id",
        )?,
    })
}

fn person(message: &SnapshotSubject) -> Result<Person, WireError> {
    let subject = Subject::from_proto(&WireSubject {
        id: message.id.clone(),
        kind: message.kind,
        department_ids: Vec::new(),
    })?;
    let department = optional_uuid(&message.department_id, "subject.department_id")?;
    Ok(Person {
        subject: Subject {
            departments: department.into_iter().collect(),
            ..subject
        },
        agreement_until: time(
            message.agreement_valid_until.as_ref(),
            "subject.agreement_valid_until",
        )?,
        training_until: time(
            message.training_valid_until.as_ref(),
            "subject.training_valid_until",
        )?,
        joins_at: time(message.joins_at.as_ref(), "subject.joins_at")?,
        leaves_at: time(message.leaves_at.as_ref(), "subject.leaves_at")?,
    })
}

fn role(message: &SnapshotRole) -> Result<(String, Role), WireError> {
    let id = named(&message.id, "role.id")?;
    let mut grants: HashMap<String, Vec<Arc<RoleRule>>> = HashMap::default();
    let mut names = HashSet::default();
    for wire in &message.rules {
        let compiled = Arc::new(rule(&id, wire)?);
        // Two rules of one name could not be told apart in what a caller is shown.
        if !names.insert(wire.id.as_str()) {
            return Err(WireError::Value("role.rule.id"));
        }
        for permission in wire.permissions.iter().collect::<HashSet<_>>() {
            let permission = named(permission, "role.rule.permissions")?;
            grants.entry(permission).or_default().push(compiled.clone());
        }
    }
    Ok((id, Role { grants }))
}

fn rule(role: &str, message: &WireRule) -> Result<RoleRule, WireError> {
    let id = named(&message.id, "role.rule.id")?;
    if message.classes.contains(&0) {
        return Err(WireError::Value("role.rule.classes"));
    }
    if message.purposes.contains(&0) {
        return Err(WireError::Value("role.rule.purposes"));
    }
    let purposes = message.purposes.iter();
    Ok(RoleRule {
        source: format!("role:{role}#{id}"),
        sensitive_source: format!("role:{role}#{id}+sensitive"),
        template: template(message.scope)?,
        classes: ClassSet::from_numbers(&message.classes),
        purposes: purposes
            .filter_map(|number| Purpose::try_from(*number).ok())
            .collect(),
        consented_only: message.consented_only,
    })
}

fn template(number: i32) -> Result<Template, WireError> {
    match ScopeTemplate::try_from(number) {
        Ok(ScopeTemplate::All) => Ok(Template::All),
        Ok(ScopeTemplate::Departments) => Ok(Template::Departments),
        Ok(ScopeTemplate::Owner) => Ok(Template::Owner),
        Ok(ScopeTemplate::Duty) => Ok(Template::Duty),
        Ok(ScopeTemplate::Unspecified) | Err(_) => Err(WireError::Value("role.rule.scope")),
    }
}

fn binding(message: &SnapshotBinding) -> Result<Binding, WireError> {
    Ok(Binding {
        id: uuid(&message.id, "binding.id")?,
        subject: uuid(&message.subject_id, "binding.subject_id")?,
        role: named(&message.role_id, "binding.role_id")?,
        departments: uuids(&message.department_ids, "binding.department_ids")?,
        term: Term {
            starts_at: required_time(message.starts_at.as_ref(), "binding.starts_at")?,
            ends_at: time(message.ends_at.as_ref(), "binding.ends_at")?,
        },
    })
}

/// A grant names its people, files and purpose, or it is none: what is left unsaid
/// must not come to mean all.
fn grant(message: &SnapshotGrant) -> Result<Grant, WireError> {
    let id = uuid(&message.id, "grant.id")?;
    let purpose = Purpose::try_from(message.purpose)
        .ok()
        .filter(|purpose| *purpose != Purpose::Unspecified)
        .ok_or(WireError::Value("grant.purpose"))?;
    if message.classes.contains(&0) {
        return Err(WireError::Value("grant.classes"));
    }
    let starts_at = required_time(message.starts_at.as_ref(), "grant.starts_at")?;
    let ends_at = required_time(message.ends_at.as_ref(), "grant.ends_at")?;
    let permissions = message.permissions.iter();
    let companion = optional_uuid(&message.companion_id, "grant.companion_id")?;
    let source = match companion {
        None => format!("grant:{id}"),
        Some(companion) => format!("grant:{id}@{companion}"),
    };
    Ok(Grant {
        id,
        subjects: uuids(&message.subject_ids, "grant.subject_ids")?,
        customers: uuids(&message.customer_ids, "grant.customer_ids")?,
        permissions: permissions
            .map(|permission| named(permission, "grant.permissions"))
            .collect::<Result<_, _>>()?,
        classes: ClassSet::from_numbers(&message.classes),
        purpose,
        starts_at,
        ends_at,
        companion,
        accompanied_until: time(
            message.accompanied_until.as_ref(),
            "grant.accompanied_until",
        )?,
        sensitive_source: format!("{source}+sensitive"),
        source,
    })
}

fn named(name: &str, field: &'static str) -> Result<String, WireError> {
    match name {
        "" => Err(WireError::Missing(field)),
        name => Ok(name.to_owned()),
    }
}
