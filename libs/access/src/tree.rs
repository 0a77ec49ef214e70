//! The tree of departments. What the register holds may have loops (somebody made
//! two departments each other's parent); every walk here ends all the same.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::index::HashMap;

/// A department of the register.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Department {
    pub(crate) id: Uuid,
    pub(crate) parent: Option<Uuid>,
    pub(crate) title: String,
    pub(crate) head: Option<Uuid>,
    pub(crate) supervising_leader: Option<Uuid>,
}

/// The departments, and who is below whom.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tree {
    departments: HashMap<Uuid, Department>,
    children: HashMap<Uuid, BTreeSet<Uuid>>,
}

impl Tree {
    /// Puts the department where it now belongs.
    pub(crate) fn put(&mut self, department: Department) {
        let id = department.id;
        let parent = department.parent;
        let before = self.departments.insert(id, department);
        if let Some(old) = before.and_then(|before| before.parent) {
            self.unlink(old, id);
        }
        if let Some(parent) = parent {
            self.children.entry(parent).or_default().insert(id);
        }
    }

    fn unlink(&mut self, parent: Uuid, child: Uuid) {
        if let Some(children) = self.children.get_mut(&parent) {
            children.remove(&child);
            if children.is_empty() {
                self.children.remove(&parent);
            }
        }
    }

    /// These departments and everything below them, each once, by id. One that the
    /// register does not know stands for itself alone.
    pub(crate) fn reach(&self, roots: &[Uuid]) -> Vec<Uuid> {
        let mut reached = BTreeSet::new();
        let mut open = roots.to_vec();
        while let Some(id) = open.pop() {
            if reached.insert(id) {
                open.extend(self.children.get(&id).into_iter().flatten());
            }
        }
        reached.into_iter().collect()
    }

    /// The department and those above it, up to the root or to where a loop closes.
    pub(crate) fn upwards(&self, from: Uuid) -> impl Iterator<Item = &Department> {
        // A list: trees are a few departments high.
        let mut seen = Vec::new();
        let mut next = Some(from);
        std::iter::from_fn(move || {
            let department = self.departments.get(&next.take()?)?;
            seen.push(department.id);
            next = department.parent.filter(|parent| !seen.contains(parent));
            Some(department)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(edges: &[(u128, u128)]) -> Tree {
        let mut tree = Tree::default();
        for (id, parent) in edges {
            tree.put(Department {
                id: Uuid::from_u128(*id),
                parent: (*parent != 0).then(|| Uuid::from_u128(*parent)),
                title: format!("department {id}"),
                head: None,
                supervising_leader: None,
            });
        }
        tree
    }

    fn reach(tree: &Tree, roots: &[u128]) -> Vec<u128> {
        let roots: Vec<Uuid> = roots.iter().map(|id| Uuid::from_u128(*id)).collect();
        tree.reach(&roots).iter().map(Uuid::as_u128).collect()
    }

    fn upwards(tree: &Tree, from: u128) -> Vec<u128> {
        let departments = tree.upwards(Uuid::from_u128(from));
        departments
            .map(|department| department.id.as_u128())
            .collect()
    }

    #[test]
    fn reach_is_the_department_and_all_below() {
        let tree = tree(&[(1, 0), (2, 1), (3, 2), (4, 1), (5, 0)]);
        assert_eq!(reach(&tree, &[1]), [1, 2, 3, 4]);
        assert_eq!(reach(&tree, &[3, 5]), [3, 5]);
        assert_eq!(reach(&tree, &[9]), [9]);
        assert_eq!(reach(&tree, &[]), []);
        assert_eq!(upwards(&tree, 3), [3, 2, 1]);
        assert_eq!(upwards(&tree, 9), []);
    }

    #[test]
    fn loops_end() {
        let tree = tree(&[(1, 3), (2, 1), (3, 2), (4, 4), (5, 1)]);
        assert_eq!(reach(&tree, &[2]), [1, 2, 3, 5]);
        assert_eq!(reach(&tree, &[4]), [4]);
        assert_eq!(upwards(&tree, 5), [5, 1, 3, 2]);
        assert_eq!(upwards(&tree, 4), [4]);
    }

    #[test]
    fn a_department_moves_with_what_is_below_it() {
        let mut moved = tree(&[(1, 0), (2, 1), (3, 2), (4, 0), (2, 4)]);
        assert_eq!(reach(&moved, &[1]), [1]);
        assert_eq!(reach(&moved, &[4]), [2, 3, 4]);
        assert_eq!(moved, tree(&[(4, 0), (3, 2), (2, 4), (1, 0)]));
        moved = tree(&[(2, 1), (2, 0)]);
        assert_eq!(moved, tree(&[(2, 0)]));
    }
}
