//! Puts the shipped roles and a company into the register. Done again it changes
//! nothing: what is there is left as it is, and ids follow from codes and logins.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kefu_contracts::{
    access::DeviceState,
    journal::{OrganisationChanged, event},
};
use kefu_journal::Entry;
use kefu_service::{clock::Clock, database::Db, error::Fault, ids::Ids};
use uuid::Uuid;

pub use crate::domain::company::{
    Company, CompanyDelegation, CompanyDepartment, CompanyDevice, CompanyEmployee, CompanyProblem,
    CompanyRole,
};
use crate::{
    domain::{
        binding::Binding,
        company::in_days,
        delegation::Delegation,
        device::{Device, Holder},
        register::{Department, Employee},
        roles::Roles,
    },
    store::{
        binding,
        changes::{By, Record, Revision},
        delegation::{self, Lent},
        department, device, employee, role,
        role::StoredRole,
    },
};

/// The company that comes with the suite, for trying it out.
pub const EXAMPLE_COMPANY: &str = include_str!("../example_company.toml");

/// What is in the register of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seeded {
    /// Ids of the departments by code.
    pub departments: BTreeMap<String, Uuid>,
    /// Ids of employees and system accounts by login.
    pub employees: BTreeMap<String, Uuid>,
    /// Revision of the policy afterwards.
    pub revision: i64,
    /// Whether anything was changed.
    pub changed: bool,
}

/// The id that a seeded department has.
pub fn department_id(code: &str) -> Uuid {
    stable(&format!("departments/{code}"))
}

/// The id that a seeded employee or system account has.
pub fn employee_id(login: &str) -> Uuid {
    stable(&format!("employees/{login}"))
}

/// The id that a seeded binding has.
pub(crate) fn binding_id(subject: Uuid, role: &CompanyRole) -> Uuid {
    let over = role.departments.join(",");
    stable(&format!("bindings/{subject}/{}/{over}", role.role))
}

fn stable(name: &str) -> Uuid {
    let company = Uuid::new_v5(&Uuid::NAMESPACE_URL, b"https://kefu.invalid/company");
    Uuid::new_v5(&company, name.as_bytes())
}

/// Brings the shipped roles into the register; part of every rollout.
///
/// # Errors
/// When the database cannot be reached.
pub async fn ship_roles(db: &Db, clock: &dyn Clock, ids: &Ids) -> Result<Seeded, Fault> {
    let nobody = Company {
        departments: Vec::new(),
        employees: Vec::new(),
        devices: Vec::new(),
        delegations: Vec::new(),
    };
    seed(db, clock, ids, &nobody).await
}

/// Brings the shipped roles and a company into the register.
///
/// # Errors
/// When the company cannot be, or the database cannot be reached.
pub async fn seed(
    db: &Db,
    clock: &dyn Clock,
    ids: &Ids,
    company: &Company,
) -> Result<Seeded, Fault> {
    let seeded = put(db, clock, ids, company.clone(), Register::Any).await?;
    seeded.ok_or_else(|| Fault::internal("any register was fit"))
}

/// Brings the first people of a company, their departments and the shipped roles into a register
/// that knows nobody; from then on its administrators enter whoever comes. `None`, and nothing is
/// changed, where somebody is there. Done again for the same people it changes nothing.
///
/// # Errors
/// When the company cannot be, or the database cannot be reached.
pub async fn seed_first(
    db: &Db,
    clock: &dyn Clock,
    ids: &Ids,
    company: &Company,
) -> Result<Option<Seeded>, Fault> {
    put(db, clock, ids, company.clone(), Register::Empty).await
}

/// Which register a company is put into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Register {
    Any,
    /// Knows nobody but those who are put into it.
    Empty,
}

async fn put(
    db: &Db,
    clock: &dyn Clock,
    ids: &Ids,
    company: Company,
    register: Register,
) -> Result<Option<Seeded>, Fault> {
    let roles = Roles::shipped()?;
    let company = company
        .check(&roles)
        .map_err(|problem| Fault::internal(problem.to_string()))?;
    let (at, request) = (clock.now(), ids.next()?);
    db.transaction(move |connection| {
        let (roles, company) = (roles.clone(), company.clone());
        Box::pin(async move {
            // Whoever else changes the register waits from here on.
            let revision = Revision::begin(connection, By { actor: None, at }).await?;
            if register == Register::Empty {
                let there = employee::list(revision.connection, None).await?;
                let logins = there.iter().map(|one| &one.login);
                let wanted = company.employees.iter().map(|one| &one.login);
                let wanted: BTreeSet<&String> = wanted.collect();
                if !there.is_empty() && wanted != logins.collect() {
                    return Ok(None);
                }
            }
            seed_all(revision, &roles, &company, at, request)
                .await
                .map(Some)
        })
    })
    .await
}

