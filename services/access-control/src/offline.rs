//! The policy of files, without a database: what `seed` would put into an empty
//! register, as gateways would be told it. A test holds the two together.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kefu_access::{Snapshot, SnapshotError};
use kefu_contracts::access::WatchSnapshotResponse;
use uuid::Uuid;

use crate::{
    api::snapshot::message as told,
    domain::{
        binding::Binding,
        company::{Company, CompanyDepartment, CompanyEmployee, CompanyProblem, in_days},
        register::{Department, Employee},
        roles::Roles,
    },
    seed::{binding_id, department_id, employee_id},
    store::policy::Policy,
};

/// A company under roles, at a moment.
#[derive(Debug, Clone)]
pub struct World {
    /// What is decided from.
    pub policy: Snapshot,
    /// The roles.
    pub roles: Roles,
    /// Departments by code.
    pub departments: BTreeMap<String, Uuid>,
    /// Everybody by login, with the roles they hold.
    pub people: BTreeMap<String, (Uuid, Vec<String>)>,
    /// When the company was as its file says.
    pub start: Timestamp,
}

/// Why files make no policy.
#[derive(Debug, thiserror::Error)]
pub enum WorldProblem {
    /// The company cannot be.
    #[error(transparent)]
    Company(#[from] CompanyProblem),
    /// Nothing can be decided from it.
    #[error("policy: {0}")]
    Policy(#[from] SnapshotError),
}

impl World {
    /// The company under these roles, with the days in its file counted from `start`.
    ///
    /// # Errors
    /// The first thing about the company that cannot be.
    pub fn new(roles: Roles, company: Company, start: Timestamp) -> Result<Self, WorldProblem> {
        let company = company.check(&roles)?;
        let mut policy = Snapshot::default();
        policy.apply(&message(&roles, &company, start))?;
        let departments = company.departments.iter();
        let people = company.employees.iter().map(|one| {
            let held = one.roles.iter().map(|role| role.role.clone());
            let known = (employee_id(&one.login), held.collect());
            (one.login.clone(), known)
        });
        Ok(Self {
            policy,
            departments: departments
                .map(|one| (one.code.clone(), department_id(&one.code)))
                .collect(),
            people: people.collect(),
            roles,
            start,
        })
    }

    /// Login of this id.
    pub fn login(&self, id: Uuid) -> Option<&str> {
        let mut people = self.people.iter();
        let (login, _) = people.find(|(_, (known, _))| *known == id)?;
        Some(login)
    }
}

/// The whole policy, as the first message of a snapshot stream.
pub fn message(roles: &Roles, company: &Company, start: Timestamp) -> WatchSnapshotResponse {
    let policy = Policy {
        revision: 1,
        departments: company.departments.iter().map(department).collect(),
        employees: company
            .employees
            .iter()
            .map(|one| employee(one, start))
            .collect(),
        roles: roles.roles.iter().map(Into::into).collect(),
        bindings: company
            .employees
            .iter()
            .flat_map(|one| bindings(one, start))
            .collect(),
        ..Policy::default()
    };
    told(policy, &roles.lent, true)
}

fn department(one: &CompanyDepartment) -> Department {
    let login = |login: &Option<String>| login.as_deref().map(employee_id);
    Department {
        id: department_id(&one.code),
        code: one.code.clone(),
        title: one.title.clone(),
        parent: one.parent.as_deref().map(department_id),
        head: login(&one.head),
        supervising_leader: login(&one.supervising_leader),
        revision: 1,
    }
}

fn employee(one: &CompanyEmployee, start: Timestamp) -> Employee {
    Employee {
        id: employee_id(&one.login),
        login: one.login.clone(),
        title: one.title.clone(),
        department: one.department.as_deref().map(department_id),
        system_account: one.system_account,
        responsible: one.responsible.as_deref().map(employee_id),
        agreement_valid_until: in_days(start, one.agreement_days),
        training_valid_until: in_days(start, one.training_days),
        joins_at: None,
        leaves_at: None,
        revision: 1,
    }
}

fn bindings(one: &CompanyEmployee, start: Timestamp) -> impl Iterator<Item = Binding> {
    let subject = employee_id(&one.login);
    one.roles.iter().map(move |role| Binding {
        id: binding_id(subject, role),
        subject,
        role: role.role.clone(),
        departments: role
            .departments
            .iter()
            .map(|code| department_id(code))
            .collect(),
        starts_at: start,
        ends_at: None,
        revoked_at: None,
    })
}
