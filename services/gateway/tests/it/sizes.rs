//! How much a caller may send. Issue 3, point 7.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::Frame;
use http_body_util::StreamBody;
use kefu_contracts::method;
use kefu_service::{peer, server::ServeOptions};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Status, body::Body};
use tower::ServiceExt;

use crate::{
    access::Access,
    policy::{AGENT, GET_TICKET},
    upstream::Upstream,
    world::{World, settle},
};

const MOST: u32 = 64;

fn framed(flags: u8, length: u32) -> Bytes {
    let mut frame = vec![flags];
    frame.extend(length.to_be_bytes());
    frame.resize(5 + length as usize, b'x');
    frame.into()
}

async fn world() -> World {
    World::with(|config| config.max_message_bytes = MOST).await
}

/// Compressed or not: what counts is the length as it was sent.
#[tokio::test]
async fn a_message_larger_than_the_bound_is_refused_and_journaled() {
    let world = world().await;
    for flags in [0, 1] {
        world.good().body(framed(flags, MOST)).send().await.is_ok();
        let arrivals = world.arrivals();
        let answer = world.good().body(framed(flags, MOST + 1)).send().await;
        answer.is_refused(Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
        assert_eq!(answer.metadata("limit_bytes").unwrap(), "64");
        assert!(answer.headers.contains_key("kefu-call-id"));
        assert_eq!(world.arrivals(), arrivals, "nothing of it is a call");
    }
    let journaled = world.access.journaled();
    assert_eq!(journaled.len(), 2);
    for record in journaled {
        assert_eq!(record.reason, "MESSAGE_TOO_LARGE");
        assert_eq!(record.method, GET_TICKET);
        assert_eq!(record.permission, method(GET_TICKET).unwrap().permission);
        assert_eq!(record.subject_id, AGENT.as_bytes());
    }
}

#[tokio::test]
async fn a_body_that_is_no_frames_is_refused() {
    let world = world().await;
    let whole = framed(0, 10);
    for body in [
        framed(0x80, 3),
        Bytes::from_static(b"no frame"),
        whole.slice(..3),
        whole.slice(..9),
    ] {
        let answer = world.good().body(body).send().await;
        answer.is_refused(Code::InvalidArgument, "FRAME_INVALID");
    }
    assert_eq!(world.arrivals(), 0);
    assert_eq!(world.access.journaled().len(), 4);
}

/// Whoever says that much is to come is refused before it comes.
#[tokio::test]
async fn a_later_message_of_an_open_body_is_watched_too() {
    let world = world().await;
    let (frames, body) = mpsc::unbounded_channel::<Result<Frame<Bytes>, Status>>();
    let request = Request::post(format!("http://gateway{GET_TICKET}"))
        .header("authorization", format!("Bearer {}", world.token(AGENT)))
        .header("kefu-purpose", "service")
        .header("content-type", "application/grpc");
    let body = Body::new(StreamBody::new(UnboundedReceiverStream::new(body)));
    let answer = tokio::spawn(world.gateway.clone().oneshot(request.body(body).unwrap()));
    frames.send(Ok(Frame::data(framed(0, MOST)))).unwrap();
    settle().await;
    assert!(!answer.is_finished());
    let length = (MOST + 1).to_be_bytes();
    frames
        .send(Ok(Frame::data(Bytes::from_static(&[0]))))
        .unwrap();
    frames
        .send(Ok(Frame::data(Bytes::copy_from_slice(&length))))
        .unwrap();
    let response = answer.await.unwrap().unwrap();
    let status = Status::from_header_map(response.headers()).unwrap();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(frames.is_closed(), "nobody waits for the rest");
}

/// A caller who sends too much says nothing of how the service does.
#[tokio::test]
async fn the_service_does_not_pay_for_it() {
    let upstream = std::sync::Arc::new(Upstream::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let never = std::future::pending();
    let options = ServeOptions::default();
    let served = kefu_service::server::serve(upstream.service(), listener, options, never);
    let server = tokio::spawn(served);
    let ticket = peer::remote(&uri).unwrap();
    let world = World::around(Access::new(), Some(ticket), |config| {
        config.max_message_bytes = MOST;
    })
    .await;
    for _ in 0..20 {
        let body = [framed(0, 10), framed(0, MOST + 1)].concat();
        let answer = world.good().body(body.into()).send();
        let answer = tokio::time::timeout(Duration::from_secs(10), answer).await;
        answer
            .unwrap()
            .is_refused(Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    }
    world.good().body(framed(0, MOST)).send().await.is_ok();
    server.abort();
}

#[tokio::test]
async fn more_metadata_than_the_bound_is_refused() {
    let world = World::with(|config| config.max_metadata_bytes = 4096).await;
    world
        .good()
        .header("x-own", &"y".repeat(1024))
        .send()
        .await
        .is_ok();
    let answer = world.good().header("x-own", &"y".repeat(4096)).send().await;
    answer.is_refused(Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    assert_eq!(answer.metadata("limit_bytes").unwrap(), "4096");
    assert_eq!(world.arrivals(), 1);
    assert_eq!(world.access.journaled().len(), 1);
    // Many that say little are as much to HTTP/2.
    let many = (0..120).fold(world.good(), |call, _| call.header("x", ""));
    let answer = many.send().await;
    answer.is_refused(Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    assert_eq!(world.arrivals(), 1);
}
