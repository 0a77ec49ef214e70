//! Where a call goes, and how: without what was for the gateway only, with what the
//! gateway vouches for, its body untouched.

use std::sync::Arc;

use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use kefu_contracts::{METHODS, Method, policy::Effect};
use kefu_service::{
    call::{CALL_ID, CONTEXT, POSITION},
    clock::Clock,
    error::{Fault, Language},
    server::GrpcService,
    telemetry,
};
use tokio::sync::OwnedSemaphorePermit;
use tonic::body::Body;

use crate::{
    config::GatewayConfig,
    context::Ready,
    deadline::{Deadline, TIMEOUT},
    error::Seen,
    frames::watched,
    relay::{Relay, relay},
    stack::Stack,
    standing::{Closing, Standing},
    token::Verified,
    upstream::Upstream,
};

/// The services behind the gateway.
#[derive(Clone)]
pub struct Upstreams {
    /// customer-profile: `kefu.profile`.
    pub profile: GrpcService,
    /// ticket: `kefu.ticket`.
    pub ticket: GrpcService,
    /// order-followup: `kefu.order`.
    pub order: GrpcService,
    /// analytics: `kefu.analytics`.
    pub analytics: GrpcService,
    /// access-control: `kefu.access`; also asked for the policy and told of refusals.
    pub access: GrpcService,
}

impl Upstreams {
    /// The service that answers this method.
    fn of(&self, method: &Method) -> Option<&GrpcService> {
        self.all().into_iter().nth(place(method)?)
    }

    fn all(&self) -> [&GrpcService; 5] {
        [
            &self.profile,
            &self.ticket,
            &self.order,
            &self.analytics,
            &self.access,
        ]
    }

    /// Each with what is known of how it does.
    pub(crate) fn watched(&self, config: &GatewayConfig, clock: &Arc<dyn Clock>) -> Watched {
        Watched(
            self.all()
                .map(|service| Upstream::new(service.clone(), config, clock.clone())),
        )
    }

    /// Every public method has a service behind it.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let homeless = METHODS
            .iter()
            .find(|method| !method.internal && self.of(method).is_none());
        homeless.map_or(Ok(()), |method| {
            Err(Fault::internal(format!(
                "no service answers {}",
                method.path
            )))
        })
    }
}

/// Which service answers the method, in the order of [`Upstreams`].
fn place(method: &Method) -> Option<usize> {
    let domain = method.service.strip_prefix("kefu.")?.split('.').next()?;
    ["profile", "ticket", "order", "analytics", "access"]
        .iter()
        .position(|one| *one == domain)
}

/// The services, each with how it does.
pub(crate) struct Watched([Upstream; 5]);

impl Watched {
    fn of(&self, method: &Method) -> Option<&Upstream> {
        self.0.get(place(method)?)
    }
}

/// A call that may pass.
pub(crate) struct Admitted {
    pub(crate) method: &'static Method,
    /// What the gateway vouches for.
    pub(crate) ready: Arc<Ready>,
    /// Who the issuer says it is.
    pub(crate) token: Verified,
    /// For the journal, should the decision fall.
    pub(crate) seen: Seen,
}

/// What came first.
enum Answered {
    /// The head of the service's answer, or that there is none.
    Head(Result<Response<Body>, Fault>),
    /// The caller's body is none.
    Unreadable(Fault),
    /// What the call was let through by is gone.
    Fallen(Closing),
}

/// Sends an admitted call on and relays the answer.
pub(crate) async fn forward(
    stack: &Arc<Stack>,
    admitted: Admitted,
    mut request: Request<Body>,
    call_id: HeaderValue,
    mut deadline: Deadline,
    permit: OwnedSemaphorePermit,
    language: Language,
) -> Response<Body> {
    let refuse = |fault: Fault| fault.into_status(language).into_http();
    let Some(upstream) = stack.upstreams.of(admitted.method) else {
        return refuse(Fault::internal("method without a service"));
    };
    // What is not answered while the context lives is answered for another decision.
    let life = admitted.ready.life(admitted.seen.now);
    deadline.end_within(life, admitted.method.server_streaming);
    let headers = request.headers_mut();
    // The token opens the gateway, not the services: where it is not, it cannot leak.
    headers.remove(AUTHORIZATION);
    // `insert` puts one value in the place of all that the caller may have sent.
    headers.insert(CONTEXT, admitted.ready.value.clone());
    headers.insert(CALL_ID, call_id);
    headers.insert(TIMEOUT, deadline.remaining.clone());
    telemetry::inject(&tracing::Span::current(), headers);

    let streams = admitted.method.server_streaming;
    // What a call may wait for outlasts decisions. A change that waits for nothing is made by
    // the decision that stands when all of it is there.
    let waits = admitted.method.effect == Effect::Read || headers.contains_key(POSITION);
    let mut standing = Standing {
        stack: stack.clone(),
        seen: admitted.seen,
        ready: admitted.ready,
        token: admitted.token,
        streams,
    };
    let (head, body) = request.into_parts();
    let (body, mut refusal, passing) = watched(body, stack.max_message);
    let request = Request::from_parts(head, body);
    let falls = async {
        tokio::select! {
            biased;
            closing = standing.fallen() => closing,
            () = passing.passed(), if !waits => std::future::pending().await,
        }
    };
    let answered = tokio::select! {
        // First, so that a service's word on half a body is not the answer; nor one that is
        // there once the decision has fallen.
        biased;
        fault = refusal.refused() => Answered::Unreadable(fault),
        closing = falls => Answered::Fallen(closing),
        answered = upstream.call(admitted.method, request, &deadline) => Answered::Head(answered),
    };
    let response = match answered {
        Answered::Head(Ok(response)) => response,
        Answered::Head(Err(fault)) => {
            stack.count(&admitted.seen, fault.reason);
            return refuse(fault);
        }
        Answered::Unreadable(fault) => {
            let (seen, path) = (&admitted.seen, admitted.method.path);
            Box::pin(stack.journal(seen, &fault, path, &deadline)).await;
            return refuse(fault);
        }
        Answered::Fallen(closing) => {
            closing.noted.await;
            return refuse(closing.fault);
        }
    };
    relay(
        response,
        Relay {
            // A watch that waits costs next to nothing: it takes no one's place.
            permit: (!streams).then_some(permit),
            end: if streams {
                deadline.stream_end
            } else {
                Some(deadline.head)
            },
            language,
            streams,
            stack: stack.clone(),
            seen: admitted.seen,
            standing: Some(standing),
        },
    )
}
