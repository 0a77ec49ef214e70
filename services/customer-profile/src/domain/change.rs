//! Changes to a file: which fields a mask names, what class they are of, and how
//! they are taken over.

use kefu_contracts::{ClassSet, policy::DataClass, profile::Customer};
use kefu_service::{error::Violation, fields::Fields};

/// A field that can be changed.
struct Field {
    path: &'static str,
    class: DataClass,
    take: fn(&mut Customer, &Customer),
    same: fn(&Customer, &Customer) -> bool,
}

macro_rules! fields {
    ($($path:ident: $class:ident),* $(,)?) => {
        &[$(Field {
            path: stringify!($path),
            class: DataClass::$class,
            take: |into, from| into.$path = from.$path.clone(),
            same: |one, other| one.$path == other.$path,
        }),*]
    };
}

const FIELDS: &[Field] = fields![
    owner: System,
    business_line: System,
    display_name: Basic,
    sex: Basic,
    birth_date: Basic,
    occupation: Basic,
    region: Basic,
    phones: Contact,
    emails: Contact,
    addresses: Contact,
    id_card: Identity,
    credit_code: Identity,
    bank_card: Financial,
    purchase_preferences: Purchase,
    source_channel: Relation,
    special_needs: Relation,
    contact_persons: Relation,
    source_hand: Relation,
    source_credibility: Relation,
    signing_date: Relation,
    tags: Relation,
    basic_attributes: Basic,
    contact_attributes: Contact,
    identity_attributes: Identity,
    financial_attributes: Financial,
    purchase_attributes: Purchase,
    relation_attributes: Relation,
];

/// Fields that have to agree (`entry::check`): what the one says tells of the other.
const AGREEING: &[(&str, &str)] = &[("birth_date", "id_card"), ("sex", "id_card")];

/// Fields that exist and cannot be changed.
const FIXED: &[&str] = &[
    "name",
    "file_number",
    "type",
    "state",
    "department",
    "external_ref",
    "tier",
    "intake_channel",
    "contact_time",
];

/// Whether this is a field with data about the customer.
pub(crate) fn is_data(path: &str) -> bool {
    field(path).is_some_and(|field| field.class != DataClass::System)
}

/// The fields with data about the customer, each with its class, in field order.
pub(crate) fn data() -> impl Iterator<Item = (&'static str, DataClass)> {
    let data = FIELDS
        .iter()
        .filter(|field| field.class != DataClass::System);
    data.map(|field| (field.path, field.class))
}

/// Whether two files have the same in this field.
pub(crate) fn is_same(one: &Customer, other: &Customer, path: &str) -> bool {
    field(path).is_none_or(|field| (field.same)(one, other))
}

/// Whether the file has something in this field.
pub(crate) fn is_set(customer: &Customer, path: &str) -> bool {
    field(path).is_some_and(|field| !(field.same)(customer, &Customer::default()))
}

/// Class of what stands in this field.
pub(crate) fn class(path: &str) -> Option<DataClass> {
    field(path).map(|field| field.class)
}

fn field(path: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.path == path)
}

/// A mask that was understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Change {
    paths: Vec<&'static str>,
}

impl Change {
    /// Reads a mask; what it names wrongly is noted.
    pub(crate) fn parse(fields: &mut Fields, paths: &[String]) -> Self {
        fields.ensure(!paths.is_empty(), "update_mask", Violation::Required);
        let mut known = Vec::new();
        for (at, path) in paths.iter().enumerate() {
            let place = format!("update_mask.paths[{at}]");
            match field(path) {
                Some(field) if known.contains(&field.path) => {
                    fields.refuse(place, Violation::Duplicate)
                }
                Some(field) => known.push(field.path),
                None if FIXED.contains(&path.as_str()) => {
                    fields.refuse(place, Violation::Immutable)
                }
                None => fields.refuse(place, Violation::UnknownValue),
            }
        }
        Self { paths: known }
    }

    /// Of these fields.
    pub(crate) fn of(paths: &[&'static str]) -> Self {
        Self {
            paths: paths.to_vec(),
        }
    }

    /// What makes the data of one file that of the other; whose it is and its business
    /// are no data.
    pub(crate) fn between(one: &Customer, other: &Customer) -> Self {
        let differing = FIELDS
            .iter()
            .filter(|field| field.class != DataClass::System && !(field.same)(one, other));
        Self {
            paths: differing.map(|field| field.path).collect(),
        }
    }

    /// Whether it names nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Classes that must be cleared: what one may not see one may not overwrite.
    pub(crate) fn classes(&self) -> ClassSet {
        self.named()
            .map(|field| field.class)
            .filter(|class| *class != DataClass::System)
            .collect()
    }

    /// Classes of fields that have to agree, where it names the one and this file has the other:
    /// whoever is told that they do not is told of both.
    pub(crate) fn held_against(&self, file: &Customer) -> ClassSet {
        let meets = |one: &str, other: &str| self.names(one) && is_set(file, other);
        let held = AGREEING
            .iter()
            .copied()
            .filter(|&(one, other)| meets(one, other) || meets(other, one));
        held.flat_map(|(one, other)| [class(one), class(other)])
            .flatten()
            .collect()
    }

    /// The paths, in field order.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.named().map(|field| field.path.to_owned()).collect()
    }

