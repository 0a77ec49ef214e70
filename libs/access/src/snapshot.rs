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
    people: HashMap<Uuid, Arc<Person>>,
    roles: HashMap<String, Arc<Role>>,
    /// Whose each binding is.
    holders: HashMap<Uuid, Uuid>,
    /// Bindings by holder, each list by binding id; no list is empty.
    held: HashMap<Uuid, Arc<Vec<Held>>>,
    grants: HashMap<Uuid, Arc<Grant>>,
    /// Grants by the people they name, each list by grant id; no list is empty.
    granted: HashMap<Uuid, Arc<Vec<Arc<Grant>>>>,
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

    pub(crate) fn person(&self, id: Uuid) -> Option<&Person> {
        self.people.get(&id).map(Arc::as_ref)
    }

    pub(crate) fn role(&self, id: &str) -> Option<&Role> {
        self.roles.get(id).map(Arc::as_ref)
    }

    pub(crate) fn held_by(&self, subject: Uuid) -> &[Held] {
        self.held.get(&subject).map_or(&[], |held| held.as_slice())
    }

    pub(crate) fn granted_to(&self, subject: Uuid) -> &[Arc<Grant>] {
        self.granted
            .get(&subject)
            .map_or(&[], |grants| grants.as_slice())
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Cannot fail: everything was checked. The order matters for the index alone:
    /// what a binding reaches depends on the tree and on its holder's department.
    fn commit(&mut self, change: Change) {
        let tree_changed = !change.departments.is_empty();
        change
            .departments
            .into_iter()
            .for_each(|department| self.tree.put(department));
        let roles = change.roles.into_iter();
        self.roles
            .extend(roles.map(|(id, role)| (id, Arc::new(role))));
        for person in change.people {
            let id = person.subject.id;
            self.people.insert(id, Arc::new(person));
            self.reindex(id);
        }
        if tree_changed {
            let holders: Vec<Uuid> = self.held.keys().copied().collect();
            holders.into_iter().for_each(|holder| self.reindex(holder));
        }
        for binding in change.bindings {
            self.put_binding(binding);
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

    fn put_grant(&mut self, grant: Arc<Grant>) {
        self.remove_grant(grant.id);
        for subject in grant.subjects.iter().collect::<HashSet<_>>() {
            let granted = Arc::make_mut(self.granted.entry(*subject).or_default());
            let at = granted.partition_point(|other| other.id < grant.id);
            granted.insert(at, grant.clone());
        }
        self.grants.insert(grant.id, grant);
    }

    fn remove_grant(&mut self, id: Uuid) {
        let Some(grant) = self.grants.remove(&id) else {
            return;
        };
        for subject in &grant.subjects {
            if let Some(granted) = self.granted.get_mut(subject) {
                Arc::make_mut(granted).retain(|other| other.id != id);
                if granted.is_empty() {
                    self.granted.remove(subject);
                }
            }
        }
    }

    fn put_binding(&mut self, binding: Binding) {
        self.remove_binding(binding.id);
        self.holders.insert(binding.id, binding.subject);
        let reach = reach(&self.tree, &self.people, &binding);
        let held = Arc::make_mut(self.held.entry(binding.subject).or_default());
        let at = held.partition_point(|other| other.binding.id < binding.id);
        held.insert(at, Held { binding, reach });
    }

    fn remove_binding(&mut self, id: Uuid) {
        let Some(holder) = self.holders.remove(&id) else {
            return;
        };
        if let Some(held) = self.held.get_mut(&holder) {
            Arc::make_mut(held).retain(|held| held.binding.id != id);
            if held.is_empty() {
                self.held.remove(&holder);
            }
        }
    }

    fn reindex(&mut self, holder: Uuid) {
        if let Some(held) = self.held.get_mut(&holder) {
            for held in Arc::make_mut(held) {
                held.reach = reach(&self.tree, &self.people, &held.binding);
            }
        }
    }
}

/// The departments of the binding, or else the holder's own, and all below (CF-9.1).
fn reach(tree: &Tree, people: &HashMap<Uuid, Arc<Person>>, binding: &Binding) -> Vec<Uuid> {
    let own = people
        .get(&binding.subject)
        .map_or(&[][..], |person| &person.subject.departments);
    tree.reach(match binding.departments.as_slice() {
        [] => own,
        named => named,
    })
}

#[cfg(test)]
mod tests;
