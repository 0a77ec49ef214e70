//! What becomes of inspections when people leave and files are destroyed.

use kefu_contracts::ticket::HandOverInspectionTasksRequest;

use super::*;
use crate::{
    destruction::{COOLING, certificate, form, scheduled, scrubbed},
    retention::{ago, last_met},
};

/// Clauses OP-5, SG-3: what an inspector has not done is given to another who had no hand in
/// it, by the head of who inspects; where there is nobody it waits for one.
#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_handed_over_to_who_is_left() {
    let suite = TestSuite::start().await;
    staffed(&suite, |rules| {
        rules.inspectors = vec![employee("gao.yuan")]
    })
    .await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let one = resolved(&suite, &erp, &customer, AGENT).await;
    let [gao, ding] = INSPECTORS.map(|login| for_quality(&suite, login).after(&erp));
    order(&gao, &one.name, false).await.unwrap();
    given(&[&gao], &one.name, InspectionTaskKind::Inspect).await;
    let hand_over = async |caller: &Caller, inspector: &str| {
        let request = HandOverInspectionTasksRequest {
            inspector: inspector.into(),
        };
        let mut client = inspections(caller);
        client.hand_over_inspection_tasks(request).await.map(drop)
    };
    let away = employee("gao.yuan");
    let refused = hand_over(&gao, &away).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let refused = hand_over(&suite.caller("zhou.ting"), &away)
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    let head = suite.caller(HEAD).after(&gao);
    let refused = hand_over(&head, "employees/7").await.unwrap_err();
    assert_eq!(violations(&refused), ["inspector"]);
    hand_over(&head, &away).await.unwrap();
    hand_over(&head, &away).await.unwrap();
    assert_eq!(tasks(&gao.after(&head)).await, []);
    // Nobody is left until somebody is named.
    staffed(&suite, |_| {}).await;
    given(&[&ding], &one.name, InspectionTaskKind::Inspect).await;
    assert_eq!(tasks(&gao).await, []);
    assert_eq!(journaled(&suite, "inspection_task.handed_over").await, 1);
}

/// Clauses OP-5, CF-10.2: when the customer's file is destroyed the scores stay, for list and
/// figures alike, and nothing of what was said of them; nobody inspects what is gone.
#[tokio::test(flavor = "multi_thread")]
async fn scores_outlive_the_file_and_comments_do_not() {
    let suite = TestSuite::start().await;
    staffed(&suite, |_| {}).await;
    let erp = suite.caller_for("erp", "integration");
    let then = ago(&suite, 70);
    let customer = enter(&erp, last_met(then)).await.name;
    let [gao, ding] = INSPECTORS.map(|login| for_quality(&suite, login));
    for done in [true, false] {
        let one = resolved_at(&erp, &customer, AGENT, then).await;
        order(&gao.after(&erp), &one.name, false).await.unwrap();
        let (mine, task) = given(&[&gao, &ding], &one.name, InspectionTaskKind::Inspect).await;
        if done {
            complete(mine, sheet(&task, 4, "语速太快")).await.unwrap();
            let agent = for_quality(&suite, AGENT).after(mine);
            let found = only(&agent).await;
            appeal(&agent, &found, "并不快", "").await.unwrap();
        }
    }
    let destruction = scheduled(&suite, form(&[&customer])).await;
    suite.clock.advance(COOLING);
    certificate(&suite, &destruction).await;
    scrubbed(&suite, &customer).await;
    let agent = for_quality(&suite, AGENT);
    let found = only(&agent).await;
    assert_eq!(
        (found.score, found.state()),
        (8_000, InspectionState::Closed)
    );
    assert_eq!(
        (found.comments.len(), found.appeal_reason.as_str()),
        (0, "")
    );
    assert_eq!(found.scores.len(), 5);
    let head = for_quality(&suite, "zhang.min");
    assert_eq!(measured(&head).await.overall, figures(1, 8_000, 1, 10_000));
    let mut left = 0;
    for login in INSPECTORS {
        for task in tasks(&for_quality(&suite, login)).await {
            assert_eq!(
                (task.state(), task.comments.len()),
                (InspectionTaskState::Done, 0)
            );
            left += 1;
        }
    }
    assert_eq!(left, 1);
    let mut sql = suite.database.connect().await.unwrap();
    let sealed: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM ticket.inspection WHERE customer_id = $1 AND sealed <> '')
              + (SELECT count(*) FROM ticket.inspection_task WHERE customer_id = $1 AND sealed <> '')",
    )
    .bind(id(&customer))
    .fetch_one(&mut sql)
    .await
    .unwrap();
    assert_eq!(sealed, 0);
}
