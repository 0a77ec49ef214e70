//! A set of data classes.

use crate::policy::DataClass;

/// A set of data classes, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct ClassSet(u16);

impl ClassSet {
    /// No class.
    pub const NONE: Self = Self(0);
    /// The classes that need a valid confidentiality agreement and training,
    /// whatever a role says (CF-8.1, CC-2.1, IH-5).
    pub const SENSITIVE: Self = Self::of(&[
        DataClass::Contact,
        DataClass::Identity,
        DataClass::Financial,
    ]);

    /// All classes of data about a person.
    pub const PERSONAL: Self = Self::of(&[
        DataClass::Basic,
        DataClass::Contact,
        DataClass::Identity,
        DataClass::Financial,
        DataClass::Purchase,
        DataClass::Service,
        DataClass::Relation,
    ]);

    /// Exactly these classes.
    pub const fn of(classes: &[DataClass]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < classes.len() {
            bits |= 1 << classes[at] as u16;
            at += 1;
        }
        Self(bits)
    }

    /// Whether the class is in the set.
    pub const fn contains(self, class: DataClass) -> bool {
        self.0 & (1 << class as u16) != 0
    }

    /// Classes in either.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Classes of this set that are not in the other.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Classes in both.
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether there is no class in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its classes in the order of the contract.
    pub fn iter(self) -> impl Iterator<Item = DataClass> {
        (1..16)
            .filter(move |bit| self.0 & (1 << bit) != 0)
            .filter_map(|bit| DataClass::try_from(bit).ok())
    }

    /// Numbers of the classes, as messages carry them.
    pub fn to_numbers(self) -> Vec<i32> {
        self.iter().map(|class| class as i32).collect()
    }

    /// The known classes among these numbers; unknown ones clear nothing.
    pub fn from_numbers(numbers: &[i32]) -> Self {
        numbers
            .iter()
            .filter_map(|number| DataClass::try_from(*number).ok())
            .filter(|class| *class != DataClass::Unspecified)
            .collect()
    }
}

impl FromIterator<DataClass> for ClassSet {
    fn from_iter<T: IntoIterator<Item = DataClass>>(classes: T) -> Self {
        classes
            .into_iter()
            .fold(Self::NONE, |set, class| set.union(Self::of(&[class])))
    }
}

impl std::fmt::Debug for ClassSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
