//! A company as a file describes it: departments by code, people by login.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    binding::{Binding, collision},
    delegation::LONGEST,
    register::is_handle,
    roles::{Holder, Roles},
    tree::parents_first,
};

/// A company.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Company {
    /// Its departments.
    pub departments: Vec<CompanyDepartment>,
    /// Its people and the accounts of its other systems.
    pub employees: Vec<CompanyEmployee>,
    /// Its devices.
    #[serde(default)]
    pub devices: Vec<CompanyDevice>,
    /// Who acts for whom from now on.
    #[serde(default)]
    pub delegations: Vec<CompanyDelegation>,
}

/// A device; in stock when nobody holds it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompanyDevice {
    /// What stands on it; names it in the file and for ever.
    pub asset_number: String,
    /// `headset`
    pub kind: String,
    /// Name for people.
    pub title: String,
    /// Login of who holds it.
    pub holder: Option<String>,
    /// Code of the department that holds it; not together with `holder`.
    pub department: Option<String>,
}

/// Somebody acts for somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompanyDelegation {
    /// Login of who holds the posts.
    pub from: String,
    /// Login of who acts for them.
    pub to: String,
    /// Code of the department over which; none: all posts.
    pub department: Option<String>,
    /// For how many days.
    pub days: i32,
    /// Why.
    pub reason: String,
}

/// A department.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompanyDepartment {
    /// Names it in the file and for ever.
    pub code: String,
    /// Name for people.
    pub title: String,
    /// Code of the department above.
    pub parent: Option<String>,
    /// Login of who heads it.
    pub head: Option<String>,
    /// Login of who oversees it.
    pub supervising_leader: Option<String>,
}

/// An employee or a system account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompanyEmployee {
    /// Names them in the file and for ever.
    pub login: String,
    /// Name for people.
    pub title: String,
    /// Code of their department.
    pub department: Option<String>,
    /// Whether it is another company system.
    #[serde(default)]
    pub system_account: bool,
    /// Days from now for which the confidentiality agreement holds; negative when
    /// it has lapsed, absent when none was signed.
    pub agreement_days: Option<i32>,
    /// Days from now for which the secrecy training holds; likewise.
    pub training_days: Option<i32>,
    /// Login of whom to ask about a system account.
    pub responsible: Option<String>,
    /// What they hold.
    #[serde(default)]
    pub roles: Vec<CompanyRole>,
}

/// A role somebody holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompanyRole {
    /// `agent`
    pub role: String,
    /// Codes of the departments over which; none: their own.
    #[serde(default)]
    pub departments: Vec<String>,
}

/// Why a company cannot be.
#[derive(Debug, thiserror::Error)]
pub enum CompanyProblem {
    /// Not TOML, or not of this shape.
    #[error("company: {0}")]
    Shape(#[from] toml::de::Error),
    /// Something in it that cannot be.
    #[error("company: {of}: {what}")]
    Content {
        /// Code or login.
        of: String,
        /// What is wrong.
        what: String,
    },
}

impl Company {
    /// A company from a file.
    ///
    /// # Errors
    /// When it is not one; whether it can be is for [`Company::check`].
    pub fn from_toml(text: &str) -> Result<Self, CompanyProblem> {
        Ok(toml::from_str(text)?)
    }

    /// Brings departments into an order in which parents come first, puts people
    /// before the system accounts they are responsible for, and refuses
    /// what the register would refuse.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(mut self, roles: &Roles) -> Result<Self, CompanyProblem> {
        self.departments = parents_first(
            self.departments,
            |one| one.code.clone(),
            |one| one.parent.clone(),
        )
        .map_err(|lost| content("departments", lost))?;
        let codes = handles(self.departments.iter().map(|one| &one.code))?;
        handles(self.employees.iter().map(|one| &one.login))?;
        for department in &self.departments {
            let leaders = department.head.iter().chain(&department.supervising_leader);
            for leader in leaders {
                let person = self
                    .employees
                    .iter()
                    .any(|one| one.login == *leader && !one.system_account);
                known(person, &department.code, leader)?;
            }
        }
        for employee in &self.employees {
            employee.check(&codes, roles)?;
            self.check_responsible(employee)?;
        }
        self.check_devices(&codes)?;
        self.check_delegations(&codes)?;
        self.employees.sort_by_key(|one| one.system_account);
        Ok(self)
    }
}

