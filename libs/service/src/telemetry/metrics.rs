//! Rate, errors and duration of calls.

use std::time::Instant;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use kefu_contracts::common::Reason;
use opentelemetry::{
    KeyValue,
    metrics::{Histogram, Meter, UpDownCounter},
};
use prost::Message;
use tonic::{Code, body::Body};
use tonic_types::{RpcStatusExt, pb};

use super::instruments::{RPC_ACTIVE, RPC_DURATION, meter};
use crate::error::{DOMAIN, reason_name};

/// Counts and times calls: [`RPC_DURATION`] and [`RPC_ACTIVE`]. Cheap to clone.
#[derive(Clone)]
pub struct RequestMetrics {
    duration: Histogram<f64>,
    active: UpDownCounter<i64>,
}

impl RequestMetrics {
    /// Measures into the process's meter; make it after [`init`](super::init),
    /// one made before measures into nothing.
    #[expect(
        clippy::new_without_default,
        reason = "what it measures into depends on when it is made"
    )]
    pub fn new() -> Self {
        Self::of(&meter())
    }

    /// Measures into this meter.
    pub fn of(meter: &Meter) -> Self {
        Self {
            duration: RPC_DURATION.histogram(meter),
            active: RPC_ACTIVE.up_down_counter(meter),
        }
    }

    /// A call begins. A path that is not in the method table counts as `unknown`: it is
    /// whatever the client typed.
    pub fn start(&self, path: &str) -> ActiveRequest {
        let method = kefu_contracts::method(path);
        let path = method.map_or("unknown", |method| method.path.trim_start_matches('/'));
        let name = KeyValue::new("rpc.method", path);
        self.active.add(1, std::slice::from_ref(&name));
        ActiveRequest {
            metrics: self.clone(),
            method: name,
            streaming: method.is_some_and(|method| method.server_streaming),
            // Dropped before it has ended, nobody waits for it any more.
            end: End {
                code: Code::Cancelled,
                reason: Some("CANCELLED"),
            },
            since: Instant::now(),
        }
    }
}

/// A call under way; it ends when this is dropped.
#[must_use = "the call ends when this is dropped"]
pub struct ActiveRequest {
    metrics: RequestMetrics,
    method: KeyValue,
    streaming: bool,
    end: End,
    since: Instant,
}

/// How a call ended.
struct End {
    code: Code,
    /// Why it was refused.
    reason: Option<&'static str>,
}

impl ActiveRequest {
    /// This is the answer; the call ends with its last byte.
    pub fn answered(self, response: Response<Body>) -> Response<Body> {
        if let Some(end) = end(response.headers()) {
            self.finish(end);
            return response;
        }
        let mut active = Some(self);
        response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                if let Some(end) = frame.trailers_ref().and_then(end)
                    && let Some(active) = active.take()
                {
                    active.finish(end);
                }
                frame
            }))
        })
    }

    fn finish(mut self, end: End) {
        self.end = end;
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        let method = self.method.clone();
        self.metrics.active.add(-1, std::slice::from_ref(&method));
        let mut attributes = vec![
            method,
            KeyValue::new("rpc.grpc.status_code", self.end.code as i64),
            KeyValue::new("kefu.streaming", self.streaming),
        ];
        if let Some(reason) = self.end.reason {
            attributes.push(KeyValue::new("error.type", reason));
        }
        let duration = self.since.elapsed().as_secs_f64();
        self.metrics.duration.record(duration, &attributes);
    }
}

/// How the call ended, where these headers or trailers say so.
fn end(headers: &HeaderMap) -> Option<End> {
    let code = Code::from_bytes(headers.get("grpc-status")?.as_bytes());
    let failed = code != Code::Ok;
    Some(End {
        code,
        // `_OTHER` is what the conventions have for an error without a name.
        reason: failed.then(|| reason(headers).unwrap_or("_OTHER")),
    })
}

/// The reason among an error's details; only one of the closed set, so that no text of
/// somebody else's can make a series.
fn reason(headers: &HeaderMap) -> Option<&'static str> {
    let details = headers.get("grpc-status-details-bin")?.as_bytes();
    let details = STANDARD_NO_PAD.decode(details).ok()?;
    let info = pb::Status::decode(&*details)
        .ok()?
        .get_details_error_info()?;
    let reason = Reason::from_str_name(&format!("REASON_{}", info.reason))?;
    (info.domain == DOMAIN).then(|| reason_name(reason))
}