    /// Whether it names this field.
    pub(crate) fn names(&self, path: &str) -> bool {
        self.paths.contains(&path)
    }

    /// Takes the named fields over.
    pub(crate) fn apply(&self, into: &mut Customer, from: &Customer) {
        for field in self.named() {
            (field.take)(into, from);
        }
    }

    fn named(&self) -> impl Iterator<Item = &'static Field> {
        FIELDS
            .iter()
            .filter(|field| self.paths.contains(&field.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_is_taken_over() {
        let mut fields = Fields::new();
        let change = Change::parse(&mut fields, &["occupation".into(), "bank_card".into()]);
        assert!(fields.is_clean());
        assert_eq!(
            change.classes(),
            ClassSet::of(&[DataClass::Basic, DataClass::Financial])
        );
        let mut file = Customer {
            display_name: "a".into(),
            bank_card: "1".into(),
            ..Default::default()
        };
        let wanted = Customer {
            display_name: "b".into(),
            occupation: "c".into(),
            ..Default::default()
        };
        change.apply(&mut file, &wanted);
        assert_eq!(
            file,
            Customer {
                display_name: "a".into(),
                occupation: "c".into(),
                ..Default::default()
            }
        );
    }

    /// Clause CF-6.1: a refusal would tell the birth date of a card that is not to be seen, or the
    /// card's of a birth date.
    #[test]
    fn what_has_to_agree_is_seen_together() {
        let both = ClassSet::of(&[DataClass::Basic, DataClass::Identity]);
        let with = |field: &str| {
            let mut file = Customer::default();
            match field {
                "id_card" => file.id_card = "a".into(),
                "sex" => file.sex = 1,
                "birth_date" => file.birth_date = Some(Default::default()),
                other => panic!("{other}"),
            }
            file
        };
        for (named, there, expected) in [
            ("birth_date", "id_card", both),
            ("sex", "id_card", both),
            ("id_card", "birth_date", both),
            ("id_card", "sex", both),
            ("birth_date", "sex", ClassSet::NONE),
            ("id_card", "id_card", ClassSet::NONE),
            ("occupation", "id_card", ClassSet::NONE),
        ] {
            let found = Change::of(&[named]).held_against(&with(there));
            assert_eq!(found, expected, "{named} {there}");
        }
    }

    #[test]
    fn what_lies_between_two_files_makes_one_of_the_other() {
        let one = Customer {
            owner: "employees/a".into(),
            occupation: "a".into(),
            region: "c".into(),
            ..Default::default()
        };
        let other = Customer {
            occupation: "b".into(),
            region: "c".into(),
            id_card: "d".into(),
            ..Default::default()
        };
        let change = Change::between(&one, &other);
        assert_eq!(change.paths(), ["occupation", "id_card"]);
        let mut became = one.clone();
        change.apply(&mut became, &other);
        assert_eq!(
            became,
            Customer {
                owner: one.owner,
                ..other.clone()
            }
        );
        assert!(Change::between(&other, &other).is_empty());
        assert!(is_set(&other, "id_card") && !is_set(&other, "sex"));
    }

    #[test]
    fn masks_are_refused_path_by_path() {
        let mut fields = Fields::new();
        Change::parse(
            &mut fields,
            &["tier".into(), "nonsense".into(), "sex".into(), "sex".into()],
        );
        let found: Vec<_> = fields
            .finish()
            .unwrap_err()
            .violations
            .into_iter()
            .map(|(_, what)| what)
            .collect();
        assert_eq!(
            found,
            [
                Violation::Immutable,
                Violation::UnknownValue,
                Violation::Duplicate
            ]
        );
    }

    /// Every classified field of the contract that a caller may set can be changed.
    #[test]
    fn no_field_of_the_contract_is_forgotten() {
        for field in FIELDS {
            assert!(!FIXED.contains(&field.path), "{}", field.path);
        }
        assert_eq!(FIELDS.len(), 27);
    }
}
