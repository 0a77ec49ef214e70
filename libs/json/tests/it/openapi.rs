//! The OpenAPI document: whole, well-formed, and what the contracts say.

use std::collections::BTreeSet;

use kefu_json::{Api, openapi};
use serde_json::{Value, json};

fn document() -> Value {
    openapi::document(Api::of_contracts().unwrap())
}

fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| {
        let verbs = item.as_object().unwrap().iter();
        verbs.map(|(verb, operation)| (path.clone(), verb.clone(), operation))
    });
    each.collect()
}

fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(to)) = object.get("$ref") {
                found.push(to);
            }
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_public_method_is_one_operation() {
    let api = Api::of_contracts().unwrap();
    let document = document();
    let told: BTreeSet<_> = operations(&document)
        .iter()
        .map(|(_, _, one)| one["x-kefu-grpc"].as_str().unwrap().to_owned())
        .collect();
    let expected: BTreeSet<_> = api
        .bindings()
        .iter()
        .map(|one| one.rule.path.trim_start_matches('/').to_owned())
        .collect();
    assert_eq!(told, expected);
    let ids: BTreeSet<_> = operations(&document)
        .iter()
        .map(|(_, _, one)| one["operationId"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), expected.len(), "operation ids are unique");
}

#[test]
fn whatever_is_referred_to_is_there() {
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 1000);
    for to in found {
        let place = document.pointer(to.strip_prefix('#').unwrap());
        assert!(place.is_some_and(Value::is_object), "{to}");
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert!(schemas.values().all(Value::is_object));
}

/// What stands in braces is a parameter, no parameter is told twice, and no two paths are one.
#[test]
fn paths_and_parameters_agree() {
    let document = document();
    let mut shapes = BTreeSet::new();
    for path in document["paths"].as_object().unwrap().keys() {
        let shape: String = path
            .split('{')
            .map(|part| part.split_once('}').map_or(part, |(_, rest)| rest))
            .collect();
        assert!(shapes.insert(shape), "{path}");
    }
    for (path, verb, operation) in operations(&document) {
        let mut named = BTreeSet::new();
        let mut in_path = BTreeSet::new();
        for parameter in operation["parameters"].as_array().unwrap() {
            let parameter = match parameter["$ref"].as_str() {
                Some(to) => document.pointer(&to[1..]).unwrap(),
                None => parameter,
            };
            let (name, place) = (
                parameter["name"].as_str().unwrap(),
                parameter["in"].as_str().unwrap(),
            );
            assert!(named.insert((name, place)), "{verb} {path}: {name} twice");
            if place == "path" {
                assert_eq!(parameter["required"], true);
                in_path.insert(name.to_owned());
            }
        }
        let braces: BTreeSet<_> = path
            .split('{')
            .skip(1)
            .map(|part| part.split('}').next().unwrap().to_owned())
            .collect();
        assert_eq!(braces, in_path, "{verb} {path}");
        assert_eq!(
            operation.get("requestBody").is_some(),
            !["get", "delete"].contains(&verb.as_str())
        );
    }
}

#[test]
fn an_operation_says_what_its_contract_does() {
    let document = document();
    let update = &document["paths"]["/v1/tickets/{ticket}"]["patch"];
    assert_eq!(update["operationId"], "ticket_UpdateTicket");
    assert_eq!(update["x-kefu-permission"], "ticket.tickets.update");
    assert_eq!(update["x-kefu-purpose-required"], true);
    assert_eq!(update["x-kefu-effect"], "WRITE");
    assert_eq!(update["x-kefu-shows"], json!(["FINANCIAL", "SERVICE"]));
    assert!(
        update["description"]
            .as_str()
            .unwrap()
            .contains("Corrects kind")
    );
    assert!(update["parameters"].to_string().contains("purpose-needed"));
    let body = &update["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["required"], json!(["ticket", "updateMask"]));
    assert_eq!(body["additionalProperties"], false);
    let assign = &document["paths"]["/v1/tickets/{ticket}:assign"]["post"];
    let body = &assign["requestBody"]["content"]["application/json"]["schema"];
    assert!(
        body["properties"].get("name").is_none(),
        "it stands in the path"
    );
    assert_eq!(body["required"], json!(["etag", "assignee"]));
    let query = &document["paths"]["/v1/metrics/{metric}:query"]["get"];
    let named: Vec<_> = query["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    for name in ["metric", "firstDay.year", "groupBy", "limit"] {
        assert!(named.contains(&name), "{name}: {named:?}");
    }
    let watch = &document["paths"]["/v1/tickets:watch"]["get"]["responses"]["200"]["content"];
    assert!(watch.get("application/x-ndjson").is_some());
}

#[test]
fn a_field_says_its_class_and_a_reason_its_status() {
    let document = document();
    let customer = &document["components"]["schemas"]["profile.v1.Customer"]["properties"];
    assert_eq!(customer["displayName"]["x-kefu-class"], "BASIC");
    assert_eq!(customer["displayName"]["x-kefu-mask"], "NAME");
    // An answer leaves out what is empty, so no message is said to have a field always.
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas.iter().filter(|(name, _)| *name != "Refusal") {
        assert!(schema.get("required").is_none(), "{name}");
    }
    let plan = &schemas["order.v1.RelationPlanDefinition"]["properties"];
    assert_eq!(plan["timeZone"]["x-kefu-required"], true);
    let responses = &document["components"]["responses"];
    let told = |status: &str| responses[status]["description"].as_str().unwrap();
    assert!(told("403").contains("PURPOSE_NOT_ALLOWED"));
    assert!(told("409").contains("ETAG_MISMATCH"));
    assert!(told("413").contains("MESSAGE_TOO_LARGE"));
    // Every reason of the contract stands at some status.
    let all = responses.to_string();
    for number in 1..=50 {
        if let Ok(reason) = kefu_contracts::common::Reason::try_from(number) {
            let name = reason.as_str_name().trim_start_matches("REASON_");
            assert!(all.contains(&format!("`{name}`")), "{name}");
        }
    }
}
