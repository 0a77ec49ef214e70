//! One service behind the gateway, and what is known of how it does: nobody waits for
//! one that is gone, and a read that did not get through is tried once more, while the
//! budget lasts. Writes are never sent twice.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use kefu_contracts::{Method, common::Reason, policy::Effect};
use kefu_service::{
    clock::Clock,
    error::Fault,
    peer::{Kept, Unreached},
    server::GrpcService,
};
use tokio::time::timeout_at;
use tonic::{Code, body::Body};
use tower::{
    ServiceExt,
    retry::budget::{Budget, TpsBudget},
};

use crate::{
    breaker::{Breaker, Pass, Rules},
    config::GatewayConfig,
    deadline::Deadline,
    error::{upstream_down, upstream_unavailable},
};

/// Over which time the budget of retries is counted.
const BUDGET: Duration = Duration::from_secs(10);

/// One service.
pub(crate) struct Upstream {
    service: GrpcService,
    breaker: Mutex<Breaker>,
    retries: TpsBudget,
    clock: Arc<dyn Clock>,
}

/// Says what became of a call, also when nobody waits for it any more.
struct Watched<'a> {
    upstream: &'a Upstream,
    pass: Option<Pass>,
}

impl Upstream {
    pub(crate) fn new(service: GrpcService, config: &GatewayConfig, clock: Arc<dyn Clock>) -> Self {
        let rules = Rules {
            failures: config.breaker_failures,
            open_for: Duration::from_millis(config.breaker_open_ms),
        };
        let share = f32::from(config.retry_percent.min(100)) / 100.0;
        Self {
            service,
            breaker: Mutex::new(Breaker::new(rules)),
            retries: TpsBudget::new(BUDGET, config.retries_per_second, share),
            clock,
        }
    }

    /// The head of the service's answer.
    ///
    /// # Errors
    /// `UPSTREAM_UNAVAILABLE`, `DEADLINE_EXCEEDED`
    pub(crate) async fn call(
        &self,
        method: &Method,
        request: Request<Body>,
        deadline: &Deadline,
    ) -> Result<Response<Body>, Fault> {
        if method.effect != Effect::Read || method.server_streaming {
            return self.once(request, deadline).await;
        }
        self.retries.deposit();
        let (head, body) = request.into_parts();
        let kept = match Kept::of(body) {
            Ok(kept) => kept,
            Err(body) => return self.once(Request::from_parts(head, body), deadline).await,
        };
        let body = kept.send().unwrap_or_default();
        let mut again = Request::new(());
        *again.method_mut() = head.method.clone();
        *again.uri_mut() = head.uri.clone();
        *again.version_mut() = head.version;
        *again.headers_mut() = head.headers.clone();
        let first = self.once(Request::from_parts(head, body), deadline).await;
        match first {
            Err(fault) if fault.reason == Reason::UpstreamUnavailable => {
                let (true, Some(body)) = (self.retries.withdraw(), kept.send()) else {
                    return Err(fault);
                };
                tracing::debug!("a read is sent once more");
                Box::pin(self.once(again.map(|()| body), deadline)).await
            }
            first => first,
        }
    }

    async fn once(
        &self,
        request: Request<Body>,
        deadline: &Deadline,
    ) -> Result<Response<Body>, Fault> {
        let asked = self.breaker().ask(self.clock.now());
        let watched = Watched {
            upstream: self,
            pass: Some(asked.map_err(upstream_down)?),
        };
        let answered = timeout_at(deadline.head, self.service.clone().oneshot(request)).await;
        let Ok(answered) = answered else {
            // Who asks for an answer in no time learns nothing of the service.
            if deadline.patient {
                watched.failed();
            }
            return Err(Fault::new(Reason::DeadlineExceeded));
        };
        let response = answered.unwrap_or_else(|never| match never {});
        if is_unreached(&response) {
            watched.failed();
            return Err(upstream_unavailable());
        }
        watched.answered();
        Ok(response)
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Watched<'_> {
    fn answered(mut self) {
        if let Some(pass) = self.pass.take() {
            self.upstream.breaker().answered(pass);
        }
    }

    fn failed(mut self) {
        if let Some(pass) = self.pass.take() {
            let now = self.upstream.now();
            self.upstream.breaker().failed(pass, now);
        }
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            let now = self.upstream.now();
            self.upstream.breaker().left(pass, now);
        }
    }
}

/// No service of the suite said this: theirs have a reason with them.
fn is_unreached(response: &Response<Body>) -> bool {
    if response.extensions().get::<Unreached>().is_some() {
        return true;
    }
    let headers = response.headers();
    match headers.get("grpc-status") {
        Some(status) => {
            let code = Code::from_bytes(status.as_bytes());
            matches!(code, Code::Unknown | Code::Unavailable)
                && !headers.contains_key("grpc-status-details-bin")
        }
        None => response.status() != StatusCode::OK,
    }
}
