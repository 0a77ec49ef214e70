//! Two files of one customer become one, and two again (IH-2.2).

use kefu_contracts::{
    ClassSet,
    policy::DataClass,
    profile::{Address, Attribute, ContactPerson, Customer, Email, MergeOrigin, MergeState, Phone},
};
use kefu_service::{
    error::{Fault, Violation},
    fields::Fields,
};

use super::change::{self, Change};

/// Most characters of a reason.
pub(crate) const MOST_REASON: usize = 500;

/// A value of a list: the same as another when what tells them apart is.
trait Entry: Clone + PartialEq {
    fn key(&self) -> String;
    /// Not the first of its list any more.
    fn follow(&mut self) {}
    fn is_primary(&self) -> bool {
        false
    }
}

/// However it is written.
fn plain(parts: &[&str]) -> String {
    let parts = parts.iter().map(|part| part.trim().to_lowercase());
    parts.collect::<Vec<_>>().join("\n")
}

macro_rules! with_primary {
    ($($kind:ident: $($part:ident),+);* $(;)?) => {
        $(impl Entry for $kind {
            fn key(&self) -> String {
                plain(&[$(&self.$part),+])
            }
            fn follow(&mut self) {
                self.primary = false;
            }
            fn is_primary(&self) -> bool {
                self.primary
            }
        })*
    };
}
with_primary! {
    Phone: number;
    Email: address;
    Address: province, city, district, street;
    ContactPerson: name, phone, email;
}

impl Entry for String {
    fn key(&self) -> String {
        plain(&[self])
    }
}

impl Entry for Attribute {
    fn key(&self) -> String {
        plain(&[&self.id])
    }
}

/// Adds what the other list has and this has not.
fn join<T: Entry>(into: &mut Vec<T>, from: &[T]) {
    let has_primary = into.iter().any(Entry::is_primary);
    for entry in from {
        if into.iter().all(|one| one.key() != entry.key()) {
            let mut entry = entry.clone();
            if has_primary {
                entry.follow();
            }
            into.push(entry);
        }
    }
}

/// A list as it was before another was joined to it, but for what was changed since: what is
/// as the merge left it goes back.
fn part<T: Entry>(before: &[T], merged: &[T], now: &[T]) -> Vec<T> {
    let find = |list: &[T], key: &str| list.iter().find(|one| one.key() == key).cloned();
    let own = before.iter().filter_map(|one| {
        let key = one.key();
        let stands = find(now, &key)?;
        let untouched = find(merged, &key).as_ref() == Some(&stands);
        Some(if untouched { one.clone() } else { stands })
    });
    let added = now.iter().filter(|one| {
        let key = one.key();
        find(before, &key).is_none() && !merged.contains(one)
    });
    own.chain(added.cloned()).collect()
}

/// A field with many values, each of which may be in either file.
struct List {
    path: &'static str,
    join: fn(&mut Customer, &Customer),
    /// Into the last what it was in the first, before it became what it is in the second.
    part: fn(&Customer, &Customer, &mut Customer),
}

macro_rules! lists {
    ($($path:ident),* $(,)?) => {
        &[$(List {
            path: stringify!($path),
            join: |into, from| join(&mut into.$path, &from.$path),
            part: |before, merged, now| {
                now.$path = part(&before.$path, &merged.$path, &now.$path);
            },
        }),*]
    };
}

const LISTS: &[List] = lists![
    phones,
    emails,
    addresses,
    contact_persons,
    tags,
    purchase_preferences,
    basic_attributes,
    contact_attributes,
    identity_attributes,
    financial_attributes,
    purchase_attributes,
    relation_attributes,
];

fn list(path: &str) -> Option<&'static List> {
    LISTS.iter().find(|list| list.path == path)
}

