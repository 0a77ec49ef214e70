//! Who acts for whom (CF-6.3). A delegation lends the hat of an approver and
//! nothing else: no access to data, and not the right to lend it further, because
//! only posts of one's own can be lent.

use jiff::{SignedDuration, Timestamp};
use kefu_contracts::access::DelegationState;
use uuid::Uuid;

use super::register::Department;

/// Collection of delegations in resource names.
pub const DELEGATIONS: &str = "delegations";
/// The longest one: a quarter of a year.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(92 * 24);
/// Most characters of the reason.
pub const MOST_REASON: usize = 200;
/// The role whose holder leads the company.
pub const COMPANY_LEADER: &str = "company_leader";

/// Somebody acts for somebody else, for a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// Its key.
    pub id: Uuid,
    /// Who holds the posts.
    pub from: Uuid,
    /// Who acts for them.
    pub to: Uuid,
    /// Only the posts held over this department, for it and those below it; all of them when
    /// absent.
    pub department: Option<Uuid>,
    /// First moment at which it counts.
    pub starts_at: Timestamp,
    /// First moment at which it no longer does.
    pub ends_at: Timestamp,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

impl Delegation {
    /// Where it stands at a moment; `left_at` is when the first of the two leaves
    /// the company.
    ///
    /// | state     | from                  | until                           |
    /// |-----------|-----------------------|---------------------------------|
    /// | scheduled | made                  | start                           |
    /// | standing  | start                 | end, or one of the two leaves   |
    /// | ended     | end, or one has left  | –                               |
    /// | revoked   | taken back before     | –                               |
    pub fn state(&self, left_at: Option<Timestamp>, now: Timestamp) -> DelegationState {
        let over_at = left_at.into_iter().chain([self.ends_at]).min();
        if self.revoked_at.is_some_and(|at| at <= now) {
            DelegationState::Revoked
        } else if over_at.is_some_and(|end| end <= now) {
            DelegationState::Ended
        } else if now < self.starts_at {
            DelegationState::Scheduled
        } else {
            DelegationState::Standing
        }
    }

    /// Whether the two say the same for some moment: the same people, posts that
    /// the one names and the other names too, and a time in common.
    pub fn duplicates(&self, other: &Self) -> bool {
        let same_posts = match (self.department, other.department) {
            (Some(one), Some(other)) => one == other,
            // All posts are among them those over any one department.
            _ => true,
        };
        (self.from, self.to) == (other.from, other.to)
            && same_posts
            && self.revoked_at.is_none()
            && other.revoked_at.is_none()
            && self.starts_at < other.ends_at
            && other.starts_at < self.ends_at
    }
}

/// Whether somebody has a post to lend: they lead the company, or head or oversee
/// a department; over this one or one above it where one is named.
pub fn holds_post(
    departments: &[Department],
    leads_company: bool,
    who: Uuid,
    over: Option<Uuid>,
) -> bool {
    let leads = |one: &&Department| one.head == Some(who) || one.supervising_leader == Some(who);
    let Some(over) = over else {
        return leads_company || departments.iter().any(|one| leads(&one));
    };
    leads_company || line_up(departments, over).any(|one| leads(&one))
}

/// A department and those above it. The tree has no loops; were there one, the
/// line would still end.
fn line_up(departments: &[Department], from: Uuid) -> impl Iterator<Item = &Department> {
    let find = |id: Uuid| departments.iter().find(move |one| one.id == id);
    std::iter::successors(find(from), move |one| find(one.parent?)).take(departments.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn delegation(
        people: (u128, u128),
        department: Option<u128>,
        from: i64,
        to: i64,
    ) -> Delegation {
        Delegation {
            id: Uuid::from_u128(99),
            from: Uuid::from_u128(people.0),
            to: Uuid::from_u128(people.1),
            department: department.map(Uuid::from_u128),
            starts_at: at(from),
            ends_at: at(to),
            revoked_at: None,
        }
    }

    /// Clause CC-1.1.
    #[test]
    fn a_delegation_stands_from_its_start_until_the_first_thing_that_ends_it() {
        let plain = delegation((1, 2), None, 10, 20);
        let state = |one: &Delegation, left: Option<i64>, now| one.state(left.map(at), at(now));
        assert_eq!(state(&plain, None, 9), DelegationState::Scheduled);
        assert_eq!(state(&plain, None, 10), DelegationState::Standing);
        assert_eq!(state(&plain, None, 19), DelegationState::Standing);
        assert_eq!(state(&plain, None, 20), DelegationState::Ended);
        assert_eq!(state(&plain, Some(15), 14), DelegationState::Standing);
        assert_eq!(state(&plain, Some(15), 15), DelegationState::Ended);
        assert_eq!(state(&plain, Some(5), 6), DelegationState::Ended);
        let revoked = Delegation {
            revoked_at: Some(at(12)),
            ..plain
        };
        assert_eq!(state(&revoked, None, 12), DelegationState::Revoked);
        assert_eq!(state(&revoked, None, 30), DelegationState::Revoked);
    }

    #[test]
    fn posts_are_lent_over_what_they_reach() {
        let department = |id, parent: Option<u128>, head: u128, leader: Option<u128>| Department {
            id: Uuid::from_u128(id),
            code: format!("d{id}"),
            title: String::new(),
            parent: parent.map(Uuid::from_u128),
            head: Some(Uuid::from_u128(head)),
            supervising_leader: leader.map(Uuid::from_u128),
            revision: 1,
        };
        let tree = [
            department(1, None, 11, None),
            department(2, Some(1), 12, Some(22)),
            department(3, Some(2), 13, None),
        ];
        let holds = |who, over: Option<u128>| {
            holds_post(
                &tree,
                false,
                Uuid::from_u128(who),
                over.map(Uuid::from_u128),
            )
        };
        assert!(holds(12, None) && holds(22, None) && !holds(40, None));
        assert!(holds(12, Some(2)) && holds(22, Some(3)) && holds(11, Some(3)));
        // Not over a department above, nor one that is not there.
        assert!(!holds(13, Some(2)) && !holds(12, Some(1)) && !holds(12, Some(9)));
        assert!(holds_post(&tree, true, Uuid::from_u128(40), None));
    }

    proptest! {
        /// To duplicate is to let the same person act for the same other, over some
        /// department, at some moment, twice.
        #[test]
        fn a_duplicate_shares_people_posts_and_a_moment(
            (a, b) in ((1..3_u128, 1..3_u128, proptest::option::of(1..3_u128), 0..9_i64, 1..9_i64),
                       (1..3_u128, 1..3_u128, proptest::option::of(1..3_u128), 0..9_i64, 1..9_i64)),
        ) {
            let of = |(from, to, over, start, length): (u128, u128, Option<u128>, i64, i64)| {
                delegation((from, to), over, start, start + length)
            };
            let (one, other) = (of(a), of(b));
            let acts = |lent: &Delegation, over: u128, second: i64| {
                lent.department.is_none_or(|only| only == Uuid::from_u128(over))
                    && lent.state(None, at(second)) == DelegationState::Standing
            };
            let shared = (one.from, one.to) == (other.from, other.to)
                && (1..3).any(|over| (0..20).any(|second| {
                    acts(&one, over, second) && acts(&other, over, second)
                }));
            prop_assert_eq!(one.duplicates(&other), shared);
            prop_assert_eq!(other.duplicates(&one), shared);
        }
    }
}
