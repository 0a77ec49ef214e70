//! Load, rate and time.

use std::{num::NonZeroU32, time::Duration};

use http_body::Frame;
use kefu_contracts::access::WatchSnapshotResponse;
use tokio::sync::mpsc;
use tonic::Code;

use crate::{
    policy::{AGENT, GET_TICKET, HEAD, REVISION, binding, start},
    upstream::Behaviour,
    world::{World, settle},
};

#[tokio::test]
async fn over_the_load_calls_are_refused_at_once() {
    let world = World::with(|config| config.max_in_flight = 1).await;
    world.upstream.behave(Behaviour::Silence);
    let first = tokio::spawn(world.good().send());
    settle().await;
    let answer = world.good().send().await;
    answer.is_refused(Code::ResourceExhausted, "OVERLOADED");
    assert!(answer.retry_after().is_some());
    assert!(answer.headers.contains_key("kefu-call-id"));
    assert!(world.access.journaled().is_empty(), "that would be work");
    for _ in 0..4 {
        world.good().send().await;
    }
    world.turn(1).await;
    let journaled = world.access.journaled();
    assert_eq!(journaled.len(), 1, "one a second");
    assert_eq!(journaled[0].reason, "OVERLOADED");
    assert_eq!(journaled[0].repeated_count, 4);

    first.abort();
    settle().await;
    world.good().send().await.is_ok();
}

#[tokio::test]
async fn a_call_has_its_place_until_its_last_byte() {
    let world = World::with(|config| config.max_in_flight = 1).await;
    let (frames, stream) = mpsc::unbounded_channel();
    world.upstream.behave(Behaviour::Stream(stream));
    let begun = world.good().begin().await;
    world
        .good()
        .send()
        .await
        .is_refused(Code::ResourceExhausted, "OVERLOADED");
    drop(begun);
    drop(frames);
    world.good().send().await.is_ok();
}

#[tokio::test]
async fn a_subject_has_its_rate() {
    let world = World::with(|config| {
        config.calls_per_second = NonZeroU32::MIN;
        config.burst = NonZeroU32::new(2).unwrap();
    })
    .await;
    world.good().send().await.is_ok();
    world.good().send().await.is_ok();
    for _ in 0..5 {
        let answer = world.good().send().await;
        answer.is_refused(Code::ResourceExhausted, "OVERLOADED");
        assert_eq!(answer.retry_after(), Some(Duration::from_secs(1)));
    }
    let journaled = world.access.journaled();
    assert_eq!(journaled.len(), 1, "one a second");
    assert_eq!(journaled[0].reason, "OVERLOADED");
    world
        .call(HEAD, GET_TICKET)
        .send()
        .await
        .is_refused(Code::PermissionDenied, "PERMISSION_MISSING");
    world.turn(1).await;
    world.good().send().await.is_ok();
    world
        .good()
        .send()
        .await
        .is_refused(Code::ResourceExhausted, "OVERLOADED");
    let journaled = world.access.journaled();
    let over: Vec<_> = journaled
        .iter()
        .filter(|record| record.reason == "OVERLOADED")
        .map(|record| record.repeated_count)
        .collect();
    assert_eq!(
        over,
        [0, 3, 0],
        "the first, the four after it, the next first"
    );
}

#[tokio::test]
async fn past_the_deadline_it_is_deadline_exceeded() {
    let world = World::new().await;
    world.upstream.behave(Behaviour::Silence);
    let answer = world.good().header("grpc-timeout", "20m").send().await;
    answer.is_refused(Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    world.turn(1).await;
    let journaled = world.access.journaled();
    assert_eq!(journaled.len(), 1);
    assert_eq!(journaled[0].reason, "DEADLINE_EXCEEDED");
    assert_eq!(journaled[0].subject_id, AGENT.as_bytes());
}

/// Whatever the caller allows: an answer must not come from a decision that is over.
#[tokio::test]
async fn no_answer_is_waited_for_longer_than_the_context_lives() {
    let world = World::new().await;
    // A binding that ends sooner than any context would.
    world.access.send(WatchSnapshotResponse {
        revision: REVISION + 1,
        bindings: vec![binding(Some(start() + Duration::from_millis(20)))],
        ..Default::default()
    });
    settle().await;
    world.upstream.behave(Behaviour::Silence);
    let answer = world.good().header("grpc-timeout", "1H").send();
    let answer = tokio::time::timeout(Duration::from_secs(5), answer).await;
    answer
        .unwrap()
        .is_refused(Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    assert_eq!(world.upstream.last_header("grpc-timeout").unwrap(), "20m");
}

#[tokio::test]
async fn the_deadline_holds_until_the_last_byte() {
    let world = World::new().await;
    let (frames, stream) = mpsc::unbounded_channel();
    frames.send(Ok(Frame::data("half".into()))).unwrap();
    world.upstream.behave(Behaviour::Stream(stream));
    let answer = world.good().header("grpc-timeout", "20m").send().await;
    assert_eq!(answer.body, "half");
    answer.is_refused(Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn the_service_is_told_what_remains() {
    let world = World::new().await;
    for (given, told) in [
        (None, "10000m"),
        (Some("5S"), "5S"),
        // No longer than the signed context lives.
        (Some("1H"), "30000m"),
        (Some("99999999H"), "30000m"),
        (Some("soon"), "10000m"),
    ] {
        let mut call = world.call(AGENT, GET_TICKET);
        if let Some(given) = given {
            call = call.header("grpc-timeout", given);
        }
        call.send().await.is_ok();
        assert_eq!(
            world.upstream.last_header("grpc-timeout").unwrap(),
            told,
            "{given:?}"
        );
    }
}
