//! The questions of a table asked, and the answers held against it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kefu_access::{About, ClassSet, Decision, Explanation, Outcome, Purpose, Query, Scope, Whom};
use kefu_contracts::{METHODS, Method, common::Reason};
use kefu_service::error::reason_name;
use uuid::Uuid;

use super::{Allowed, Case, Expected, Mismatch, Post, Report, Table};
use crate::{domain::words, offline::World};

pub(super) fn run(table: &Table, world: &World) -> Report {
    let mut report = Report {
        posts: world.roles.roles.len(),
        permissions: permissions().len(),
        uncovered: uncovered(table, world),
        ..Report::default()
    };
    for post in &table.posts {
        for method in METHODS.iter().filter(|method| !method.internal) {
            for purpose in purposes() {
                report.asked += 1;
                let found = ask_post(post, method, purpose, world);
                report.mismatches.extend(found);
            }
        }
    }
    for case in &table.cases {
        report.asked += 1;
        report.mismatches.extend(ask_case(case, world));
    }
    report
}

fn permissions() -> BTreeSet<&'static str> {
    let public = METHODS.iter().filter(|method| !method.internal);
    public.map(|method| method.permission).collect()
}

/// Every purpose, and none.
fn purposes() -> impl Iterator<Item = Purpose> {
    (0..).map_while(|number| Purpose::try_from(number).ok())
}

/// A post speaks of every permission, a case of its own, for each role of its subject.
fn uncovered(table: &Table, world: &World) -> Vec<(String, &'static str)> {
    let covers = |role: &str, permission: &str| {
        let post = table.posts.iter().any(|post| post.role == role);
        post || table.cases.iter().any(|case| {
            let held = world.people.get(&case.login).map(|(_, held)| held);
            case.method.permission == permission
                && held.is_some_and(|held| held.iter().any(|one| one == role))
        })
    };
    let mut all = Vec::new();
    for role in &world.roles.roles {
        for permission in permissions() {
            if !covers(&role.id, permission) {
                all.push((role.id.clone(), permission));
            }
        }
    }
    all
}

