//! Who holds which role, and when (OP-7.2).

use jiff::Timestamp;
use uuid::Uuid;

use super::roles::Roles;

/// Collection of bindings in resource names.
pub const BINDINGS: &str = "bindings";
/// Collection of roles in resource names.
pub const ROLES: &str = "roles";
/// Most departments of one binding.
pub const MOST_DEPARTMENTS: usize = 100;

/// Somebody holds a role for a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Its key.
    pub id: Uuid,
    /// Who holds it.
    pub subject: Uuid,
    /// Which role: `agent`.
    pub role: String,
    /// Over which departments; empty: the holder's own.
    pub departments: Vec<Uuid>,
    /// First moment at which it counts.
    pub starts_at: Timestamp,
    /// First moment at which it no longer does; open-ended when absent.
    pub ends_at: Option<Timestamp>,
    /// When it was taken away.
    pub revoked_at: Option<Timestamp>,
}

impl Binding {
    /// First moment at which it no longer counts, for whatever reason.
    pub fn over_at(&self) -> Option<Timestamp> {
        self.ends_at.into_iter().chain(self.revoked_at).min()
    }

    /// Whether it counts now or may still come to.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.over_at().is_some_and(|end| end <= now)
    }

    /// Whether there is a moment at which both count.
    pub fn overlaps(&self, other: &Self) -> bool {
        let begins_before_end =
            |one: &Self, end: Option<Timestamp>| end.is_none_or(|end| one.starts_at < end);
        begins_before_end(self, other.over_at()) && begins_before_end(other, self.over_at())
    }
}

/// Two roles that one person may not hold at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collision {
    /// The binding held already.
    pub binding: Uuid,
    /// Its role.
    pub role: String,
    /// Why the two are kept apart.
    pub why: String,
}

/// Separation of duties: what of `held` forbids `wanted`. All are of one subject.
pub fn collision(roles: &Roles, held: &[Binding], wanted: &Binding) -> Option<Collision> {
    held.iter()
        .filter(|one| one.overlaps(wanted))
        .find_map(|one| {
            let why = roles.kept_apart(&one.role, &wanted.role)?;
            Some(Collision {
                binding: one.id,
                role: one.role.clone(),
                why: why.to_owned(),
            })
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn binding(role: &str, from: i64, to: Option<i64>, revoked: Option<i64>) -> Binding {
        let at = |second| Timestamp::from_second(second).unwrap();
        Binding {
            id: Uuid::from_u128(1),
            subject: Uuid::from_u128(2),
            role: role.to_owned(),
            departments: Vec::new(),
            starts_at: at(from),
            ends_at: to.map(at),
            revoked_at: revoked.map(at),
        }
    }

    /// Clause OP-7.2.
    #[test]
    fn roles_kept_apart_collide_in_either_order_and_only_at_the_same_time() {
        let roles = Roles::shipped().unwrap();
        let collides =
            |held: Binding, wanted: Binding| collision(&roles, &[held], &wanted).is_some();
        assert!(collides(
            binding("auditor", 0, None, None),
            binding("administrator", 5, None, None)
        ));
        assert!(collides(
            binding("administrator", 0, None, None),
            binding("auditor", 5, None, None)
        ));
        assert!(collides(
            binding("administrator", 9, None, None),
            binding("auditor", 5, None, None)
        ));
        assert!(collides(
            binding("administrator", 0, Some(6), None),
            binding("auditor", 5, None, None)
        ));
        // At its end it is over.
        assert!(!collides(
            binding("administrator", 0, Some(5), None),
            binding("auditor", 5, None, None)
        ));
        assert!(!collides(
            binding("administrator", 0, None, Some(5)),
            binding("auditor", 5, None, None)
        ));
        // Revoked before it began, it never counted.
        assert!(!collides(
            binding("administrator", 9, None, Some(3)),
            binding("auditor", 5, Some(8), None)
        ));
        assert!(!collides(
            binding("agent", 0, None, None),
            binding("agent", 0, None, None)
        ));
        assert!(!collides(
            binding("agent", 0, None, None),
            binding("department_head", 0, None, None)
        ));
    }

    proptest! {
        #[test]
        fn to_overlap_is_to_share_a_moment(
            (a, b) in ((0..20_i64, 1..20_i64, any::<bool>()), (0..20_i64, 1..20_i64, any::<bool>())),
        ) {
            let of = |(from, length, open): (i64, i64, bool)| binding("agent", from, (!open).then_some(from + length), None);
            let (one, other) = (of(a), of(b));
            let stands = |binding: &Binding, second: i64| {
                let now = Timestamp::from_second(second).unwrap();
                binding.starts_at <= now && !binding.is_over(now)
            };
            let shared = (0..60).any(|second| stands(&one, second) && stands(&other, second));
            prop_assert_eq!(one.overlaps(&other), shared);
            prop_assert_eq!(other.overlaps(&one), shared);
        }
    }
}
