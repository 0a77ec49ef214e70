//! One question to the policy: may this subject do that, for this purpose, now?

use jiff::Timestamp;
use kefu_contracts::{ClassSet, policy::Purpose};
use uuid::Uuid;

use crate::{
    context::{Rule, Subject},
    denial::Denial,
    dossier::{Dossier, Voice},
    fold::fold,
    grant::Grant,
    policy::{Person, Secrecy},
    scope::{RowFacts, Scope},
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

    /// What lets the subject through; nothing when they are refused.
    fn allowance(&self, query: &Query<'_>, now: Timestamp) -> Option<Allowance> {
        let dossier = self.dossier(query.subject)?;
        let person = dossier.with_company(now)?;
        let mut gathered = Gathered::new(person, query.purpose, now);
        self.voices(dossier, *query)
            .for_each(|voice| gathered.take(&voice));
        (!gathered.rules.is_empty()).then(|| Allowance {
            subject: person.subject.clone(),
            rules: fold(gathered.rules),
            valid_until: gathered.valid_until,
            revision: self.revision(),
        })
    }

    /// The decision about one row: the classes cleared on it; `None` where it is out of
    /// scope, or nothing lets the subject through at all. What
    /// [`AccessContext::clearance_of`](crate::AccessContext::clearance_of) says of a context
    /// decided now, without building one.
    pub fn classes_of(
        &self,
        query: &Query<'_>,
        row: &RowFacts,
        now: Timestamp,
    ) -> Option<ClassSet> {
        let dossier = self.dossier(query.subject)?;
        let person = dossier.with_company(now)?;
        let withheld = match person.secrecy(now) {
            Secrecy::Lapsed => ClassSet::SENSITIVE,
            Secrecy::NotNeeded | Secrecy::Until(_) => ClassSet::NONE,
        };
        let mut cleared = None;
        for voice in self.voices(dossier, *query) {
            if voice.stands(now) && voice.reaches(query.subject, query.purpose, row) {
                let classes = voice.classes().without(withheld);
                cleared = Some(classes.union(cleared.unwrap_or_default()));
            }
        }
        cleared
    }

    /// All that speaks of the question, roles first.
    fn voices<'a>(
        &'a self,
        dossier: &'a Dossier,
        query: Query<'a>,
    ) -> impl Iterator<Item = Voice<'a>> {
        let grants = dossier.grants(query).filter_map(|grant| {
            let period = grant.period(self.companion_of(grant))?;
            Some(Voice::Grant(grant, period))
        });
        dossier.rules(query).chain(grants)
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

    fn take(&mut self, voice: &Voice<'_>) {
        if !voice.stands(self.now) {
            self.valid_until = earlier(self.valid_until, voice.yet_to_start(self.now));
            return;
        }
        let purpose = self.purpose;
        match *voice {
            Voice::Rule(held, rule) => self.speak(&Speaking {
                source: &rule.source,
                sensitive_source: &rule.sensitive_source,
                classes: rule.classes,
                scope: &|subject| rule.scope(subject, held, purpose),
                ends_at: held.term.ends_at,
            }),
            Voice::Grant(grant, period) => self.speak(&Speaking {
                source: &grant.source,
                sensitive_source: &grant.sensitive_source,
                classes: grant.classes,
                scope: &|_| grant.scope(),
                ends_at: Some(period.end),
            }),
        }
    }

    fn speak(&mut self, speaking: &Speaking<'_>) {
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
