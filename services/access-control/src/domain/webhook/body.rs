//! What is sent: CloudEvents 1.0 in structured JSON.

use serde_json::{Value, json};

use super::{Delivery, event::PING};

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
    if delivery.event_type != PING {
        event["kefuchange"] = json!(delivery.change);
    }
    if let Some(record) = record {
        event["datacontenttype"] = json!("application/json");
        event["data"] = record;
    }
    event.to_string().into_bytes()
}
