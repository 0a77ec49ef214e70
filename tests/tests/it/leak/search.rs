//! Looking for canaries in bytes, in the clear and in the usual encodings.

use std::collections::BTreeMap;

use aho_corasick::AhoCorasick;
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use kefu_contracts::policy::{DataClass, Mask};
use prost_reflect::{DynamicMessage, ReflectMessage};

use super::schema::{self, Schema};

/// Fewest bytes of a canary: what is shorter turns up by chance.
const SHORTEST: usize = 9;

/// The hidden part of one field of one record.
#[derive(Clone, Debug)]
pub(super) struct Canary {
    pub(super) record: String,
    /// Records that hold the same: what is decided upon is copied for who decides.
    pub(super) copies: Vec<String>,
    pub(super) field: String,
    pub(super) class: DataClass,
    pub(super) hidden: String,
}

/// The canaries of all records in every encoding.
pub(super) struct Canaries {
    pub(super) all: Vec<Canary>,
    needles: AhoCorasick,
    whose: Vec<usize>,
}

impl Canaries {
    pub(super) fn new(all: Vec<Canary>) -> Self {
        let all = one_of_copies(all);
        let mut needles: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for (index, canary) in all.iter().enumerate() {
            for form in encodings(&canary.hidden) {
                let other = needles.insert(form, index);
                assert!(
                    other.is_none_or(|other| other == index),
                    "the canary of {} is also another's: give each record its own value in {}",
                    canary.record,
                    canary.field
                );
            }
        }
        let (forms, whose): (Vec<_>, Vec<_>) = needles.into_iter().unzip();
        Self {
            needles: AhoCorasick::new(&forms).unwrap(),
            all,
            whose,
        }
    }

    /// Each canary in these bytes, once.
    pub(super) fn found(&self, bytes: &[u8]) -> Vec<&Canary> {
        let hits = self.needles.find_overlapping_iter(bytes);
        let mut found: Vec<usize> = hits.map(|hit| self.whose[hit.pattern()]).collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|index| &self.all[index]).collect()
    }
}

/// Of what one inspection is about the same is said in its tasks and in its result; what an
/// after-sales case is about is taken from its order.
fn one_of_copies(all: Vec<Canary>) -> Vec<Canary> {
    let mut once: Vec<Canary> = Vec::new();
    for canary in all {
        let first = once.iter_mut().find(|one| {
            let same = (one.class, &one.hidden) == (canary.class, &canary.hidden);
            same && family(&one.record).is_some_and(|one| Some(one) == family(&canary.record))
        });
        match first {
            Some(first) => first.copies.push(canary.record),
            None => once.push(canary),
        }
    }
    once
}

/// Kinds of records of which one says what another does.
fn family(record: &str) -> Option<&'static str> {
    let of = |kinds: &[&str]| kinds.iter().any(|kind| record.starts_with(kind));
    match record {
        _ if of(&["inspection"]) => Some("inspections"),
        _ if of(&["orders/", "cases/"]) => Some("orders"),
        _ => None,
    }
}

/// The canaries of a record that is seen whole.
pub(super) fn canaries(
    schema: &Schema,
    name: &str,
    record: &DynamicMessage,
    into: &mut Vec<Canary>,
) {
    canaries_within(schema, name, record, DataClass::System, into);
}

/// What says nothing of itself within a field that is left out whole is of that field's class.
fn canaries_within(
    schema: &Schema,
    name: &str,
    record: &DynamicMessage,
    of: DataClass,
    into: &mut Vec<Canary>,
) {
    for (field, value) in record.fields() {
        let (class, mask) = match schema.policy(&field) {
            (DataClass::System, _) => (of, Mask::Omit),
            said => said,
        };
        if schema::nested(&field).is_some() {
            let of = if mask == Mask::Omit { class } else { of };
            for inner in schema::messages(value) {
                canaries_within(schema, name, inner, of, into);
            }
        }
        if class == DataClass::System || mask == Mask::Keep {
            continue;
        }
        for text in schema::texts(value) {
            let hidden = hidden(mask, text);
            assert!(
                hidden.len() >= SHORTEST,
                "{} of {name} hides only {hidden:?}: plant a longer value in leak/world",
                field.full_name()
            );
            into.push(Canary {
                record: name.to_owned(),
                copies: Vec::new(),
                field: format!("{}.{}", record.descriptor().name(), field.name()),
                class,
                hidden,
            });
        }
    }
}