impl Company {
    /// Each system account has somebody who is responsible for it, and nobody else has.
    fn check_responsible(&self, account: &CompanyEmployee) -> Result<(), CompanyProblem> {
        match (&account.responsible, account.system_account) {
            (None, false) => Ok(()),
            (None, true) => Err(content(&account.login, "nobody is responsible for it")),
            (Some(_), false) => Err(content(&account.login, "answers for themself")),
            (Some(login), true) => known(self.is_person(login), &account.login, login),
        }
    }
}

impl Company {
    fn is_person(&self, login: &str) -> bool {
        let mut people = self.employees.iter().filter(|one| !one.system_account);
        people.any(|one| one.login == login)
    }

    fn check_devices(&self, codes: &HashSet<&str>) -> Result<(), CompanyProblem> {
        let mut numbers = HashSet::new();
        for device in &self.devices {
            let of = &device.asset_number;
            if !numbers.insert(of) {
                return Err(content(of, "is there twice"));
            }
            if !is_handle(&device.kind) {
                return Err(content(of, format!("{} is no kind", device.kind)));
            }
            if device.holder.is_some() && device.department.is_some() {
                return Err(content(of, "has two holders"));
            }
            if let Some(login) = &device.holder {
                known(self.is_person(login), of, login)?;
            }
            if let Some(code) = &device.department {
                known(codes.contains(code.as_str()), of, code)?;
            }
        }
        Ok(())
    }

    fn check_delegations(&self, codes: &HashSet<&str>) -> Result<(), CompanyProblem> {
        let longest = i32::try_from(LONGEST.as_hours() / 24).unwrap_or(i32::MAX);
        for one in &self.delegations {
            known(self.is_person(&one.from), &one.from, &one.from)?;
            known(self.is_person(&one.to), &one.from, &one.to)?;
            if let Some(code) = &one.department {
                known(codes.contains(code.as_str()), &one.from, code)?;
            }
            if one.from == one.to || !(1..=longest).contains(&one.days) {
                return Err(content(&one.from, "delegates to themself, or for too long"));
            }
            let leads = self.departments.iter().any(|department| {
                [&department.head, &department.supervising_leader]
                    .into_iter()
                    .any(|leader| leader.as_ref() == Some(&one.from))
            });
            if !leads {
                return Err(content(&one.from, "holds no post to delegate"));
            }
        }
        Ok(())
    }
}

impl CompanyEmployee {
    fn check(&self, codes: &HashSet<&str>, roles: &Roles) -> Result<(), CompanyProblem> {
        if !self.system_account && self.department.is_none() {
            return Err(content(&self.login, "belongs to no department"));
        }
        let named = self
            .department
            .iter()
            .chain(self.roles.iter().flat_map(|role| &role.departments));
        for code in named {
            known(codes.contains(code.as_str()), &self.login, code)?;
        }
        let mut held: Vec<Binding> = Vec::new();
        for wanted in &self.roles {
            let role = roles
                .role(&wanted.role)
                .ok_or_else(|| content(&self.login, format!("no {}", wanted.role)))?;
            if role.holder == Holder::SystemAccount && !self.system_account {
                return Err(content(
                    &self.login,
                    format!("{} is for system accounts", role.id),
                ));
            }
            let binding = Binding {
                id: Uuid::nil(),
                subject: Uuid::nil(),
                role: role.id.clone(),
                departments: Vec::new(),
                starts_at: Timestamp::UNIX_EPOCH,
                ends_at: None,
                revoked_at: None,
            };
            if let Some(apart) = collision(roles, &held, &binding) {
                return Err(content(
                    &self.login,
                    format!("{} and {}: {}", apart.role, role.id, apart.why),
                ));
            }
            held.push(binding);
        }
        Ok(())
    }
}

