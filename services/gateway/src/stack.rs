//! What every call goes through, outermost first, with the reason for each place:
//!
//! 1. **span, count and call id**: everything below, refusals too, is in the trace, is
//!    measured, and can be found by the id that the caller has in hand;
//! 2. **load shedding**: before any work, because it is there to save work;
//! 3. **deadline**: around all that follows, so that nothing outlasts it;
//! 4. **method table**: before the token, because a path that does not exist is
//!    no secret, and all below needs to know what is asked for; with it the size of
//!    the metadata, before any of it is read;
//! 5. **token**: before anything that is kept per subject. Where the issuer may have
//!    keys that are not held, it is asked once, and the call looked at again;
//! 6. **rate of the subject**: as soon as there is one, before decisions and signatures;
//! 7. **purpose**: the decision needs it;
//! 8. **decision**: from the policy in memory, or not at all;
//! 9. **signed context**: only for what was decided, so it comes with the decision;
//! 10. **pass-through**: last, with the caller's own context and token taken off, and no
//!     message of it larger than the bound; an
//!     answer still open when its decision falls ends with it (`standing`).
//!
//! Around them all stands `web`: gRPC-web and JSON are other spellings of the same call, and
//! a preflight is none.
//!
//! Layers 4 to 9 do not wait: they are one function from headers to a context or a
//! fault. Whatever they refuse is journaled before the refusal leaves.

use std::{
    convert::Infallible,
    num::NonZeroU32,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response};
use kefu_contracts::{Method, access::SubjectKind, common::Reason, method};
use kefu_service::{
    call::CALL_ID,
    clock::Clock,
    error::{Fault, Language},
    ids::Ids,
    server::GrpcService,
    telemetry,
};
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::{Service, util::BoxCloneSyncService};
use tracing::Instrument;
use uuid::{Uuid, fmt::Hyphenated};

use crate::{
    GatewayDeps, Upstreams,
    config::GatewayConfig,
    context::Contexts,
    deadline::{Deadline, Deadlines},
    error::{COME_BACK, Journaling, Seen, message_too_large, overloaded},
    forward::{Admitted, Watched, forward},
    frames::metadata_bytes,
    keys::Keys,
    limits::{Load, Rates},
    metrics::Metrics,
    purpose,
    refusals::Refusals,
    snapshot::{Held, Policy},
    token::{Tokens, Verified},
};

/// The layers and what they share.
pub(crate) struct Stack {
    pub(crate) clock: Arc<dyn Clock>,
    ids: Ids,
    load: Load,
    deadlines: Deadlines,
    pub(crate) tokens: Tokens,
    /// Most bytes of one message of a caller.
    pub(crate) max_message: u32,
    /// Most bytes of a caller's metadata.
    max_metadata: u32,
    /// Whether system accounts need tokens bound to their certificate.
    bound_system_accounts: bool,
    rates: Rates,
    pub(crate) policy: Arc<Policy>,
    pub(crate) contexts: Contexts,
    refusals: Refusals,
    pub(crate) upstreams: Watched,
    metrics: Metrics,
    /// Cancelled when the gateway is about to end.
    pub(crate) ending: CancellationToken,
}

impl Stack {
    pub(crate) fn new(
        config: &GatewayConfig,
        deps: GatewayDeps,
        policy: Arc<Policy>,
        keys: Arc<Keys>,
        refusals: Refusals,
        upstreams: Upstreams,
    ) -> Self {
        let rates = Rates::new(config.calls_per_second, config.burst);
        rates.share_among(config.instances);
        Self {
            load: Load::new(config.max_in_flight),
            deadlines: Deadlines::new(config),
            tokens: Tokens::new(config, keys),
            bound_system_accounts: config.require_bound_tokens_for_system_accounts,
            rates,
            contexts: Contexts::new(config, deps.signer),
            max_message: config.max_message_bytes,
            max_metadata: config.max_metadata_bytes,
            upstreams: upstreams.watched(config, &deps.clock),
            clock: deps.clock,
            ids: deps.ids,
            policy,
            refusals,
            metrics: Metrics::new(),
            ending: CancellationToken::new(),
        }
    }

