//! What lists offer to be filtered and ordered by, as the contracts say it, and what each
//! filter has to find.

use std::collections::{BTreeMap, BTreeSet};

use kefu_contracts::policy::DataClass;
use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor,
    ReflectMessage, Value,
};

use super::{
    calls::{record_of, string},
    oracle::Known,
    schema::{self, Schema},
};

/// One term of a filter.
#[derive(Clone, Debug)]
pub(super) struct Term {
    pub(super) field: FieldDescriptor,
    pub(super) operator: &'static str,
    /// As the record has it.
    pub(super) value: Value,
    pub(super) written: String,
    /// Where it compares what is sealed.
    sealed: Option<&'static SealedTerm>,
}

/// What is looked for by keyed hash: a term of another name than its field, with an operator
/// of its own.
#[derive(Debug)]
struct SealedTerm {
    name: &'static str,
    /// Where it looks: a field, and that of the messages in it; empty where it is text itself.
    places: &'static [(&'static str, &'static str)],
    operator: &'static str,
    /// Fewest characters that are looked for.
    shortest: usize,
}

const fn whole(name: &'static str, places: &'static [(&'static str, &'static str)]) -> SealedTerm {
    SealedTerm {
        name,
        places,
        operator: "=",
        shortest: 0,
    }
}

const fn words(
    name: &'static str,
    places: &'static [(&'static str, &'static str)],
    shortest: usize,
) -> SealedTerm {
    SealedTerm {
        name,
        places,
        operator: ":",
        shortest,
    }
}

/// Whole texts that are looked for by their words: every post asks for each, for every purpose.
const WORDS: usize = 8;

const SEALED: [SealedTerm; 12] = [
    whole("number", &[("file_number", "")]),
    whole("phone", &[("phones", "number")]),
    whole("email", &[("emails", "address")]),
    whole("id_card", &[("id_card", "")]),
    whole("credit_code", &[("credit_code", "")]),
    whole("region", &[("region", "")]),
    whole("tag", &[("tags", "")]),
    words("name", &[("display_name", "")], 1),
    words("address", &[("addresses", "street")], 1),
    words("subject", &[("subject", "")], 2),
    words("resolution", &[("resolution", "")], 2),
    words(
        "text",
        &[
            ("description", ""),
            ("subject", ""),
            ("resolution", ""),
            ("messages", "body"),
        ],
        2,
    ),
];

impl SealedTerm {
    fn texts(&self, record: &DynamicMessage) -> Vec<String> {
        let places = self.places.iter();
        let texts = places.flat_map(|(field, inner)| {
            let value = record.get_field_by_name(field);
            let value = value.as_deref();
            if inner.is_empty() {
                let texts = value.map(schema::texts).unwrap_or_default();
                return texts.into_iter().map(str::to_owned).collect::<Vec<_>>();
            }
            let messages = value.map(schema::messages).unwrap_or_default().into_iter();
            messages.map(|one| schema::text(one, inner)).collect()
        });
        texts.collect()
    }

    /// A term for what every record has there; of words some, and those that many have.
    fn add_terms(
        &'static self,
        record: &MessageDescriptor,
        known: &[Known],
        terms: &mut Vec<Term>,
    ) {
        let field = record.get_field_by_name(self.places[0].0).unwrap();
        let known = known.iter().filter(|one| one.kind == record.full_name());
        let mut texts: BTreeSet<String> = known.flat_map(|one| self.texts(&one.whole)).collect();
        texts.remove("");
        if self.operator == ":" {
            let mut words: BTreeMap<String, usize> = BTreeMap::new();
            for word in texts.iter().flat_map(|text| text.split('，')) {
                *words.entry(word.to_owned()).or_default() += 1;
            }
            let short = words.keys().take(2);
            let short = short.map(|word| word.chars().take(self.shortest).collect());
            let short: Vec<String> = short.collect();
            let step = texts.len().div_ceil(WORDS).max(1);
            texts = texts.into_iter().step_by(step).collect();
            let shared = words.into_iter().filter(|(_, count)| *count > 1);
            texts.extend(shared.map(|(word, _)| word));
            texts.extend(short);
        }
        for text in texts {
            terms.push(Term {
                field: field.clone(),
                operator: self.operator,
                written: format!("{}{}\"{text}\"", self.name, self.operator),
                value: string(text),
                sealed: Some(self),
            });
        }
    }

