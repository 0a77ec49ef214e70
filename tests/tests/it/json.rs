//! The same calls in JSON over HTTP: what is answered is what gRPC answers, and so is what is
//! refused.

mod calls;
mod refusals;
mod streams;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use kefu_json::{Api, Binding, Route, Verb};
use kefu_testkit::Caller;
use prost::Message;
use serde_json::Value;
use tonic::body::Body;
use tower::ServiceExt;

/// An answer as a system has it.
struct Answer {
    status: u16,
    headers: HeaderMap,
    json: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The record, where it was answered.
    fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.json);
        self.json
    }

    /// A detail of a refusal, by the end of its type.
    fn detail(&self, kind: &str) -> &Value {
        let details = self.json["error"]["details"].as_array().unwrap();
        let is = |one: &&Value| one["@type"] == format!("type.googleapis.com/google.rpc.{kind}");
        details
            .iter()
            .find(is)
            .unwrap_or_else(|| panic!("no {kind}: {}", self.json))
    }

    fn is_refused(&self, http: u16, reason: &str) {
        assert_eq!(self.status, http, "{}", self.json);
        assert_eq!(self.detail("ErrorInfo")["reason"], reason, "{}", self.json);
    }
}

fn request(verb: &str, path: &str, body: Option<Value>) -> Request<Body> {
    let request = Request::builder()
        .method(verb)
        .uri(path)
        .header("content-type", "application/json");
    let body = body.map_or_else(Body::empty, |body| {
        Body::new(Full::new(Bytes::from(body.to_string())))
    });
    request.body(body).unwrap()
}

async fn send(caller: &Caller, request: Request<Body>) -> Answer {
    let response = caller.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        json: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

async fn get(caller: &Caller, path: &str) -> Answer {
    send(caller, request("GET", path, None)).await
}

async fn post(caller: &Caller, path: &str, body: Value) -> Answer {
    send(caller, request("POST", path, Some(body))).await
}

/// What gRPC answered, in the JSON of its contract.
fn in_json(verb: &str, path: &str, answer: &impl Message) -> Value {
    let path = path.split('?').next().unwrap();
    let Route::Call(binding, _) = Api::of_contracts().unwrap().route(Verb::named(verb), path)
    else {
        panic!("{verb} {path}");
    };
    let binding: &Binding = binding;
    serde_json::from_slice(&binding.answer(&answer.encode_to_vec()).unwrap().json).unwrap()
}

/// A text in the form that an address takes.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
