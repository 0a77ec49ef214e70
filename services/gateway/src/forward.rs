//! Where a call goes, and how: without what was for the gateway only, with what the
//! gateway vouches for, its body untouched.

use std::sync::Arc;

use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use kefu_contracts::{METHODS, Method, common::Reason};
use kefu_service::{
    call::{CALL_ID, CONTEXT},
    error::{Fault, Language},
    server::GrpcService,
    telemetry,
};
use tokio::{sync::OwnedSemaphorePermit, time::timeout_at};
use tonic::body::Body;
use tower::ServiceExt;

use crate::{
    context::Ready,
    deadline::{Deadline, TIMEOUT},
    error::Seen,
    relay::{Relay, relay},
    stack::Stack,
    standing::Standing,
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
        let domain = method.service.strip_prefix("kefu.")?.split('.').next()?;
        Some(match domain {
            "profile" => &self.profile,
            "ticket" => &self.ticket,
            "order" => &self.order,
            "analytics" => &self.analytics,
            "access" => &self.access,
            _ => return None,
        })
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

/// A call that may pass.
pub(crate) struct Admitted {
    pub(crate) method: &'static Method,
    /// What the gateway vouches for.
    pub(crate) ready: Arc<Ready>,
    /// For the journal, should the decision fall.
    pub(crate) seen: Seen,
}

/// Sends an admitted call on and relays the answer.
pub(crate) async fn forward(
    stack: &Arc<Stack>,
    admitted: Admitted,
    mut request: Request<Body>,
    call_id: HeaderValue,
    deadline: Deadline,
    permit: OwnedSemaphorePermit,
    language: Language,
) -> Response<Body> {
    let refuse = |fault: Fault| fault.into_status(language).into_http();
    let Some(upstream) = stack.upstreams.of(admitted.method) else {
        return refuse(Fault::internal("method without a service"));
    };
    let headers = request.headers_mut();
    // The token opens the gateway, not the services: where it is not, it cannot leak.
    headers.remove(AUTHORIZATION);
    // `insert` puts one value in the place of all that the caller may have sent.
    headers.insert(CONTEXT, admitted.ready.value.clone());
    headers.insert(CALL_ID, call_id);
    headers.insert(TIMEOUT, deadline.remaining);
    telemetry::inject(&tracing::Span::current(), headers);

    let answered = timeout_at(deadline.head, upstream.clone().oneshot(request)).await;
    let Ok(answered) = answered else {
        return refuse(Fault::new(Reason::DeadlineExceeded));
    };
    let response = answered.unwrap_or_else(|never| match never {});
    let streams = admitted.method.server_streaming;
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
            standing: Some(Standing {
                stack: stack.clone(),
                seen: admitted.seen,
                ready: admitted.ready,
            }),
        },
    )
}
