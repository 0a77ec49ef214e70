//! What every call to a service goes through, outermost first:
//!
//! 1. the span and the count, so that everything below is in the trace and is measured;
//! 2. the method table: what is not in it does not exist;
//! 3. the access context: nobody comes in who was not decided upon;
//! 4. the deadline, ours, so that it ends as DEADLINE_EXCEEDED;
//! 5. the places to have been reached, within that deadline;
//! 6. the handler, which finds a [`Call`] in the request; a request that cannot be read is
//!    refused in our words.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use jiff::Timestamp;
use kefu_access::{AccessContext, ContextError, ContextVerifier};
use kefu_contracts::{Method, codec::MOST_DECODED, common::Reason, method};
use moka::sync::Cache;
use tonic::{Code, Status, body::Body, service::Routes};
use tower::{Service, ServiceExt, util::BoxCloneSyncService};
use tracing::Instrument;

use crate::{
    call::{CALL_ID, CONTEXT, Call, POSITION},
    clock::Clock,
    error::{Fault, Language},
    ids::Ids,
    position::{self, Progress},
    server::GrpcService,
    telemetry::{RequestMetrics, server_span},
};

/// Tells which compression is understood, where another was used.
const ENCODINGS: &str = "grpc-accept-encoding";

/// Verified contexts kept by their bytes; a gateway sends the same one for many calls.
const CONTEXTS: u64 = 10_000;

/// What the stack of a service needs.
#[derive(Clone)]
pub struct Stack {
    /// Name of the service: `ticket`.
    pub service: &'static str,
    /// Who may vouch for a call.
    pub verifier: Arc<ContextVerifier>,
    /// Tells the moment of a call.
    pub clock: Arc<dyn Clock>,
    /// Names calls.
    pub ids: Ids,
    /// How far the service has read the journals it follows.
    pub progress: Progress,
    /// Bound of a call that brings none.
    pub default_deadline: Duration,
    /// Bound of any call.
    pub max_deadline: Duration,
}

impl Stack {
    /// Puts the stack in front of a service's handlers.
    pub fn around(self, routes: Routes) -> GrpcService {
        let verified = Cache::builder()
            .max_capacity(CONTEXTS)
            .time_to_live(Duration::from_secs(60))
            .build();
        BoxCloneSyncService::new(Guarded {
            stack: Arc::new(self),
            verified,
            metrics: RequestMetrics::new(),
            routes: routes.prepare(),
        })
    }
}

#[derive(Clone)]
struct Guarded {
    stack: Arc<Stack>,
    verified: Cache<Vec<u8>, Arc<AccessContext>>,
    metrics: RequestMetrics,
    routes: Routes,
}

impl Service<Request<Body>> for Guarded {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let path = request.uri().path();
        let span = server_span(path, request.headers(), None);
        let active = self.metrics.start(path);
        let guarded = self.clone();
        Box::pin(async move { Ok(active.answered(guarded.handle(request).await)) }.instrument(span))
    }
}

impl Guarded {
    async fn handle(self, mut request: Request<Body>) -> Response<Body> {
        let language = language(request.headers());
        let refuse = |fault: Fault| fault.into_status(language).into_http();
        let Some(method) = method(request.uri().path()) else {
            return refuse(Fault::new(Reason::MethodUnknown));
        };
        let call = match self.call(method, request.headers(), language) {
            Ok(call) => call,
            Err(fault) => return refuse(fault),
        };
        let bound = self.bound(request.headers());
        let places = places(request.headers());
        let answered = tokio::time::timeout(bound, async {
            self.stack.progress.wait(&places).await?;
            // It is made when it has waited, and journaled as of then.
            let now = self.stack.clock.now();
            if call.context.expires_at <= now {
                return Err(Fault::new(Reason::ContextExpired));
            }
            request.extensions_mut().insert(Call { now, ..call });
            Ok(self
                .routes
                .oneshot(request)
                .await
                .unwrap_or_else(|never| match never {}))
        });
        match answered.await {
            Ok(Ok(response)) => match not_read(&response) {
                Some(fault) => refuse(fault),
                None => response,
            },
            Ok(Err(fault)) => refuse(fault),
            Err(_) => refuse(Fault::new(Reason::DeadlineExceeded)),
        }
    }

