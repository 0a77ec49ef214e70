//! What the services are told. Design, "A call, from end to end", 4.

use std::time::Duration;

use jiff::SignedDuration;
use kefu_access::Purpose;
use kefu_contracts::access::WatchSnapshotResponse;
use kefu_service::{call::CONTEXT, clock::Clock};
use tonic::Code;

use crate::{
    policy::{AGENT, GET_TICKET, LIST_DEPARTMENTS, REVISION, binding, full, permission},
    world::{World, settle},
};

#[tokio::test]
async fn the_context_says_what_was_decided() {
    let world = World::new().await;
    world.good().send().await.is_ok();
    let context = world.arrived_context();
    assert_eq!(context.subject.id, AGENT);
    assert_eq!(context.permission, permission(GET_TICKET));
    assert_eq!(context.purpose, Purpose::Service);
    assert_eq!(context.policy_revision, REVISION);
    assert_eq!(context.rules[0].source, "role:agent#all");
    assert_eq!(
        context.expires_at.duration_since(context.issued_at),
        SignedDuration::from_secs(30)
    );
}

#[tokio::test]
async fn it_is_kept_per_subject_permission_and_purpose() {
    let world = World::new().await;
    let mut values = Vec::new();
    for call in [
        world.good(),
        world.good(),
        world.call(AGENT, LIST_DEPARTMENTS),
        world.call(AGENT, LIST_DEPARTMENTS).no_purpose(),
    ] {
        call.send().await.is_ok();
        values.push(world.upstream.last_header(CONTEXT).unwrap());
    }
    assert_eq!(values[0], values[1]);
    assert_ne!(values[1], values[2]);
    assert_ne!(values[2], values[3]);
    assert_eq!(world.arrived_context().purpose, Purpose::Unspecified);
}

#[tokio::test]
async fn it_always_has_ten_seconds_left() {
    let world = World::new().await;
    for _ in 0..65 {
        world.good().send().await.is_ok();
        let left = world
            .arrived_context()
            .expires_at
            .duration_since(world.clock.now());
        assert!(left > SignedDuration::from_secs(10), "{left}");
        world.turn(1).await;
    }
    let arrived = world.upstream.arrived.lock().unwrap();
    let mut values: Vec<_> = arrived
        .iter()
        .map(|call| call.headers[CONTEXT].clone())
        .collect();
    values.dedup();
    assert_eq!(values.len(), 4, "one for each 20 seconds");
}

/// The answer is not waited for once the context is over.
#[tokio::test]
async fn a_call_that_may_take_longer_is_given_one_that_lives_as_long() {
    let world = World::new().await;
    world.good().send().await.is_ok();
    for _ in 0..15 {
        world.turn(1).await;
    }
    let call = world.good().header("grpc-timeout", "30S");
    call.send().await.is_ok();
    assert_eq!(world.upstream.last_header("grpc-timeout").unwrap(), "30S");
    let left = world
        .arrived_context()
        .expires_at
        .duration_since(world.clock.now());
    assert_eq!(left, SignedDuration::from_secs(30));
}

/// Promise 4: to the second.
#[tokio::test]
async fn it_never_outlives_the_decision() {
    let world = World::new().await;
    let end = world.clock.now() + Duration::from_secs(5);
    world.access.send(WatchSnapshotResponse {
        revision: REVISION + 1,
        bindings: vec![binding(Some(end))],
        ..Default::default()
    });
    settle().await;
    world.good().send().await.is_ok();
    assert_eq!(world.arrived_context().expires_at, end);
    world
        .clock
        .advance(Duration::from_secs(5) - Duration::from_micros(1));
    world.good().send().await.is_ok();
    world.clock.advance(Duration::from_micros(1));
    world
        .good()
        .send()
        .await
        .is_refused(Code::PermissionDenied, "PERMISSION_MISSING");
}

#[tokio::test]
async fn it_is_dropped_when_the_revision_moves() {
    let world = World::new().await;
    world.good().send().await.is_ok();
    let before = world.upstream.last_header(CONTEXT);
    world.access.heartbeat(REVISION);
    settle().await;
    world.good().send().await.is_ok();
    assert_eq!(
        world.upstream.last_header(CONTEXT),
        before,
        "a heartbeat moves nothing"
    );
    world.access.heartbeat(REVISION + 1);
    settle().await;
    world.good().send().await.is_ok();
    assert_eq!(world.arrived_context().policy_revision, REVISION + 1);
}

/// After a restore the old revision may stand for another policy.
#[tokio::test]
async fn it_is_dropped_by_a_full_snapshot_of_the_same_revision() {
    let world = World::new().await;
    world.good().send().await.is_ok();
    world.access.send(WatchSnapshotResponse {
        bindings: Vec::new(),
        ..full()
    });
    settle().await;
    world
        .good()
        .send()
        .await
        .is_refused(Code::PermissionDenied, "PERMISSION_MISSING");
}
