//! The decision once more, slowly and straight from the messages: no index, no
//! compiled rules, the tree closed by repetition.

use std::collections::BTreeSet;

use kefu_contracts::access::{RoleRule as WireRule, SnapshotBinding, SnapshotGrant, SubjectKind};

use super::*;

/// What the reference says: rules and the reason of a refusal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Rules(Vec<Rule>),
    Refused(Reason),
}

pub(crate) fn decide(policy: &WatchSnapshotResponse, query: &Query<'_>, now: i64) -> Answer {
    let subject = policy
        .subjects
        .iter()
        .find(|it| it.id == query.subject.as_bytes())
        .filter(|it| second(&it.joins_at).is_none_or(|joins| now >= joins))
        .filter(|it| second(&it.leaves_at).is_none_or(|leaves| now < leaves));
    let Some(subject) = subject else {
        return Answer::Refused(Reason::SubjectUnknown);
    };
    let mut granted = false;
    let mut rules = Vec::new();
    for (binding, rule) in standing_rules(policy, subject, query.permission, now) {
        granted = true;
        if purpose_fits(&rule, query) {
            let scope = scope(policy, subject, binding, &rule, query);
            let end = second(&binding.ends_at);
            rules.extend(parts(subject, &rule.id, &rule.classes, &scope, end, now));
        }
    }
    for grant in standing_grants(policy, subject, query.permission, now) {
        granted = true;
        if grant.purpose == query.purpose as i32 {
            rules.extend(grant_parts(policy, subject, &grant, now));
        }
    }
    match (rules.is_empty(), granted) {
        (false, _) => Answer::Rules(rules),
        (true, true) => Answer::Refused(Reason::PurposeNotAllowed),
        (true, false) => Answer::Refused(Reason::PermissionMissing),
    }
}

pub(super) fn second(time: &Option<prost_types::Timestamp>) -> Option<i64> {
    time.as_ref().map(|time| time.seconds)
}

fn standing_rules<'a>(
    policy: &'a WatchSnapshotResponse,
    subject: &SnapshotSubject,
    permission: &str,
    now: i64,
) -> Vec<(&'a SnapshotBinding, WireRule)> {
    let mut bindings: Vec<&SnapshotBinding> = policy.bindings.iter().collect();
    bindings.sort_by_key(|binding| binding.id.clone());
    let mut found = Vec::new();
    for binding in bindings {
        let started = second(&binding.starts_at).is_some_and(|start| start <= now);
        let ended = second(&binding.ends_at).is_some_and(|end| end <= now);
        if binding.subject_id != subject.id || !started || ended {
            continue;
        }
        for role in policy
            .roles
            .iter()
            .filter(|role| role.id == binding.role_id)
        {
            for rule in &role.rules {
                if rule.permissions.iter().any(|it| it == permission) {
                    let mut rule = rule.clone();
                    rule.id = format!("role:{}#{}", role.id, rule.id);
                    found.push((binding, rule));
                }
            }
        }
    }
    found
}

fn purpose_fits(rule: &WireRule, query: &Query<'_>) -> bool {
    if rule.purposes.contains(&(query.purpose as i32)) {
        return true;
    }
    !query.purpose_required && !rule.consented_only
}

fn parts(
    subject: &SnapshotSubject,
    source: &str,
    classes: &[i32],
    scope: &Scope,
    end: Option<i64>,
    now: i64,
) -> Vec<Rule> {
    let is_sensitive = |class: &i32| [2, 3, 4].contains(class);
    let (sensitive, plain): (Vec<i32>, Vec<i32>) = classes.iter().partition(|it| is_sensitive(it));
    let lapse = [
        &subject.agreement_valid_until,
        &subject.training_valid_until,
    ]
    .map(|until| second(until).unwrap_or(i64::MIN));
    let machine = subject.kind == SubjectKind::SystemAccount as i32;
    let sworn = lapse.iter().all(|until| now < *until);
    let ends: Vec<i64> = [end, second(&subject.leaves_at)]
        .into_iter()
        .flatten()
        .collect();
    let make = |classes: &[i32], source: String, ends: &[i64]| Rule {
        scope: scope.clone(),
        classes: ClassSet::from_numbers(classes),
        source,
        expires_at: ends.iter().min().map(|end| at(*end)),
    };
    if machine {
        return vec![make(classes, source.to_owned(), &ends)];
    }
    let mut parts = vec![make(&plain, source.to_owned(), &ends)];
    if sworn && !sensitive.is_empty() {
        let ends = [ends, lapse.to_vec()].concat();
        parts.push(make(&sensitive, format!("{source}+sensitive"), &ends));
    }
    parts
}

