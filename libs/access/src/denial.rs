//! Why not, in words a person can act on, and whom to ask (promise 5).

use std::fmt;

use jiff::Timestamp;
use kefu_contracts::{common::Reason, policy::Purpose};
use uuid::Uuid;

use crate::{
    decide::Query,
    grant::Grant,
    policy::{Held, Person},
    snapshot::Snapshot,
    tree::Department,
};

/// A refusal.
#[derive(Clone, Debug, PartialEq)]
pub struct Denial {
    /// `SubjectUnknown`, `PermissionMissing` or `PurposeNotAllowed`.
    pub reason: Reason,
    /// Which rule refused: `purpose sales is not among role:agent#duty`.
    pub rule: String,
    /// Whom to ask: the nearest head first, then the nearest supervising leader; empty for
    /// those the company does not know.
    pub ask: Vec<Whom>,
}

/// Somebody to ask, and what they are to say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whom {
    /// The employee.
    pub id: Uuid,
    /// Their post over the department.
    pub post: Post,
    /// The department's title.
    pub department: String,
}

/// Who answers for a department.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Post {
    /// Leads it.
    Head,
    /// Answers for it in the company's leadership.
    SupervisingLeader,
}

/// `employees/{uuid} (head of 客服部)`
impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_english(&self.name()))
    }
}

impl Whom {
    /// Their resource name.
    pub fn name(&self) -> String {
        format!("employees/{}", self.id)
    }

    /// Who it is, by whatever they are called: `li.wei (head of 客服部)`.
    pub fn in_english(&self, called: &str) -> String {
        let post = match self.post {
            Post::Head => "head",
            Post::SupervisingLeader => "supervising leader",
        };
        format!("{called} ({post} of {})", self.department)
    }

    /// The same in Chinese: `li.wei（客服部负责人）`.
    pub fn in_chinese(&self, called: &str) -> String {
        let post = match self.post {
            Post::Head => "负责人",
            Post::SupervisingLeader => "分管领导",
        };
        format!("{called}（{}{post}）", self.department)
    }
}

impl Snapshot {
    /// The person, when the company has them now.
    pub(crate) fn with_company(&self, id: Uuid, now: Timestamp) -> Option<&Person> {
        self.dossier(id)?.with_company(now)
    }

    /// The same, or else why the company does not have them.
    pub(crate) fn present(&self, id: Uuid, now: Timestamp) -> Result<&Person, Denial> {
        self.with_company(id, now).ok_or_else(|| {
            let rule = match self.person(id) {
                Some(person) if !person.has_joined(now) => {
                    format!("subject {id} has not joined yet")
                }
                Some(_) => format!("subject {id} has left"),
                None => format!("subject {id} is not in the register"),
            };
            Denial {
                reason: Reason::SubjectUnknown,
                rule,
                ask: Vec::new(),
            }
        })
    }

    /// Why the question is refused, where it is.
    pub(crate) fn denial(&self, query: &Query<'_>, now: Timestamp) -> Denial {
        match self.present(query.subject, now) {
            Ok(person) => self.explain(person, query, now),
            Err(denial) => denial,
        }
    }

    /// Why nothing speaks for the person.
    fn explain(&self, person: &Person, query: &Query<'_>, now: Timestamp) -> Denial {
        let held = self.held_by(person.subject.id);
        let (standing, other): (Vec<&Held>, Vec<&Held>) =
            held.iter().partition(|held| held.term.stands(now));
        let of_roles = standing.iter().flat_map(|held| {
            let rules = held.granting(query.permission).iter();
            rules.map(|rule| rule.source.as_str())
        });
        let of_grants = self.granting(person, query.permission);
        let of_grants = of_grants.filter(|grant| self.grant_stands(grant, now));
        let of_grants = of_grants.map(|grant| grant.source.as_str());
        let granting: Vec<&str> = each_once(of_roles.chain(of_grants));
        let (reason, rule) = if granting.is_empty() {
            let rule = self.grant_over(person, query, now).unwrap_or_else(|| {
                self.permission_missing(&standing, &other, query.permission, now)
            });
            (Reason::PermissionMissing, rule)
        } else {
            let rule = purpose_not_allowed(query.purpose, &granting.join(", "));
            (Reason::PurposeNotAllowed, rule)
        };
        Denial {
            reason,
            rule,
            ask: self.whom_to_ask(person, None, now),
        }
    }

