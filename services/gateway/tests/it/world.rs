//! A gateway and what is around it.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::rand::SystemRandom;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use kefu_access::{AccessContext, ContextSigner, ContextVerifier, Trust};
use kefu_gateway::{
    Environment, GatewayConfig, GatewayDeps, Upstreams, build,
    dev_issuer::{AUDIENCE, DevIssuer, ISSUER},
};
use kefu_service::{
    call::{CONTEXT, PURPOSE},
    clock::{Clock, ManualClock},
    host::Job,
    ids::{Ids, system_randomness},
    server::GrpcService,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Code, Status, body::Body, metadata::MetadataMap};
use tonic_types::{ErrorDetails, StatusExt};
use tower::ServiceExt;
use uuid::Uuid;

use crate::{
    access::Access,
    policy::{AGENT, GET_TICKET, REVISION, start},
    upstream::Upstream,
};

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) issuer: DevIssuer,
    pub(crate) access: Arc<Access>,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) gateway: GrpcService,
    pub(crate) stop: CancellationToken,
    verifier: ContextVerifier,
    _stop: DropGuard,
}

pub(crate) fn config(issuer: &DevIssuer) -> GatewayConfig {
    GatewayConfig {
        environment: Environment::Development,
        allow_development_issuer: true,
        issuer: ISSUER.into(),
        audience: AUDIENCE.into(),
        jwks: issuer.jwks(),
        ..GatewayConfig::default()
    }
}

pub(crate) fn deps(clock: &ManualClock) -> (GatewayDeps, ContextVerifier) {
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let (gateway, _) = ContextSigner::generate(&SystemRandom::new());
    let (service, _) = ContextSigner::generate(&SystemRandom::new());
    let verifier = ContextVerifier::new([(Trust::Gateway, gateway.public_key())]);
    let deps = GatewayDeps {
        ids: Ids::new(clock.clone(), system_randomness()),
        clock,
        signer: Arc::new(gateway),
        identity: Arc::new(service),
    };
    (deps, verifier)
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        Self::around(Access::new(), None, change).await
    }

    /// Around this access-control, with this in the place of the ticket service.
    pub(crate) async fn around(
        access: Arc<Access>,
        ticket: Option<GrpcService>,
        change: impl FnOnce(&mut GatewayConfig),
    ) -> Self {
        let clock = ManualClock::at(start());
        let issuer = DevIssuer::generate(&SystemRandom::new()).unwrap();
        let mut config = config(&issuer);
        change(&mut config);
        let (deps, verifier) = deps(&clock);
        let upstream = Arc::new(Upstream::default());
        let service = || upstream.service();
        let upstreams = Upstreams {
            profile: service(),
            ticket: ticket.unwrap_or_else(service),
            order: service(),
            analytics: service(),
            access: Split::service(access.service(), service()),
        };
        let hosted = build(&config, deps, upstreams).unwrap();
        let stop = CancellationToken::new();
        for job in hosted.jobs {
            spawn(job, stop.clone());
        }
        let guard = stop.clone().drop_guard();
        let gateway = hosted.service;
        settle().await;
        Self {
            clock,
            issuer,
            access,
            upstream,
            gateway,
            stop,
            verifier,
            _stop: guard,
        }
    }

    pub(crate) fn token(&self, subject: Uuid) -> String {
        self.issuer
            .issue(subject, self.clock.now(), Duration::from_secs(3600))
            .unwrap()
    }

    /// A call by this subject, for service.
    pub(crate) fn call(&self, subject: Uuid, path: &str) -> Call {
        self.bare(path)
            .header("authorization", &format!("Bearer {}", self.token(subject)))
            .purpose("service")
    }

    /// A call of the agent that is let through.
    pub(crate) fn good(&self) -> Call {
        self.call(AGENT, GET_TICKET)
    }

    pub(crate) fn bare(&self, path: &str) -> Call {
        let request = Request::post(format!("http://gateway{path}"))
            .header("content-type", "application/grpc");
        Call {
            gateway: self.gateway.clone(),
            request,
            body: Bytes::new(),
        }
    }

    /// Turns the clock a second at a time, access-control being alive.
    pub(crate) async fn turn(&self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.advance(Duration::from_secs(1));
            self.access.heartbeat(REVISION);
            settle().await;
        }
    }

    /// The context that the last call arrived with, as a service reads it.
    pub(crate) fn arrived_context(&self) -> AccessContext {
        let value = self
            .upstream
            .last_header(CONTEXT)
            .expect("a call with a context");
        let metadata =
            MetadataMap::from_headers(HeaderMap::from_iter([(CONTEXT.parse().unwrap(), value)]));
        let signed = metadata.get_bin(CONTEXT).unwrap().to_bytes().unwrap();
        self.verifier.verify(&signed, self.clock.now()).unwrap()
    }

    pub(crate) fn arrivals(&self) -> usize {
        self.upstream.arrived.lock().unwrap().len()
    }
}