async fn seed_all(
    revision: Revision<'_>,
    roles: &Roles,
    company: &Company,
    at: Timestamp,
    request: Uuid,
) -> Result<Seeded, Fault> {
    let mut seeding = Seeding {
        revision,
        at,
        seeded: Seeded::default(),
    };
    seeding.roles(roles).await?;
    let new = seeding.departments(company).await?;
    seeding.employees(company).await?;
    seeding.leaders(company, &new).await?;
    seeding.devices(company).await?;
    seeding.delegations(company).await?;
    let Seeding {
        revision,
        mut seeded,
        ..
    } = seeding;
    let number = revision.number;
    if revision.has_changed() {
        let event = event::Event::OrganisationChanged(OrganisationChanged {
            policy_revision: number,
        });
        kefu_journal::append(revision.connection, &[entry(at, request, event)]).await?;
    }
    seeded.changed = revision.close().await?.is_some();
    seeded.revision = if seeded.changed { number } else { number - 1 };
    Ok(seeded)
}

fn entry(at: Timestamp, request: Uuid, event: event::Event) -> Entry {
    let (request, kind) = (request.to_string(), "organisation.seeded");
    Entry::by_itself(at, request, kind, String::new(), None, event)
}

struct Seeding<'c> {
    revision: Revision<'c>,
    at: Timestamp,
    seeded: Seeded,
}