    fn finds(&self, value: &Value, record: &DynamicMessage) -> bool {
        let wanted = value.as_str().unwrap_or_default();
        let texts = self.texts(record);
        texts.iter().any(|text| match self.operator {
            ":" => text.contains(wanted),
            _ => text == wanted,
        })
    }
}

impl Term {
    /// What it is called in a filter.
    fn name(&self) -> &str {
        self.sealed.map_or(self.field.name(), |sealed| sealed.name)
    }
}

/// What a list offers, by the comments of its request.
pub(super) struct Offer {
    pub(super) record: MessageDescriptor,
    pub(super) terms: Vec<Term>,
    pub(super) orders: Vec<String>,
}

impl Offer {
    /// What the list of this method offers; findings where it cannot be told.
    pub(super) fn read(
        schema: &Schema,
        method: &MethodDescriptor,
        known: &[Known],
        findings: &mut Vec<String>,
    ) -> Option<Self> {
        let input = method.input();
        let filter = input.get_field_by_name("filter")?;
        // What hangs on one file is asked for by that file; what is watched is filtered as the
        // list of it.
        let watched = input.get_field_by_name("resume_token").is_some();
        if watched || input.get_field_by_name("parent").is_some() {
            return None;
        }
        let Some(record) = record_of(&method.output()) else {
            // The register shows nothing of customers; its lists are in `lookups`.
            let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
            if kefu_contracts::method(&path).is_some_and(|method| method.shows.is_empty()) {
                return None;
            }
            findings.push(format!(
                "{} filters, and shows no record",
                method.full_name()
            ));
            return None;
        };
        let comment = comment(&filter);
        let Some((_, names)) = comment.split_once("over:") else {
            findings.push(format!(
                "{}: its comment does not say `over: a, b.`",
                filter.full_name()
            ));
            return None;
        };
        let mut terms = Vec::new();
        let (names, rest) = names.split_once('.').unwrap_or((names, ""));
        // What may stand for a value is said behind the name.
        let names = names.split(',').map(str::trim);
        let names = names.map(|name| name.split_once(" (").map_or(name, |(name, _)| name));
        let mut names: Vec<&str> = names.collect();
        for name in by_words(rest) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        for name in names {
            // Of the company's own, and there is none in this world: no ticket waits in one.
            if (input.name(), name) == ("ListQueuedTicketsRequest", "queue") {
                continue;
            }
            // Nothing in it is missed, for now.
            if (input.name(), name) == ("ListFollowUpsRequest", "escalation") {
                continue;
            }
            // Nobody in this world follows a ticket.
            if name == "watcher" {
                continue;
            }
            let here = |field: &str| record.get_field_by_name(field).is_some();
            // A field of the company's own may be called like one that is sealed elsewhere.
            let own = record.get_field_by_name(name);
            let own = own.is_some_and(|field| schema.policy(&field).0 == DataClass::System);
            let mut sealed = SEALED.iter().filter(|one| one.name == name);
            let sealed = sealed.find(|one| here(one.places[0].0));
            if let Some(sealed) = sealed.filter(|one| !own || one.places[0].0 != name) {
                sealed.add_terms(&record, known, &mut terms);
                continue;
            }
            let Some(field) = record.get_field_by_name(name) else {
                findings.push(format!(
                    "{}: {name} is no field of {}: teach Offer::read in leak/offers.rs what it means",
                    filter.full_name(),
                    record.full_name()
                ));
                continue;
            };
            let before = terms.len();
            for one in known.iter().filter(|one| one.kind == record.full_name()) {
                add_terms(&field, &one.whole, &mut terms);
            }
            if terms.len() == before {
                findings.push(format!(
                    "{}: no record has a value in {name}: plant one in leak/world",
                    filter.full_name()
                ));
            }
        }
        let mut seen = BTreeSet::new();
        terms.retain(|term: &Term| seen.insert(term.written.clone()));
        let order = input
            .get_field_by_name("order_by")
            .map(|field| self::comment(&field));
        let orders = order
            .iter()
            .flat_map(|text| text.split('`').skip(1).step_by(2));
        let orders = orders.map(str::to_owned).collect();
        Some(Self {
            record,
            terms,
            orders,
        })
    }
}

