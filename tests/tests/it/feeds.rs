//! What services follow of each other ends when the followed one says that it is about to end:
//! whoever follows goes to another instance, and nobody waits for the followed one's bound.

use std::{sync::Arc, time::Duration};

use kefu_contracts::{
    access::{WatchSnapshotRequest, snapshot_service_client::SnapshotServiceClient},
    journal::{FollowRequest, FollowResponse, journal_service_client::JournalServiceClient},
};
use kefu_service::{
    clock::Clock,
    peer::{Identity, PeerService},
    time::from_proto,
};
use kefu_testkit::{TestSuite, eventually};
use sqlx::Connection;
use tokio::time::timeout;
use tonic::{Code, Streaming};

use crate::records::{enter, person};

/// A bound for what comes at once.
const SOON: Duration = Duration::from_secs(20);

fn peer(suite: &TestSuite, name: &'static str, of: &str) -> PeerService {
    let signer = Arc::new(suite.keys.service().unwrap());
    Identity::new(name, signer, Arc::new(suite.clock.clone())).calling(suite.service(of))
}

#[tokio::test(flavor = "multi_thread")]
async fn journals_and_the_policy_are_followed_until_their_service_ends() {
    let suite = TestSuite::start().await;
    enter(&suite.caller("li.wei"), person()).await;
    let mut journals = JournalServiceClient::new(peer(&suite, "analytics", "customer-profile"));
    let mut snapshots = SnapshotServiceClient::new(peer(&suite, "gateway", "access-control"));
    let feed = journals.follow(FollowRequest::default()).await;
    let mut feed = feed.unwrap().into_inner();
    let policy = snapshots.watch_snapshot(WatchSnapshotRequest {}).await;
    let mut policy = policy.unwrap().into_inner();
    // As soon as nobody holds it back, in whichever database of the cluster.
    let entered = async { while feed.message().await.unwrap().unwrap().entries.is_empty() {} };
    timeout(SOON, entered).await.unwrap();
    assert!(policy.message().await.unwrap().unwrap().full);

    suite.end("customer-profile");
    suite.end("access-control");
    timeout(SOON, async {
        while feed.message().await.unwrap().is_some() {}
        while policy.message().await.unwrap().is_some() {}
    })
    .await
    .unwrap();

    // To read a journal to its end is something else: a feed cut short would be taken for it.
    let whole = FollowRequest {
        until_caught_up: true,
        ..FollowRequest::default()
    };
    let mut whole = journals.follow(whole).await.unwrap().into_inner();
    let read = whole.message().await.unwrap().unwrap();
    assert!(read.caught_up && !read.entries.is_empty());
}

/// The next answer to who has read all that is safe to read.
async fn look(feed: &mut Streaming<FollowResponse>) -> FollowResponse {
    let next = timeout(SOON, feed.message()).await;
    let next = next.unwrap().unwrap().unwrap();
    assert!(next.caught_up);
    next
}

/// Whoever wrote and has not ended holds back what was written since: readers have nothing to
/// read, and are not told that it is read.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_back_is_not_said_to_have_been_read() {
    let suite = TestSuite::start().await;
    let mut somebody = suite.database.connect().await.unwrap();
    let mut open = somebody.begin().await.unwrap();
    let writes = sqlx::query("SELECT pg_current_xact_id()");
    writes.execute(&mut *open).await.unwrap();
    let began = suite.clock.now();
    let file = enter(&suite.caller("li.wei"), person()).await.name;
    let mut journals = JournalServiceClient::new(peer(&suite, "analytics", "customer-profile"));
    let feed = journals.follow(FollowRequest::default()).await;
    let mut feed = feed.unwrap().into_inner();
    let as_of = |answer: &FollowResponse| answer.look_time.as_ref().and_then(from_proto);
    // What services write by themselves when they start is none of it.
    let has_it = |answer: &FollowResponse| answer.entries.iter().any(|one| one.resource == file);
    for _ in 0..5 {
        let answer = look(&mut feed).await;
        assert!(!has_it(&answer), "{answer:?}");
        assert!(as_of(&answer).is_none_or(|at| at < began), "{answer:?}");
    }
    open.rollback().await.unwrap();
    let (ended, mut read) = (suite.clock.now(), false);
    loop {
        let answer = look(&mut feed).await;
        read |= has_it(&answer);
        if as_of(&answer).is_some_and(|at| at > ended) {
            break;
        }
    }
    assert!(read);
}

/// While two versions run side by side: what the older one does not know of an entry would be lost
/// to whoever reads it there, as it is not read again. It is read from the newer one.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_a_newer_version_is_not_handed_on_without_what_is_new() {
    let suite = TestSuite::start().await;
    let file = enter(&suite.caller("li.wei"), person()).await.name;
    let mut sql = suite.database.connect().await.unwrap();
    // Field 4000, which no event has yet, is 1.
    let newer = "UPDATE profile.journal SET event = event || '\\x80fa0101' WHERE resource = $1";
    let newer = sqlx::query(newer).bind(&file).execute(&mut sql).await;
    assert!(newer.unwrap().rows_affected() > 0);
    let mut journals = JournalServiceClient::new(peer(&suite, "analytics", "customer-profile"));
    let whole = FollowRequest {
        until_caught_up: true,
        ..FollowRequest::default()
    };
    let ended = eventually(async || {
        let feed = journals.follow(whole.clone()).await;
        let mut feed = feed.unwrap().into_inner();
        loop {
            match feed.message().await {
                Err(status) => return Some(status.code()),
                // Nobody can read it as yet.
                Ok(None) => return None,
                Ok(Some(answer)) => {
                    assert!(answer.entries.iter().all(|one| one.resource != file));
                }
            }
        }
    });
    assert_eq!(ended.await, Code::Internal);
}