/// The one place that knows how a job is run.
fn spawn(job: Job, stop: CancellationToken) {
    tokio::spawn((job.run)(stop));
}

/// Lets everything that can go on go on: nothing here waits for anything but each other.
pub(crate) async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// Internal methods go to access-control's stand-in, public ones to the echo.
struct Split;

impl Split {
    fn service(internal: GrpcService, public: GrpcService) -> GrpcService {
        tower::util::BoxCloneSyncService::new(tower::service_fn(move |request: Request<Body>| {
            let method = kefu_contracts::method(request.uri().path());
            let to = if method.is_some_and(|method| method.internal) {
                &internal
            } else {
                &public
            };
            to.clone().oneshot(request)
        }))
    }
}

pub(crate) struct Call {
    gateway: GrpcService,
    request: http::request::Builder,
    body: Bytes,
}

impl Call {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn purpose(mut self, purpose: &str) -> Self {
        self.request
            .headers_mut()
            .unwrap()
            .insert(PURPOSE, purpose.parse().unwrap());
        self
    }

    pub(crate) fn no_purpose(mut self) -> Self {
        self.request.headers_mut().unwrap().remove(PURPOSE);
        self
    }

    pub(crate) fn body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }

    /// Until the answer begins.
    pub(crate) async fn begin(self) -> Response<Body> {
        let request = self.request.body(Body::new(Full::new(self.body))).unwrap();
        self.gateway.oneshot(request).await.unwrap()
    }

    /// The whole answer.
    pub(crate) async fn send(self) -> Answer {
        let (head, body) = self.begin().await.into_parts();
        let collected = body.collect().await.unwrap();
        let trailers = collected.trailers().cloned().unwrap_or_default();
        let status =
            Status::from_header_map(&head.headers).or_else(|| Status::from_header_map(&trailers));
        Answer {
            headers: head.headers,
            body: collected.to_bytes(),
            status: status.expect("a status in headers or trailers"),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) status: Status,
}

impl Answer {
    pub(crate) fn details(&self) -> ErrorDetails {
        self.status.get_error_details()
    }

    pub(crate) fn reason(&self) -> String {
        let details = self.details();
        details
            .error_info()
            .map(|info| info.reason.clone())
            .unwrap_or_default()
    }

    pub(crate) fn metadata(&self, key: &str) -> Option<String> {
        self.details()
            .error_info()
            .and_then(|info| info.metadata.get(key).cloned())
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.details()
            .retry_info()
            .and_then(|info| info.retry_delay)
    }

    #[track_caller]
    pub(crate) fn is_refused(&self, code: Code, reason: &str) {
        assert_eq!(
            (self.status.code(), self.reason().as_str()),
            (code, reason),
            "{self:?}"
        );
    }

    #[track_caller]
    pub(crate) fn is_ok(&self) {
        assert_eq!(self.status.code(), Code::Ok, "{self:?}");
    }
}
