//! Changes to a file: which fields a mask names, what class they are of, and how
//! they are taken over.

use kefu_contracts::{ClassSet, policy::DataClass, profile::Customer};
use kefu_service::{error::Violation, fields::Fields};

/// A field that can be changed.
struct Field {
    path: &'static str,
    class: DataClass,
    take: fn(&mut Customer, &Customer),
}

macro_rules! fields {
    ($($path:ident: $class:ident),* $(,)?) => {
        &[$(Field {
            path: stringify!($path),
            class: DataClass::$class,
            take: |into, from| into.$path = from.$path.clone(),
        }),*]
    };
}

const FIELDS: &[Field] = fields![
    owner: System,
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
];

/// Fields that exist and cannot be changed.
const FIXED: &[&str] = &[
    "name",
    "file_number",
    "type",
    "state",
    "business_line",
    "department",
    "external_ref",
    "tier",
];

/// A mask that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
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
            match FIELDS.iter().find(|field| field.path == path) {
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

    /// Classes that must be cleared: what one may not see one may not overwrite.
    pub(crate) fn classes(&self) -> ClassSet {
        self.named()
            .map(|field| field.class)
            .filter(|class| *class != DataClass::System)
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
        assert_eq!(FIELDS.len(), 15);
    }
}
