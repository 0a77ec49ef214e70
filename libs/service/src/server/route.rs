//! What a server answers itself, in front of its service.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::body::Body;
use tower::{Service, ServiceExt, util::BoxCloneSyncService};

use super::{GrpcService, Health};

/// Answers `grpc.health.v1` in front of the service.
pub fn with_health(service: GrpcService, health: &Health) -> GrpcService {
    front("/grpc.health.v1.Health/", health.service(), service)
}

/// What `grpc.reflection.v1` tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reflected {
    /// Nothing: it does not answer.
    Nothing,
    /// The services that the public may call.
    Public,
    /// Those between the services of the suite, too.
    All,
}

/// Answers `grpc.reflection.v1` in front of the service: the contracts and health.
pub fn with_reflection(service: GrpcService, reflected: Reflected) -> GrpcService {
    let contracts = match reflected {
        Reflected::Nothing => return service,
        Reflected::All => FileDescriptorSet::decode(kefu_contracts::DESCRIPTOR_SET),
        Reflected::Public => FileDescriptorSet::decode(kefu_contracts::DESCRIPTOR_SET).map(public),
    };
    let reflection = tonic_reflection::server::Builder::configure()
        .register_file_descriptor_set(contracts.unwrap_or_default())
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1();
    match reflection {
        Ok(reflection) => front(
            "/grpc.reflection.v1.ServerReflection/",
            BoxCloneSyncService::new(reflection),
            service,
        ),
        // A test sees to it that this does not happen; the service works without.
        Err(error) => {
            tracing::error!(%error, "the contracts cannot be served by reflection");
            service
        }
    }
}

/// Without internal methods, and without services that have no other.
fn public(mut contracts: FileDescriptorSet) -> FileDescriptorSet {
    for file in &mut contracts.file {
        let package = file.package().to_owned();
        for service in &mut file.service {
            let name = format!("/{package}.{}/", service.name());
            service.method.retain(|one| {
                let path = format!("{name}{}", one.name());
                kefu_contracts::method(&path).is_some_and(|method| !method.internal)
            });
        }
        file.service.retain(|service| !service.method.is_empty());
    }
    contracts
}

fn front(prefix: &'static str, front: GrpcService, rest: GrpcService) -> GrpcService {
    BoxCloneSyncService::new(Front {
        prefix,
        front,
        rest,
    })
}

/// Sends paths with a prefix one way and all others another.
#[derive(Clone)]
struct Front {
    prefix: &'static str,
    front: GrpcService,
    rest: GrpcService,
}

impl Service<Request<Body>> for Front {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    /// Always ready: a service that is not must not keep health from answering.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let front = request.uri().path().starts_with(self.prefix);
        let service = if front { &self.front } else { &self.rest };
        Box::pin(service.clone().oneshot(request))
    }
}
