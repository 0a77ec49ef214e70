//! Calls as bytes: what is sent, and everything that comes back.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Version};
use http_body_util::{BodyExt, Full};
use kefu_service::call::CALL_ID;
use kefu_testkit::Caller;
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage};
use tonic::{Code, Status, body::Body};
use tonic_types::StatusExt;
use tower::ServiceExt;

/// How long a stream is listened to after its last message.
const QUIET: Duration = Duration::from_secs(10);

/// Everything that came back.
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) trailers: HeaderMap,
    /// It had not ended when no more was listened to.
    open: bool,
}

pub(super) async fn call(caller: &Caller, path: &str, request: &DynamicMessage) -> Answer {
    let message = request.encode_to_vec();
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    let sent = Request::builder()
        .method(Method::POST)
        .uri(path)
        .version(Version::HTTP_2)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(Full::new(Bytes::from(frame))))
        .unwrap();
    let (head, mut rest) = caller.clone().oneshot(sent).await.unwrap().into_parts();
    let (mut body, mut trailers) = (Vec::new(), HeaderMap::new());
    let first = Duration::from_secs(30);
    let mut open = false;
    while let Ok(Some(frame)) =
        tokio::time::timeout(if body.is_empty() { first } else { QUIET }, rest.frame()).await
    {
        match frame.unwrap().into_data() {
            Ok(data) => body.extend(data),
            Err(other) => trailers = other.into_trailers().unwrap(),
        }
        // A watch goes on for as long as it is watched.
        if is_caught_up(request, &body) {
            open = true;
            break;
        }
    }
    Answer {
        headers: head.headers,
        body,
        trailers,
        open,
    }
}

/// Whether these messages are of a watch that has told all that there is.
fn is_caught_up(request: &DynamicMessage, body: &[u8]) -> bool {
    let asked = request.descriptor();
    let Some(watch) = asked.full_name().strip_suffix("Request") else {
        return false;
    };
    let answer = format!("{watch}Response");
    let kind = asked.parent_pool().get_message_by_name(&answer);
    let watched = asked.get_field_by_name("resume_token").is_some();
    let Some(kind) = kind.filter(|_| watched) else {
        return false;
    };
    let told = messages(body, &kind);
    let told = told
        .last()
        .and_then(|last| last.get_field_by_name("caught_up"));
    told.and_then(|told| told.as_bool()).unwrap_or_default()
}

fn messages(body: &[u8], kind: &MessageDescriptor) -> Vec<DynamicMessage> {
    let (mut rest, mut found) = (body, Vec::new());
    while rest.len() >= 5 {
        let length = u32::from_be_bytes(rest[1..5].try_into().unwrap()) as usize;
        let Some(message) = rest[5..].get(..length) else {
            break;
        };
        found.push(DynamicMessage::decode(kind.clone(), message).unwrap());
        rest = &rest[5 + length..];
    }
    found
}

impl Answer {
    pub(super) fn code(&self) -> Code {
        if self.open {
            return Code::Ok;
        }
        let status = self.trailers.get("grpc-status");
        let status = status.or_else(|| self.headers.get("grpc-status"));
        status.map_or(Code::Unknown, |status| Code::from_bytes(status.as_bytes()))
    }

    /// The messages in the body.
    pub(super) fn messages(&self, kind: &MessageDescriptor) -> Vec<DynamicMessage> {
        messages(&self.body, kind)
    }

    /// Every byte that came back, and once more what is in base64.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut all = self.body.clone();
        for (name, value) in self.headers.iter().chain(&self.trailers) {
            all.push(b'\n');
            all.extend(name.as_str().bytes());
            all.extend(b": ");
            all.extend(value.as_bytes());
            if name.as_str().ends_with("-bin") {
                all.extend(STANDARD_NO_PAD.decode(value.as_bytes()).unwrap_or_default());
            }
        }
        all
    }

    /// What two refusals must have in common: all but the call's own id and the name
    /// that was asked for. The details are taken apart: metadata of an ErrorInfo is
    /// a map, whose order means nothing.
    pub(super) fn refusal(&self, asked: &str) -> String {
        let mut parts = vec![self.body.escape_ascii().to_string()];
        for headers in [&self.headers, &self.trailers] {
            for (name, value) in headers {
                if name == CALL_ID {
                    continue;
                }
                if name == "grpc-status-details-bin" {
                    let bytes = STANDARD_NO_PAD.decode(value.as_bytes()).unwrap();
                    parts.push(format!("{name}: {} bytes", bytes.len()));
                    let details = Status::from_header_map(headers)
                        .unwrap()
                        .get_error_details();
                    let info = details.error_info().cloned().unwrap();
                    let told: BTreeMap<_, _> = info.metadata.into_iter().collect();
                    parts.push(format!("{} {} {told:?}", info.domain, info.reason));
                    let mut rest = details;
                    rest.set_error_info("", "", HashMap::new());
                    parts.push(format!("{rest:?}"));
                } else {
                    parts.push(format!("{name}: {}", value.as_bytes().escape_ascii()));
                }
            }
        }
        parts.join("\n").replace(asked, "(asked)")
    }
}
