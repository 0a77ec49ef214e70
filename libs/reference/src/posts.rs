//! Who may call what, by the roles that the suite ships, and somebody of the example company for
//! each.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::Context;
use serde::Deserialize;

/// The role that every person holds.
const EVERYBODY: &str = "employee";

#[derive(Deserialize)]
struct RolesFile {
    roles: Vec<Role>,
}

#[derive(Deserialize)]
struct Role {
    id: String,
    #[serde(default)]
    includes: Vec<String>,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    scope: String,
    permissions: Vec<String>,
    purposes: Vec<String>,
}

#[derive(Deserialize)]
struct CompanyFile {
    employees: Vec<Employee>,
}

#[derive(Deserialize)]
struct Employee {
    login: String,
    roles: Vec<Held>,
}

#[derive(Deserialize)]
struct Held {
    role: String,
}

/// A role that holds a permission.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    /// `agent`
    pub(crate) role: String,
    /// `duty`; several where several rules hold it.
    pub(crate) scopes: BTreeSet<String>,
    /// `SERVICE`; `*` for all.
    pub(crate) purposes: BTreeSet<String>,
}

/// The shipped roles.
pub struct Posts {
    roles: Vec<Role>,
    /// The first of the example company who holds a role.
    holders: BTreeMap<String, String>,
}

impl Posts {
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let text = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).with_context(|| path.display().to_string())
        };
        let roles: RolesFile = toml::from_str(&text("roles.toml")?)?;
        let company: CompanyFile = toml::from_str(&text("example_company.toml")?)?;
        let mut holders = BTreeMap::new();
        for employee in company.employees {
            for held in employee.roles {
                holders
                    .entry(held.role)
                    .or_insert_with(|| employee.login.clone());
            }
        }
        Ok(Self {
            roles: roles.roles,
            holders,
        })
    }

    /// The roles whose own rules hold a permission: `employee` alone where everybody's do.
    pub(crate) fn of(&self, permission: &str) -> Vec<Post> {
        let mut posts: Vec<Post> = Vec::new();
        for role in &self.roles {
            let rules = role
                .rules
                .iter()
                .filter(|rule| holds(&rule.permissions, permission));
            for rule in rules {
                let known = posts.iter_mut().find(|post| post.role == role.id);
                let purposes = rule.purposes.iter().cloned();
                match known {
                    Some(post) => {
                        post.scopes.insert(rule.scope.clone());
                        post.purposes.extend(purposes);
                    }
                    None => posts.push(Post {
                        role: role.id.clone(),
                        scopes: BTreeSet::from([rule.scope.clone()]),
                        purposes: purposes.collect(),
                    }),
                }
            }
        }
        posts
    }

    /// Somebody of the example company who may call it, and for what: who was given the role, before
    /// who holds it because everybody does.
    pub fn caller(&self, permission: &str) -> Option<(&str, String)> {
        let posts = self.of(permission);
        let own = posts.iter().filter(|post| post.role != EVERYBODY);
        let everybody = posts.iter().filter(|post| post.role == EVERYBODY);
        own.chain(everybody)
            .find_map(|post| Some((self.holder(&post.role)?, purpose(&post.purposes))))
    }

    /// Somebody who holds a role, or one that includes it.
    fn holder(&self, role: &str) -> Option<&str> {
        let direct = self.holders.get(role);
        let including = || {
            let other = self
                .roles
                .iter()
                .find(|other| other.includes.iter().any(|of| of == role))?;
            self.holders.get(&other.id)
        };
        direct.or_else(including).map(String::as_str)
    }
}

fn holds(permissions: &[String], permission: &str) -> bool {
    permissions
        .iter()
        .any(|held| held == permission || held == "*")
}

/// As it is typed: the one that `kefu call` states by itself where that will do.
fn purpose(purposes: &BTreeSet<String>) -> String {
    let served = purposes
        .iter()
        .any(|purpose| purpose == "*" || purpose == "SERVICE");
    match purposes.first() {
        Some(first) if !served => first.to_ascii_lowercase(),
        _ => "service".to_owned(),
    }
}