/// Reads in which fields the absorbed file's value stands; what is wrong is noted.
pub(crate) fn taken(fields: &mut Fields, names: &[String]) -> Vec<&'static str> {
    let mut taken = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let place = format!("take_absorbed[{at}]");
        match change::data().find(|(path, _)| path == name) {
            None => fields.refuse(place, Violation::UnknownValue),
            Some((path, _)) if taken.contains(&path) => fields.refuse(place, Violation::Duplicate),
            Some((path, _)) => taken.push(path),
        }
    }
    taken
}

/// Where what stands in a field of a merged file comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) path: &'static str,
    pub(crate) class: DataClass,
    pub(crate) origin: MergeOrigin,
    /// Both have something, and not the same.
    pub(crate) differs: bool,
}

/// Makes one file of two: the survivor's values, the absorbed file's where it has none or
/// where they are taken, and both lists in one.
pub(crate) fn unite(
    survivor: &Customer,
    absorbed: &Customer,
    taken: &[&str],
) -> (Customer, Vec<Standing>) {
    let mut merged = survivor.clone();
    let mut standing = Vec::new();
    for (path, class) in change::data() {
        let has = (
            change::is_set(survivor, path),
            change::is_set(absorbed, path),
        );
        let takes = has.1 && (!has.0 || taken.contains(&path));
        if takes {
            Change::of(&[path]).apply(&mut merged, absorbed);
        }
        if let Some(list) = list(path) {
            (list.join)(&mut merged, if takes { survivor } else { absorbed });
        }
        if has == (false, false) {
            continue;
        }
        let of = |file| change::is_same(&merged, file, path);
        standing.push(Standing {
            path,
            class,
            origin: match (of(survivor), of(absorbed)) {
                (true, false) => MergeOrigin::Survivor,
                (false, true) => MergeOrigin::Absorbed,
                _ => MergeOrigin::Both,
            },
            differs: has == (true, true) && !change::is_same(survivor, absorbed, path),
        });
    }
    (merged, standing)
}

/// Classes of what either file has.
pub(crate) fn classes(standing: &[Standing]) -> ClassSet {
    standing.iter().map(|one| one.class).collect()
}

/// The survivor without what the merge brought: as it was before it, but for what was changed
/// since. Tells also which fields stay because they were.
pub(crate) fn separate(
    before: &Customer,
    merged: &Customer,
    now: &Customer,
) -> (Customer, Vec<&'static str>) {
    let mut separated = now.clone();
    let mut kept = Vec::new();
    for (path, _) in change::data() {
        if change::is_same(before, merged, path) {
            continue;
        }
        if change::is_same(now, merged, path) {
            Change::of(&[path]).apply(&mut separated, before);
            continue;
        }
        kept.push(path);
        if let Some(list) = list(path) {
            (list.part)(before, merged, &mut separated);
        }
    }
    (separated, kept)
}