    fn call(
        &self,
        method: &'static Method,
        headers: &HeaderMap,
        language: Language,
    ) -> Result<Call, Fault> {
        let now = self.stack.clock.now();
        let context = self.context(method, headers, now)?;
        let id = match headers.get(CALL_ID).and_then(|id| id.to_str().ok()) {
            Some(id) if !id.is_empty() && id.len() <= 64 => id.to_owned(),
            _ => self.stack.ids.next()?.to_string(),
        };
        Ok(Call {
            service: self.stack.service,
            context,
            method,
            now,
            id,
            language,
        })
    }

    fn context(
        &self,
        method: &Method,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Arc<AccessContext>, Fault> {
        let invalid = || Fault::new(Reason::ContextInvalid);
        let encoded = headers.get(CONTEXT).ok_or_else(invalid)?.as_bytes();
        let context = match self.verified.get(encoded) {
            // Its time goes on also after it was verified.
            Some(context) if now < context.expires_at => context,
            Some(_) => return Err(Fault::new(Reason::ContextExpired)),
            None => {
                let signed = STANDARD_NO_PAD
                    .decode(trim_padding(encoded))
                    .map_err(|_| invalid())?;
                let context = Arc::new(
                    self.stack
                        .verifier
                        .verify(&signed, now)
                        .map_err(context_fault)?,
                );
                self.verified.insert(encoded.to_vec(), context.clone());
                context
            }
        };
        // A context for one permission opens nothing else.
        if context.permission == method.permission {
            Ok(context)
        } else {
            Err(invalid())
        }
    }

    fn bound(&self, headers: &HeaderMap) -> Duration {
        headers
            .get("grpc-timeout")
            .and_then(|value| parse_timeout(value.to_str().ok()?))
            .unwrap_or(self.stack.default_deadline)
            .min(self.stack.max_deadline)
    }
}

/// What is wrong with a request that could not be read: tonic says it in words of its own, without
/// a reason. Whatever a handler refuses has details.
fn not_read(response: &Response<Body>) -> Option<Fault> {
    let status = response.extensions().get::<Status>()?;
    if !status.details().is_empty() {
        return None;
    }
    Some(match status.code() {
        Code::ResourceExhausted => Fault::new(Reason::MessageTooLarge)
            .with("limit_decoded_bytes", MOST_DECODED.to_string()),
        // tonic's own bound.
        Code::OutOfRange => Fault::new(Reason::MessageTooLarge),
        // It is in the table, and another service's.
        Code::Unimplemented if !status.metadata().contains_key(ENCODINGS) => {
            Fault::new(Reason::MethodUnknown)
        }
        // Compressed, among others.
        _ => Fault::new(Reason::FrameInvalid),
    })
}

fn context_fault(error: ContextError) -> Fault {
    match error {
        ContextError::Expired => Fault::new(Reason::ContextExpired),
        other => {
            tracing::warn!(%other, "access context refused");
            Fault::new(Reason::ContextInvalid)
        }
    }
}

fn trim_padding(encoded: &[u8]) -> &[u8] {
    let end = encoded
        .iter()
        .rposition(|byte| *byte != b'=')
        .map_or(0, |at| at + 1);
    &encoded[..end]
}

fn language(headers: &HeaderMap) -> Language {
    let value = headers
        .get("accept-language")
        .and_then(|value| value.to_str().ok());
    value.map(Language::from_header).unwrap_or_default()
}

fn places(headers: &HeaderMap) -> Vec<(String, kefu_journal::Cursor)> {
    let values = headers
        .get_all(POSITION)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values.flat_map(position::parse).take(8).collect()
}

/// `grpc-timeout`: at most eight digits and a unit.
pub fn parse_timeout(value: &str) -> Option<Duration> {
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}
