//! All that may speak for one subject, in one place: a decision finds it by one look,
//! and with it what does not depend on the question, the record or the time.

use std::sync::Arc;

use jiff::Timestamp;
use kefu_contracts::{ClassSet, policy::Purpose};
use smallvec::SmallVec;
use uuid::Uuid;

use crate::{
    decide::Query,
    grant::{Grant, Period},
    index::HashMap,
    policy::{Binding, Held, Person, Role, RoleRule},
    scope::RowFacts,
    tree::Tree,
};

/// What is held of one subject.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Dossier {
    /// None where only bindings or grants name them.
    pub(crate) person: Option<Person>,
    /// By binding id.
    pub(crate) held: SmallVec<[Held; 2]>,
    /// By grant id.
    pub(crate) granted: SmallVec<[Granted; 1]>,
}

/// A grant that names the subject, with as much of it as passes over most questions
/// without a look at the grant itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Granted {
    pub(crate) grant: Arc<Grant>,
    purpose: Purpose,
    /// A bit of each permission; two may share one.
    permissions: u64,
}

impl Granted {
    fn of(grant: Arc<Grant>) -> Self {
        let permissions = grant.permissions.iter();
        Self {
            purpose: grant.purpose,
            permissions: permissions.fold(0, |all, permission| all | bit_of(permission)),
            grant,
        }
    }
}

/// Of 64, by the name.
fn bit_of(permission: &str) -> u64 {
    let sum = permission.bytes().fold(permission.len(), |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    1 << (sum % 64)
}

/// One thing that speaks of a question, whether it does so now or not.
pub(crate) enum Voice<'a> {
    /// A rule of a role that is held.
    Rule(&'a Held, &'a RoleRule),
    /// A grant, and when it counts.
    Grant(&'a Grant, Period),
}

impl Dossier {
    /// The person, when the company has them now.
    pub(crate) fn with_company(&self, now: Timestamp) -> Option<&Person> {
        let person = self.person.as_ref()?;
        (person.has_joined(now) && !person.has_left(now)).then_some(person)
    }

    /// Departments the person belongs to.
    pub(crate) fn own_departments(&self) -> &[Uuid] {
        let person = self.person.as_ref();
        person.map_or(&[], |person| &person.subject.departments)
    }

    /// The rules of roles that speak of this question, by binding and in the order of the
    /// role. A binding to a role that is not there grants nothing.
    pub(crate) fn rules(&self, query: Query<'_>) -> impl Iterator<Item = Voice<'_>> {
        self.held.iter().flat_map(move |held| {
            let rules = held.granting(query.permission).iter();
            let admitting =
                rules.filter(move |rule| rule.admits(query.purpose, query.purpose_required));
            admitting.map(move |rule| Voice::Rule(held, rule))
        })
    }

    /// The grants that speak of this question, by id.
    pub(crate) fn grants(&self, query: Query<'_>) -> impl Iterator<Item = &Grant> {
        let bit = match self.granted.is_empty() {
            true => 0,
            false => bit_of(query.permission),
        };
        let likely = self.granted.iter().filter(move |granted| {
            granted.purpose == query.purpose && granted.permissions & bit != 0
        });
        likely
            .map(|granted| &*granted.grant)
            .filter(move |grant| grant.admits(query.permission, query.purpose))
    }

    pub(crate) fn put_binding(&mut self, held: Held) {
        let at = self
            .held
            .partition_point(|other| other.binding.id < held.binding.id);
        self.held.insert(at, held);
    }

    pub(crate) fn put_grant(&mut self, grant: Arc<Grant>) {
        let at = self
            .granted
            .partition_point(|other| other.grant.id < grant.id);
        self.granted.insert(at, Granted::of(grant));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.person.is_none() && self.held.is_empty() && self.granted.is_empty()
    }
}

impl Voice<'_> {
    /// Whether it counts now.
    pub(crate) fn stands(&self, now: Timestamp) -> bool {
        match self {
            Self::Rule(held, _) => held.term.stands(now),
            Self::Grant(_, period) => period.contains(now),
        }
    }

    /// When it begins to count, where that is still to come.
    pub(crate) fn yet_to_start(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Rule(held, _) => held.term.yet_to_start(now),
            Self::Grant(_, period) => period.yet_to_start(now),
        }
    }

    /// What it clears for whoever may be shown sensitive classes.
    pub(crate) fn classes(&self) -> ClassSet {
        match self {
            Self::Rule(_, rule) => rule.classes,
            Self::Grant(grant, _) => grant.classes,
        }
    }

    /// Whether the row is in its scope, as the scope that is built of it says.
    pub(crate) fn reaches(&self, subject: Uuid, purpose: Purpose, row: &RowFacts) -> bool {
        match self {
            Self::Rule(held, rule) => rule.reaches(subject, held, purpose, row),
            Self::Grant(grant, _) => grant.reaches(row),
        }
    }
}

/// What departments reach by one tree, worked out once for all who share it.
#[derive(Default)]
pub(crate) struct Reaches(HashMap<Vec<Uuid>, Arc<[Uuid]>>);

impl Reaches {
    /// The binding with what it reaches: its departments, or else the holder's own, and
    /// all below (CF-9.1).
    pub(crate) fn hold(
        &mut self,
        binding: Arc<Binding>,
        role: Option<Arc<Role>>,
        tree: &Tree,
        own: &[Uuid],
    ) -> Held {
        let roots = match binding.departments.as_slice() {
            [] => own,
            named => named,
        };
        let reach = match self.0.get(roots) {
            Some(reach) => reach.clone(),
            None => {
                let reach: Arc<[Uuid]> = tree.reach(roots).into();
                self.0.insert(roots.to_vec(), reach.clone());
                reach
            }
        };
        Held {
            term: binding.term,
            binding,
            role,
            reach,
        }
    }
}
