//! What passes, and how it ends.

use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt;
use kefu_access::Purpose;
use kefu_service::{call::CONTEXT, peer};
use tokio::{net::TcpListener, sync::mpsc};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    access::Access,
    policy::{AGENT, GET_TICKET, LIST_DEPARTMENTS},
    upstream::{Behaviour, status},
    world::World,
};

/// Not even protobuf: it is not looked at.
#[tokio::test]
async fn bodies_pass_byte_for_byte() {
    let world = World::new().await;
    let noise = (0..300_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8);
    let length = 300_000_u32.to_be_bytes();
    let body: Bytes = [0].into_iter().chain(length).chain(noise).collect();
    let answer = world.good().body(body.clone()).send().await;
    answer.is_ok();
    assert_eq!(answer.body, body);
    assert_eq!(world.upstream.arrived.lock().unwrap()[0].body, body);
    assert_eq!(world.upstream.arrived.lock().unwrap()[0].path, GET_TICKET);
}

#[tokio::test]
async fn streams_pass_chunk_by_chunk() {
    let world = World::new().await;
    let (frames, stream) = mpsc::unbounded_channel();
    world.upstream.behave(Behaviour::Stream(stream));
    let mut body = world.good().begin().await.into_body();
    for chunk in ["one", "two", "three"] {
        frames.send(Ok(Frame::data(chunk.into()))).unwrap();
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), chunk);
    }
    frames.send(Ok(Frame::trailers(status("0")))).unwrap();
    let trailers = body
        .frame()
        .await
        .unwrap()
        .unwrap()
        .into_trailers()
        .unwrap();
    assert_eq!(trailers["grpc-status"], "0");
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn the_callers_own_context_and_token_stay_outside() {
    let world = World::new().await;
    let forged = world
        .good()
        .header(CONTEXT, "Zm9yZ2Vk")
        .header(CONTEXT, "dHdpY2U");
    forged
        .header("kefu-call-id", "mine")
        .header("x-own", "kept")
        .send()
        .await
        .is_ok();
    assert_eq!(world.arrived_context().purpose, Purpose::Service);
    let arrived = world.upstream.arrived.lock().unwrap();
    let headers = &arrived[0].headers;
    assert_eq!(headers.get_all(CONTEXT).iter().count(), 1);
    assert_eq!(headers.get_all("kefu-call-id").iter().count(), 1);
    assert_ne!(headers["kefu-call-id"], "mine");
    assert!(!headers.contains_key("authorization"));
    assert_eq!(headers["x-own"], "kept");
}

#[tokio::test]
async fn every_answer_has_the_id_of_its_call() {
    let world = World::new().await;
    let passed = world.good().send().await;
    let id = world.upstream.last_header("kefu-call-id").unwrap();
    assert_eq!(passed.headers["kefu-call-id"], id);
    let id = Uuid::try_parse(id.to_str().unwrap()).unwrap();
    assert_eq!(id.get_version_num(), 7);
    for refused in [
        world.bare("/x").send().await,
        world.bare(GET_TICKET).send().await,
    ] {
        assert!(refused.headers.contains_key("kefu-call-id"), "{refused:?}");
    }
}

#[tokio::test]
async fn methods_go_to_their_service() {
    let world = World::new().await;
    world.call(AGENT, LIST_DEPARTMENTS).send().await.is_ok();
    assert_eq!(
        world.upstream.arrived.lock().unwrap()[0].path,
        LIST_DEPARTMENTS
    );
}

/// Reasons of the services pass as they are.
#[tokio::test]
async fn a_status_of_a_service_passes() {
    let world = World::new().await;
    world.upstream.behave(Behaviour::Status("5"));
    assert_eq!(world.good().send().await.status.code(), Code::NotFound);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let ticket = peer::remote(&uri).unwrap();
    let world = World::around(Access::new(), Some(ticket), |_| {}).await;
    let answer = world.good().send().await;
    answer.is_refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    assert!(answer.retry_after().is_some());
}

#[tokio::test]
async fn a_connection_that_dies_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            // Long enough alive that the call is on its way.
            connection.readable().await.unwrap();
            drop(connection);
        }
    });
    let ticket = peer::remote(&uri).unwrap();
    let world = World::around(Access::new(), Some(ticket), |_| {}).await;
    world
        .good()
        .send()
        .await
        .is_refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
}

/// It would reach the caller as UNKNOWN, or as an answer that looks whole.
#[tokio::test]
async fn an_answer_cut_off_is_unavailable() {
    let world = World::new().await;
    type Ending = Option<Result<Frame<Bytes>, Status>>;
    let endings: [(&str, Ending); 3] = [
        (
            "broken",
            Some(Err(Status::unknown("h2 protocol error: connection reset"))),
        ),
        ("without trailers", None),
        (
            "unknown in trailers",
            Some(Ok(Frame::trailers(status("2")))),
        ),
    ];
    for (why, ending) in endings {
        let (frames, stream) = mpsc::unbounded_channel();
        frames.send(Ok(Frame::data("half".into()))).unwrap();
        ending
            .into_iter()
            .for_each(|ending| frames.send(ending).unwrap());
        drop(frames);
        world.upstream.behave(Behaviour::Stream(stream));
        let answer = world.good().send().await;
        assert_eq!(answer.body, "half", "{why}");
        answer.is_refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
        assert!(!answer.status.message().contains("h2"), "{why}");
    }
    // Not sent once more, as a read would be.
    let world = World::with(|config| {
        (config.retry_percent, config.retries_per_second) = (0, 0);
    })
    .await;
    for behaviour in [Behaviour::Status("2"), Behaviour::Http(502)] {
        world.upstream.behave(behaviour);
        world
            .good()
            .send()
            .await
            .is_refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    }
}
