//! One call: its path, its parameters, its body and its answers.

use std::collections::HashMap;

use kefu_contracts::{Method, policy::Effect};
use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::{
    domain, refusals,
    schema::Schemas,
    tag,
    words::{Words, first},
};
use crate::{
    binding::{Binding, Verb, field_at},
    template::Segment,
};

/// Headers that every call may have.
const HEADERS: [&str; 4] = ["purpose", "position", "timeout", "language"];

/// How parts of paths are called.
pub(super) struct Paths(HashMap<String, String>);

impl Paths {
    /// By the patterns of `google.api.resource`: `tickets/{ticket}`.
    pub(super) fn of(pool: &DescriptorPool) -> Self {
        let mut names = HashMap::new();
        let resource = pool.get_extension_by_name("google.api.resource");
        for message in pool.all_messages() {
            let Some(resource) = &resource else { continue };
            let options = message.options();
            let said = options.get_extension(resource);
            let patterns = said
                .as_message()
                .and_then(|said| said.get_field_by_name("pattern"));
            let Some(patterns) = patterns else { continue };
            for pattern in patterns.as_list().unwrap_or_default() {
                let parts = pattern.as_str().and_then(|text| text.split_once("/{"));
                if let Some((collection, name)) = parts {
                    names.insert(collection.to_owned(), name.trim_end_matches('}').to_owned());
                }
            }
        }
        Self(names)
    }

    /// `/v1/tickets/{ticket}:assign`, and what stands in its braces.
    pub(super) fn path(&self, binding: &Binding) -> (String, Vec<Value>) {
        let template = &binding.template;
        let mut path = String::new();
        let mut parameters = Vec::new();
        for (at, segment) in template.segments.iter().enumerate() {
            let text = match segment {
                Segment::Literal(text) => text.clone(),
                Segment::Any => {
                    let variables = template.variables.iter();
                    let mut around = variables.filter(|one| one.segments.contains(&at));
                    let variable = around.next();
                    let field =
                        variable.and_then(|one| field_at(&binding.method.input(), &one.field));
                    let before = at.checked_sub(1).map(|before| &template.segments[before]);
                    let name = match (before, variable) {
                        (Some(Segment::Literal(collection)), Some(one))
                            if one.segments.len() > 1 =>
                        {
                            self.0
                                .get(collection)
                                .map_or("id", String::as_str)
                                .to_owned()
                        }
                        _ => field
                            .as_ref()
                            .map_or("id", FieldDescriptor::json_name)
                            .to_owned(),
                    };
                    parameters.push(json!({
                        "name": name, "in": "path", "required": true, "schema": segment_schema(field),
                    }));
                    format!("{{{name}}}")
                }
            };
            path.push('/');
            path.push_str(&text);
        }
        if let Some(verb) = &template.verb {
            path.push(':');
            path.push_str(verb);
        }
        (path, parameters)
    }
}

fn segment_schema(field: Option<FieldDescriptor>) -> Value {
    match field.map(|field| field.kind()) {
        Some(Kind::Int64) => {
            json!({"type": "string", "format": "int64", "pattern": "^[0-9]{1,18}$"})
        }
        _ => json!({"type": "string", "pattern": "^[A-Za-z0-9._~-]{1,100}$"}),
    }
}

