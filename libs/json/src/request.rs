//! A request from its path, query and body. Every mistake is told at once, by its place
//! alone: what stands there is the caller's, and may be somebody's.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use serde_json::{Map, Value as Json};

use crate::{binding::Binding, query};

/// What is wrong with a part of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The contract has no such field.
    UnknownField,
    /// Not of the type that the contract says.
    Format,
    /// Not a value of the enum.
    UnknownValue,
    /// Given twice.
    Duplicate,
    /// Does not agree with what else is given.
    Contradiction,
    /// Of more than [`MOST_PARTS`] parts: it is not read at all.
    TooManyParts,
}

/// Most parts of a body: objects, lists and what follows a comma in them. Each takes up to a
/// hundred times its bytes once it is read.
pub const MOST_PARTS: usize = 100_000;

/// One mistake, and where: `ticket.subject`, `lines[2].sku`; `body` where it is no JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Path of the field, by the names of the contract.
    pub field: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What was sent.
#[derive(Debug, Clone, Default)]
pub struct Given<'a> {
    /// Fields and their values from the path.
    pub path: Vec<(&'a str, String)>,
    /// What stands behind the question mark, as it was sent.
    pub query: Option<&'a str>,
    /// The body where one counts; empty is `{}`.
    pub body: Option<&'a [u8]>,
}

impl Binding {
    /// The request that is meant.
    ///
    /// # Errors
    /// Every part of it that is none of the contract's.
    pub fn request(&self, given: Given<'_>) -> Result<DynamicMessage, Vec<Finding>> {
        let mut request = DynamicMessage::new(self.method.input());
        let mut findings = Findings::default();
        let body = given.body.filter(|body| !body.is_empty());
        if body.is_some_and(|body| parts(body) > MOST_PARTS) {
            findings.add("body", Problem::TooManyParts);
            return Err(findings.0);
        }
        match body.map(serde_json::from_slice) {
            None => {}
            Some(Ok(Json::Object(object))) => fill(&mut request, object, "", &mut findings),
            Some(_) => findings.add("body", Problem::Format),
        }
        match given.query.unwrap_or_default() {
            "" => {}
            // All of it stands in the body, and what people write in no address.
            _ if self.verb.has_body() => findings.add("query", Problem::UnknownField),
            fields => query::read(&mut request, fields, &mut findings),
        }
        for (field, value) in given.path {
            query::bind(&mut request, field, value, &mut findings);
        }
        if findings.0.is_empty() {
            Ok(request)
        } else {
            Err(findings.0)
        }
    }
}

/// How many parts a body has, as far as it is JSON: nothing is read of it past its first mistake.
fn parts(body: &[u8]) -> usize {
    let (mut parts, mut quoted, mut escaped) = (0, false, false);
    for &byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'{' | b'[' | b',' if !quoted => parts += 1,
            _ => {}
        }
    }
    parts
}

/// So many are told at once: a list of a million mistakes is no help to anybody.
const MOST: usize = 100;

#[derive(Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    fn are_enough(&self) -> bool {
        self.0.len() >= MOST
    }

    pub(crate) fn add(&mut self, field: impl Into<String>, problem: Problem) {
        if !self.are_enough() {
            let field = field.into();
            self.0.push(Finding { field, problem });
        }
    }
}

/// The name where it can be one; anything else is not repeated to anybody.
pub(crate) fn at(path: &str, name: &str) -> String {
    let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let named = name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(word);
    match (path.is_empty(), named) {
        (true, true) => name.to_owned(),
        (true, false) => "body".to_owned(),
        (false, true) => format!("{path}.{name}"),
        (false, false) => path.to_owned(),
    }
}

/// The field of this name, in JSON's way of writing or the contract's own.
pub(crate) fn field_named(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message
        .get_field_by_json_name(name)
        .or_else(|| message.get_field_by_name(name))
}