    /// So many gateways there are.
    pub(crate) fn share_rates_among(&self, gateways: NonZeroU32) {
        self.rates.share_among(gateways);
    }

    /// One call. What is seldom waited for is boxed: every call would carry the room for it.
    async fn handle(
        self: &Arc<Self>,
        request: Request<Body>,
        call_id: Result<HeaderValue, Fault>,
    ) -> Response<Body> {
        let language = language(request.headers());
        let refuse = |fault: Fault| fault.into_status(language).into_http();
        // 1. Span and call id (the span is around this function).
        let call_id = match call_id {
            Ok(call_id) => call_id,
            Err(fault) => return refuse(fault),
        };
        // 2. Load shedding. Counted only: more would be work.
        let mut response = match self.load.admit() {
            None => {
                self.count(&Seen::at(self.clock.now()), Reason::Overloaded);
                refuse(overloaded(COME_BACK))
            }
            Some(permit) => {
                // 3. Deadline.
                let deadline = self.deadlines.of(request.headers());
                // 4.–9. Who may.
                let mut seen = Seen::at(self.clock.now());
                let mut admitted = self.admit(&request, &deadline, &mut seen);
                if seen.keys_wanted {
                    Box::pin(self.tokens.seek_keys(deadline.head)).await;
                    seen = Seen::at(self.clock.now());
                    admitted = self.admit(&request, &deadline, &mut seen);
                }
                match admitted {
                    // 10. Pass-through.
                    Ok(admitted) => {
                        let id = call_id.clone();
                        forward(self, admitted, request, id, deadline, permit, language).await
                    }
                    Err(fault) => {
                        let path = request.uri().path();
                        Box::pin(self.journal(&seen, &fault, path, &deadline)).await;
                        refuse(fault)
                    }
                }
            }
        };
        response.headers_mut().insert(CALL_ID, call_id);
        response
    }

    /// Layers 4 to 9.
    fn admit(
        &self,
        request: &Request<Body>,
        deadline: &Deadline,
        seen: &mut Seen,
    ) -> Result<Admitted, Fault> {
        let headers = request.headers();
        // 4. Method table.
        let Some(method) = public(request.uri().path()) else {
            self.knocked(request, seen);
            return Err(Fault::new(Reason::MethodUnknown));
        };
        seen.method = Some(method);
        if metadata_bytes(headers) > self.max_metadata as usize {
            return Err(message_too_large(self.max_metadata));
        }
        // 5. Token.
        let token = self
            .tokens
            .believed(headers, request.extensions(), seen.now);
        let token = token.map_err(|unbelieved| {
            seen.subject = unbelieved.subject;
            seen.keys_wanted = unbelieved.by_keys;
            Fault::from(unbelieved)
        })?;
        let subject = token.subject;
        seen.subject = Some(subject);
        // 6. Rate of the subject.
        self.take_rate(subject, seen)?;
        // 7. Purpose.
        let purpose = purpose::stated(method, headers)?;
        seen.purpose = purpose;
        // 8. Decision, and 9. signed context.
        let held = self.policy.current(seen.now);
        let held = held.inspect_err(|stale| self.metrics.decided(purpose, Some(stale)))?;
        seen.revision = held.snapshot.revision();
        self.check_bound(&held, &token)?;
        let ready =
            self.contexts
                .context(&held, subject, method, purpose, (seen.now, deadline.bound));
        self.metrics.decided(purpose, ready.as_ref().err());
        if ready
            .as_ref()
            .is_err_and(|fault| fault.reason == Reason::SubjectUnknown)
        {
            // Whom only the issuer knows is a stranger to the company.
            seen.journaling = Journaling::Stranger;
        }
        Ok(Admitted {
            method,
            ready: ready?,
            token,
            seen: *seen,
        })
    }

    /// A system account's token lies in another company system: with the certificate
    /// beside it, the token alone is worth nothing to a thief.
    fn check_bound(&self, held: &Held, token: &Verified) -> Result<(), Fault> {
        if !self.bound_system_accounts || token.is_bound() {
            return Ok(());
        }
        match held.snapshot.subject(token.subject) {
            Some(subject) if subject.kind != SubjectKind::Employee => Err(Fault {
                detail: "a system account's token is not bound".into(),
                ..Fault::new(Reason::TokenInvalid)
            }),
            _ => Ok(()),
        }
    }

