//! Streams, a line each message.

use std::time::Duration;

use http_body_util::BodyExt;
use kefu_testkit::{Caller, TestSuite};
use serde_json::Value;
use tonic::body::Body;
use tower::ServiceExt;

use super::{encoded, request};
use crate::records::{enter, open, person, ticket};

/// Lines as they come.
struct Lines {
    body: Body,
    come: Vec<u8>,
}

impl Lines {
    async fn of(caller: &Caller, path: &str, timeout: Option<&'static str>) -> Self {
        let mut asked = request("GET", path, None);
        if let Some(timeout) = timeout {
            asked
                .headers_mut()
                .insert("grpc-timeout", timeout.parse().unwrap());
        }
        let response = caller.clone().oneshot(asked).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/x-ndjson");
        Self {
            body: response.into_body(),
            come: Vec::new(),
        }
    }

    /// The next line; none at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.come.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.come.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = tokio::time::timeout(Duration::from_secs(30), self.body.frame());
            match frame.await.expect("in time") {
                Some(frame) => self
                    .come
                    .extend_from_slice(&frame.unwrap().into_data().unwrap()),
                None => return None,
            }
        }
    }
}

/// Clauses SG-3, SG-5: a list that goes on, told as it changes.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_on_in_lines() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let customer = enter(&agent, person()).await;
    let filter = encoded(&format!("customer = \"{}\"", customer.name));
    let path = format!("/v1/tickets:watch?filter={filter}");
    let mut lines = Lines::of(&agent, &path, None).await;
    let first = lines.next().await.unwrap();
    assert_eq!(first["caughtUp"], true);
    assert!(first["resumeToken"].is_string());
    let opened = open(&agent, ticket(&customer.name)).await;
    let told = loop {
        let line = lines.next().await.unwrap();
        if let Some(changed) = line["changed"].as_array().and_then(|all| all.first()) {
            break changed.clone();
        }
    };
    assert_eq!(told["name"], opened.name);

    // One that is to end ends with the reason in its last line.
    let mut lines = Lines::of(&agent, &path, Some("3S")).await;
    let mut last = Value::Null;
    while let Some(line) = lines.next().await {
        last = line;
    }
    assert_eq!(last["error"]["status"], "DEADLINE_EXCEEDED");
    assert_eq!(last["error"]["details"][0]["reason"], "DEADLINE_EXCEEDED");
}
