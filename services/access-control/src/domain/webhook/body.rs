//! What is sent: CloudEvents 1.0 in structured JSON.

use serde_json::{Value, json};

use super::{
    Delivery,
    event::{PING, class_of},
};

/// `content-type` of it.
pub const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// The event of a delivery, with the record as it may be seen; a ping has none.
pub fn body(delivery: &Delivery, record: Option<Value>) -> Vec<u8> {
    let mut event = json!({
        "specversion": "1.0",
        "id": delivery.id.to_string(),
        "source": format!("/kefu/{}", delivery.service),
        "type": delivery.event_type,
        "subject": delivery.resource,
        "time": delivery.event_at.to_string(),
    });
    if delivery.event_type != PING && may_be_named(&delivery.change, record.as_ref()) {
        event["kefuchange"] = json!(delivery.change);
    }
    if let Some(record) = record {
        event["datacontenttype"] = json!("application/json");
        event["data"] = record;
    }
    event.to_string().into_bytes()
}

/// Whether it is said what happened: not where that is what a field says which is held back.
fn may_be_named(change: &str, record: Option<&Value>) -> bool {
    let Some(class) = class_of(change) else {
        return true;
    };
    let cleared = record.and_then(|record| record.pointer("/disclosure/cleared"));
    let mut cleared = cleared.and_then(Value::as_array).into_iter().flatten();
    cleared.any(|one| one.as_str() == Some(class.as_str_name()))
}
