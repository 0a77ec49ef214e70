//! Points go with a file that becomes part of another, and come back with it.

use std::time::Duration;

use kefu_contracts::order::PointsKind;
use kefu_testkit::{TestSuite, eventually};

use crate::{
    follow_ups::journaled,
    loyalty::{
        EARNED, account, completed, correct, eventually_has, postings, revise, rules, spend,
        unbalanced,
    },
    merges::{again, archived, asks, keeper, merge, undo},
    orders_in_trouble::turn,
    records::{get, order, person, refusal, said},
};

const LI: &str = "li.wei";
const ID: &str = "0190c5a8-0000-7000-8000-00000000bc01";
const YEAR: Duration = Duration::from_secs(400 * 24 * 3600);

/// Clauses OP-3.3, IH-2.2: what two files have is on one account while they are one, each point
/// until it would have ended; what their orders earn comes there; apart again, what is left of it
/// goes back.
#[tokio::test(flavor = "multi_thread")]
async fn points_go_with_a_file_that_becomes_part_of_another() {
    let suite = TestSuite::start().await;
    let admin = suite.caller("han.bing");
    revise(&admin, rules(365), "r1").await.unwrap();
    let survivor = archived(&suite, &admin, person()).await;
    let absorbed = archived(&suite, &suite.caller(LI), again()).await;
    let li = suite.caller(LI);
    // The files are known there once their journal was read.
    let known = async || account(&li, &absorbed.name).await.ok();
    eventually(known).await;
    completed(&suite, &li, order(&survivor.name)).await;
    completed(&suite, &li, order(&absorbed.name)).await;
    let theirs = eventually_has(&li, &survivor.name, EARNED).await;
    eventually_has(&li, &absorbed.name, EARNED).await;

    let keeper = keeper(&suite, &li);
    let (one, other) = (
        get(&keeper, &survivor.name).await.unwrap(),
        get(&keeper, &absorbed.name).await.unwrap(),
    );
    let made = merge(&keeper, asks(&one, &other)).await.unwrap();
    let li = suite.caller(LI).after(&keeper);
    let both = eventually_has(&li, &survivor.name, 2 * EARNED).await;
    assert_eq!(both.next_expire_time, theirs.next_expire_time);
    let empty = account(&li, &absorbed.name).await.unwrap();
    assert_eq!((empty.balance, empty.next_expire_time), (0, None));
    let refused = correct(&li, &empty, 5, "补登").await.unwrap_err();
    assert_eq!(
        (
            refusal(&refused).1.as_str(),
            said(&refused, "state").as_str()
        ),
        ("STATE_NOT_ALLOWED", "MERGED")
    );
    let moved = postings(&li, "kind = MERGED").await;
    let mut points: Vec<i64> = moved.iter().map(|one| one.points).collect();
    points.sort_unstable();
    assert_eq!(points, [-EARNED, EARNED]);
    assert!(
        moved
            .iter()
            .all(|one| one.kind() == PointsKind::Merged && one.poster.is_empty())
    );
    assert_eq!(journaled(&suite, "points.merged").await, 2);

    // What their order earns from now on is the other's.
    completed(&suite, &li, order(&absorbed.name)).await;
    let all = eventually_has(&li, &survivor.name, 3 * EARNED).await;
    assert_eq!(account(&li, &absorbed.name).await.unwrap().balance, 0);
    let mut rest = spend(&li, &all, "mug", ID).await.unwrap();
    rest = spend(&li, &rest, "mug", "").await.unwrap();
    rest = spend(&li, &rest, "mug", "").await.unwrap();
    assert_eq!(rest.balance, 3 * EARNED - 6000);

    // All that is left is less than what came.
    let keeper = suite.caller_for("feng.yulan", "administration").after(&li);
    undo(&keeper, &made).await.unwrap();
    let li = suite.caller(LI).after(&keeper);
    let back = eventually_has(&li, &absorbed.name, 3 * EARNED - 6000).await;
    assert!(back.next_expire_time.is_some());
    assert_eq!(account(&li, &survivor.name).await.unwrap().balance, 0);
    completed(&suite, &li, order(&absorbed.name)).await;
    eventually_has(&li, &absorbed.name, 4 * EARNED - 6000).await;
    assert_eq!(unbalanced(&suite).await, 0);

    turn(&suite, YEAR).await;
    let li = suite.caller(LI);
    eventually_has(&li, &absorbed.name, 0).await;
    assert_eq!(unbalanced(&suite).await, 0);
}
