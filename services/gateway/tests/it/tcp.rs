//! The gateway as it stands: HTTP/2 in front of it and behind it.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use kefu_contracts::ticket::{GetTicketRequest, ticket_service_client::TicketServiceClient};
use kefu_service::{peer, server::GrpcService};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Code, Request as Call,
    body::Body,
    server::NamedService,
    transport::{Endpoint, Server},
};
use tower::{Service, ServiceExt};

use crate::{
    access::Access,
    policy::{AGENT, HEAD},
    upstream::Upstream,
    world::World,
};

#[derive(Clone)]
struct Tickets(GrpcService);

impl NamedService for Tickets {
    const NAME: &'static str = "kefu.ticket.v1.TicketService";
}

impl Service<Request<Body>> for Tickets {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.clone().oneshot(request))
    }
}

/// Serves it on a port of its own.
async fn serve(service: GrpcService) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder().add_service(Tickets(service));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    uri
}

#[tokio::test]
async fn a_generated_client_calls_through_http2_on_both_sides() {
    let upstream = std::sync::Arc::new(Upstream::default());
    let ticket = peer::remote(&serve(upstream.service()).await).unwrap();
    let world = World::around(Access::new(), Some(ticket), |_| {}).await;
    let front = Endpoint::from_shared(serve(world.gateway.clone()).await).unwrap();
    let mut client = TicketServiceClient::new(front.connect().await.unwrap());
    let request = |subject| {
        let name = "tickets/0".to_owned();
        let mut request = Call::new(GetTicketRequest { name });
        let bearer = format!("Bearer {}", world.token(subject)).parse().unwrap();
        request.metadata_mut().insert("authorization", bearer);
        request
            .metadata_mut()
            .insert("kefu-purpose", "service".parse().unwrap());
        request
    };

    let answer = client.get_ticket(request(AGENT)).await.unwrap();
    assert_eq!(answer.get_ref().name, "tickets/0", "as it was sent");
    let refused = client.get_ticket(request(HEAD)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);

    let arrived = upstream.arrived.lock().unwrap();
    assert_eq!(arrived.len(), 1);
    assert!(!arrived[0].headers.contains_key("authorization"));
    assert_eq!(
        arrived[0].headers["kefu-call-id"],
        answer.metadata().get("kefu-call-id").unwrap().as_bytes()
    );
}

/// So many grants of 500 files each.
fn of_large_grants(count: u128) -> std::sync::Arc<Access> {
    let access = Access::new();
    let customers = || (0..500_u128).map(|id| uuid::Uuid::from_u128(id).as_bytes().to_vec());
    let grant = |number: u128| kefu_contracts::access::SnapshotGrant {
        id: uuid::Uuid::from_u128(number).as_bytes().to_vec(),
        subject_ids: vec![HEAD.as_bytes().to_vec()],
        customer_ids: customers().collect(),
        permissions: vec![crate::policy::permission(crate::policy::GET_TICKET).into()],
        purpose: kefu_contracts::policy::Purpose::Service.into(),
        starts_at: Some(kefu_service::time::to_proto(jiff::Timestamp::UNIX_EPOCH)),
        ends_at: Some(kefu_service::time::to_proto(jiff::Timestamp::MAX)),
        ..Default::default()
    };
    access.full.lock().unwrap().grants = (1..=count).map(grant).collect();
    access
}

/// Around a service behind HTTP/2 of the suite's own.
async fn behind_http2(access: std::sync::Arc<Access>) -> (World, std::sync::Arc<Upstream>) {
    let upstream = std::sync::Arc::new(Upstream::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let options = kefu_service::server::ServeOptions::default();
    let never = std::future::pending();
    let server = kefu_service::server::serve(upstream.service(), listener, options, never);
    tokio::spawn(server);
    let ticket = peer::remote(&uri).unwrap();
    (World::around(access, Some(ticket), |_| {}).await, upstream)
}

/// A context of six grants of 500 files each is some 70 KiB, four times what HTTP/2
/// servers take by themselves.
#[tokio::test]
async fn contexts_of_many_large_grants_reach_the_service() {
    let (world, upstream) = behind_http2(of_large_grants(6)).await;
    let call = world.call(HEAD, crate::policy::GET_TICKET);
    call.send().await.is_ok();
    let context = upstream.last_header("kefu-context-bin").unwrap();
    assert!(context.len() > 60_000, "{} bytes", context.len());
}

/// And one that no server of ours takes is refused as what it is, however often: it is not taken
/// for a service that is gone, which others would be refused for.
#[tokio::test]
async fn a_context_that_no_service_takes_is_refused_and_harms_nobody_else() {
    let (world, upstream) = behind_http2(of_large_grants(40)).await;
    for _ in 0..10 {
        let call = world.call(HEAD, crate::policy::GET_TICKET);
        let refused = call.send().await;
        refused.is_refused(Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    }
    assert!(upstream.last_header("kefu-context-bin").is_none());
    world.good().send().await.is_ok();
}
