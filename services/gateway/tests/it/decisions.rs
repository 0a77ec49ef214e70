//! What is refused, why, and in which order. Clauses CF-8.1, CC-2.1, OP-7.2.

use std::{sync::atomic::Ordering, time::Duration};

use tonic::Code;

use crate::{
    access::Access,
    policy::{
        AGENT, GET_TICKET, HEAD, LIST_DEPARTMENTS, OPEN_TICKET, REVISION, UNKNOWN, WATCH_SNAPSHOT,
        permission, revocation,
    },
    world::{World, settle},
};

#[tokio::test]
async fn a_missing_permission_says_which_and_whom_to_ask() {
    let world = World::new().await;
    let answer = world.call(AGENT, OPEN_TICKET).send().await;
    answer.is_refused(Code::PermissionDenied, "PERMISSION_MISSING");
    assert!(
        answer
            .metadata("rule")
            .unwrap()
            .contains(permission(OPEN_TICKET))
    );
    assert!(
        answer
            .metadata("ask")
            .unwrap()
            .contains(&format!("employees/{HEAD} (head of 客服部)"))
    );
    let chinese = world
        .call(AGENT, OPEN_TICKET)
        .header("accept-language", "zh-CN");
    let answer = chinese.send().await;
    assert!(
        answer
            .metadata("ask")
            .unwrap()
            .contains(&format!("employees/{HEAD}（客服部负责人）"))
    );
    assert_eq!(world.arrivals(), 0);
}

#[tokio::test]
async fn another_purpose_is_refused() {
    let world = World::new().await;
    let answer = world.good().purpose("sales").send().await;
    answer.is_refused(Code::PermissionDenied, "PURPOSE_NOT_ALLOWED");
    assert!(answer.metadata("rule").unwrap().contains("role:agent#all"));
}

#[tokio::test]
async fn a_purpose_must_be_one_of_the_contract() {
    let world = World::new().await;
    for (call, violation) in [
        (world.good().no_purpose(), "REQUIRED"),
        (world.good().purpose("curiosity"), "UNKNOWN_VALUE"),
        (world.good().purpose("SERVICE"), "UNKNOWN_VALUE"),
        (world.good().header("kefu-purpose", "sales"), "DUPLICATE"),
        (
            world.call(AGENT, LIST_DEPARTMENTS).purpose("curiosity"),
            "UNKNOWN_VALUE",
        ),
    ] {
        let answer = call.send().await;
        answer.is_refused(Code::InvalidArgument, "PURPOSE_REQUIRED");
        let details = answer.details();
        let violations = &details.bad_request().unwrap().field_violations;
        assert_eq!(violations[0].reason, violation);
        assert_eq!(violations[0].field, "kefu-purpose");
    }
    world
        .call(AGENT, LIST_DEPARTMENTS)
        .no_purpose()
        .send()
        .await
        .is_ok();
}

#[tokio::test]
async fn methods_that_are_unknown_or_internal_do_not_exist() {
    let world = World::new().await;
    for path in [
        UNKNOWN,
        WATCH_SNAPSHOT,
        "/",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ] {
        world
            .bare(path)
            .send()
            .await
            .is_refused(Code::Unimplemented, "METHOD_UNKNOWN");
        world
            .call(AGENT, path)
            .send()
            .await
            .is_refused(Code::Unimplemented, "METHOD_UNKNOWN");
    }
    assert_eq!(world.arrivals(), 0);
}

/// Each call is wrong in all that comes after, too: the layer in front speaks.
#[tokio::test]
async fn the_layers_refuse_in_their_order() {
    let world = World::with(|config| config.burst = std::num::NonZeroU32::MIN).await;
    let foreign = world
        .bare(UNKNOWN)
        .header("authorization", "Bearer x")
        .purpose("curiosity");
    foreign
        .send()
        .await
        .is_refused(Code::Unimplemented, "METHOD_UNKNOWN");
    let nobody = world
        .bare(OPEN_TICKET)
        .header("authorization", "Bearer x")
        .purpose("curiosity");
    nobody
        .send()
        .await
        .is_refused(Code::Unauthenticated, "TOKEN_INVALID");
    let lost = world.call(AGENT, OPEN_TICKET).purpose("curiosity");
    lost.send()
        .await
        .is_refused(Code::InvalidArgument, "PURPOSE_REQUIRED");
    let hasty = world.call(AGENT, OPEN_TICKET).purpose("curiosity");
    hasty
        .send()
        .await
        .is_refused(Code::ResourceExhausted, "OVERLOADED");
}

