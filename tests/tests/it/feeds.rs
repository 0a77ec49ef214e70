//! What services follow of each other ends when the followed one says that it is about to end:
//! whoever follows goes to another instance, and nobody waits for the followed one's bound.

use std::{sync::Arc, time::Duration};

use kefu_contracts::{
    access::{WatchSnapshotRequest, snapshot_service_client::SnapshotServiceClient},
    journal::{FollowRequest, journal_service_client::JournalServiceClient},
};
use kefu_service::peer::{Identity, PeerService};
use kefu_testkit::TestSuite;
use tokio::time::timeout;

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
    assert!(!feed.message().await.unwrap().unwrap().entries.is_empty());
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
