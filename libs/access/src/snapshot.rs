//! The policy as a gateway holds it, indexed for the question it is asked most.
//!
//! The index is kept up as changes come in, so that a decision walks no more than
//! the subject's own bindings. Copies are cheap (the parts are shared), so that a
//! gateway can change one beside the one it decides from.

use std::sync::Arc;

use kefu_contracts::access::WatchSnapshotResponse;
use thiserror::Error;
use uuid::Uuid;

use crate::{
    change::Change,
    context::Subject,
    dossier::{Dossier, Reaches},
    grant::Grant,
    index::{HashMap, HashSet},
    policy::{Binding, Held, Person, Role},
    tree::Tree,
    wire::WireError,
};

/// Why a message is not applied. Nothing of it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SnapshotError {
    /// A part of it cannot be read.
    #[error("snapshot message is malformed: {0}")]
    Malformed(#[from] WireError),
    /// A delta that leads back to an older policy could bring back what was revoked.
    #[error("delta leads to revision {offered}, revision {held} is held")]
    Backwards {
        /// Revision held.
        held: i64,
        /// Revision that the delta leads to.
        offered: i64,
    },
}

/// The policy at one revision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    revision: i64,
    tree: Tree,
    roles: HashMap<String, Arc<Role>>,
    /// By subject; none is empty.
    dossiers: HashMap<Uuid, Arc<Dossier>>,
    /// Whose each binding is.
    holders: HashMap<Uuid, Uuid>,
    grants: HashMap<Uuid, Arc<Grant>>,
}

impl Snapshot {
    /// Takes in what access-control streamed: a full message replaces everything,
    /// a delta puts what it names by id and takes away the bindings and grants it
    /// lists. Where a message does both to one of them, it is gone.
    ///
    /// # Errors
    ///
    /// A malformed message, or a delta to an older revision; the snapshot is then
    /// as it was.
    pub fn apply(&mut self, message: &WatchSnapshotResponse) -> Result<(), SnapshotError> {
        if !message.full && message.revision < self.revision {
            return Err(SnapshotError::Backwards {
                held: self.revision,
                offered: message.revision,
            });
        }
        let change = Change::read(message)?;
        if message.full {
            *self = Self::default();
        }
        self.revision = message.revision;
        self.commit(change);
        Ok(())
    }

    /// Revision that the last message led to; 0 before the first.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// The subject, whether they have joined, are here, or have left.
    pub fn subject(&self, id: Uuid) -> Option<Subject> {
        self.person(id).map(|person| person.subject.clone())
    }

    pub(crate) fn dossier(&self, id: Uuid) -> Option<&Dossier> {
        self.dossiers.get(&id).map(Arc::as_ref)
    }

    pub(crate) fn person(&self, id: Uuid) -> Option<&Person> {
        self.dossier(id)?.person.as_ref()
    }

    pub(crate) fn held_by(&self, subject: Uuid) -> &[Held] {
        self.dossier(subject).map_or(&[], |dossier| &dossier.held)
    }

    pub(crate) fn granted_to(&self, subject: Uuid) -> impl Iterator<Item = &Grant> {
        let dossier = self.dossier(subject);
        let granted = dossier.map_or(&[][..], |dossier| &dossier.granted);
        granted.iter().map(|granted| &*granted.grant)
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Cannot fail: everything was checked. The order matters for the index alone: what
    /// a binding reaches depends on the tree, the roles and its holder's department.
    fn commit(&mut self, change: Change) {
        let all_anew = !change.departments.is_empty() || !change.roles.is_empty();
        change
            .departments
            .into_iter()
            .for_each(|department| self.tree.put(department));
        let roles = change.roles.into_iter();
        self.roles
            .extend(roles.map(|(id, role)| (id, Arc::new(role))));
        let mut reaches = Reaches::default();
        for person in change.people {
            let id = person.subject.id;
            self.dossier_of(id).person = Some(person);
            self.reindex(id, &mut reaches);
        }
        if all_anew {
            let holders: HashSet<Uuid> = self.holders.values().copied().collect();
            holders
                .into_iter()
                .for_each(|holder| self.reindex(holder, &mut reaches));
        }
        for binding in change.bindings {
            self.put_binding(binding, &mut reaches);
        }
        for id in change.removed {
            self.remove_binding(id);
        }
        for grant in change.grants {
            self.put_grant(Arc::new(grant));
        }
        for id in change.removed_grants {
            self.remove_grant(id);
        }
    }

    /// To be changed: a copy where another snapshot shares it.
    fn dossier_of(&mut self, subject: Uuid) -> &mut Dossier {
        Arc::make_mut(self.dossiers.entry(subject).or_default())
    }

    fn take_away(&mut self, subject: Uuid, what: impl FnOnce(&mut Dossier)) {
        let dossier = self.dossier_of(subject);
        what(dossier);
        if dossier.is_empty() {
            self.dossiers.remove(&subject);
        }
    }

    fn put_grant(&mut self, grant: Arc<Grant>) {
        self.remove_grant(grant.id);
        for subject in grant.subjects.iter().collect::<HashSet<_>>() {
            self.dossier_of(*subject).put_grant(grant.clone());
        }
        self.grants.insert(grant.id, grant);
    }

    fn remove_grant(&mut self, id: Uuid) {
        let Some(grant) = self.grants.remove(&id) else {
            return;
        };
        for subject in &grant.subjects {
            self.take_away(*subject, |dossier| {
                dossier.granted.retain(|other| other.grant.id != id);
            });
        }
    }

    fn put_binding(&mut self, binding: Binding, reaches: &mut Reaches) {
        self.remove_binding(binding.id);
        self.holders.insert(binding.id, binding.subject);
        let role = self.roles.get(&binding.role).cloned();
        let dossier = Arc::make_mut(self.dossiers.entry(binding.subject).or_default());
        let held = reaches.hold(binding.into(), role, &self.tree, dossier.own_departments());
        dossier.put_binding(held);
    }

    fn remove_binding(&mut self, id: Uuid) {
        let Some(holder) = self.holders.remove(&id) else {
            return;
        };
        self.take_away(holder, |dossier| {
            dossier.held.retain(|held| held.binding.id != id);
        });
    }

    fn reindex(&mut self, holder: Uuid, reaches: &mut Reaches) {
        let dossier = Arc::make_mut(self.dossiers.entry(holder).or_default());
        for held in std::mem::take(&mut dossier.held) {
            let role = self.roles.get(&held.binding.role).cloned();
            let own = dossier.own_departments();
            let held = reaches.hold(held.binding, role, &self.tree, own);
            dossier.held.push(held);
        }
    }
}

#[cfg(test)]
mod tests;
