//! `roles.toml` read and checked against the contracts.

use std::collections::HashSet;

use kefu_contracts::{
    ClassSet, METHODS,
    policy::{DataClass, Effect, Purpose},
};
use serde::Deserialize;

use super::roles::{Apart, Holder, Role, RoleRule, Roles, RuleScope};

/// What is wrong with a file of roles.
#[derive(Debug, thiserror::Error)]
pub enum RolesProblem {
    /// Not TOML, or not of this shape.
    #[error("roles: {0}")]
    Shape(#[from] toml::de::Error),
    /// A rule that cannot be meant.
    #[error("roles: {place}: {what}")]
    Content {
        /// `agent#duty`
        place: String,
        /// What is wrong there.
        what: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RolesFile {
    roles: Vec<RoleEntry>,
    #[serde(default)]
    apart: Vec<ApartEntry>,
    #[serde(default)]
    share: ShareEntry,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShareEntry {
    permissions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleEntry {
    id: String,
    #[serde(default)]
    holder: Holder,
    /// Roles of this file, further up, whose rules it has as well.
    #[serde(default)]
    includes: Vec<String>,
    rules: Vec<RuleEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleEntry {
    id: String,
    scope: RuleScope,
    permissions: Vec<String>,
    classes: Vec<String>,
    purposes: Vec<String>,
    #[serde(default)]
    consented_only: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApartEntry {
    role: String,
    from: Vec<String>,
    why: String,
}

impl Roles {
    /// Roles from a file.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn from_toml(text: &str) -> Result<Self, RolesProblem> {
        let file: RolesFile = toml::from_str(text)?;
        let mut ids = HashSet::new();
        let mut roles: Vec<Role> = Vec::new();
        for entry in file.roles {
            if !ids.insert(entry.id.clone()) {
                return Err(content(&entry.id, "is there twice"));
            }
            roles.push(role(entry, &roles)?);
        }
        let mut apart = Vec::new();
        for entry in file.apart {
            if let Some(unknown) = entry
                .from
                .iter()
                .chain([&entry.role])
                .find(|role| !ids.contains(*role))
            {
                return Err(content("apart", format!("no role {unknown}")));
            }
            let pair = |other| Apart {
                roles: [entry.role.clone(), other],
                why: entry.why.clone(),
            };
            apart.extend(entry.from.iter().cloned().map(pair));
        }
        let lent = file.share.permissions;
        if let Some(changes) = lent.iter().find(|one| !only_reads(one)) {
            return Err(content(
                "share",
                format!("no public method reads by {changes}"),
            ));
        }
        Ok(Self { roles, apart, lent })
    }
}

/// Whether the permission is needed by public methods that read, and by no other.
fn only_reads(permission: &str) -> bool {
    let mut needing = METHODS
        .iter()
        .filter(|method| method.permission == permission)
        .peekable();
    needing.peek().is_some()
        && needing.all(|method| !method.internal && method.effect == Effect::Read)
}

fn role(entry: RoleEntry, above: &[Role]) -> Result<Role, RolesProblem> {
    let mut ids = HashSet::new();
    let mut rules: Vec<RoleRule> = Vec::new();
    for included in &entry.includes {
        let role = above.iter().find(|role| role.id == *included);
        let role =
            role.ok_or_else(|| content(&entry.id, format!("no role {included} further up")))?;
        ids.extend(role.rules.iter().map(|rule| rule.id.clone()));
        rules.extend(role.rules.iter().cloned());
    }
    for rule_entry in entry.rules {
        let place = format!("{}#{}", entry.id, rule_entry.id);
        if !ids.insert(rule_entry.id.clone()) {
            return Err(content(&place, "is there twice"));
        }
        rules.push(rule(rule_entry, &place)?);
    }
    Ok(Role {
        id: entry.id,
        holder: entry.holder,
        rules,
    })
}

fn rule(entry: RuleEntry, place: &str) -> Result<RoleRule, RolesProblem> {
    for permission in &entry.permissions {
        let method = METHODS
            .iter()
            .find(|method| method.permission == permission);
        if method.is_none_or(|method| method.internal) {
            return Err(content(
                place,
                format!("no public method needs {permission}"),
            ));
        }
    }
    let purposes = purposes(&entry.purposes).map_err(|what| content(place, what))?;
    if purposes.is_empty() || entry.permissions.is_empty() {
        return Err(content(place, "lets nothing through"));
    }
    Ok(RoleRule {
        id: entry.id,
        permissions: entry.permissions,
        scope: entry.scope,
        classes: classes(&entry.classes).map_err(|what| content(place, what))?,
        purposes,
        consented_only: entry.consented_only,
    })
}

/// `"*"`: every class of personal data.
fn classes(names: &[String]) -> Result<ClassSet, String> {
    if names == ["*"] {
        let every =
            (1..DataClass::System as i32).filter_map(|number| DataClass::try_from(number).ok());
        return Ok(every.collect());
    }
    let class = |name: &String| {
        DataClass::from_str_name(&format!("DATA_CLASS_{name}"))
            .filter(|class| !matches!(class, DataClass::Unspecified | DataClass::System))
            .ok_or_else(|| format!("no class {name}"))
    };
    names.iter().map(class).collect()
}

/// `"*"`: every purpose there is.
fn purposes(names: &[String]) -> Result<Vec<Purpose>, String> {
    if names == ["*"] {
        return Ok((1..)
            .map_while(|number| Purpose::try_from(number).ok())
            .collect());
    }
    let purpose = |name: &String| {
        Purpose::from_str_name(&format!("PURPOSE_{name}"))
            .filter(|purpose| *purpose != Purpose::Unspecified)
            .ok_or_else(|| format!("no purpose {name}"))
    };
    names.iter().map(purpose).collect()
}

fn content(place: &str, what: impl Into<String>) -> RolesProblem {
    RolesProblem::Content {
        place: place.to_owned(),
        what: what.into(),
    }
}
