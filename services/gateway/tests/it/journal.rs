//! Every refusal is journaled. Issue 3, point 7.

use std::{sync::atomic::Ordering, time::Duration};

use kefu_contracts::policy::Purpose;
use tonic::Code;

use crate::{
    policy::{AGENT, GET_TICKET, OPEN_TICKET, REVISION, STRANGER, UNKNOWN, permission, start},
    world::{World, settle},
};

#[tokio::test]
async fn a_refusal_is_journaled_once_with_subject_and_reason() {
    let world = World::new().await;
    world
        .call(AGENT, OPEN_TICKET)
        .send()
        .await
        .is_refused(Code::PermissionDenied, "PERMISSION_MISSING");
    let journaled = world.access.journaled();
    assert_eq!(journaled.len(), 1);
    let record = &journaled[0];
    assert_eq!(record.subject_id, AGENT.as_bytes());
    assert_eq!(record.method, OPEN_TICKET);
    assert_eq!(record.permission, permission(OPEN_TICKET));
    assert_eq!(record.purpose(), Purpose::Service);
    assert_eq!(record.reason, "PERMISSION_MISSING");
    assert_eq!(record.policy_revision, REVISION);
    assert_eq!(record.at.unwrap().seconds, start().as_second());
    assert_eq!(record.id.len(), 16);
}

#[tokio::test]
async fn every_kind_of_refusal_is_journaled_with_its_reason() {
    let world = World::new().await;
    let expired = world
        .issuer
        .issue(
            AGENT,
            start() - Duration::from_secs(100),
            Duration::from_secs(1),
        )
        .unwrap();
    let expired = format!("Bearer {expired}");
    for (call, reason, subject) in [
        (world.bare(GET_TICKET), "TOKEN_MISSING", None),
        (
            world.bare(GET_TICKET).header("authorization", "Bearer x"),
            "TOKEN_INVALID",
            None,
        ),
        (
            world.bare(GET_TICKET).header("authorization", &expired),
            "TOKEN_EXPIRED",
            Some(AGENT),
        ),
        (
            world.call(STRANGER, GET_TICKET),
            "SUBJECT_UNKNOWN",
            Some(STRANGER),
        ),
        (world.good().no_purpose(), "PURPOSE_REQUIRED", Some(AGENT)),
        (
            world.good().purpose("sales"),
            "PURPOSE_NOT_ALLOWED",
            Some(AGENT),
        ),
        (world.call(AGENT, UNKNOWN), "METHOD_UNKNOWN", Some(AGENT)),
    ] {
        let before = world.access.journaled().len();
        assert_eq!(call.send().await.reason(), reason);
        let journaled = world.access.journaled();
        assert_eq!(journaled.len(), before + 1, "{reason}");
        let record = journaled.last().unwrap();
        assert_eq!(record.reason, reason);
        let subject = subject.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        assert_eq!(record.subject_id, subject, "{reason}");
    }
}

#[tokio::test]
async fn a_stranger_at_an_unknown_door_is_not_journaled() {
    let world = World::new().await;
    let endless = format!("/{}", "x".repeat(1000));
    world
        .bare(UNKNOWN)
        .send()
        .await
        .is_refused(Code::Unimplemented, "METHOD_UNKNOWN");
    assert!(world.access.journaled().is_empty());
    world
        .call(AGENT, &endless)
        .send()
        .await
        .is_refused(Code::Unimplemented, "METHOD_UNKNOWN");
    assert_eq!(
        world.access.journaled()[0].method.len(),
        200,
        "the caller's own text is bounded"
    );
}

#[tokio::test]
async fn strangers_cannot_fill_the_journal() {
    let world = World::with(|config| config.stranger_refusals_per_second = 3).await;
    for _ in 0..10 {
        world
            .bare(GET_TICKET)
            .send()
            .await
            .is_refused(Code::Unauthenticated, "TOKEN_MISSING");
    }
    world
        .call(STRANGER, GET_TICKET)
        .send()
        .await
        .is_refused(Code::Unauthenticated, "SUBJECT_UNKNOWN");
    assert_eq!(world.access.journaled().len(), 3);
    world.call(AGENT, OPEN_TICKET).send().await;
    assert_eq!(
        world.access.journaled().len(),
        4,
        "they take nothing from others"
    );
    world.turn(1).await;
    assert_eq!(
        world.access.journaled().len(),
        6,
        "two counts: no token, and not known"
    );
    world.bare(GET_TICKET).send().await;
    assert_eq!(world.access.journaled().len(), 7);
}

#[tokio::test]
async fn a_refusal_waits_until_its_record_is_durable() {
    let world = World::new().await;
    let closed = world.access.gate.forget_permits(usize::MAX);
    let refused = tokio::spawn(world.call(AGENT, OPEN_TICKET).send());
    settle().await;
    assert!(!refused.is_finished());
    world.access.gate.add_permits(closed);
    refused
        .await
        .unwrap()
        .is_refused(Code::PermissionDenied, "PERMISSION_MISSING");
    assert_eq!(world.access.journaled().len(), 1);
}

