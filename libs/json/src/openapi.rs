//! The contracts as an OpenAPI 3.1 document: every public call with its fields, what its
//! contract says of it in words, and who may.
//!
//! What OpenAPI has no word for is told in `x-kefu-…`: of a call its permission, whether it
//! needs a purpose, which classes of personal data its answer can carry, whether it changes
//! anything, and its name in gRPC; of a field its class and its masked form.

mod headers;
mod operation;
mod refusals;
mod schema;
mod words;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{api::Api, binding::Binding};
use operation::Paths;
use schema::Schemas;
use words::Words;

/// The document.
pub fn document(api: &Api) -> Value {
    let words = Words::of(api.pool());
    let mut schemas = Schemas::new(api.pool(), &words);
    let paths = Paths::of(api.pool());
    let mut items: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut tags: BTreeMap<String, String> = BTreeMap::new();
    for binding in api.bindings() {
        let (path, parameters) = paths.path(binding);
        let operation = operation::operation(binding, parameters, &words, &mut schemas);
        let verb = binding.verb.name().to_ascii_lowercase();
        items.entry(path).or_default().insert(verb, operation);
        let service = binding.method.parent_service();
        tags.entry(tag(binding))
            .or_insert_with(|| words.service(service).to_owned());
    }
    let tags: Vec<_> = tags
        .into_iter()
        .map(|(name, words)| json!({"name": name, "description": words}))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "kefu",
            "version": env!("CARGO_PKG_VERSION"),
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": tags,
        "paths": items,
        "components": {
            "securitySchemes": {"bearer": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "A token of the company's identity provider; its subject is an employee or a system account.",
            }},
            "parameters": headers::of_calls(api.pool(), &words),
            "headers": headers::of_answers(),
            "responses": refusals::responses(api.pool(), &words),
            "schemas": schemas.done(),
        },
    })
}

/// `ticket.TicketService`: what operations stand together under.
fn tag(binding: &Binding) -> String {
    let service = binding.method.parent_service();
    format!("{}.{}", domain(binding), service.name())
}

/// `ticket` of `kefu.ticket.v1`.
fn domain(binding: &Binding) -> String {
    let service = binding.method.parent_service();
    let package = service.package_name().split('.');
    package.skip(1).take(1).collect()
}

const INTRODUCTION: &str = "Customer service under a company's own written policies. These are the calls of its gRPC contracts in JSON: \
each goes through the same token, purpose, permission and journal.\n\n\
Fields have the names of proto3's JSON mapping; what is empty is left out. The body of POST, PUT and PATCH is the request less what stands in the path. \
A field that the contract does not have is refused. Every call that shows personal data says in `kefu-purpose` why. \
What the caller may not see of a record is masked or left out, and `disclosure` says which. \
Where words that are looked for are personal, a GET may be sent as a POST with `x-http-method-override: GET` and its fields as a JSON body, \
so that they stand in no address.";