impl Seeding<'_> {
    /// Roles as the suite ships them. One that it no longer ships stays, because
    /// somebody may have held it, but lets nothing through.
    async fn roles(&mut self, shipped: &Roles) -> Result<(), Fault> {
        let stored = role::list(self.revision.connection, None).await?;
        let mut wanted: Vec<StoredRole> = shipped.roles.iter().map(StoredRole::from).collect();
        let gone = stored.iter().filter(|one| shipped.role(&one.id).is_none());
        wanted.extend(gone.map(|one| StoredRole {
            id: one.id.clone(),
            rules: Vec::new(),
        }));
        for role in wanted.iter().filter(|role| !stored.contains(role)) {
            let record = Record::Role(role.id.clone());
            let before = self.revision.image(&record).await?;
            role::put(self.revision.connection, role).await?;
            self.revision.note(&record, before).await?;
        }
        Ok(())
    }

    /// Departments that are not there yet; parents come first. Tells their codes.
    async fn departments(&mut self, company: &Company) -> Result<Vec<String>, Fault> {
        let mut new = Vec::new();
        for (at, wanted) in self.moments().zip(&company.departments) {
            let found = department::find_code(self.revision.connection, &wanted.code).await?;
            let id = found.unwrap_or_else(|| department_id(&wanted.code));
            self.seeded.departments.insert(wanted.code.clone(), id);
            if found.is_some() {
                continue;
            }
            let department = Department {
                id,
                code: wanted.code.clone(),
                title: wanted.title.clone(),
                parent: self.department(wanted.parent.as_deref()),
                // Leaders belong to departments: they come in afterwards.
                head: None,
                supervising_leader: None,
                revision: 1,
            };
            department::insert(self.revision.connection, &department, at).await?;
            self.revision.note(&Record::Department(id), None).await?;
            new.push(wanted.code.clone());
        }
        Ok(new)
    }

    /// People and system accounts that are not there yet, with what they hold.
    async fn employees(&mut self, company: &Company) -> Result<(), Fault> {
        for (at, wanted) in self.moments().zip(&company.employees) {
            let found = employee::find_login(self.revision.connection, &wanted.login).await?;
            let id = found.unwrap_or_else(|| employee_id(&wanted.login));
            self.seeded.employees.insert(wanted.login.clone(), id);
            if found.is_some() {
                continue;
            }
            let employee = Employee {
                id,
                login: wanted.login.clone(),
                title: wanted.title.clone(),
                department: self.department(wanted.department.as_deref()),
                system_account: wanted.system_account,
                agreement_valid_until: in_days(self.at, wanted.agreement_days),
                training_valid_until: in_days(self.at, wanted.training_days),
                joins_at: None,
                leaves_at: None,
                responsible: wanted
                    .responsible
                    .as_ref()
                    .and_then(|login| self.person(login)),
                revision: 1,
            };
            employee::insert(self.revision.connection, &employee, at).await?;
            self.revision.note(&Record::Employee(id), None).await?;
            for role in &wanted.roles {
                self.bind(id, role, at).await?;
            }
        }
        Ok(())
    }

    async fn bind(
        &mut self,
        subject: Uuid,
        role: &CompanyRole,
        at: Timestamp,
    ) -> Result<(), Fault> {
        let binding = Binding {
            id: binding_id(subject, role),
            subject,
            role: role.role.clone(),
            departments: role
                .departments
                .iter()
                .filter_map(|code| self.department(Some(code)))
                .collect(),
            starts_at: self.at,
            ends_at: None,
            revoked_at: None,
        };
        binding::insert(self.revision.connection, &binding, at).await?;
        self.revision.note(&Record::Binding(binding.id), None).await
    }

    /// Who heads and who oversees the new departments.
    async fn leaders(&mut self, company: &Company, new: &[String]) -> Result<(), Fault> {
        for wanted in company
            .departments
            .iter()
            .filter(|one| new.contains(&one.code))
        {
            let login =
                |login: &Option<String>| self.seeded.employees.get(login.as_ref()?).copied();
            let (head, leader) = (login(&wanted.head), login(&wanted.supervising_leader));
            let Some(id) = self.department(Some(&wanted.code)) else {
                continue;
            };
            if head.is_some() || leader.is_some() {
                department::set_leaders(self.revision.connection, id, head, leader).await?;
                self.revision.note(&Record::Department(id), None).await?;
            }
        }
        Ok(())
    }

    /// Devices that are not there yet.
    async fn devices(&mut self, company: &Company) -> Result<(), Fault> {
        for (at, wanted) in self.moments().zip(&company.devices) {
            let number = &wanted.asset_number;
            let found = device::find_asset_number(self.revision.connection, number).await?;
            if found.is_some() {
                continue;
            }
            let person = wanted.holder.as_ref().and_then(|login| self.person(login));
            let department = self.department(wanted.department.as_deref());
            let holder = person
                .map(Holder::Employee)
                .or(department.map(Holder::Department));
            let device = Device {
                id: stable(&format!("devices/{number}")),
                asset_number: number.clone(),
                kind: wanted.kind.clone(),
                title: wanted.title.clone(),
                state: match holder {
                    Some(_) => DeviceState::InUse,
                    None => DeviceState::InStock,
                },
                holder,
                since: self.at,
                note: String::new(),
                revision: 1,
            };
            device::insert(self.revision.connection, &device, at).await?;
            self.revision.note(&Record::Device(device.id), None).await?;
        }
        Ok(())
    }

    /// Delegations that were not made yet; one that is over is not made again.
    async fn delegations(&mut self, company: &Company) -> Result<(), Fault> {
        for (at, wanted) in self.moments().zip(&company.delegations) {
            let (from, to) = (self.person(&wanted.from), self.person(&wanted.to));
            let ends_at = in_days(self.at, Some(wanted.days));
            let (Some(from), Some(to), Some(ends_at)) = (from, to, ends_at) else {
                continue;
            };
            let department = self.department(wanted.department.as_deref());
            let over = wanted.department.as_deref().unwrap_or_default();
            let id = stable(&format!("delegations/{from}/{to}/{over}"));
            if delegation::get(self.revision.connection, id)
                .await?
                .is_some()
            {
                continue;
            }
            let lent = Lent {
                delegation: Delegation {
                    id,
                    from,
                    to,
                    department,
                    starts_at: self.at,
                    ends_at,
                    revoked_at: None,
                },
                reason: wanted.reason.clone(),
                left_at: None,
                created_at: at,
            };
            delegation::insert(self.revision.connection, &lent).await?;
            self.revision.note(&Record::Delegation(id), None).await?;
        }
        Ok(())
    }

    fn person(&self, login: &str) -> Option<Uuid> {
        self.seeded.employees.get(login).copied()
    }

    fn department(&self, code: Option<&str>) -> Option<Uuid> {
        self.seeded.departments.get(code?).copied()
    }

    /// A moment for each row, so that lists show them in the order of the file.
    fn moments(&self) -> impl Iterator<Item = Timestamp> + use<> {
        let at = self.at;
        (0..).map(move |micros| at + jiff::SignedDuration::from_micros(micros))
    }
}
