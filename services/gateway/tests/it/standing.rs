//! An open answer ends with the decision it rests on. Issue 3, points 4 and 7.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use kefu_contracts::access::WatchSnapshotResponse;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Status, body::Body};
use tonic_types::StatusExt;
use tower::ServiceExt;

use crate::{
    access::Access,
    policy::{AGENT, OPEN_TICKET, REVISION, binding, full, permission, revocation, start},
    upstream::Behaviour,
    world::{Answer, Call, World, settle},
};

type Frames = mpsc::UnboundedSender<Result<Frame<Bytes>, Status>>;

/// An answer that has begun and goes on.
async fn open(world: &World) -> (Frames, Body) {
    let (frames, stream) = mpsc::unbounded_channel();
    world.upstream.behave(Behaviour::Stream(stream));
    let mut body = world.good().begin().await.into_body();
    frames.send(Ok(Frame::data("one".into()))).unwrap();
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "one");
    // It waits from here on.
    assert!(waits(&mut body).await);
    (frames, body)
}

async fn waits(body: &mut Body) -> bool {
    tokio::select! {
        biased;
        _ = body.frame() => false,
        () = settle() => true,
    }
}

/// What the answer ends with, whatever the service still sends.
async fn end(frames: &Frames, mut body: Body) -> (Code, String) {
    let _ = frames.send(Ok(Frame::data("secret".into())));
    let frame = tokio::time::timeout(Duration::from_secs(5), body.frame());
    let frame = frame.await.unwrap().unwrap().unwrap();
    let trailers = frame.into_trailers().expect("nothing more of the answer");
    assert!(body.frame().await.is_none());
    assert!(frames.is_closed(), "the service is told to stop");
    let status = Status::from_header_map(&trailers).unwrap();
    let reason = status
        .get_error_details()
        .error_info()
        .unwrap()
        .reason
        .clone();
    (status.code(), reason)
}

/// A call of the agent that the service does not answer, on its way.
async fn waiting(call: Call) -> tokio::task::JoinHandle<Answer> {
    let waiting = tokio::spawn(call.send());
    settle().await;
    assert!(!waiting.is_finished());
    waiting
}

/// Clause CC-2.5. As by a service that waits until it has heard of what the caller wrote.
#[tokio::test]
async fn a_revocation_ends_a_read_that_still_waits_for_its_answer() {
    let world = World::new().await;
    world.upstream.behave(Behaviour::Silence);
    let waiting = waiting(world.good()).await;
    world.access.send(revocation());
    let answer = waiting.await.unwrap();
    answer.is_refused(Code::PermissionDenied, "PERMISSION_MISSING");
    assert!(answer.headers.contains_key("kefu-call-id"));
    let journaled = world.access.journaled();
    assert_eq!(journaled.len(), 1);
    assert_eq!(journaled[0].subject_id, AGENT.as_bytes());
    assert_eq!(journaled[0].reason, "PERMISSION_MISSING");
}

/// What waits for another write to be heard of is made by the decision of then, or not at all;
/// what became of it is not known here, so it is to be made again. What waits for nothing is
/// made by the decision it came with.
#[tokio::test]
async fn a_revocation_ends_a_change_that_waits_for_an_earlier_one() {
    let access = Access::new();
    access.full.lock().unwrap().roles[0].rules[0]
        .permissions
        .push(permission(OPEN_TICKET).into());
    let world = World::around(access, None, |_| {}).await;
    world.upstream.behave(Behaviour::Silence);
    let change = || world.call(AGENT, OPEN_TICKET);
    let waits = waiting(change().header("kefu-position", "profile:812.55")).await;
    world.upstream.behave(Behaviour::Silence);
    let under_way = waiting(change()).await;
    world.access.send(revocation());
    let answer = waits.await.unwrap();
    answer.is_refused(Code::Unavailable, "POLICY_STALE");
    settle().await;
    assert!(!under_way.is_finished());
    under_way.abort();
    let refused = change().send().await;
    refused.is_refused(Code::PermissionDenied, "PERMISSION_MISSING");
}