/// What is also filtered by, as examples show: `text:打印机`.
fn by_words(comment: &str) -> impl Iterator<Item = &str> {
    let examples = comment.split('`').skip(1).step_by(2);
    examples.filter_map(|one| Some(one.split_once(':')?.0))
}

/// Filters on what the contract does not offer: every classified text, with what
/// some record has in it.
pub(super) fn forbidden(
    schema: &Schema,
    record: &MessageDescriptor,
    offer: &Offer,
    known: &[Known],
) -> Vec<String> {
    let mut filters = Vec::new();
    let Some(one) = known.iter().find(|one| one.kind == record.full_name()) else {
        return filters;
    };
    for (field, value) in one.whole.fields() {
        let mut terms = offer.terms.iter();
        let offered = terms.any(|term| term.operator == "=" && term.name() == field.name());
        if schema.policy(&field).0 == DataClass::System || offered {
            continue;
        }
        for text in schema::texts(value) {
            filters.push(format!("{} = \"{text}\"", field.name()));
        }
    }
    filters
}

fn add_terms(field: &FieldDescriptor, record: &DynamicMessage, terms: &mut Vec<Term>) {
    if !record.has_field(field) {
        return;
    }
    let value = record.get_field(field).into_owned();
    let (operators, written): (&[&str], _) = match (&field.kind(), &value) {
        (Kind::Enum(kind), Value::EnumNumber(number)) => (&["=", "!="], enum_name(kind, *number)),
        (_, Value::String(text)) => (&["=", "!="], format!("\"{text}\"")),
        (_, Value::Message(_)) => {
            let (seconds, nanos) = schema::time(record, field.name()).unwrap();
            let time = jiff::Timestamp::new(seconds, nanos).unwrap();
            (&["<=", ">"], format!("\"{time}\""))
        }
        _ => return,
    };
    for operator in operators {
        terms.push(Term {
            field: field.clone(),
            operator,
            value: value.clone(),
            written: format!("{} {operator} {written}", field.name()),
            sealed: None,
        });
    }
}

/// `TICKET_STATE_OPEN` → `OPEN`.
pub(super) fn enum_name(kind: &EnumDescriptor, number: i32) -> String {
    let prefix = kind.get_value(0).unwrap();
    let prefix = prefix.name().trim_end_matches("UNSPECIFIED");
    let value = kind.get_value(number).unwrap();
    value.name().trim_start_matches(prefix).to_owned()
}

/// Whether a record is found by a term.
pub(super) fn found_by(term: &Term, known: &Known) -> bool {
    if let Some(sealed) = term.sealed {
        return sealed.finds(&term.value, &known.whole);
    }
    let record = &known.listed;
    let same = record.has_field(&term.field) && *record.get_field(&term.field) == term.value;
    let order = || {
        let name = term.field.name();
        let at = schema::time(record, name)?;
        let mut other = DynamicMessage::new(record.descriptor());
        other.set_field(&term.field, term.value.clone());
        Some(at.cmp(&schema::time(&other, name)?))
    };
    match term.operator {
        "=" => same,
        "!=" => !same,
        "<=" => order().is_some_and(std::cmp::Ordering::is_le),
        _ => order().is_some_and(std::cmp::Ordering::is_gt),
    }
}

/// The comment above a field.
fn comment(field: &FieldDescriptor) -> String {
    let file = field.parent_file().file_descriptor_proto().clone();
    let info = file.source_code_info.unwrap();
    let place = info.location.iter().find(|one| one.path == field.path());
    let lines = place.map(|one| one.leading_comments().to_owned());
    lines
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