/// It shows nothing, so it may leave; its record is kept and sent again.
#[tokio::test]
async fn when_access_control_is_gone_refusals_leave_after_a_second_and_are_journaled_later() {
    let world = World::new().await;
    world.access.journals.store(false, Ordering::SeqCst);
    let refused: Vec<_> = (0..3)
        .map(|_| tokio::spawn(world.call(AGENT, OPEN_TICKET).send()))
        .collect();
    settle().await;
    world.clock.advance(Duration::from_millis(999));
    settle().await;
    assert!(refused.iter().all(|call| !call.is_finished()));
    world.clock.advance(Duration::from_millis(1));
    settle().await;
    for call in refused {
        assert!(call.is_finished());
        call.await
            .unwrap()
            .is_refused(Code::PermissionDenied, "PERMISSION_MISSING");
    }
    assert!(world.access.journaled().is_empty());

    world.access.journals.store(true, Ordering::SeqCst);
    world.clock.advance(Duration::from_secs(2));
    settle().await;
    assert_eq!(world.access.journaled().len(), 3);
}

#[tokio::test]
async fn over_the_bound_of_the_queue_refusals_leave_at_once() {
    let world = World::with(|config| config.refusals_kept = 1).await;
    world.access.journals.store(false, Ordering::SeqCst);
    let under_way = tokio::spawn(world.call(AGENT, OPEN_TICKET).send());
    settle().await;
    let queued = tokio::spawn(world.call(AGENT, OPEN_TICKET).send());
    settle().await;
    let over = tokio::spawn(world.call(AGENT, OPEN_TICKET).send());
    settle().await;
    assert!(over.is_finished() && !queued.is_finished() && !under_way.is_finished());
    over.await
        .unwrap()
        .is_refused(Code::PermissionDenied, "PERMISSION_MISSING");
}

#[tokio::test]
async fn a_record_that_is_never_taken_does_not_hold_up_others() {
    let world = World::new().await;
    *world.access.dislikes.lock().unwrap() = Some(GET_TICKET.into());
    let closed = world.access.gate.forget_permits(usize::MAX);
    let first = tokio::spawn(world.call(AGENT, OPEN_TICKET).send());
    settle().await;
    let disliked = tokio::spawn(world.good().no_purpose().send());
    let second = tokio::spawn(world.call(AGENT, OPEN_TICKET).send());
    settle().await;
    world.access.gate.add_permits(closed);
    for call in [first, disliked, second] {
        call.await.unwrap();
    }
    let journaled = world.access.journaled();
    assert_eq!(journaled.len(), 2);
    assert!(journaled.iter().all(|record| record.method == OPEN_TICKET));
}

#[tokio::test]
async fn what_is_queued_is_journaled_before_the_end() {
    let world = World::new().await;
    world.access.journals.store(false, Ordering::SeqCst);
    let refused = tokio::spawn(world.call(AGENT, OPEN_TICKET).send());
    settle().await;
    world.access.journals.store(true, Ordering::SeqCst);
    world.stop.cancel();
    refused
        .await
        .unwrap()
        .is_refused(Code::PermissionDenied, "PERMISSION_MISSING");
    assert_eq!(world.access.journaled().len(), 1);
}

/// Clause CC-2.5: what is too much to be journaled one by one is counted whole.
#[tokio::test]
async fn every_refusal_is_in_the_journal_or_in_a_count_of_it() {
    let world = World::with(|config| {
        config.stranger_refusals_per_second = 3;
        (config.retry_percent, config.retries_per_second) = (0, 0);
    })
    .await;
    for _ in 0..10 {
        world.bare(GET_TICKET).send().await;
        world.bare(UNKNOWN).send().await;
    }
    for _ in 0..2 {
        let (frames, stream) = tokio::sync::mpsc::unbounded_channel();
        drop(frames);
        world
            .upstream
            .behave(crate::upstream::Behaviour::Stream(stream));
        world.good().send().await;
        world.upstream.behave(crate::upstream::Behaviour::Http(502));
        world.good().send().await;
    }
    world.turn(1).await;
    let counted = |reason: &str| -> i32 {
        let journaled = world.access.journaled();
        let of_it = journaled.iter().filter(|record| record.reason == reason);
        of_it.map(|record| 1 + record.repeated_count).sum()
    };
    assert_eq!(counted("TOKEN_MISSING"), 10);
    assert_eq!(counted("METHOD_UNKNOWN"), 10);
    assert_eq!(counted("UPSTREAM_UNAVAILABLE"), 4);
    assert_eq!(world.access.journaled().len(), 3 + 1 + 1 + 1);
}
