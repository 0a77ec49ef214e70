//! Calls between the services of the suite: over a channel or in the same
//! process through the same trait, each with a context that says which service
//! it is (internal methods only).

mod connector;
mod kept;
mod spread;
mod way;

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use jiff::Timestamp;
use kefu_access::{AccessContext, ContextSigner, Subject};
use kefu_contracts::{access::SubjectKind, method, policy::Purpose};
use tonic::body::Body;
use tower::{Service, ServiceExt, util::BoxCloneSyncService};
use uuid::Uuid;

use self::way::unreachable_service;
pub use self::{
    kept::Kept,
    way::{Unreached, Way, remote},
};
use crate::{call::CONTEXT, clock::Clock, server::GrpcService};

/// How long a context of ours is good for, and how long it is used.
const LIFETIME: Duration = Duration::from_secs(30);
const USED: Duration = Duration::from_secs(20);

/// A service of the same process that is built later than those who call it.
#[derive(Clone, Default)]
pub struct Late(Arc<OnceLock<GrpcService>>);

impl Late {
    /// Says which service it is; the first word counts.
    pub fn bind(&self, service: GrpcService) {
        let _ = self.0.set(service);
    }

    /// The service, which answers UNAVAILABLE until it is bound.
    pub fn service(&self) -> GrpcService {
        BoxCloneSyncService::new(self.clone())
    }
}

impl Service<Request<Body>> for Late {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let service = self.0.get().cloned();
        Box::pin(async move {
            match service {
                Some(service) => service.oneshot(request).await,
                None => Ok(unreachable_service()),
            }
        })
    }
}

/// This service as its peers know it.
#[derive(Clone)]
pub struct Identity {
    name: &'static str,
    signer: Arc<ContextSigner>,
    clock: Arc<dyn Clock>,
    signed: Arc<Mutex<HashMap<&'static str, (HeaderValue, Timestamp)>>>,
}

impl Identity {
    /// The service of this name, vouched for by its own key.
    pub fn new(name: &'static str, signer: Arc<ContextSigner>, clock: Arc<dyn Clock>) -> Self {
        Self {
            name,
            signer,
            clock,
            signed: Arc::default(),
        }
    }

    /// The peer, called in this service's name.
    pub fn calling(&self, peer: GrpcService) -> PeerService {
        PeerService {
            identity: self.clone(),
            peer,
        }
    }

    fn context(&self, permission: &'static str) -> Option<HeaderValue> {
        let now = self.clock.now();
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((value, _)) = signed.get(permission).filter(|(_, until)| now < *until) {
            return Some(value.clone());
        }
        let context = AccessContext {
            subject: Subject {
                id: Uuid::new_v5(&Uuid::NAMESPACE_URL, self.name.as_bytes()),
                kind: SubjectKind::Service,
                departments: Vec::new(),
            },
            permission: permission.to_owned(),
            purpose: Purpose::Administration,
            rules: Vec::new(),
            policy_revision: 0,
            issued_at: now,
            expires_at: now.checked_add(LIFETIME).ok()?,
        };
        let value =
            HeaderValue::from_str(&STANDARD_NO_PAD.encode(self.signer.sign(&context))).ok()?;
        signed.insert(permission, (value.clone(), now.checked_add(USED).ok()?));
        Some(value)
    }
}

/// A peer, called in this service's name; what generated clients are put upon.
#[derive(Clone)]
pub struct PeerService {
    identity: Identity,
    peer: GrpcService,
}

impl Service<Request<Body>> for PeerService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let permission = method(request.uri().path()).map(|method| method.permission);
        if let Some(context) = permission.and_then(|permission| self.identity.context(permission)) {
            request.headers_mut().insert(CONTEXT, context);
        }
        Box::pin(self.peer.clone().oneshot(request))
    }
}