fn query(subject: Uuid, method: &'static Method, purpose: Purpose) -> Query<'static> {
    Query {
        subject,
        permission: method.permission,
        purpose,
        purpose_required: method.purpose_required,
    }
}

fn ask_post(
    post: &Post,
    method: &'static Method,
    purpose: Purpose,
    world: &World,
) -> Option<Mismatch> {
    let of = |one: &&Allowed| one.permissions.iter().any(|one| one == method.permission);
    let entry = post.allow.iter().find(of);
    let query = query(post.subject, method, purpose);
    let expected = match entry {
        None => refused(Reason::PermissionMissing),
        Some(allowed) if allowed.admits(purpose) => let_through(&allowed.scopes, allowed.classes),
        Some(_) => refused(Reason::PurposeNotAllowed),
    };
    let got = match world.policy.decide(&query, world.start) {
        Decision::Deny(denial) => refused(denial.reason),
        Decision::Allow(allowance) => {
            let scopes = allowance.rules.iter().map(|rule| scope_name(&rule.scope));
            let classes = allowance.rules.iter();
            let_through(
                &scopes.collect(),
                classes.fold(ClassSet::NONE, |all, rule| all.union(rule.classes)),
            )
        }
    };
    (got != expected).then(|| Mismatch {
        question: format!(
            "{} · {} · {} · {}",
            post.role,
            post.login,
            method.permission,
            purpose_name(purpose)
        ),
        expected,
        got,
        explanation: world.policy.account(&query, About::Anything, world.start),
    })
}

impl Allowed {
    fn admits(&self, purpose: Purpose) -> bool {
        let named = self.purposes.as_ref();
        named.is_none_or(|purposes| purposes.contains(&purpose))
    }
}

fn ask_case(case: &Case, world: &World) -> Option<Mismatch> {
    let about = case.record.as_ref().map_or(About::Anything, About::Record);
    let query = query(case.subject, case.method, case.purpose);
    let explanation = world.policy.account(&query, about, case.at);
    let (expected, got) = compare(case, &explanation, world);
    (expected != got).then(|| Mismatch {
        question: format!(
            "{} · {} · {} · {}{}",
            case.name,
            case.login,
            case.method.permission,
            purpose_name(case.purpose),
            later(case.at, world.start)
        ),
        expected: expected.join("; "),
        got: got.join("; "),
        explanation,
    })
}

/// What the case says, and what came of just that, part by part.
fn compare(case: &Case, explanation: &Explanation, world: &World) -> (Vec<String>, Vec<String>) {
    let (mut expected, mut got) = (Vec::new(), Vec::new());
    let mut both = |wanted: String, came: String| {
        expected.push(wanted);
        got.push(came);
    };
    match (&case.expect, &explanation.outcome) {
        (Expected::Allowed { classes, sources }, Outcome::Allowed(clearance)) => {
            both("let through".into(), "let through".into());
            if let Some(classes) = classes {
                both(class_names(*classes), class_names(clearance.classes));
            }
            if let Some(sources) = sources {
                both(sources.join(", "), clearance.sources.join(", "));
            }
        }
        (Expected::Refused { reason, ask }, Outcome::Refused { reason: came, .. }) => {
            both(refused(reason.unwrap_or(*came)), refused(*came));
            if let Some(ask) = ask {
                let came = logins(&explanation.ask, world);
                both(format!("ask {}", ask.join(", ")), format!("ask {came}"));
            }
        }
        (Expected::Allowed { .. }, Outcome::Refused { reason, .. }) => {
            both("let through".into(), refused(*reason));
        }
        (Expected::Refused { reason, .. }, Outcome::Allowed(_)) => {
            let wanted = reason.map_or("refused".into(), refused);
            both(wanted, "let through".into());
        }
    }
    for (rule, verdict) in &case.rules {
        let name = |name: &str| format!("{rule} {}", name.trim_start_matches("RULE_VERDICT_"));
        let found = explanation.considered.iter();
        let came = found
            .filter(|one| one.source == *rule)
            .map(|one| name(words::verdict(&one.verdict).as_str_name()));
        let came: BTreeSet<String> = came.collect();
        let came = match came.is_empty() {
            true => format!("{rule} is not held"),
            false => came.into_iter().collect::<Vec<_>>().join(", "),
        };
        both(name(verdict.as_str_name()), came);
    }
    (expected, got)
}

fn logins(ask: &[Whom], world: &World) -> String {
    let login = |whom: &Whom| {
        let mut people = world.people.iter();
        let found = people.find(|(_, (id, _))| *id == whom.id);
        found.map_or_else(|| whom.to_string(), |(login, _)| login.clone())
    };
    ask.iter().map(login).collect::<Vec<_>>().join(", ")
}

fn refused(reason: Reason) -> String {
    format!("refused: {}", reason_name(reason))
}

fn let_through(scopes: &BTreeSet<String>, classes: ClassSet) -> String {
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    format!(
        "let through on {}; {}",
        scopes.join(", "),
        class_names(classes)
    )
}

fn class_names(classes: ClassSet) -> String {
    let name = |class: kefu_contracts::policy::DataClass| {
        let name = class.as_str_name();
        name.trim_start_matches("DATA_CLASS_").to_owned()
    };
    let names: Vec<String> = classes.iter().map(name).collect();
    match names.is_empty() {
        true => "clears no class".to_owned(),
        false => format!("clears {}", names.join(", ")),
    }
}

fn scope_name(scope: &Scope) -> String {
    match scope {
        Scope::None => "none".into(),
        Scope::All => "all".into(),
        Scope::Departments(_) => "departments".into(),
        Scope::Owner(_) => "owner".into(),
        Scope::Duty(_) => "duty".into(),
        Scope::Customers(_) => "customers".into(),
        Scope::Consented(_, inner) => format!("consented {}", scope_name(inner)),
        Scope::Union(_) => "union".into(),
    }
}

fn purpose_name(purpose: Purpose) -> String {
    match purpose {
        Purpose::Unspecified => "no purpose".into(),
        purpose => words::purpose_name(purpose),
    }
}

fn later(at: Timestamp, start: Timestamp) -> String {
    match at == start {
        true => String::new(),
        false => format!(" · at {at}"),
    }
}