    fn granting<'a>(
        &'a self,
        person: &Person,
        permission: &'a str,
    ) -> impl Iterator<Item = &'a Grant> {
        let granted = self.granted_to(person.subject.id);
        granted.filter(move |grant| grant.permissions.contains(permission))
    }

    fn grant_stands(&self, grant: &Grant, now: Timestamp) -> bool {
        grant
            .period(self.companion_of(grant))
            .is_some_and(|period| period.contains(now))
    }

    /// Names the grant that ended last, or that is still to begin or to be accompanied:
    /// who was just let in asks why no longer.
    fn grant_over(&self, person: &Person, query: &Query<'_>, now: Timestamp) -> Option<String> {
        let grants = self.granting(person, query.permission);
        let latest = grants.max_by_key(|grant| (grant.ends_at, grant.id))?;
        let (permission, source) = (query.permission, &latest.source);
        let alone = latest.companion.filter(|_| now < latest.ends_at);
        Some(match (latest.period(self.companion_of(latest)), alone) {
            (Some(period), _) if now < period.start => {
                format!(
                    "permission {permission}: {source} begins at {}",
                    period.start
                )
            }
            (_, Some(companion)) => {
                format!(
                    "permission {permission}: {source} needs the consent of employees/{companion}"
                )
            }
            _ => format!(
                "permission {permission}: {source} ended at {}",
                latest.ends_at
            ),
        })
    }

    /// Names the binding that would have granted it at another time, where there is
    /// one: a lapsed role is asked for again elsewhere than one never held.
    fn permission_missing(
        &self,
        standing: &[&Held],
        other: &[&Held],
        permission: &str,
        now: Timestamp,
    ) -> String {
        let lapsed = other
            .iter()
            .find(|held| !held.granting(permission).is_empty());
        if let Some(Held { binding, term, .. }) = lapsed {
            let (role, start) = (&binding.role, term.starts_at);
            return match (term.yet_to_start(now), term.ends_at) {
                (None, Some(end)) => format!("permission {permission}: role:{role} ended at {end}"),
                _ => format!("permission {permission}: role:{role} begins at {start}"),
            };
        }
        let roles = each_once(standing.iter().map(|held| held.binding.role.as_str()));
        match roles.is_empty() {
            true => format!("permission {permission}: no role is held"),
            false => format!(
                "permission {permission} is not among role:{}",
                roles.join(", role:")
            ),
        }
    }

    /// Whom the subject asks about a record of this department; nobody where the
    /// company does not know the subject.
    pub(crate) fn whom_to_ask_about(
        &self,
        subject: Uuid,
        department: Option<Uuid>,
        now: Timestamp,
    ) -> Vec<Whom> {
        let person = self.present(subject, now);
        person.map_or_else(
            |denial| denial.ask,
            |person| self.whom_to_ask(person, department, now),
        )
    }

    /// From this department upwards, or else from the person's own.
    fn whom_to_ask(&self, person: &Person, department: Option<Uuid>, now: Timestamp) -> Vec<Whom> {
        let own = person.subject.departments.first().copied();
        let Some(from) = department.or(own) else {
            return Vec::new();
        };
        let head = |department: &Department| department.head;
        let leader = |department: &Department| department.supervising_leader;
        let head = self.nearest(person, from, now, head, Post::Head);
        let leader = self.nearest(person, from, now, leader, Post::SupervisingLeader);
        head.into_iter().chain(leader).collect()
    }

    /// Who holds this post over the department: never the person themselves, who cannot
    /// approve for themselves, nor somebody who is known to be gone.
    fn nearest(
        &self,
        person: &Person,
        from: Uuid,
        now: Timestamp,
        holder: impl Fn(&Department) -> Option<Uuid>,
        post: Post,
    ) -> Option<Whom> {
        let can_help = |id: &Uuid| {
            let gone = self.person(*id).is_some_and(|other| other.has_left(now));
            *id != person.subject.id && !gone
        };
        self.tree().upwards(from).find_map(|department| {
            Some(Whom {
                id: holder(department).filter(can_help)?,
                post,
                department: department.title.clone(),
            })
        })
    }
}

/// `COMPLAINT`: the enum value without its prefix.
pub fn purpose_name(purpose: Purpose) -> &'static str {
    let name = purpose.as_str_name();
    name.strip_prefix("PURPOSE_").unwrap_or(name)
}

fn purpose_not_allowed(purpose: Purpose, rules: &str) -> String {
    match purpose {
        Purpose::Unspecified => format!("no purpose is stated, and one is needed by {rules}"),
        purpose => {
            let name = purpose_name(purpose).to_lowercase();
            format!("purpose {name} is not among {rules}")
        }
    }
}

fn each_once<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    names.fold(Vec::new(), |mut all, name| {
        if !all.contains(&name) {
            all.push(name);
        }
        all
    })
}
