//! Refusals: which reasons there are, by HTTP status, as the contract of reasons says.

use std::collections::BTreeMap;

use prost_reflect::DescriptorPool;
use serde_json::{Map, Value, json};

use super::words::Words;

/// Which HTTP statuses a refusal can have.
pub(super) const STATUSES: [u16; 12] = [400, 401, 403, 404, 405, 409, 413, 415, 429, 500, 503, 504];

/// The HTTP status of a code, as the contract names codes; and those where HTTP says more.
fn status(reason: &str, code: &str) -> Option<u16> {
    Some(match (reason, code) {
        ("METHOD_UNKNOWN", _) => 404,
        ("MESSAGE_TOO_LARGE", _) => 413,
        (_, "INVALID_ARGUMENT" | "FAILED_PRECONDITION") => 400,
        (_, "UNAUTHENTICATED") => 401,
        (_, "PERMISSION_DENIED") => 403,
        (_, "NOT_FOUND") => 404,
        (_, "ABORTED" | "ALREADY_EXISTS") => 409,
        (_, "RESOURCE_EXHAUSTED") => 429,
        (_, "INTERNAL") => 500,
        (_, "UNAVAILABLE") => 503,
        (_, "DEADLINE_EXCEEDED") => 504,
        _ => return None,
    })
}

/// One for each status, with its reasons.
pub(super) fn responses(pool: &DescriptorPool, words: &Words) -> Map<String, Value> {
    let mut reasons: BTreeMap<u16, String> = BTreeMap::new();
    let kind = pool.get_enum_by_name("kefu.common.v1.Reason");
    for value in kind
        .iter()
        .flat_map(|kind| kind.values().collect::<Vec<_>>())
    {
        let name = value.name().trim_start_matches("REASON_").to_owned();
        let said = words.value(&value);
        let (code, what) = said.split_once([':', '.']).unwrap_or((said, ""));
        if let Some(status) = status(&name, code) {
            let line = format!("- `{name}` ({code}):{what}\n");
            reasons.entry(status).or_default().push_str(&line);
        }
    }
    reasons.insert(
        405,
        "The path is there for the verbs that `Allow` names.".into(),
    );
    reasons.insert(415, "The body says that it is no JSON.".into());
    let told = |status: u16| {
        let description = reasons.get(&status).map_or("", |text| text.trim_end());
        json!({
            "description": description,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}},
            "headers": {
                "kefu-call-id": {"$ref": "#/components/headers/kefu-call-id"},
                "Retry-After": {"$ref": "#/components/headers/Retry-After"},
            },
        })
    };
    STATUSES
        .iter()
        .map(|status| (status.to_string(), told(*status)))
        .collect()
}

/// `{"error": …}`, as AIP-193 writes a google.rpc.Status.
pub(super) fn schema() -> Value {
    let text = json!({"type": "string"});
    let message = json!({
        "type": "object", "properties": {"locale": text, "message": text}, "required": ["locale", "message"],
    });
    let detail = |name: &str, properties: Value| {
        let mut properties = properties;
        properties["@type"] = json!({"const": format!("type.googleapis.com/google.rpc.{name}")});
        let required: Vec<_> = properties
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
            .cloned()
            .collect();
        json!({"type": "object", "title": name, "properties": properties, "required": required})
    };
    let violation = json!({
        "type": "object",
        "properties": {"field": text, "description": text, "reason": text, "localizedMessage": message},
        "required": ["field", "description", "reason"],
    });
    json!({
        "description": "Why a call was refused. What programs decide by is `reason` of ErrorInfo; LocalizedMessage is for people.",
        "type": "object",
        "required": ["error"],
        "properties": {"error": {
            "type": "object",
            "required": ["code", "status", "message", "details"],
            "properties": {
                "code": {"type": "integer", "description": "The HTTP status."},
                "status": {"type": "string", "description": "The name of the google.rpc.Code."},
                "message": {"type": "string", "description": "In English, for developers."},
                "details": {"type": "array", "items": {"oneOf": [
                    detail("ErrorInfo", json!({
                        "reason": text, "domain": {"const": "kefu"},
                        "metadata": {"type": "object", "additionalProperties": text},
                    })),
                    detail("BadRequest", json!({"fieldViolations": {"type": "array", "items": violation}})),
                    detail("RetryInfo", json!({"retryDelay": {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?s$"}})),
                    detail("LocalizedMessage", json!({"locale": text, "message": text})),
                ]}},
            },
        }},
    })
}