/// A change is made when all of it is there: whoever holds its body back until after the revocation
/// has it made by no decision of before.
#[tokio::test]
async fn a_revocation_ends_a_change_whose_body_is_held_back() {
    let access = Access::new();
    access.full.lock().unwrap().roles[0].rules[0]
        .permissions
        .push(permission(OPEN_TICKET).into());
    let world = World::around(access, None, |_| {}).await;
    let (frames, body) = mpsc::unbounded_channel::<Result<Frame<Bytes>, Status>>();
    let request = Request::post(format!("http://gateway{OPEN_TICKET}"))
        .header("authorization", format!("Bearer {}", world.token(AGENT)))
        .header("kefu-purpose", "service")
        .header("content-type", "application/grpc");
    let body = Body::new(StreamBody::new(UnboundedReceiverStream::new(body)));
    let answer = tokio::spawn(world.gateway.clone().oneshot(request.body(body).unwrap()));
    let message = Bytes::from_static(&[0, 0, 0, 0, 0]);
    frames.send(Ok(Frame::data(message))).unwrap();
    settle().await;
    assert!(!answer.is_finished());
    world.access.send(revocation());
    let response = answer.await.unwrap().unwrap();
    let status = Status::from_header_map(response.headers()).unwrap();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(frames.is_closed());
    assert_eq!(world.arrivals(), 0);
}

/// Clause CC-2.5.
#[tokio::test]
async fn a_revocation_ends_an_open_answer_and_is_journaled() {
    let world = World::new().await;
    let (frames, body) = open(&world).await;
    world.access.send(revocation());
    settle().await;
    let ended = end(&frames, body).await;
    assert_eq!(ended, (Code::PermissionDenied, "PERMISSION_MISSING".into()));
    let journaled = world.access.journaled();
    assert_eq!(journaled.len(), 1);
    assert_eq!(journaled[0].subject_id, AGENT.as_bytes());
    assert_eq!(journaled[0].reason, "PERMISSION_MISSING");
    assert_eq!(journaled[0].policy_revision, REVISION + 1);
}

#[tokio::test]
async fn an_open_answer_ends_in_the_second_in_which_its_binding_does() {
    let world = World::new().await;
    world.access.send(WatchSnapshotResponse {
        revision: REVISION + 1,
        bindings: vec![binding(Some(start() + Duration::from_secs(5)))],
        ..Default::default()
    });
    settle().await;
    let (frames, mut body) = open(&world).await;
    world.clock.advance(Duration::from_secs(4));
    world.access.heartbeat(REVISION + 1);
    assert!(waits(&mut body).await);
    world.clock.advance(Duration::from_secs(1));
    let ended = end(&frames, body).await;
    assert_eq!(ended, (Code::PermissionDenied, "PERMISSION_MISSING".into()));
}

#[tokio::test]
async fn an_open_answer_ends_when_the_policy_is_too_old() {
    let world = World::new().await;
    let (frames, mut body) = open(&world).await;
    world.clock.advance(Duration::from_secs(10));
    assert!(waits(&mut body).await);
    world.clock.advance(Duration::from_millis(1));
    let ended = end(&frames, body).await;
    assert_eq!(ended, (Code::Unavailable, "POLICY_STALE".into()));
}

#[tokio::test]
async fn other_rules_end_it_for_a_new_call_and_the_same_rules_do_not() {
    let world = World::new().await;
    let (frames, mut body) = open(&world).await;
    world.access.send(WatchSnapshotResponse {
        revision: REVISION + 1,
        ..full()
    });
    settle().await;
    assert!(waits(&mut body).await, "nothing changed for this subject");
    world.access.send(WatchSnapshotResponse {
        revision: REVISION + 2,
        bindings: vec![binding(Some(start() + Duration::from_secs(3600)))],
        ..Default::default()
    });
    settle().await;
    let ended = end(&frames, body).await;
    assert_eq!(ended, (Code::Unavailable, "POLICY_STALE".into()));
    assert!(world.access.journaled().is_empty(), "nobody was refused");
    world.good().send().await.is_ok();
}
