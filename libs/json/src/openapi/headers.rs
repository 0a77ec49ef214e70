//! What calls and answers say beside their fields.

use prost_reflect::DescriptorPool;
use serde_json::{Value, json};

use super::words::Words;

/// What a call may say beside its fields.
pub(super) fn of_calls(pool: &DescriptorPool, words: &Words) -> Value {
    let purposes = pool.get_enum_by_name("kefu.policy.v1.Purpose");
    let values: Vec<_> = purposes.iter().flat_map(|kind| kind.values()).collect();
    let named = |name: &str| name.trim_start_matches("PURPOSE_").to_ascii_lowercase();
    let known: Vec<_> = values
        .iter()
        .skip(1)
        .map(|value| named(value.name()))
        .collect();
    let mut said = purposes.map_or(String::new(), |kind| words.kind(&kind).to_owned());
    for value in values.iter().skip(1) {
        said.push_str(&format!(
            "\n- `{}`: {}",
            named(value.name()),
            words.value(value)
        ));
    }
    let purpose = |needed: bool| {
        json!({
            "name": "kefu-purpose", "in": "header", "required": needed,
            "description": said, "schema": {"type": "string", "enum": known},
        })
    };
    // What cannot be read of these counts as not said, so their form is told in words alone.
    let header = |name: &str, words: &str| json!({"name": name, "in": "header", "description": words, "schema": {"type": "string"}});
    json!({
        "purpose": purpose(false),
        "purpose-needed": purpose(true),
        "position": header(
            "kefu-position",
            "Answers only once this place of a journal has taken effect: what an earlier answer had in the same header.",
        ),
        "timeout": header("grpc-timeout", "How long the caller waits: `5S`, `500m` (milliseconds)."),
        "language": header(
            "accept-language",
            "In which language refusals speak to people: `zh-CN` or `en`.",
        ),
    })
}

/// What an answer says beside its body.
pub(super) fn of_answers() -> Value {
    let header = |words: &str| json!({"description": words, "schema": {"type": "string"}});
    json!({
        "kefu-call-id": header("By which the call is found in logs and journals."),
        "kefu-position": header("How far the journal of the service had come with this write; for the same header of a later call."),
        "ETag": header("The `etag` of the record, in quotes."),
        "Retry-After": header("When trying again makes sense, in seconds; RetryInfo among the details says it to the millisecond."),
    })
}
