//! The parts of the policy, checked and ready to be asked: people, roles, bindings.

use std::sync::Arc;

use jiff::Timestamp;
use kefu_contracts::{ClassSet, access::SubjectKind, policy::Purpose};
use uuid::Uuid;

use crate::{
    context::Subject,
    index::HashMap,
    scope::{RowFacts, Scope},
};

/// An employee or a system account.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Person {
    pub(crate) subject: Subject,
    pub(crate) agreement_until: Option<Timestamp>,
    pub(crate) training_until: Option<Timestamp>,
    pub(crate) joins_at: Option<Timestamp>,
    pub(crate) leaves_at: Option<Timestamp>,
}

/// Whether a person may be shown sensitive classes at all, whatever their roles say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Secrecy {
    /// System accounts: machines sign nothing and are taught nothing; the company
    /// that runs them is bound by contract before it is given an account.
    NotNeeded,
    /// Agreement signed and training passed, both good until then.
    Until(Timestamp),
    /// One of them is missing or over.
    Lapsed,
}

impl Person {
    pub(crate) fn has_joined(&self, now: Timestamp) -> bool {
        self.joins_at.is_none_or(|joins| joins <= now)
    }

    pub(crate) fn has_left(&self, now: Timestamp) -> bool {
        self.leaves_at.is_some_and(|leaves| leaves <= now)
    }

    /// Clauses CF-8.1, CC-2.1.
    pub(crate) fn secrecy(&self, now: Timestamp) -> Secrecy {
        if self.subject.kind == SubjectKind::SystemAccount {
            return Secrecy::NotNeeded;
        }
        match (self.agreement_until, self.training_until) {
            (Some(agreement), Some(training)) if now < agreement.min(training) => {
                Secrecy::Until(agreement.min(training))
            }
            _ => Secrecy::Lapsed,
        }
    }
}

/// Which rows a rule of a role reaches, once somebody holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Template {
    All,
    Departments,
    Owner,
    Duty,
}

/// Purposes, one bit each: a rule is asked for one on every decision.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Purposes(u64);

impl Purposes {
    pub(crate) fn contains(self, purpose: Purpose) -> bool {
        self.0 & (1 << purpose as u64) != 0
    }
}

impl FromIterator<Purpose> for Purposes {
    fn from_iter<T: IntoIterator<Item = Purpose>>(purposes: T) -> Self {
        let bits = purposes.into_iter().map(|purpose| 1 << purpose as u64);
        // Unspecified is no purpose that a rule could allow.
        Self(bits.fold(0, |all, bit| all | bit) & !1)
    }
}

/// A rule of a role.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RoleRule {
    /// `role:agent#duty`
    pub(crate) source: String,
    /// `role:agent#duty+sensitive`
    pub(crate) sensitive_source: String,
    pub(crate) template: Template,
    pub(crate) classes: ClassSet,
    pub(crate) purposes: Purposes,
    pub(crate) consented_only: bool,
}

impl RoleRule {
    /// Whether the rule speaks for this purpose. A method that needs none asks for
    /// none, but a rule that lives on consent always has to know to what (CC-2.2).
    pub(crate) fn admits(&self, purpose: Purpose, required: bool) -> bool {
        let stated_and_allowed = self.purposes.contains(purpose);
        stated_and_allowed || (!required && !self.consented_only)
    }

    /// Its scope for one who holds the role.
    pub(crate) fn scope(&self, subject: Uuid, held: &Held, purpose: Purpose) -> Scope {
        let scope = match self.template {
            Template::All => Scope::All,
            Template::Owner => Scope::Owner(subject),
            Template::Duty => Scope::Duty(subject),
            Template::Departments if held.reach.is_empty() => Scope::None,
            Template::Departments => Scope::Departments(held.reach.to_vec()),
        };
        match self.consented_only {
            true => Scope::Consented(purpose, Box::new(scope)),
            false => scope,
        }
    }

    /// Whether the row is in that scope, without building it.
    pub(crate) fn reaches(
        &self,
        subject: Uuid,
        held: &Held,
        purpose: Purpose,
        row: &RowFacts,
    ) -> bool {
        let reached = match self.template {
            Template::All => true,
            Template::Owner => row.owner == Some(subject),
            Template::Duty => row.duty.contains(&subject),
            // Sorted, as the tree gives it.
            Template::Departments => row
                .department
                .is_some_and(|id| held.reach.binary_search(&id).is_ok()),
        };
        reached && (!self.consented_only || row.consented_to(purpose))
    }
}

/// A role: its rules by the permission they grant, each list in the role's order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Role {
    pub(crate) grants: HashMap<String, Vec<Arc<RoleRule>>>,
}

impl Role {
    pub(crate) fn granting(&self, permission: &str) -> &[Arc<RoleRule>] {
        self.grants.get(permission).map_or(&[], Vec::as_slice)
    }
}

/// Somebody holds a role for a period.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Binding {
    pub(crate) id: Uuid,
    pub(crate) subject: Uuid,
    pub(crate) role: String,
    /// Empty: the subject's own.
    pub(crate) departments: Vec<Uuid>,
    pub(crate) term: Term,
}

/// From when, and until when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Term {
    pub(crate) starts_at: Timestamp,
    pub(crate) ends_at: Option<Timestamp>,
}

impl Term {
    /// At its start it counts, at its end no longer.
    pub(crate) fn stands(&self, now: Timestamp) -> bool {
        self.starts_at <= now && self.ends_at.is_none_or(|end| now < end)
    }

    /// When it begins to count, where that is still to come.
    pub(crate) fn yet_to_start(&self, now: Timestamp) -> Option<Timestamp> {
        let begins_at_all = self.ends_at.is_none_or(|end| self.starts_at < end);
        (begins_at_all && now < self.starts_at).then_some(self.starts_at)
    }
}

/// A binding with its role and the departments it reaches by the tree of today.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    /// The binding's, where a decision reads it without another look.
    pub(crate) term: Term,
    pub(crate) binding: Arc<Binding>,
    /// None where there is no such role.
    pub(crate) role: Option<Arc<Role>>,
    /// By id, each once.
    pub(crate) reach: Arc<[Uuid]>,
}

impl Held {
    /// The rules of the role that grant the permission.
    pub(crate) fn granting(&self, permission: &str) -> &[Arc<RoleRule>] {
        let role = self.role.as_deref();
        role.map_or(&[], |role| role.granting(permission))
    }
}