/// A merge that was undone stays so.
///
/// # Errors
/// `STATE_NOT_ALLOWED`.
pub(crate) fn ensure_standing(state: MergeState) -> Result<(), Fault> {
    match state {
        MergeState::Standing => Ok(()),
        _ => Err(Fault::state("UNDONE", "undo").with("allowed", "STANDING")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn phone(number: &str, primary: bool) -> Phone {
        Phone {
            number: number.into(),
            primary,
            ..Phone::default()
        }
    }

    /// A file with few possible values, so that two often share some.
    fn file() -> impl Strategy<Value = Customer> {
        let word = || prop::sample::select(vec!["", "a", "b", "A"]).prop_map(str::to_owned);
        let numbers = prop::collection::vec((0..4_u8, any::<bool>()), 0..4);
        let tags = prop::collection::btree_set("[a-c]", 0..3);
        (word(), word(), word(), numbers, tags).prop_map(|(name, region, card, numbers, tags)| {
            let mut phones: Vec<Phone> = Vec::new();
            for (number, primary) in numbers {
                let primary = primary && phones.iter().all(|one| !one.primary);
                let phone = phone(&format!("+86{number}"), primary);
                if phones.iter().all(|one| one.number != phone.number) {
                    phones.push(phone);
                }
            }
            Customer {
                owner: "employees/a".into(),
                display_name: name,
                region,
                bank_card: card,
                phones,
                tags: tags.into_iter().collect(),
                ..Customer::default()
            }
        })
    }

    fn take() -> impl Strategy<Value = Vec<&'static str>> {
        let fields = vec!["display_name", "region", "bank_card", "phones", "tags"];
        prop::sample::subsequence(fields, 0..5)
    }

    proptest! {
        /// Clause IH-2.2: reversible to the last field, whatever the two say and whatever is taken.
        #[test]
        fn what_was_merged_is_separated_to_the_last_field(
            survivor in file(), absorbed in file(), taken in take()
        ) {
            let (merged, _) = unite(&survivor, &absorbed, &taken);
            let (separated, kept) = separate(&survivor, &merged, &merged);
            prop_assert_eq!(separated, survivor);
            prop_assert!(kept.is_empty());
        }

        /// A change since stays, and what it did not touch goes back.
        #[test]
        fn a_change_since_a_merge_stays(
            survivor in file(), absorbed in file(), taken in take(), region in "[x-z]"
        ) {
            let (merged, _) = unite(&survivor, &absorbed, &taken);
            let mut now = merged.clone();
            now.region = region.clone();
            now.phones.push(phone("+1", false));
            let (separated, kept) = separate(&survivor, &merged, &now);
            let mut expected = survivor.clone();
            expected.region = region;
            prop_assert_eq!(kept.contains(&"phones"), merged.phones != survivor.phones);
            expected.phones.push(phone("+1", false));
            prop_assert_eq!(separated, expected);
        }

        /// Clause IH-2.2: nothing of either file is missing, nothing is there twice, nothing is invented.
        #[test]
        fn a_merged_file_has_what_either_has(
            survivor in file(), absorbed in file(), taken in take()
        ) {
            let (merged, standing) = unite(&survivor, &absorbed, &taken);
            let numbers = |file: &Customer| {
                let mut numbers: Vec<_> = file.phones.iter().map(|one| one.number.clone()).collect();
                numbers.sort();
                numbers
            };
            let mut all = [numbers(&survivor), numbers(&absorbed)].concat();
            all.sort();
            all.dedup();
            prop_assert_eq!(numbers(&merged), all);
            prop_assert!(merged.phones.iter().filter(|one| one.primary).count() <= 1);
            for (path, one, other, found) in [
                ("region", &survivor.region, &absorbed.region, &merged.region),
                ("bank_card", &survivor.bank_card, &absorbed.bank_card, &merged.bank_card),
            ] {
                let expected = match (one.as_str(), other.as_str()) {
                    ("", any) | (any, "") => any,
                    (_, other) if taken.contains(&path) => other,
                    (one, _) => one,
                };
                prop_assert_eq!(found, expected);
                let told = standing.iter().find(|told| told.path == path);
                prop_assert_eq!(told.is_none(), expected.is_empty());
                prop_assert_eq!(told.is_some_and(|told| told.differs), !one.is_empty() && !other.is_empty() && one != other);
            }
            prop_assert_eq!(merged.owner, survivor.owner);
        }
    }

    #[test]
    fn each_list_of_a_file_is_joined() {
        for list in LISTS {
            assert!(
                change::data().any(|(path, _)| path == list.path),
                "{}",
                list.path
            );
        }
    }

    #[test]
    fn only_data_is_taken_each_once() {
        let names = ["region", "owner", "region", "x"].map(str::to_owned);
        let mut fields = Fields::new();
        assert_eq!(taken(&mut fields, &names), ["region"]);
        let found = fields.finish().unwrap_err().violations;
        let found: Vec<_> = found.into_iter().map(|(field, _)| field).collect();
        assert_eq!(
            found,
            ["take_absorbed[1]", "take_absorbed[2]", "take_absorbed[3]"]
        );
    }
}
