//! What every call goes through, outermost first, with the reason for each place:
//!
//! 1. **span and call id**: everything below, refusals too, is in the trace and can
//!    be found by the id that the caller has in hand;
//! 2. **load shedding**: before any work, because it is there to save work;
//! 3. **deadline**: around all that follows, so that nothing outlasts it;
//! 4. **method table**: before the token, because a path that does not exist is
//!    no secret, and all below needs to know what is asked for;
//! 5. **token**: before anything that is kept per subject;
//! 6. **rate of the subject**: as soon as there is one, before decisions and signatures;
//! 7. **purpose**: the decision needs it;
//! 8. **decision**: from the policy in memory, or not at all;
//! 9. **signed context**: only for what was decided, so it comes with the decision;
//! 10. **pass-through**: last, with the caller's own context and token taken off; an
//!     answer still open when its decision falls ends with it (`standing`).
//!
//! Layers 4 to 9 do not wait: they are one function from headers to a context or a
//! fault. Whatever they refuse is journaled before the refusal leaves.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Response};
use kefu_contracts::{Method, common::Reason, method};
use kefu_service::{
    call::CALL_ID,
    clock::Clock,
    error::{Fault, Language},
    ids::Ids,
    server::GrpcService,
    telemetry,
};
use tokio::time::timeout_at;
use tonic::body::Body;
use tower::{Service, util::BoxCloneSyncService};
use tracing::Instrument;
use uuid::{Uuid, fmt::Hyphenated};

use crate::{
    GatewayDeps, Upstreams,
    config::GatewayConfig,
    context::Contexts,
    deadline::{Deadline, Deadlines},
    error::{COME_BACK, Journaling, Seen, overloaded},
    forward::{Admitted, forward},
    limits::{Load, Rates},
    purpose,
    refusals::Refusals,
    snapshot::Policy,
    token::Tokens,
};

/// The layers and what they share.
pub(crate) struct Stack {
    pub(crate) clock: Arc<dyn Clock>,
    ids: Ids,
    load: Load,
    deadlines: Deadlines,
    tokens: Tokens,
    rates: Rates,
    pub(crate) policy: Arc<Policy>,
    pub(crate) contexts: Contexts,
    refusals: Refusals,
    pub(crate) upstreams: Upstreams,
}

impl Stack {
    pub(crate) fn new(
        config: &GatewayConfig,
        deps: GatewayDeps,
        policy: Arc<Policy>,
        refusals: Refusals,
        upstreams: Upstreams,
    ) -> Result<Self, Fault> {
        Ok(Self {
            load: Load::new(config.max_in_flight),
            deadlines: Deadlines::new(config),
            tokens: Tokens::new(config)?,
            rates: Rates::new(config.calls_per_second, config.burst),
            contexts: Contexts::new(config, deps.signer),
            clock: deps.clock,
            ids: deps.ids,
            policy,
            refusals,
            upstreams,
        })
    }

    pub(crate) fn service(self) -> GrpcService {
        BoxCloneSyncService::new(Gateway(Arc::new(self)))
    }

    /// One call.
    async fn handle(self: &Arc<Self>, request: Request<Body>) -> Response<Body> {
        let language = language(request.headers());
        let refuse = |fault: Fault| fault.into_status(language).into_http();
        // 1. Span and call id (the span is around this function).
        let call_id = match self.call_id() {
            Ok(call_id) => call_id,
            Err(fault) => return refuse(fault),
        };
        // 2. Load shedding. Not journaled: that would be work.
        let mut response = match self.load.admit() {
            None => refuse(overloaded(COME_BACK)),
            Some(permit) => {
                // 3. Deadline.
                let deadline = self.deadlines.of(request.headers());
                // 4.–9. Who may.
                let mut seen = Seen::at(self.clock.now());
                match self.admit(request.uri().path(), request.headers(), &mut seen) {
                    // 10. Pass-through.
                    Ok(admitted) => {
                        let id = call_id.clone();
                        forward(self, admitted, request, id, deadline, permit, language).await
                    }
                    Err(fault) => {
                        self.journal(&seen, &fault, request.uri().path(), &deadline)
                            .await;
                        refuse(fault)
                    }
                }
            }
        };
        response.headers_mut().insert(CALL_ID, call_id);
        response
    }

    /// Layers 4 to 9.
    fn admit(&self, path: &str, headers: &HeaderMap, seen: &mut Seen) -> Result<Admitted, Fault> {
        // 4. Method table.
        let Some(method) = public(path) else {
            self.knocked(headers, seen);
            return Err(Fault::new(Reason::MethodUnknown));
        };
        seen.method = Some(method);
        // 5. Token.
        let subject = self
            .tokens
            .subject(headers, seen.now)
            .map_err(|unbelieved| {
                seen.subject = unbelieved.subject;
                Fault::from(unbelieved)
            })?;
        seen.subject = Some(subject);
        // 6. Rate of the subject.
        self.take_rate(subject, seen)?;
        // 7. Purpose.
        let purpose = purpose::stated(method, headers)?;
        seen.purpose = purpose;
        // 8. Decision, and 9. signed context.
        let held = self.policy.current(seen.now)?;
        seen.revision = held.snapshot.revision();
        let ready = self
            .contexts
            .context(&held, subject, method, purpose, seen.now);
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
            seen: *seen,
        })
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
                    Journaling::Never
                };
                Err(overloaded(limited.retry_after))
            }
        }
    }

    /// A path that does not exist, or not for the caller: journaled when one of ours
    /// tries it, and not when a scanner does.
    fn knocked(&self, headers: &HeaderMap, seen: &mut Seen) {
        seen.journaling = Journaling::Never;
        if let Ok(subject) = self.tokens.subject(headers, seen.now) {
            seen.subject = Some(subject);
            // The answer is the same over the rate; only the journal is spared.
            let _ = self.take_rate(subject, seen);
        }
    }

    /// No journal, no refusal, within bounds.
    async fn journal(&self, seen: &Seen, fault: &Fault, path: &str, deadline: &Deadline) {
        tracing::debug!(reason = ?fault.reason, detail = %fault.detail, subject = ?seen.subject, "refused");
        // Out of time, it leaves; the record is queued by then.
        let _ = timeout_at(deadline.head, self.note(seen, fault.reason, path)).await;
    }

    /// Journals a refusal, within the bounds of the journal.
    pub(crate) async fn note(&self, seen: &Seen, reason: Reason, path: &str) {
        if !self.refusals.admits(seen.journaling, seen.now) {
            return;
        }
        match self.ids.next() {
            Ok(id) => {
                let record = seen.record(id, path, reason);
                self.refusals.record(record).await;
            }
            Err(fault) => tracing::error!(detail = %fault.detail, "refusal cannot be named"),
        }
    }

    fn call_id(&self) -> Result<HeaderValue, Fault> {
        let mut text = [0; Hyphenated::LENGTH];
        let text = self.ids.next()?.hyphenated().encode_lower(&mut text);
        tracing::Span::current().record("kefu.call_id", &*text);
        HeaderValue::from_str(text).map_err(|_| Fault::internal("call id is not metadata"))
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
        let span = telemetry::server_span(request.uri().path(), request.headers());
        let stack = self.0.clone();
        Box::pin(async move { Ok(stack.handle(request).await) }.instrument(span))
    }
}