/// The part of a value that its mask hides.
fn hidden(mask: Mask, value: &str) -> String {
    let letters: Vec<char> = value.chars().collect();
    let middle = |front: usize, back: usize| letters[front..letters.len() - back].iter().collect();
    match mask {
        Mask::Name => middle(1, 0),
        // Four digits alone turn up by chance: the whole number is looked for.
        Mask::Phone => value.trim_start_matches("+86").to_owned(),
        Mask::Email => value.split('@').next().unwrap()[1..].to_owned(),
        Mask::IdCard => middle(3, 4),
        Mask::BankCard => middle(0, 4),
        Mask::Omit | Mask::Keep | Mask::Unspecified => value.to_owned(),
    }
}

fn encodings(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let hex = |upper: bool| -> String {
        let digits = bytes.iter();
        match upper {
            true => digits.map(|byte| format!("{byte:02X}")).collect(),
            false => digits.map(|byte| format!("{byte:02x}")).collect(),
        }
    };
    let mut forms = vec![
        bytes.to_vec(),
        hex(false).into_bytes(),
        hex(true).into_bytes(),
    ];
    if !text.is_ascii() {
        let escaped = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
        forms.push(escaped.collect::<String>().into_bytes());
        // As `{:?}` of bytes and as a header would have it.
        let percent = bytes.iter().map(|byte| format!("%{byte:02X}"));
        forms.push(percent.collect::<String>().into_bytes());
        forms.push(text.escape_unicode().to_string().into_bytes());
        forms.push(bytes.escape_ascii().to_string().into_bytes());
    }
    let listed: Vec<String> = bytes.iter().map(u8::to_string).collect();
    forms.push(listed.join(", ").into_bytes());
    // In base64 a text looks different at each of three places; its edges depend
    // on its neighbours and are left out.
    for lead in 0..3 {
        let mut padded = vec![0; lead];
        padded.extend(bytes);
        let encoded = STANDARD_NO_PAD.encode(&padded);
        let front = [0, 2, 3][lead];
        let sure = padded.len() * 8 / 6;
        forms.push(encoded.as_bytes()[front..sure].to_vec());
        let url = encoded.replace('+', "-").replace('/', "_");
        forms.push(url.as_bytes()[front..sure].to_vec());
    }
    forms.sort();
    forms.dedup();
    forms
}

/// A canary is found in each encoding, wherever it stands.
#[test]
fn canaries_are_found_in_every_encoding() {
    let canary = Canary {
        record: "customers/1".into(),
        copies: Vec::new(),
        field: "Customer.display_name".into(),
        class: DataClass::Basic,
        hidden: "張偉鴛鴦".into(),
    };
    let canaries = Canaries::new(vec![canary]);
    for lead in ["", "a", "ab", "abc", "前"] {
        let text = format!("{lead}張偉鴛鴦后");
        let json: String = text
            .encode_utf16()
            .map(|unit| format!("\\u{unit:04x}"))
            .collect();
        let percent: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let base64 = STANDARD_NO_PAD.encode(&text);
        for form in [
            text.clone(),
            json,
            percent,
            hex,
            base64,
            format!("{:?}", text.as_bytes()),
        ] {
            assert_eq!(canaries.found(form.as_bytes()).len(), 1, "{form}");
        }
    }
    assert!(canaries.found("张*".as_bytes()).is_empty());
}
