//! The rules of a subject one by one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kefu_contracts::ClassSet;

use super::{About, Considered, Miss, Verdict};
use crate::{
    decide::{Decision, Query},
    grant::Grant,
    policy::{Held, Person, Role, RoleRule, Secrecy},
    scope::{RowFacts, Scope},
    snapshot::Snapshot,
};

impl Snapshot {
    pub(super) fn consider(
        &self,
        query: &Query<'_>,
        about: About<'_>,
        decision: &Decision,
        now: Timestamp,
    ) -> Vec<Considered> {
        // Of whoever is not with the company no rule is looked at.
        let Ok(person) = self.present(query.subject, now) else {
            return Vec::new();
        };
        let question = Question {
            person,
            query,
            about,
            now,
        };
        let mut considered = Vec::new();
        for held in self.held_by(query.subject) {
            if let Some(role) = &held.role {
                question.role(held, role, &mut considered);
            }
        }
        question.beyond_roles(decision, &mut considered);
        for grant in self.granted_to(query.subject) {
            considered.extend(question.silent(grant, self.companion_of(grant)));
        }
        // Stable: within each half the order stays.
        considered.sort_by_key(|one| one.verdict != Verdict::LetsThrough);
        considered
    }
}

struct Question<'a> {
    person: &'a Person,
    query: &'a Query<'a>,
    about: About<'a>,
    now: Timestamp,
}

impl Question<'_> {
    fn role(&self, held: &Held, role: &Role, into: &mut Vec<Considered>) {
        let granting = role.granting(self.query.permission);
        for rule in granting {
            self.granting(held, rule, into);
        }
        let mut others = BTreeMap::new();
        for rule in role.grants.values().flatten() {
            if !granting.iter().any(|other| other.source == rule.source) {
                others.insert(rule.source.as_str(), rule.classes);
            }
        }
        into.extend(others.into_iter().map(|(source, classes)| Considered {
            source: source.to_owned(),
            binding: Some(held.binding.id),
            verdict: Verdict::PermissionNotGranted,
            classes,
            until: self.end(held),
        }));
    }

    /// A rule that grants the permission: its sensitive classes by themselves, as they
    /// are decided.
    fn granting(&self, held: &Held, rule: &RoleRule, into: &mut Vec<Considered>) {
        let scope = rule.scope(self.person.subject.id, held, self.query.purpose);
        let verdict = self.verdict(held, rule, &scope);
        let sensitive = rule.classes.intersection(ClassSet::SENSITIVE);
        let secrecy = self.person.secrecy(self.now);
        let end = self.end(held);
        let part = |source: &str, classes, verdict, until| Considered {
            source: source.to_owned(),
            binding: Some(held.binding.id),
            verdict,
            classes,
            until,
        };
        if secrecy == Secrecy::NotNeeded || sensitive.is_empty() {
            into.push(part(&rule.source, rule.classes, verdict, end));
            return;
        }
        let plain = rule.classes.without(ClassSet::SENSITIVE);
        let (withheld, until) = match secrecy {
            Secrecy::Until(lapse) => (verdict.clone(), end.into_iter().chain([lapse]).min()),
            // Where the rule says no anyway, that is what there is to say.
            _ if verdict != Verdict::LetsThrough => (verdict.clone(), end),
            _ => (self.lapsed(), None),
        };
        into.push(part(&rule.source, plain, verdict, end));
        into.push(part(&rule.sensitive_source, sensitive, withheld, until));
    }

    fn verdict(&self, held: &Held, rule: &RoleRule, scope: &Scope) -> Verdict {
        let Query {
            purpose,
            purpose_required,
            ..
        } = *self.query;
        if !held.term.stands(self.now) {
            let begins = held.term.yet_to_start(self.now);
            let ended = held.term.ends_at.unwrap_or(held.term.starts_at);
            return begins.map_or(Verdict::Ended(ended), Verdict::NotBegun);
        }
        if !rule.admits(purpose, purpose_required) {
            return Verdict::PurposeNotAllowed(purpose);
        }
        self.reach(scope)
    }

    fn reach(&self, scope: &Scope) -> Verdict {
        let miss = match self.about {
            About::Anything => None,
            About::Unknown => Some(Miss::Unknown),
            About::Record(row) => miss(scope, row),
        };
        miss.map_or(Verdict::LetsThrough, Verdict::OutOfScope)
    }

    /// Which of the two is to be made good first (CF-8.1).
    fn lapsed(&self) -> Verdict {
        let agreement = self.person.agreement_until;
        match agreement.is_some_and(|until| self.now < until) {
            true => Verdict::TrainingLapsed(self.person.training_until),
            false => Verdict::AgreementLapsed(agreement),
        }
    }

    /// A grant that says nothing to the question, and why.
    fn silent(&self, grant: &Grant, companion: Option<&Person>) -> Option<Considered> {
        let period = grant.period(companion);
        let accompanied = Verdict::Unaccompanied(grant.companion.unwrap_or_default());
        let verdict = match period {
            _ if !grant.permissions.contains(self.query.permission) => {
                Verdict::PermissionNotGranted
            }
            _ if grant.purpose != self.query.purpose => {
                Verdict::PurposeNotAllowed(self.query.purpose)
            }
            Some(period) if period.contains(self.now) => return None,
            Some(period) if self.now < period.start => Verdict::NotBegun(period.start),
            _ if grant.companion.is_some() && self.now < grant.ends_at => accompanied,
            _ => Verdict::Ended(grant.ends_at),
        };
        Some(Considered {
            source: grant.source.clone(),
            binding: None,
            verdict,
            classes: grant.classes,
            until: Some(grant.ends_at),
        })
    }

    /// What lets through without being of a role the subject holds.
    fn beyond_roles(&self, decision: &Decision, into: &mut Vec<Considered>) {
        let Decision::Allow(allowance) = decision else {
            return;
        };
        for rule in &allowance.rules {
            if !rule.source.starts_with("role:") {
                into.push(Considered {
                    source: rule.source.clone(),
                    binding: None,
                    verdict: self.reach(&rule.scope),
                    classes: rule.classes,
                    until: rule.expires_at,
                });
            }
        }
    }

    fn end(&self, held: &Held) -> Option<Timestamp> {
        let ends = held.term.ends_at.into_iter();
        ends.chain(self.person.leaves_at).min()
    }
}

/// Why the row is not in the scope; `None` when it is.
fn miss(scope: &Scope, row: &RowFacts) -> Option<Miss> {
    if scope.matches(row) {
        return None;
    }
    Some(match scope {
        Scope::None | Scope::All => Miss::Nothing,
        Scope::Departments(_) => Miss::Department(row.department),
        Scope::Owner(_) => Miss::Owner(row.owner),
        Scope::Duty(_) => Miss::Duty,
        Scope::Customers(_) => Miss::Customer,
        Scope::Consented(purpose, inner) => miss(inner, row).unwrap_or(Miss::Consent(*purpose)),
        Scope::Union(parts) => {
            let first = parts.iter().find_map(|part| miss(part, row));
            first.unwrap_or(Miss::Nothing)
        }
    })
}
