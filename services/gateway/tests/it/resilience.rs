//! Services that come and go: reads sent once more, and nobody sent to one that is
//! gone. Issue 3, point 7.

use std::{num::NonZeroU32, time::Duration};

use bytes::Bytes;
use kefu_gateway::GatewayConfig;
use tonic::Code;

use crate::{
    access::Access,
    policy::{AGENT, GET_TICKET, LIST_DEPARTMENTS, OPEN_TICKET, permission},
    upstream::Behaviour,
    world::{Call, World},
};

/// UNAVAILABLE without a reason: no service of ours said it.
const GONE: Behaviour = Behaviour::Status("14");

fn no_retries(config: &mut GatewayConfig) {
    config.retry_percent = 0;
    config.retries_per_second = 0;
    config.breaker_failures = NonZeroU32::new(2).unwrap();
    config.breaker_open_ms = 3_000;
}

/// The agent may open tickets, too.
async fn with_writes() -> World {
    let access = Access::new();
    access.full.lock().unwrap().roles[0].rules[0]
        .permissions
        .push(permission(OPEN_TICKET).into());
    World::around(access, None, |_| {}).await
}

async fn fails(world: &World) {
    world.upstream.behave(GONE);
    world
        .good()
        .send()
        .await
        .is_refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
}

#[tokio::test]
async fn a_read_that_did_not_get_through_is_sent_once_more() {
    let world = World::new().await;
    world.upstream.behave(GONE);
    let body = Bytes::from_static(b"\0\0\0\0\x08the same");
    let answer = world.good().body(body.clone()).send().await;
    answer.is_ok();
    assert_eq!(answer.body, body);
    let arrived = world.upstream.arrived.lock().unwrap();
    assert_eq!(arrived.len(), 2);
    assert_eq!(arrived[0].body, arrived[1].body);
    assert_eq!(arrived[0].headers, arrived[1].headers);
}

#[tokio::test]
async fn a_write_is_never_sent_twice() {
    let world = with_writes().await;
    let open = |world: &World| -> Call { world.call(AGENT, OPEN_TICKET) };
    open(&world).send().await.is_ok();
    world.upstream.behave(GONE);
    open(&world)
        .send()
        .await
        .is_refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    assert_eq!(world.arrivals(), 2);
}

/// It would have to be held back to be sent again.
#[tokio::test]
async fn a_large_read_is_not_sent_again() {
    let world = World::new().await;
    world.upstream.behave(GONE);
    // Messages of no bytes, one after another.
    let large = Bytes::from(vec![0; 65 * 1024]);
    world
        .good()
        .body(large)
        .send()
        .await
        .is_refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    assert_eq!(world.arrivals(), 1);
}

#[tokio::test]
async fn what_a_service_says_itself_is_not_asked_again() {
    let world = World::new().await;
    world.upstream.behave(Behaviour::Status("5"));
    assert_eq!(world.good().send().await.status.code(), Code::NotFound);
    assert_eq!(world.arrivals(), 1);
}

#[tokio::test]
async fn retries_end_with_their_budget() {
    let world = World::with(|config| {
        config.retry_percent = 50;
        config.retries_per_second = 0;
    })
    .await;
    fails(&world).await;
    assert_eq!(world.arrivals(), 1, "one call is half a retry");
    world.upstream.behave(GONE);
    world.good().send().await.is_ok();
    assert_eq!(world.arrivals(), 3, "two are one");
    fails(&world).await;
    assert_eq!(world.arrivals(), 4, "it is spent");
}

#[tokio::test]
async fn a_service_that_is_gone_is_left_alone_and_tried_by_one() {
    let world = World::with(no_retries).await;
    fails(&world).await;
    fails(&world).await;
    assert_eq!(world.arrivals(), 2);
    let answer = world.good().send().await;
    answer.is_refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    assert_eq!(answer.retry_after(), Some(Duration::from_secs(3)));
    assert_eq!(world.arrivals(), 2, "at once, without asking");
    world.call(AGENT, LIST_DEPARTMENTS).send().await.is_ok();

    world.turn(3).await;
    fails(&world).await;
    let arrivals = world.arrivals();
    world
        .good()
        .send()
        .await
        .is_refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    assert_eq!(world.arrivals(), arrivals, "open again");

    world.turn(3).await;
    for _ in 0..3 {
        world.good().send().await.is_ok();
    }
}

#[tokio::test]
async fn refusals_of_the_service_do_not_open_it() {
    let world = World::with(no_retries).await;
    for _ in 0..5 {
        world.upstream.behave(Behaviour::Status("5"));
        world.good().send().await;
    }
    world.call(AGENT, GET_TICKET).send().await.is_ok();
}

/// Whoever gives no time could shut a service for all others.
#[tokio::test]
async fn callers_in_a_hurry_do_not_open_it() {
    let world = World::with(no_retries).await;
    for _ in 0..5 {
        world.upstream.behave(Behaviour::Silence);
        let hurried = world.good().header("grpc-timeout", "10m").send().await;
        hurried.is_refused(Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    }
    world.good().send().await.is_ok();
}
