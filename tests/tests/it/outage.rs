//! access-control goes away and comes back. Issue 3, point 8.

use std::{collections::BTreeSet, time::Duration};

use kefu_contracts::{
    access::{
        ListDepartmentsRequest, RevokeShareRequest,
        organisation_service_client::OrganisationServiceClient,
    },
    journal::{Event, event},
};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use prost::Message;
use sqlx::Row;
use tonic::{Code, Status};

use crate::{
    records::{get, open, refusal, ticket},
    shares::{World, shares},
};

/// How old the policy may be, in seconds: long beside what the test itself takes.
const BOUND: u32 = 300;

async fn departments(caller: &Caller) -> Result<(), Status> {
    let mut client = OrganisationServiceClient::new(caller.clone());
    let listed = client.list_departments(ListDepartmentsRequest {}).await?;
    assert!(!listed.into_inner().departments.is_empty());
    Ok(())
}

/// Reasons of what somebody was refused, as journaled, by the ids under which gateways
/// report them.
async fn journaled(suite: &TestSuite, login: &str) -> (BTreeSet<String>, Vec<String>) {
    let mut sql = suite.database.connect().await.unwrap();
    let rows = sqlx::query(
        "SELECT request_id, event FROM access.journal
         WHERE type = 'call.refused' AND actor_id = $1 ORDER BY position",
    )
    .bind(employee_id(login))
    .fetch_all(&mut sql)
    .await
    .unwrap();
    let reason = |row: &sqlx::postgres::PgRow| {
        let told = Event::decode(row.get::<&[u8], _>("event")).unwrap();
        let Some(event::Event::Refused(refused)) = told.event else {
            panic!("{told:?}")
        };
        refused.reason
    };
    let ids = rows.iter().map(|row| row.get("request_id")).collect();
    (ids, rows.iter().map(reason).collect())
}

/// Clauses CC-2.5, OP-7.2: without access-control it is decided upon the last policy for
/// as long as that may be believed, and then nobody gets in. Once it is back, all is as
/// before: nothing else was started anew, no refusal was lost, and what is taken back
/// is felt.
#[tokio::test(flavor = "multi_thread")]
async fn access_control_may_go_and_come_back() {
    let suite = TestSuite::with_access_control_apart(|gateway| {
        gateway.max_snapshot_age_seconds = BOUND;
    });
    let mut world = Box::pin(World::of(suite.await)).await;
    let share = world.granted().await;
    let agent = world.suite.caller("li.wei");
    open(&agent, ticket(&world.shared.name)).await;
    let reader = world.suite.caller("song.yue");
    let seller = world.suite.caller_for("zheng.xue", "marketing");
    let administrator = world.suite.caller("dong.jie");
    let file = world.shared.name.clone();
    eventually(async || get(&reader, &file).await.ok()).await;
    eventually(async || get(&agent, &file).await.ok()).await;

    world.suite.stop_access_control().await;
    world
        .suite
        .clock
        .advance(Duration::from_secs(u64::from(BOUND) - 100));
    get(&agent, &file).await.unwrap();
    get(&reader, &file).await.unwrap();
    let refused = get(&seller, &file).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let gone = departments(&administrator).await.unwrap_err();
    assert_eq!(
        refusal(&gone),
        (Code::Unavailable, "UPSTREAM_UNAVAILABLE".into())
    );

    world.suite.clock.advance(Duration::from_secs(101));
    for caller in [&agent, &reader, &seller, &administrator] {
        let refused = get(caller, &file).await.unwrap_err();
        assert_eq!(
            refusal(&refused),
            (Code::Unavailable, "POLICY_STALE".into())
        );
    }
    let (_, before) = journaled(&world.suite, "zheng.xue").await;
    assert!(before.is_empty(), "nobody was there to write it down");

    world.suite.start_access_control().await;
    // The policy is heard anew.
    eventually(async || get(&agent, &file).await.ok()).await;
    get(&reader, &file).await.unwrap();
    eventually(async || departments(&administrator).await.ok()).await;

    // Refusals are journaled in their order: after this one come no earlier ones.
    let refused = get(&seller, &file).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    // Once it can be done.
    let (ids, reasons) = eventually(async || {
        let (ids, reasons) = journaled(&world.suite, "zheng.xue").await;
        (reasons.len() >= 3).then_some((ids, reasons))
    })
    .await;
    let told = ["PERMISSION_MISSING", "POLICY_STALE", "PERMISSION_MISSING"];
    assert_eq!(reasons, told);
    assert_eq!(ids.len(), told.len());

    let request = RevokeShareRequest {
        name: share.name,
        comment: "核对完毕".into(),
        request_id: String::new(),
    };
    let mut head = shares(&world.suite.caller("qian.hua"));
    head.revoke_share(request).await.unwrap();
    let refused = eventually(async || get(&reader, &file).await.err()).await;
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
}