/// The operation of a method.
pub(super) fn operation(
    binding: &Binding,
    mut parameters: Vec<Value>,
    words: &Words,
    schemas: &mut Schemas<'_>,
) -> Value {
    let (method, rule) = (&binding.method, binding.rule);
    let input = method.input();
    let in_path = |field: &FieldDescriptor| {
        let mut variables = binding.template.variables.iter();
        variables.any(|variable| variable.field == field.name())
    };
    for name in HEADERS {
        let needed = name == "purpose" && rule.purpose_required;
        let name = if needed { "purpose-needed" } else { name };
        parameters.push(json!({"$ref": format!("#/components/parameters/{name}")}));
    }
    if !binding.verb.has_body() {
        for field in input.fields().filter(|field| !in_path(field)) {
            in_query(&field, "", &mut parameters, schemas);
        }
    }
    let said = words.method(method);
    let mut operation = json!({
        "operationId": format!("{}_{}", domain(binding), method.name()),
        "summary": first(said),
        "description": format!("{said}\n\n{}", access(rule)).trim_start(),
        "tags": [tag(binding)],
        "parameters": parameters,
        "responses": responses(binding, schemas),
        "x-kefu-grpc": rule.path.trim_start_matches('/'),
        "x-kefu-permission": rule.permission,
        "x-kefu-purpose-required": rule.purpose_required,
        "x-kefu-effect": if rule.effect == Effect::Write { "WRITE" } else { "READ" },
        "x-kefu-shows": shows(rule),
    });
    if binding.verb.has_body() {
        let mut schema = schemas.object(&input, |field| !in_path(field));
        schema["additionalProperties"] = json!(false);
        schema["title"] = json!(input.name());
        operation["requestBody"] = json!({
            "required": schema.get("required").is_some(),
            "content": {"application/json": {"schema": schema}},
        });
    }
    operation
}

fn shows(rule: &Method) -> Vec<&'static str> {
    let names = rule.shows.iter().map(|class| class.as_str_name());
    names
        .map(|name| name.trim_start_matches("DATA_CLASS_"))
        .collect()
}

/// Who may, in words.
fn access(rule: &Method) -> String {
    let mut said = format!("Permission: `{}`.", rule.permission);
    if rule.purpose_required {
        said.push_str(" Needs a purpose.");
    }
    let shows = shows(rule);
    if !shows.is_empty() {
        said.push_str(&format!(
            " Can show personal data of the classes {}.",
            shows.join(", ")
        ));
    }
    said
}

/// A field, or its parts where it is a message.
fn in_query(
    field: &FieldDescriptor,
    path: &str,
    parameters: &mut Vec<Value>,
    schemas: &mut Schemas<'_>,
) {
    let name = match path {
        "" => field.json_name().to_owned(),
        path => format!("{path}.{}", field.json_name()),
    };
    if let Some(message) = in_parts(field) {
        // A message within itself would have no end, and no contract has one there.
        if path.split('.').count() < 4 {
            for part in message.fields() {
                in_query(&part, &name, parameters, schemas);
            }
        }
        return;
    }
    let mut schema = schemas.field(field);
    let words = schema
        .as_object_mut()
        .and_then(|schema| schema.remove("description"));
    let mut parameter = json!({"name": name, "in": "query", "schema": schema});
    if let Some(words) = words {
        parameter["description"] = words;
    }
    if path.is_empty() && schemas.is_required(field) {
        parameter["required"] = json!(true);
    }
    parameters.push(parameter);
}

fn in_parts(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(message) if !message.full_name().starts_with("google.protobuf.") => {
            Some(message)
        }
        _ => None,
    }
}

fn responses(binding: &Binding, schemas: &mut Schemas<'_>) -> Map<String, Value> {
    let message = schemas.message(&binding.method.output());
    let headers = json!({
        "kefu-call-id": {"$ref": "#/components/headers/kefu-call-id"},
        "kefu-position": {"$ref": "#/components/headers/kefu-position"},
        "ETag": {"$ref": "#/components/headers/ETag"},
    });
    let answer = if binding.rule.server_streaming {
        json!({
            "description": "Messages as they come, each an object in a line of its own. A stream that ends in a refusal ends with a line that is a `Refusal`.",
            "content": {"application/x-ndjson": {"schema": {"type": "string"}, "x-kefu-line": message}},
            "headers": headers,
        })
    } else {
        json!({
            "description": "The answer.",
            "content": {"application/json": {"schema": message}},
            "headers": headers,
        })
    };
    let mut all = Map::from_iter([("200".to_owned(), answer)]);
    for status in refusals::STATUSES {
        if status == 415 && binding.verb == Verb::Get {
            continue;
        }
        let reference = format!("#/components/responses/{status}");
        all.insert(status.to_string(), json!({"$ref": reference}));
    }
    all
}
