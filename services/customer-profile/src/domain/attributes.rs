//! What the company declares beside the fields of every file, each with its data class and
//! type. What is not declared is refused.

use jiff::civil::Date;
use kefu_contracts::{
    policy::DataClass,
    profile::{Attribute, Customer},
};
use kefu_service::{error::Violation, fields::Fields};
use serde::{Deserialize, Serialize};

/// Most attributes of one class.
const MOST: usize = 50;
/// Longest text.
const LONGEST: usize = 500;

/// An attribute that files may have.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeRule {
    /// Lower case, digits and underscores: `member_since`.
    pub id: String,
    /// Data class without its prefix: `RELATION`.
    pub class: String,
    /// What its values are.
    pub kind: AttributeKind,
    /// What a choice is of.
    #[serde(default)]
    pub choices: Vec<String>,
}

/// Type of an attribute's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeKind {
    /// Up to 500 characters.
    Text,
    /// Decimal, at most 18 digits: `-12.5`.
    Number,
    /// `2026-03-01`
    Date,
    /// `true` or `false`
    Boolean,
    /// One of the choices.
    Choice,
}

/// The list of each class in a file.
type List = (&'static str, DataClass, fn(&Customer) -> &Vec<Attribute>);

const LISTS: [List; 6] = [
    ("basic_attributes", DataClass::Basic, |file| {
        &file.basic_attributes
    }),
    ("contact_attributes", DataClass::Contact, |file| {
        &file.contact_attributes
    }),
    ("identity_attributes", DataClass::Identity, |file| {
        &file.identity_attributes
    }),
    ("financial_attributes", DataClass::Financial, |file| {
        &file.financial_attributes
    }),
    ("purchase_attributes", DataClass::Purchase, |file| {
        &file.purchase_attributes
    }),
    ("relation_attributes", DataClass::Relation, |file| {
        &file.relation_attributes
    }),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shipped {
    attributes: Vec<AttributeRule>,
}

/// The attributes that come with the suite.
pub(crate) fn shipped() -> Vec<AttributeRule> {
    toml::from_str::<Shipped>(include_str!("../../attributes.toml"))
        .expect("a test reads attributes.toml")
        .attributes
}

/// The first declaration that cannot be meant.
pub(crate) fn problem(rules: &[AttributeRule]) -> Option<String> {
    rules.iter().enumerate().find_map(|(at, rule)| {
        let id = &rule.id;
        let sign = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if id.is_empty() || id.len() > 60 || !id.chars().all(sign) {
            Some(format!("{id:?} is no id of an attribute"))
        } else if rules[..at].iter().any(|other| other.id == *id) {
            Some(format!("{id} is declared twice"))
        } else if !LISTS.iter().any(|(_, class, _)| rule.is_of(*class)) {
            Some(format!("{id}: {} is no data class of a file", rule.class))
        } else if (rule.kind == AttributeKind::Choice) == rule.choices.is_empty() {
            Some(format!(
                "{id}: choices are what a choice is of, and nothing else"
            ))
        } else {
            None
        }
    })
}

/// Checks the attributes of a file against what is declared.
pub(crate) fn check(fields: &mut Fields, rules: &[AttributeRule], customer: &Customer) {
    for (name, class, list) in LISTS {
        let list = list(customer);
        let field = format!("customer.{name}");
        fields.ensure(list.len() <= MOST, &field, Violation::TooMany(MOST));
        for (at, attribute) in list.iter().enumerate() {
            let declared = rules
                .iter()
                .find(|rule| rule.id == attribute.id && rule.is_of(class));
            let Some(rule) = declared else {
                fields.refuse(format_args!("{field}[{at}].id"), Violation::UnknownValue);
                continue;
            };
            fields.ensure(
                list[..at].iter().all(|other| other.id != attribute.id),
                format_args!("{field}[{at}].id"),
                Violation::Duplicate,
            );
            rule.check(fields, &format!("{field}[{at}].value"), &attribute.value);
        }
    }
}

impl AttributeRule {
    fn is_of(&self, class: DataClass) -> bool {
        class.as_str_name().strip_prefix("DATA_CLASS_") == Some(&self.class)
    }

    fn check(&self, fields: &mut Fields, field: &str, value: &str) {
        if value.trim().is_empty() {
            return fields.refuse(field, Violation::Required);
        }
        let (right, what) = match self.kind {
            AttributeKind::Text => return fields.text(field, value, LONGEST),
            AttributeKind::Number => (is_number(value), Violation::Format),
            AttributeKind::Date => (is_date(value), Violation::Date),
            AttributeKind::Boolean => (["true", "false"].contains(&value), Violation::Format),
            AttributeKind::Choice => (
                self.choices.iter().any(|choice| choice == value),
                Violation::UnknownValue,
            ),
        };
        fields.ensure(right, field, what);
    }
}

/// As it is written in one way only: no sign but minus, no exponent.
fn is_number(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    plain(whole) && plain(fraction) && digits.len() <= 18
}

fn is_date(value: &str) -> bool {
    value
        .parse::<Date>()
        .is_ok_and(|date| date.to_string() == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(customer: &Customer) -> Vec<(String, Violation)> {
        let mut fields = Fields::new();
        check(&mut fields, &shipped(), customer);
        let fault = fields.finish().err();
        fault.map(|fault| fault.violations).unwrap_or_default()
    }

    fn of(id: &str, value: &str) -> Attribute {
        Attribute {
            id: id.into(),
            value: value.into(),
        }
    }

    /// Clause CF-2.4: what is not declared, or not of that class, is refused.
    #[test]
    fn only_what_is_declared_is_taken_and_only_in_its_class() {
        assert_eq!(problem(&shipped()), None);
        let right = Customer {
            contact_attributes: vec![of("wechat", "zhang_sanfeng")],
            relation_attributes: vec![of("member_since", "2020-02-29"), of("newsletter", "true")],
            ..Default::default()
        };
        assert_eq!(violations(&right), []);
        let wrong = Customer {
            basic_attributes: vec![of("wechat", "zhang_sanfeng"), of("shoe_size", "42")],
            relation_attributes: vec![of("newsletter", "true"), of("newsletter", "false")],
            ..Default::default()
        };
        assert_eq!(
            violations(&wrong),
            [
                (
                    "customer.basic_attributes[0].id".into(),
                    Violation::UnknownValue
                ),
                (
                    "customer.basic_attributes[1].id".into(),
                    Violation::UnknownValue
                ),
                (
                    "customer.relation_attributes[1].id".into(),
                    Violation::Duplicate
                ),
            ]
        );
    }

    #[test]
    fn values_are_of_their_type() {
        let rule = |kind, choices: &[&str]| AttributeRule {
            id: "a".into(),
            class: "BASIC".into(),
            kind,
            choices: choices.iter().map(|one| (*one).to_owned()).collect(),
        };
        use AttributeKind::*;
        let long = "长".repeat(501);
        for (kind, right, wrong) in [
            (
                Text,
                &["x", "纸质发票"][..],
                &["", " ", "bell\u{7}", &long][..],
            ),
            (
                Number,
                &["0", "-12.5", "123456789012345678"],
                &["", "1e3", "+1", ".5", "1.", "1234567890123456789", "１"],
            ),
            (
                Date,
                &["2024-02-29"],
                &["2023-02-29", "2024-2-9", "20240229", "today"],
            ),
            (Boolean, &["true", "false"], &["TRUE", "1", ""]),
            (Choice, &["红"], &["绿", ""]),
        ] {
            let choices: &[&str] = if kind == Choice { &["红", "蓝"] } else { &[] };
            for (values, clean) in [(right, true), (wrong, false)] {
                for value in values {
                    let mut fields = Fields::new();
                    rule(kind, choices).check(&mut fields, "a", value);
                    assert_eq!(fields.is_clean(), clean, "{kind:?} {value:?}");
                }
            }
        }
    }

    #[test]
    fn declarations_that_cannot_be_meant_are_refused() {
        let right = shipped().remove(0);
        let with = |change: fn(&mut AttributeRule)| {
            let mut rule = right.clone();
            change(&mut rule);
            problem(&[rule])
        };
        assert_eq!(with(|_| {}), None);
        assert!(with(|rule| rule.id = "Shoe size".into()).is_some());
        assert!(with(|rule| rule.id.clear()).is_some());
        assert!(with(|rule| rule.class = "SERVICE".into()).is_some());
        assert!(with(|rule| rule.class = "SYSTEM".into()).is_some());
        assert!(with(|rule| rule.kind = AttributeKind::Choice).is_some());
        assert!(with(|rule| rule.choices = vec!["x".into()]).is_some());
        assert!(problem(&[right.clone(), right]).is_some());
    }
}
