//! A table read and checked against the company it is about.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use kefu_access::{ClassSet, Purpose, RowFacts};
use kefu_contracts::{Method, access::RuleVerdict, common::Reason, policy::DataClass};
use serde::Deserialize;
use uuid::Uuid;

use super::{Allowed, Case, Expected, Post, Table, TableProblem};
use crate::{domain::question::needing, offline::World};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableFile {
    #[serde(default)]
    posts: Vec<PostEntry>,
    #[serde(default)]
    cases: Vec<CaseEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PostEntry {
    role: String,
    login: String,
    /// Posts further up whose lines it has as well; its own stand in their place.
    #[serde(default)]
    includes: Vec<String>,
    #[serde(default)]
    allow: Vec<AllowedEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowedEntry {
    permissions: Vec<String>,
    purposes: Vec<String>,
    scopes: BTreeSet<String>,
    classes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseEntry {
    name: String,
    subject: String,
    permission: String,
    purpose: Option<String>,
    at: Option<String>,
    record: Option<RecordEntry>,
    expect: Answer,
    classes: Option<Vec<String>>,
    sources: Option<Vec<String>>,
    reason: Option<String>,
    ask: Option<Vec<String>>,
    #[serde(default)]
    rules: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Allow,
    Refuse,
}

/// The facts of a record, by login and code.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordEntry {
    /// Code of its department.
    pub department: Option<String>,
    /// Login of whose it is.
    pub owner: Option<String>,
    /// Logins of who has duty on it.
    #[serde(default)]
    pub duty: Vec<String>,
    /// Purposes its customer consented to.
    #[serde(default)]
    pub consents: Vec<String>,
}

pub(super) fn read(text: &str, world: &World) -> Result<Table, TableProblem> {
    let file: TableFile = toml::from_str(text)?;
    let mut posts: Vec<Post> = Vec::new();
    for entry in file.posts {
        let place = format!("post {}", entry.role);
        let read = post(entry, &posts, world).map_err(|what| content(&place, what))?;
        posts.push(read);
    }
    let cases = file.cases.into_iter().map(|entry| {
        let place = format!("case {:?}", entry.name);
        case(entry, world).map_err(|what| content(&place, what))
    });
    let table = Table {
        posts,
        cases: cases.collect::<Result<_, _>>()?,
    };
    // A table that asks nothing would pass whatever the policy says.
    if table.posts.is_empty() && table.cases.is_empty() {
        return Err(content("table", "asks nothing".to_owned()));
    }
    Ok(table)
}

fn post(entry: PostEntry, above: &[Post], world: &World) -> Result<Post, String> {
    let held = world.people.get(&entry.login).map(|(_, held)| held);
    if held.is_none_or(|held| *held != [entry.role.clone()]) {
        return Err(format!("{} does not hold it, and it alone", entry.login));
    }
    let subject = person(&entry.login, world)?;
    let mut allow = Vec::new();
    let mut seen = BTreeSet::new();
    for one in entry.allow {
        for permission in &one.permissions {
            method(permission)?;
            if !seen.insert(permission.clone()) {
                return Err(format!("{permission} is there twice"));
            }
        }
        allow.push(Allowed {
            purposes: match one.purposes == ["*"] {
                true => None,
                false => Some(each(&one.purposes, purpose)?),
            },
            classes: classes(&one.classes)?,
            permissions: one.permissions,
            scopes: one.scopes,
        });
    }
    for included in &entry.includes {
        let post = above.iter().find(|post| post.role == *included);
        let post = post.ok_or_else(|| format!("no post {included} further up"))?;
        allow.extend(post.allow.iter().map(|one| {
            let own = |permission: &&String| !seen.contains(*permission);
            Allowed {
                permissions: one.permissions.iter().filter(own).cloned().collect(),
                ..one.clone()
            }
        }));
    }
    Ok(Post {
        role: entry.role,
        login: entry.login,
        subject,
        allow,
    })
}

fn case(entry: CaseEntry, world: &World) -> Result<Case, String> {
    let misplaced = match entry.expect {
        Answer::Allow => entry.reason.is_some() || entry.ask.is_some(),
        Answer::Refuse => entry.classes.is_some() || entry.sources.is_some(),
    };
    if misplaced {
        return Err(
            "classes and sources are of what is allowed, reason and ask of what is refused".into(),
        );
    }
    let expect = match entry.expect {
        Answer::Allow => Expected::Allowed {
            classes: entry.classes.as_deref().map(classes).transpose()?,
            sources: entry.sources,
        },
        Answer::Refuse => Expected::Refused {
            reason: entry.reason.as_deref().map(reason).transpose()?,
            ask: entry.ask,
        },
    };
    let record = entry.record.map(|record| facts(&record, world));
    let rules = entry.rules.into_iter();
    Ok(Case {
        subject: person(&entry.subject, world)?,
        method: method(&entry.permission)?,
        purpose: entry
            .purpose
            .as_deref()
            .map_or(Ok(Purpose::Unspecified), purpose)?,
        at: entry
            .at
            .as_deref()
            .map_or(Ok(world.start), |at| moment(at, world.start))?,
        record: record.transpose()?,
        rules: rules
            .map(|(rule, name)| Ok((rule, verdict(&name)?)))
            .collect::<Result<_, String>>()?,
        login: entry.subject,
        name: entry.name,
        expect,
    })
}

/// The facts of a record in a company.
///
/// # Errors
/// Whoever or whatever it names that is not there.
pub fn facts(entry: &RecordEntry, world: &World) -> Result<RowFacts, String> {
    let department = entry.department.as_ref().map(|code| {
        let known = world.departments.get(code).copied();
        known.ok_or_else(|| format!("no department {code}"))
    });
    let owner = entry.owner.as_ref().map(|login| person(login, world));
    Ok(RowFacts {
        department: department.transpose()?,
        owner: owner.transpose()?,
        customer: None,
        duty: each(&entry.duty, |login| person(login, world))?,
        consents: each(&entry.consents, purpose)?,
    })
}

/// A moment, or a time from the start on: `2026-03-02T08:00:00Z`, `+120d`, `-4h`.
///
/// # Errors
/// When it is neither.
pub fn moment(text: &str, start: Timestamp) -> Result<Timestamp, String> {
    let strange = || format!("{text:?} is neither a moment nor a time like +120d or -4h");
    if !text.starts_with(['+', '-']) {
        return text.parse().map_err(|_| strange());
    }
    let hours = match text.strip_suffix('d') {
        Some(days) => days
            .parse::<i64>()
            .ok()
            .and_then(|days| days.checked_mul(24)),
        None => text.strip_suffix('h').and_then(|hours| hours.parse().ok()),
    };
    // Bounded, so that no duration overflows: a hundred years.
    let hours = hours.filter(|hours| (-876_600..=876_600).contains(hours));
    let from_start = SignedDuration::from_hours(hours.ok_or_else(strange)?);
    start.checked_add(from_start).map_err(|_| strange())
}

/// The purpose of this name, in either case.
///
/// # Errors
/// When there is none.
pub fn purpose(name: &str) -> Result<Purpose, String> {
    Purpose::from_str_name(&format!("PURPOSE_{}", name.to_uppercase()))
        .filter(|purpose| *purpose != Purpose::Unspecified)
        .ok_or_else(|| format!("no purpose {name}"))
}

/// A public method that needs this permission.
///
/// # Errors
/// When none does.
pub fn method(permission: &str) -> Result<&'static Method, String> {
    needing(permission).ok_or_else(|| format!("no public method needs {permission}"))
}

/// The id of this login.
///
/// # Errors
/// When nobody has it.
pub fn person(login: &str, world: &World) -> Result<Uuid, String> {
    let known = world.people.get(login).map(|(id, _)| *id);
    known.ok_or_else(|| format!("nobody is {login}"))
}

fn classes(names: &[String]) -> Result<ClassSet, String> {
    let class = |name: &str| {
        DataClass::from_str_name(&format!("DATA_CLASS_{name}"))
            .filter(|class| *class != DataClass::Unspecified)
            .ok_or_else(|| format!("no class {name}"))
    };
    Ok(each(names, class)?.into_iter().collect())
}

fn reason(name: &str) -> Result<Reason, String> {
    Reason::from_str_name(&format!("REASON_{name}")).ok_or_else(|| format!("no reason {name}"))
}

fn verdict(name: &str) -> Result<RuleVerdict, String> {
    RuleVerdict::from_str_name(&format!("RULE_VERDICT_{name}"))
        .ok_or_else(|| format!("no verdict {name}"))
}

fn each<T>(names: &[String], read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    names.iter().map(|name| read(name)).collect()
}

fn content(place: &str, what: String) -> TableProblem {
    TableProblem::Content {
        place: place.to_owned(),
        what,
    }
}
