//! Fields in the address: `filter=…&query.first_day.year=2026&group_by=DAY&group_by=CHANNEL`.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage, Value};
use serde_json::Value as Json;
use url::form_urlencoded;

use crate::request::{Findings, Problem, at, chosen_otherwise, field_named, leaf};

/// Sets what a query names; a field may be given once, a list as often as it has items.
pub(crate) fn read(request: &mut DynamicMessage, query: &str, findings: &mut Findings) {
    let mut seen = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let set = set(request, &name, "", |message, field, here| {
            if !field.is_list() && seen.contains(here) {
                return Err(Problem::Duplicate);
            }
            seen.push(here.clone());
            if message.has_field(field) && !field.is_list() || chosen_otherwise(message, field) {
                return Err(Problem::Contradiction);
            }
            let value = leaf(field, spelt(field, &value))?;
            match message.get_field_mut(field) {
                Value::List(items) => items.push(value),
                place => *place = value,
            }
            Ok(())
        });
        if let Err((here, problem)) = set {
            findings.add(here, problem);
        }
    }
}

/// Sets what stands in the path; the body may say the same, and nothing else.
pub(crate) fn bind(
    request: &mut DynamicMessage,
    name: &str,
    value: String,
    findings: &mut Findings,
) {
    let set = set(request, name, "", |message, field, _| {
        let value = leaf(field, Json::String(value))?;
        if message.has_field(field) && *message.get_field(field) != value {
            return Err(Problem::Contradiction);
        }
        message.set_field(field, value);
        Ok(())
    });
    if let Err((here, problem)) = set {
        findings.add(here, problem);
    }
}

fn set(
    message: &mut DynamicMessage,
    name: &str,
    path: &str,
    put: impl FnOnce(&mut DynamicMessage, &FieldDescriptor, &String) -> Result<(), Problem>,
) -> Result<(), (String, Problem)> {
    let (first, rest) = match name.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (name, None),
    };
    let unknown = || {
        (
            if path.is_empty() {
                query_at(first)
            } else {
                at(path, first)
            },
            Problem::UnknownField,
        )
    };
    let field = field_named(&message.descriptor(), first).ok_or_else(unknown)?;
    let here = at(path, field.name());
    let inner = match field.kind() {
        Kind::Message(inner) if !inner.full_name().starts_with("google.protobuf.") => Some(inner),
        _ => None,
    };
    match (rest, inner) {
        (None, None) if !field.is_map() => {
            put(message, &field, &here).map_err(|problem| (here, problem))
        }
        (Some(rest), Some(_)) if !field.is_list() => {
            if chosen_otherwise(message, &field) {
                return Err((here, Problem::Contradiction));
            }
            match message.get_field_mut(&field).as_message_mut() {
                Some(inner) => set(inner, rest, &here, put),
                None => Err((here, Problem::Format)),
            }
        }
        // A part of what has none, or the whole of what can only be given in parts.
        _ => Err((here, Problem::Format)),
    }
}

/// As `at`, of a name that stood in the query.
fn query_at(name: &str) -> String {
    match at("", name) {
        body if body == "body" => "query".to_owned(),
        named => named,
    }
}

/// The text in the way that JSON writes values of the field.
fn spelt(field: &FieldDescriptor, text: &str) -> Json {
    match (field.kind(), text) {
        (Kind::Bool, "true") => Json::Bool(true),
        (Kind::Bool, "false") => Json::Bool(false),
        _ => Json::String(text.to_owned()),
    }
}
