//! Refusals in JSON: the status of google.rpc as AIP-193 writes it, with its details, and
//! the HTTP status of its code.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use kefu_contracts::{Method, common::Reason};
use kefu_json::{Binding, Verb};
use kefu_service::error::{Fault, Violation, reason_name};
use serde_json::{Map, Value, json};
use tonic::{Code, Status, body::Body};
use tonic_types::{ErrorDetails, StatusExt};

use super::answer::JSON;

/// How the violation is named of a body that says to be no JSON.
const KIND: &str = "content-type";

/// Where a request was sent.
pub(super) enum Place {
    /// To this call.
    Call(&'static Binding),
    /// To a path that is there for these verbs only.
    OtherVerbs(Vec<Verb>),
    /// To no path of ours.
    Nothing,
}

impl Place {
    pub(super) fn method(&self) -> Option<&'static Method> {
        match self {
            Self::Call(binding) => Some(binding.rule),
            _ => None,
        }
    }
}

/// A body that says to be no JSON.
pub(super) fn not_json() -> Fault {
    Fault::fields(vec![(KIND.to_owned(), Violation::UnknownValue)])
}

/// A refusal as it leaves.
pub(super) fn response(status: &Status, place: &Place) -> Response<Body> {
    let details = status.get_error_details();
    let http = http_status(status.code(), &details, place);
    let body = error(status, Some(http)).to_string();
    let mut response = Response::new(Body::new(Full::new(Bytes::from(body))));
    *response.status_mut() = http;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    if let Some(said) = details.localized_message()
        && let Ok(locale) = HeaderValue::from_str(&said.locale)
    {
        headers.insert(header::CONTENT_LANGUAGE, locale);
    }
    if let Some(delay) = delay(&details) {
        // In whole seconds, and never sooner than it was said.
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if http == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Place::OtherVerbs(verbs) = place
        && http == StatusCode::METHOD_NOT_ALLOWED
    {
        let verbs: Vec<_> = verbs.iter().map(|verb| verb.name()).collect();
        if let Ok(verbs) = HeaderValue::try_from(verbs.join(", ")) {
            headers.insert(header::ALLOW, verbs);
        }
    }
    response
}

/// `{"error": …}`; the HTTP status is the code's own where none is told.
pub(super) fn error(status: &Status, http: Option<StatusCode>) -> Value {
    let details = status.get_error_details();
    let http = http.unwrap_or_else(|| http_status(status.code(), &details, &Place::Nothing));
    json!({"error": {
        "code": http.as_u16(),
        "status": code_name(status.code()),
        "message": status.message(),
        "details": detail_list(&details),
    }})
}

fn delay(details: &ErrorDetails) -> Option<Duration> {
    details.retry_info().and_then(|retry| retry.retry_delay)
}

fn detail_list(details: &ErrorDetails) -> Vec<Value> {
    let mut list = Vec::new();
    if let Some(info) = details.error_info() {
        let metadata = info.metadata.iter();
        // In one order, whatever the map's.
        let metadata: std::collections::BTreeMap<_, _> = metadata.collect();
        list.push(typed(
            "ErrorInfo",
            json!({"reason": info.reason, "domain": info.domain, "metadata": metadata}),
        ));
    }
    if let Some(bad) = details.bad_request() {
        let violations = bad.field_violations.iter().map(|one| {
            let mut told = json!({
                "field": one.field, "description": one.description, "reason": one.reason,
            });
            if let Some(said) = &one.localized_message {
                told["localizedMessage"] = json!({"locale": said.locale, "message": said.message});
            }
            told
        });
        let violations: Vec<_> = violations.collect();
        list.push(typed("BadRequest", json!({"fieldViolations": violations})));
    }
    if let Some(delay) = delay(details) {
        let nanos = format!("{:09}", delay.subsec_nanos());
        let nanos = nanos.trim_end_matches('0');
        let dot = if nanos.is_empty() { "" } else { "." };
        let delay = format!("{}{dot}{nanos}s", delay.as_secs());
        list.push(typed("RetryInfo", json!({"retryDelay": delay})));
    }
    if let Some(said) = details.localized_message() {
        list.push(typed(
            "LocalizedMessage",
            json!({"locale": said.locale, "message": said.message}),
        ));
    }
    list
}

fn typed(name: &str, detail: Value) -> Value {
    let kind = Value::from(format!("type.googleapis.com/google.rpc.{name}"));
    let mut all = Map::from_iter([("@type".to_owned(), kind)]);
    if let Value::Object(detail) = detail {
        all.extend(detail);
    }
    Value::Object(all)
}

/// As google.rpc.Code says, but where HTTP has a status that says more.
fn http_status(code: Code, details: &ErrorDetails, place: &Place) -> StatusCode {
    let reason = details.error_info().map_or("", |info| info.reason.as_str());
    if reason == reason_name(Reason::MethodUnknown) {
        return match place {
            Place::OtherVerbs(_) => StatusCode::METHOD_NOT_ALLOWED,
            _ => StatusCode::NOT_FOUND,
        };
    }
    if reason == reason_name(Reason::MessageTooLarge) {
        return StatusCode::PAYLOAD_TOO_LARGE;
    }
    let violations = details.bad_request().map(|bad| &bad.field_violations);
    if violations.is_some_and(|all| all.iter().any(|one| one.field == KIND)) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE;
    }
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Aborted | Code::AlreadyExists => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Internal | Code::Unknown | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