fn standing_grants(
    policy: &WatchSnapshotResponse,
    subject: &SnapshotSubject,
    permission: &str,
    now: i64,
) -> Vec<SnapshotGrant> {
    let mut grants = policy.grants.clone();
    grants.sort_by_key(|grant| grant.id.clone());
    grants.retain(|grant| {
        grant.subject_ids.contains(&subject.id)
            && grant.permissions.iter().any(|it| it == permission)
            && second(&grant.starts_at).is_some_and(|start| start <= now)
            && grant_end(policy, grant, now).is_some_and(|end| now < end)
    });
    grants
}

/// The end of a grant that begins no later than now; none where nobody accompanies.
fn grant_end(policy: &WatchSnapshotResponse, grant: &SnapshotGrant, now: i64) -> Option<i64> {
    let own = second(&grant.ends_at)?;
    if grant.companion_id.is_empty() {
        return Some(own);
    }
    let companions = &mut policy.subjects.iter();
    let companion = companions.find(|it| it.id == grant.companion_id)?;
    let here = second(&companion.joins_at).is_none_or(|joins| joins <= now);
    let left = second(&companion.leaves_at).unwrap_or(i64::MAX);
    let end = own.min(second(&grant.accompanied_until)?).min(left);
    here.then_some(end)
}

fn grant_parts(
    policy: &WatchSnapshotResponse,
    subject: &SnapshotSubject,
    grant: &SnapshotGrant,
    now: i64,
) -> Vec<Rule> {
    let uuid = |bytes: &[u8]| Uuid::from_slice(bytes).unwrap();
    let customers = grant.customer_ids.iter().map(|id| uuid(id)).collect();
    let source = match grant.companion_id.as_slice() {
        [] => format!("grant:{}", uuid(&grant.id)),
        companion => format!("grant:{}@{}", uuid(&grant.id), uuid(companion)),
    };
    let mut scope = Scope::Customers(customers);
    if [4, 5].contains(&grant.purpose) {
        let purpose = Purpose::try_from(grant.purpose).unwrap();
        scope = Scope::Consented(purpose, Box::new(scope));
    }
    let end = grant_end(policy, grant, now);
    parts(subject, &source, &grant.classes, &scope, end, now)
}

fn scope(
    policy: &WatchSnapshotResponse,
    subject: &SnapshotSubject,
    binding: &SnapshotBinding,
    rule: &WireRule,
    query: &Query<'_>,
) -> Scope {
    let scope = match rule.scope {
        1 => Scope::All,
        2 => departments(policy, subject, binding),
        3 => Scope::Owner(query.subject),
        _ => Scope::Duty(query.subject),
    };
    match rule.consented_only {
        true => Scope::Consented(query.purpose, Box::new(scope)),
        false => scope,
    }
}

fn departments(
    policy: &WatchSnapshotResponse,
    subject: &SnapshotSubject,
    binding: &SnapshotBinding,
) -> Scope {
    let mut reached: BTreeSet<Vec<u8>> = binding.department_ids.iter().cloned().collect();
    if reached.is_empty() && !subject.department_id.is_empty() {
        reached.insert(subject.department_id.clone());
    }
    for _ in &policy.departments {
        for department in &policy.departments {
            if reached.contains(&department.parent_id) {
                reached.insert(department.id.clone());
            }
        }
    }
    let ids: Vec<Uuid> = reached
        .iter()
        .map(|id| Uuid::from_slice(id).unwrap())
        .collect();
    match ids.is_empty() {
        true => Scope::None,
        false => Scope::Departments(ids),
    }
}
