//! What was decided, as it travels to the services, and what it clears on a row.

use jiff::Timestamp;
use kefu_contracts::{ClassSet, access::SubjectKind, policy::Purpose};
use uuid::Uuid;

use crate::scope::{RowFacts, Scope};

/// Most rules a context may have: each is a bit of an int8 in the services' queries.
/// Any beyond would count nowhere; a decision with more is folded before it is signed.
pub const MAX_RULES: usize = 63;

/// Who asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// Employee, system account, or service of the suite.
    pub id: Uuid,
    /// Which of these it is.
    pub kind: SubjectKind,
    /// Departments the subject belongs to, own one first.
    pub departments: Vec<Uuid>,
}

/// One rule that lets the subject through.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Which rows it reaches.
    pub scope: Scope,
    /// Which data classes it clears on them.
    pub classes: ClassSet,
    /// Where it comes from: `role:agent#duty`.
    pub source: String,
    /// First moment at which it counts no longer; open-ended when absent.
    pub expires_at: Option<Timestamp>,
}

/// The decision on one permission, for one subject and purpose.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessContext {
    /// Who asks.
    pub subject: Subject,
    /// What for: `domain.resource.verb`.
    pub permission: String,
    /// Why; `Unspecified` only where the method needs no purpose.
    pub purpose: Purpose,
    /// At most [`MAX_RULES`].
    pub rules: Vec<Rule>,
    /// Revision of the policy it was decided from.
    pub policy_revision: i64,
    /// When it was decided.
    pub issued_at: Timestamp,
    /// First moment at which it is worth nothing.
    pub expires_at: Timestamp,
}

/// What the matched rules clear on one row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clearance {
    /// Classes of any of them.
    pub classes: ClassSet,
    /// Where they come from, each once, in the order of the rules.
    pub sources: Vec<String>,
    /// When the first of them ends, where one does.
    pub until: Option<Timestamp>,
}

impl Rule {
    /// Whether the rule still counts.
    pub fn stands(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

impl AccessContext {
    /// Rules that count now, with their bit.
    pub(crate) fn standing(&self, now: Timestamp) -> impl Iterator<Item = (usize, &Rule)> {
        let numbered = self.rules.iter().take(MAX_RULES).enumerate();
        numbered.filter(move |(_, rule)| rule.stands(now))
    }

    /// What is cleared on a row that these rules let through, one bit a rule as
    /// [`write_matched`](crate::write_matched) writes them. Rules that expired since
    /// the query was written clear nothing.
    pub fn clearance(&self, matched: i64, now: Timestamp) -> Clearance {
        self.clear(now, |index, _| matched & (1 << index) != 0)
            .unwrap_or_default()
    }

    /// What is cleared on this row; `None` when it is out of scope, and so does
    /// not exist for the subject.
    pub fn clearance_of(&self, row: &RowFacts, now: Timestamp) -> Option<Clearance> {
        self.clear(now, |_, rule| rule.scope.matches(row))
    }

    fn clear(
        &self,
        now: Timestamp,
        lets_through: impl Fn(usize, &Rule) -> bool,
    ) -> Option<Clearance> {
        let mut clearance = None;
        for (_, rule) in self
            .standing(now)
            .filter(|(index, rule)| lets_through(*index, rule))
        {
            clearance.get_or_insert_with(Clearance::default).add(rule);
        }
        clearance
    }
}

impl Clearance {
    fn add(&mut self, rule: &Rule) {
        self.classes = self.classes.union(rule.classes);
        self.until = self.until.into_iter().chain(rule.expires_at).min();
        if !self.sources.contains(&rule.source) {
            self.sources.push(rule.source.clone());
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