fn fill(
    message: &mut DynamicMessage,
    object: Map<String, Json>,
    path: &str,
    findings: &mut Findings,
) {
    let descriptor = prost_reflect::ReflectMessage::descriptor(message);
    let mut seen = Vec::with_capacity(object.len());
    for (name, value) in object {
        let Some(field) = field_named(&descriptor, &name) else {
            findings.add(at(path, &name), Problem::UnknownField);
            continue;
        };
        let here = at(path, field.name());
        if seen.contains(&field.number()) {
            findings.add(here, Problem::Duplicate);
            continue;
        }
        seen.push(field.number());
        if value.is_null() && !takes_null(&field) {
            continue;
        }
        if chosen_otherwise(message, &field) {
            findings.add(here, Problem::Contradiction);
            continue;
        }
        if let Some(value) = read(&field, value, &here, findings) {
            message.set_field(&field, value);
        }
    }
}

/// Whether another field of the same choice is set.
pub(crate) fn chosen_otherwise(message: &DynamicMessage, field: &FieldDescriptor) -> bool {
    field.containing_oneof().is_some_and(|choice| {
        let mut others = choice.fields();
        others.any(|other| other.number() != field.number() && message.has_field(&other))
    })
}

fn takes_null(field: &FieldDescriptor) -> bool {
    matches!(field.kind(), Kind::Message(message) if message.full_name() == "google.protobuf.Value")
}

/// Read field by field here; all others are whole values to the library.
fn own(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(message)
            if !field.is_map() && !message.full_name().starts_with("google.protobuf.") =>
        {
            Some(message)
        }
        _ => None,
    }
}

fn read(
    field: &FieldDescriptor,
    value: Json,
    path: &str,
    findings: &mut Findings,
) -> Option<Value> {
    if !field.is_list() {
        return one(field, value, path, findings);
    }
    let Json::Array(mut items) = value else {
        findings.add(path, Problem::Format);
        return None;
    };
    // All at once, where they are what they should be; one by one, to say which are not.
    if own(field).is_none() && !items.iter().any(Json::is_null) {
        let name = field.json_name();
        let mut alone = Json::Object(Map::from_iter([(name.to_owned(), Json::Array(items))]));
        if let Ok(read) = DynamicMessage::deserialize(field.parent_message().clone(), &alone) {
            return Some(read.get_field(field).into_owned());
        }
        items = match alone[name].take() {
            Json::Array(items) => items,
            _ => Vec::new(),
        };
    }
    let items = items.into_iter().enumerate();
    let read = items.map_while(|(place, item)| {
        if findings.are_enough() {
            return None;
        }
        let path = format!("{path}[{place}]");
        if item.is_null() && !takes_null(field) {
            findings.add(path, Problem::Format);
            return Some(None);
        }
        Some(one(field, item, &path, findings))
    });
    Some(Value::List(read.flatten().collect()))
}

/// One value of the field, which may be a list's.
fn one(field: &FieldDescriptor, value: Json, path: &str, findings: &mut Findings) -> Option<Value> {
    let Some(message) = own(field) else {
        let read = leaf(field, value);
        return read.map_err(|problem| findings.add(path, problem)).ok();
    };
    let Json::Object(object) = value else {
        findings.add(path, Problem::Format);
        return None;
    };
    let mut inner = DynamicMessage::new(message);
    fill(&mut inner, object, path, findings);
    Some(Value::Message(inner))
}

/// A value as the library reads it: in a message that has nothing else.
pub(crate) fn leaf(field: &FieldDescriptor, value: Json) -> Result<Value, Problem> {
    let problem = match field.kind() {
        Kind::Enum(_) if value.is_string() => Problem::UnknownValue,
        _ => Problem::Format,
    };
    let value = if field.is_list() {
        Json::Array(vec![value])
    } else {
        value
    };
    let alone = Json::Object(Map::from_iter([(field.json_name().to_owned(), value)]));
    let read = DynamicMessage::deserialize(field.parent_message().clone(), alone);
    let value = read.map_err(|_| problem)?.get_field(field).into_owned();
    match value {
        Value::List(items) if field.is_list() => items.into_iter().next().ok_or(problem),
        value => Ok(value),
    }
}