    fn take_rate(&self, subject: Uuid, seen: &mut Seen) -> Result<(), Fault> {
        match self.rates.take(subject, seen.now) {
            Ok(()) => {
                seen.journaling = Journaling::Always;
                Ok(())
            }
            Err(limited) => {
                seen.journaling = if limited.first {
                    Journaling::Always
                } else {
                    Journaling::Counted
                };
                Err(overloaded(limited.retry_after))
            }
        }
    }

    /// A path that does not exist, or not for the caller: journaled when one of ours
    /// tries it, and not when a scanner does.
    fn knocked(&self, request: &Request<Body>, seen: &mut Seen) {
        seen.journaling = Journaling::Counted;
        let (headers, extensions) = (request.headers(), request.extensions());
        if let Ok(token) = self.tokens.believed(headers, extensions, seen.now) {
            seen.subject = Some(token.subject);
            // The answer is the same over the rate; only the journal is spared.
            let _ = self.take_rate(token.subject, seen);
        }
    }

    /// No journal, no refusal, within bounds.
    pub(crate) async fn journal(
        &self,
        seen: &Seen,
        fault: &Fault,
        path: &str,
        deadline: &Deadline,
    ) {
        tracing::debug!(reason = ?fault.reason, detail = %fault.detail, subject = ?seen.subject, "refused");
        // Out of time, it leaves; the record is queued by then.
        let _ = timeout_at(deadline.head, self.note(seen, fault.reason, path)).await;
    }

    /// Journals a refusal, within the bounds of the journal.
    pub(crate) async fn note(&self, seen: &Seen, reason: Reason, path: &str) {
        if !self.refusals.admits(seen.journaling, seen.now) {
            return self.count(seen, reason);
        }
        match self.ids.next() {
            Ok(id) => {
                let record = seen.record(id, path, reason);
                self.refusals.record(record).await;
            }
            Err(fault) => tracing::error!(detail = %fault.detail, "refusal cannot be named"),
        }
    }

    /// Counts a refusal: without the path, which of an unknown method is the caller's
    /// own text, and of strangers without who they say they are.
    pub(crate) fn count(&self, seen: &Seen, reason: Reason) {
        let mut seen = *seen;
        if seen.journaling == Journaling::Stranger {
            seen.subject = None;
        }
        let path = seen.method.map_or("", |method| method.path);
        match self.ids.next() {
            Ok(id) => self.refusals.count(seen.record(id, path, reason)),
            Err(fault) => tracing::error!(detail = %fault.detail, "refusal cannot be named"),
        }
    }

    fn call_id(&self) -> Result<HeaderValue, Fault> {
        let mut text = [0; Hyphenated::LENGTH];
        let text = self.ids.next()?.hyphenated().encode_lower(&mut text);
        let mut value =
            HeaderValue::from_str(text).map_err(|_| Fault::internal("call id is not metadata"))?;
        // Not kept in the tables of header compression: it would drive out what comes
        // again, the context above all, and never come again itself.
        value.set_sensitive(true);
        Ok(value)
    }
}

/// The rule of a method that the public may call.
fn public(path: &str) -> Option<&'static Method> {
    method(path).filter(|method| !method.internal)
}

fn language(headers: &HeaderMap) -> Language {
    let value = headers
        .get(http::header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    value.map(Language::from_header).unwrap_or_default()
}

/// The layers as a service.
pub(crate) fn service(stack: Arc<Stack>) -> GrpcService {
    BoxCloneSyncService::new(Gateway(stack))
}

#[derive(Clone)]
struct Gateway(Arc<Stack>);

impl Service<Request<Body>> for Gateway {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    /// Always ready: what cannot be taken on is refused, not kept waiting.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let stack = self.0.clone();
        let call_id = stack.call_id();
        let named = call_id.as_ref().ok().and_then(|id| id.to_str().ok());
        let path = request.uri().path();
        let span = telemetry::server_span(path, request.headers(), named);
        let active = stack.metrics.calls.start(path);
        Box::pin(
            async move { Ok(active.answered(stack.handle(request, call_id).await)) }
                .instrument(span),
        )
    }
}