/// So many days from now.
pub fn in_days(now: Timestamp, days: Option<i32>) -> Option<Timestamp> {
    let hours = i64::from(days?) * 24;
    now.checked_add(SignedDuration::from_hours(hours)).ok()
}

fn handles<'a>(all: impl Iterator<Item = &'a String>) -> Result<HashSet<&'a str>, CompanyProblem> {
    let mut seen = HashSet::new();
    for handle in all {
        if !is_handle(handle) {
            return Err(content(handle, "is not lower-case ascii"));
        }
        if !seen.insert(handle.as_str()) {
            return Err(content(handle, "is there twice"));
        }
    }
    Ok(seen)
}

fn known(is_known: bool, of: &str, name: &str) -> Result<(), CompanyProblem> {
    if is_known {
        Ok(())
    } else {
        Err(content(of, format!("names {name}, which is not there")))
    }
}

fn content(of: &str, what: impl ToString) -> CompanyProblem {
    CompanyProblem::Content {
        of: of.to_owned(),
        what: what.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
        [[departments]]
        code = 'care'
        title = '客服部'
        parent = 'office'
        head = 'li'

        [[departments]]
        code = 'office'
        title = '总公司'

        [[employees]]
        login = 'li'
        title = '李伟'
        department = 'care'
        roles = [{ role = 'agent' }]

        [[employees]]
        login = 'ma'
        title = '马超'
        department = 'care'

        [[devices]]
        asset_number = 'KF-1'
        kind = 'headset'
        title = '耳机'
        holder = 'li'

        [[delegations]]
        from = 'li'
        to = 'ma'
        days = 7
        reason = '年假'
    ";

    fn check(text: &str) -> Result<Company, CompanyProblem> {
        Company::from_toml(text)?.check(&Roles::shipped().unwrap())
    }

    /// Clause CC-1.1.
    #[test]
    fn departments_come_parents_first() {
        let company = check(GOOD).unwrap();
        let codes: Vec<_> = company
            .departments
            .iter()
            .map(|one| one.code.as_str())
            .collect();
        assert_eq!(codes, ["office", "care"]);
    }

    #[test]
    fn what_the_register_would_refuse_is_refused() {
        for (from, to) in [
            ("title = '总公司'", "title = '总公司'\nparent = 'care'"),
            ("parent = 'office'", "parent = 'nowhere'"),
            ("code = 'office'", "code = 'care'"),
            ("head = 'li'", "head = 'wang'"),
            ("head = 'li'", "boss = 'li'"),
            ("login = 'li'", "login = 'Li'"),
            ("department = 'care'", ""),
            (
                "department = 'care'",
                "department = 'care'\nresponsible = 'li'",
            ),
            ("department = 'care'", "system_account = true"),
            ("department = 'care'", "department = 'cave'"),
            ("{ role = 'agent' }", "{ role = 'agents' }"),
            ("{ role = 'agent' }", "{ role = 'integration' }"),
            ("holder = 'li'", "holder = 'wang'"),
            ("holder = 'li'", "holder = 'li'\ndepartment = 'care'"),
            ("kind = 'headset'", "kind = '耳机'"),
            ("to = 'ma'", "to = 'li'"),
            ("from = 'li'", "from = 'ma'"),
            ("days = 7", "days = 93"),
            (
                "{ role = 'agent' }",
                "{ role = 'agent', departments = ['cave'] }",
            ),
            (
                "{ role = 'agent' }",
                "{ role = 'agent' }, { role = 'auditor' }",
            ),
        ] {
            assert!(GOOD.contains(from), "{from}");
            assert!(check(&GOOD.replace(from, to)).is_err(), "{from} → {to}");
        }
    }
}
