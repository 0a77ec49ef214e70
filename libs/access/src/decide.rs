//! One question to the policy: may this subject do that, for this purpose, now?

use jiff::Timestamp;
use kefu_contracts::{ClassSet, policy::Purpose};
use uuid::Uuid;

use crate::{
    context::{Rule, Subject},
    denial::Denial,
    fold::fold,
    policy::{Held, Person, RoleRule, Secrecy},
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
    /// alone: a binding's start or end, the lapse of agreement or training, leaving.
    pub valid_until: Option<Timestamp>,
    /// Revision of the policy it was decided from.
    pub revision: i64,
}

impl Snapshot {
    /// Answers the question from memory: the subject's own bindings and what their
    /// roles say about this permission, nothing else, are looked at.
    ///
    /// Sensitive classes are cleared only while both the confidentiality agreement and
    /// the secrecy training are valid, and by a rule of their own that ends with the
    /// first of them (CF-8.1, CC-2.1). System accounts need neither: they are machines
    /// under contract.
    pub fn decide(&self, query: &Query<'_>, now: Timestamp) -> Decision {
        let person = match self.present(query.subject, now) {
            Ok(person) => person,
            Err(denial) => return Decision::Deny(denial),
        };
        let mut gathered = Gathered::new(person, query.purpose, now);
        for held in self.held_by(query.subject) {
            // A binding to a role that is not there grants nothing.
            let Some(role) = self.role(&held.binding.role) else {
                continue;
            };
            for rule in role.granting(query.permission) {
                if rule.admits(query.purpose, query.purpose_required) {
                    gathered.take(held, rule);
                }
            }
        }
        if gathered.rules.is_empty() {
            return Decision::Deny(self.explain(person, query, now));
        }
        Decision::Allow(Allowance {
            subject: person.subject.clone(),
            rules: fold(gathered.rules),
            valid_until: gathered.valid_until,
            revision: self.revision(),
        })
    }
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

    fn take(&mut self, held: &Held, rule: &RoleRule) {
        if !held.binding.stands(self.now) {
            let start = held.binding.yet_to_start(self.now);
            self.valid_until = earlier(self.valid_until, start);
            return;
        }
        self.valid_until = earlier(self.valid_until, held.binding.ends_at);
        let sensitive = rule.classes.intersection(ClassSet::SENSITIVE);
        let plain = rule.classes.without(ClassSet::SENSITIVE);
        match self.secrecy {
            Secrecy::NotNeeded => self.push(held, rule, &rule.source, rule.classes, None),
            Secrecy::Lapsed => self.push(held, rule, &rule.source, plain, None),
            Secrecy::Until(_) if sensitive.is_empty() => {
                self.push(held, rule, &rule.source, plain, None);
            }
            // Two rules, so that the rest outlives the lapse of the sensitive part.
            Secrecy::Until(lapse) => {
                self.push(held, rule, &rule.source, plain, None);
                self.push(held, rule, &rule.sensitive_source, sensitive, Some(lapse));
                self.valid_until = earlier(self.valid_until, Some(lapse));
            }
        }
    }

    fn push(
        &mut self,
        held: &Held,
        rule: &RoleRule,
        source: &str,
        classes: ClassSet,
        lapse: Option<Timestamp>,
    ) {
        let end = earlier(held.binding.ends_at, self.person.leaves_at);
        self.rules.push(Rule {
            scope: rule.scope(self.person.subject.id, held, self.purpose),
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
