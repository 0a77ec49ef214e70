//! One question to the policy: may this subject do that, for this purpose, now?

use jiff::Timestamp;
use kefu_contracts::{ClassSet, policy::Purpose};
use uuid::Uuid;

use crate::{
    context::{Rule, Subject},
    denial::Denial,
    fold::fold,
    grant::Grant,
    policy::{Held, Person, RoleRule, Secrecy},
    scope::Scope,
    snapshot::Snapshot,
};

/// The question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Query<'a> {
    /// Who asks.
    pub subject: Uuid,
    /// What the method demands: `domain.resource.verb`.
    pub permission: &'a str,
    /// Why, as stated; `Unspecified` when nothing was.
    pub purpose: Purpose,
    /// Whether the method demands a purpose. Where it does not, a rule's purposes
    /// are not asked for, except by rules that live on consent.
    pub purpose_required: bool,
}

/// The answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Yes, on the rows of these rules.
    Allow(Allowance),
    /// No.
    Deny(Denial),
}

/// What the subject may do.
#[derive(Clone, Debug, PartialEq)]
pub struct Allowance {
    /// Who asks.
    pub subject: Subject,
    /// What lets them through; at least one, at most [`MAX_RULES`](crate::MAX_RULES).
    pub rules: Vec<Rule>,
    /// First moment at which the same question could be answered otherwise by time
    /// alone: the start or end of a binding or grant, the lapse of agreement or
    /// training, leaving.
    pub valid_until: Option<Timestamp>,
    /// Revision of the policy it was decided from.
    pub revision: i64,
}

impl Snapshot {
    /// Answers the question from memory: the subject's own bindings, what their
    /// roles say about this permission, and the grants that name them are looked at,
    /// nothing else.
    ///
    /// Sensitive classes are cleared only while both the confidentiality agreement and
    /// the secrecy training are valid, and by a rule of their own that ends with the
    /// first of them (CF-8.1, CC-2.1). System accounts need neither: they are machines
    /// under contract.
    pub fn decide(&self, query: &Query<'_>, now: Timestamp) -> Decision {
        match self.allowance(query, now) {
            Some(allowance) => Decision::Allow(allowance),
            None => Decision::Deny(self.denial(query, now)),
        }
    }

    /// The decision without its reasons, for whoever only wants to know whether: what
    /// lets the subject through; nothing when they are refused.
    pub fn allowance(&self, query: &Query<'_>, now: Timestamp) -> Option<Allowance> {
        let person = self.with_company(query.subject, now)?;
        let mut gathered = Gathered::new(person, query.purpose, now);
        for held in self.held_by(query.subject) {
            // A binding to a role that is not there grants nothing.
            let Some(role) = self.role(&held.binding.role) else {
                continue;
            };
            for rule in role.granting(query.permission) {
                if rule.admits(query.purpose, query.purpose_required) {
                    gathered.take_rule(held, rule);
                }
            }
        }
        for grant in self.granted_to(query.subject) {
            if grant.admits(query.permission, query.purpose) {
                gathered.take_grant(grant, self.companion_of(grant));
            }
        }
        (!gathered.rules.is_empty()).then(|| Allowance {
            subject: person.subject.clone(),
            rules: fold(gathered.rules),
            valid_until: gathered.valid_until,
            revision: self.revision(),
        })
    }

    pub(crate) fn companion_of(&self, grant: &Grant) -> Option<&Person> {
        grant.companion.and_then(|companion| self.person(companion))
    }
}

/// One thing that speaks for the subject now: a rule of a role, or a grant.
struct Speaking<'a> {
    source: &'a str,
    sensitive_source: &'a str,
    classes: ClassSet,
    /// The scope, for this subject.
    scope: &'a dyn Fn(Uuid) -> Scope,
    ends_at: Option<Timestamp>,
}

/// What speaks for the subject, and until when it is all there is.
struct Gathered<'a> {
    person: &'a Person,
    secrecy: Secrecy,
    purpose: Purpose,
    now: Timestamp,
    rules: Vec<Rule>,
    valid_until: Option<Timestamp>,
}

impl<'a> Gathered<'a> {
    fn new(person: &'a Person, purpose: Purpose, now: Timestamp) -> Self {
        Self {
            person,
            secrecy: person.secrecy(now),
            purpose,
            now,
            rules: Vec::new(),
            valid_until: person.leaves_at,
        }
    }

    fn take_rule(&mut self, held: &Held, rule: &RoleRule) {
        if !held.binding.stands(self.now) {
            let start = held.binding.yet_to_start(self.now);
            self.valid_until = earlier(self.valid_until, start);
            return;
        }
        let purpose = self.purpose;
        self.take(&Speaking {
            source: &rule.source,
            sensitive_source: &rule.sensitive_source,
            classes: rule.classes,
            scope: &|subject| rule.scope(subject, held, purpose),
            ends_at: held.binding.ends_at,
        });
    }

    fn take_grant(&mut self, grant: &Grant, companion: Option<&Person>) {
        let Some(period) = grant.period(companion) else {
            return;
        };
        if !period.contains(self.now) {
            self.valid_until = earlier(self.valid_until, period.yet_to_start(self.now));
            return;
        }
        self.take(&Speaking {
            source: &grant.source,
            sensitive_source: &grant.sensitive_source,
            classes: grant.classes,
            scope: &|_| grant.scope(),
            ends_at: Some(period.end),
        });
    }

    fn take(&mut self, speaking: &Speaking<'_>) {
        self.valid_until = earlier(self.valid_until, speaking.ends_at);
        let sensitive = speaking.classes.intersection(ClassSet::SENSITIVE);
        let plain = speaking.classes.without(ClassSet::SENSITIVE);
        match self.secrecy {
            Secrecy::NotNeeded => self.push(speaking, speaking.source, speaking.classes, None),
            Secrecy::Lapsed => self.push(speaking, speaking.source, plain, None),
            Secrecy::Until(_) if sensitive.is_empty() => {
                self.push(speaking, speaking.source, plain, None);
            }
            // Two rules, so that the rest outlives the lapse of the sensitive part.
            Secrecy::Until(lapse) => {
                self.push(speaking, speaking.source, plain, None);
                self.push(speaking, speaking.sensitive_source, sensitive, Some(lapse));
                self.valid_until = earlier(self.valid_until, Some(lapse));
            }
        }
    }

    fn push(
        &mut self,
        speaking: &Speaking<'_>,
        source: &str,
        classes: ClassSet,
        lapse: Option<Timestamp>,
    ) {
        let end = earlier(speaking.ends_at, self.person.leaves_at);
        self.rules.push(Rule {
            scope: (speaking.scope)(self.person.subject.id),
            classes,
            source: source.to_owned(),
            expires_at: earlier(end, lapse),
        });
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
pub(crate) mod tests;