#[tokio::test]
async fn without_a_policy_nobody_gets_in() {
    let access = Access::new();
    access.stop_streams();
    let world = World::around(access, None, |_| {}).await;
    let answer = world.good().send().await;
    answer.is_refused(Code::Unavailable, "POLICY_STALE");
    assert_eq!(answer.retry_after(), Some(Duration::from_secs(1)));
}

/// Issue 3, point 8.
#[tokio::test]
async fn decisions_go_on_for_the_bound_then_fail_closed_and_come_back() {
    let world = World::new().await;
    world.access.stop_streams();
    settle().await;
    world.clock.advance(Duration::from_secs(10));
    settle().await;
    world.good().send().await.is_ok();
    world.clock.advance(Duration::from_micros(1));
    world
        .good()
        .send()
        .await
        .is_refused(Code::Unavailable, "POLICY_STALE");
    world
        .call(AGENT, LIST_DEPARTMENTS)
        .send()
        .await
        .is_refused(Code::Unavailable, "POLICY_STALE");

    world.access.streams.store(true, Ordering::SeqCst);
    world.clock.advance(Duration::from_secs(2));
    settle().await;
    world.good().send().await.is_ok();
}

#[tokio::test]
async fn heartbeats_keep_the_policy_fresh_without_a_new_stream() {
    let world = World::new().await;
    world.turn(60).await;
    world.good().send().await.is_ok();
    assert_eq!(world.access.watched.load(Ordering::SeqCst), 1);
}

/// A connection can be dead without saying so.
#[tokio::test]
async fn a_silent_stream_is_begun_anew_before_the_bound() {
    let world = World::new().await;
    world.clock.advance(Duration::from_secs(5));
    settle().await;
    world.clock.advance(Duration::from_millis(100));
    settle().await;
    assert_eq!(world.access.watched.load(Ordering::SeqCst), 2);
    world.clock.advance(Duration::from_secs(9));
    world.good().send().await.is_ok();
}

#[tokio::test]
async fn a_revoked_binding_refuses_the_next_call() {
    let world = World::new().await;
    world.good().send().await.is_ok();
    world.access.send(revocation());
    settle().await;
    world
        .good()
        .send()
        .await
        .is_refused(Code::PermissionDenied, "PERMISSION_MISSING");
    assert_eq!(world.arrivals(), 1);
}

/// A policy half understood may reach too far: the stream is begun anew instead.
#[tokio::test]
async fn a_malformed_delta_is_not_taken() {
    let world = World::new().await;
    let mut delta = revocation();
    delta.removed_binding_ids[0].pop();
    world.access.send(delta);
    settle().await;
    world.clock.advance(Duration::from_millis(100));
    settle().await;
    assert_eq!(world.access.watched.load(Ordering::SeqCst), 2);
    world.good().send().await.is_ok();
    assert_eq!(world.arrived_context().policy_revision, REVISION);
}

/// What was revoked while nobody listened is in no delta.
#[tokio::test]
async fn a_stream_that_begins_with_a_delta_is_not_taken() {
    let access = Access::new();
    access.full.lock().unwrap().full = false;
    let world = World::around(access, None, |_| {}).await;
    world
        .call(AGENT, GET_TICKET)
        .send()
        .await
        .is_refused(Code::Unavailable, "POLICY_STALE");
}

#[tokio::test]
async fn refusals_are_in_the_callers_language() {
    let world = World::new().await;
    let answer = world
        .call(AGENT, OPEN_TICKET)
        .header("accept-language", "zh-CN")
        .send()
        .await;
    let details = answer.details();
    assert_eq!(details.localized_message().unwrap().locale, "zh-CN");
}
