//! Who may decide a stage, from the organisation as it is at the moment.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::flow::Finder;

/// A place in the tree of departments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seat {
    /// `sales`
    pub code: String,
    /// The department above.
    pub parent: Option<Uuid>,
    /// Who heads it.
    pub head: Option<Uuid>,
    /// Who oversees it.
    pub supervising_leader: Option<Uuid>,
}

/// Somebody stands in for somebody, now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    /// Whose posts.
    pub from: Uuid,
    /// Who may act for them.
    pub to: Uuid,
    /// Only for requests of this department and those below it, by posts held over it or one
    /// above it; absent: all of it.
    pub department: Option<Uuid>,
}

/// The organisation at one moment.
#[derive(Debug, Clone, Default)]
pub struct Chart {
    /// The departments.
    pub departments: HashMap<Uuid, Seat>,
    /// Employees who are with the company.
    pub present: HashSet<Uuid>,
    /// Who holds a role, by role.
    pub holders: HashMap<String, Vec<Uuid>>,
    /// Delegations that stand.
    pub stands: Vec<Stand>,
}

/// In what capacity somebody may decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hat {
    /// Who acts.
    pub actor: Uuid,
    /// Whose post it is; the actor, unless they stand in for somebody.
    pub principal: Uuid,
    /// Which post.
    pub post: Finder,
}

impl Chart {
    /// Who may decide for this department in this post: of the posts in the tree the
    /// nearest that is not barred, of roles everyone who holds them, and for each of
    /// them whoever stands in. A post is not lent on, and who is barred neither acts
    /// nor is acted for.
    pub fn hats(&self, post: Finder, department: Uuid, barred: &HashSet<Uuid>) -> Vec<Hat> {
        let eligible = |id: &Uuid| self.present.contains(id) && !barred.contains(id);
        let mut hats: Vec<Hat> = Vec::new();
        for (principal, over) in self.principals(post, department, eligible) {
            let lent = self.stands.iter().filter(|stand| stand.from == principal);
            let lent = lent.filter(|stand| match stand.department {
                Some(only) => self.lends(only, post, over, department),
                None => true,
            });
            let stand_ins = lent.map(|stand| stand.to);
            let actors = std::iter::once(principal).chain(stand_ins.filter(eligible));
            for actor in actors {
                if hats.iter().all(|hat| hat.actor != actor) {
                    hats.push(Hat {
                        actor,
                        principal,
                        post,
                    });
                }
            }
        }
        hats
    }

    /// Whether what is lent over one department is this post, held over another, where a request
    /// of a third is decided: the request is of it or below it, and the post is held over it or
    /// one above it. The company is led over all of them.
    fn lends(&self, only: Uuid, post: Finder, over: Option<Uuid>, department: Uuid) -> bool {
        let is_below = |from: Uuid, above: Uuid| self.upwards(from).any(|(id, _)| id == above);
        let held = match over {
            Some(over) => is_below(only, over),
            None => post == Finder::CompanyLeader,
        };
        held && is_below(department, only)
    }

    /// Who holds the post, and over which department where it is a place in the tree.
    fn principals(
        &self,
        post: Finder,
        department: Uuid,
        eligible: impl Fn(&Uuid) -> bool,
    ) -> Vec<(Uuid, Option<Uuid>)> {
        let seated = |holder: fn(&Seat) -> Option<Uuid>| {
            let nearest = self.upwards(department).find_map(|(id, seat)| {
                let holder = holder(seat).filter(&eligible)?;
                Some((holder, Some(id)))
            });
            nearest.into_iter().collect()
        };
        match post {
            Finder::DepartmentHead => seated(|seat| seat.head),
            Finder::SupervisingLeader => seated(|seat| seat.supervising_leader),
            Finder::CompanyLeader | Finder::ArchiveManager => {
                let holders = post.role().and_then(|role| self.holders.get(role));
                let holders = holders.into_iter().flatten().copied().filter(eligible);
                holders.map(|holder| (holder, None)).collect()
            }
        }
    }

    /// Whether somebody holds this role.
    pub fn holds(&self, person: Uuid, role: &str) -> bool {
        self.holders
            .get(role)
            .is_some_and(|all| all.contains(&person))
    }

    /// Whether the department is one of these codes or below one of them.
    pub fn is_within(&self, department: Uuid, codes: &[String]) -> bool {
        self.upwards(department)
            .any(|(_, seat)| codes.contains(&seat.code))
    }

    /// The department and those above it; ends where a loop would close.
    fn upwards(&self, from: Uuid) -> impl Iterator<Item = (Uuid, &Seat)> {
        let mut seen = HashSet::new();
        let mut next = Some(from);
        std::iter::from_fn(move || {
            let id = next.take().filter(|id| seen.insert(*id))?;
            let seat = self.departments.get(&id)?;
            next = seat.parent;
            Some((id, seat))
        })
    }
}
