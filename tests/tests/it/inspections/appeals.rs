//! A result is objected to.

use std::time::Duration;

use super::*;
use crate::records::said;

/// Clause OP-5: the agent concerned objects once and in time; somebody who scored none of it
/// decides, and says why.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_objected_to_once_and_decided_by_somebody_else() {
    let suite = TestSuite::start().await;
    staffed(&suite, |_| {}).await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    let [gao, ding] = INSPECTORS.map(|login| for_quality(&suite, login));
    let head = for_quality(&suite, HEAD);
    let agent = for_quality(&suite, AGENT);
    let mut finals = Vec::new();
    for _ in 0..3 {
        let one = resolved(&suite, &erp, &customer, AGENT).await;
        order(&gao.after(&erp), &one.name, false).await.unwrap();
        let (mine, task) = given(&[&gao, &ding], &one.name, InspectionTaskKind::Inspect).await;
        complete(mine, sheet(&task, 3, "推诿")).await.unwrap();
        let filter = format!("ticket = {}", one.name);
        finals.push(
            listed(&agent.after(mine), &filter)
                .await
                .inspections
                .remove(0),
        );
    }

    let line = for_quality(&suite, "zhang.min").after(&agent);
    let refused = appeal(&line, &finals[0], "x", "").await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let mate = for_quality(&suite, "li.wei").after(&agent);
    let hidden = appeal(&mate, &finals[0], "x", "").await.unwrap_err();
    assert_eq!(hidden.code(), Code::NotFound);
    let refused = appeal(&agent, &finals[0], " ", "").await.unwrap_err();
    assert_eq!(violations(&refused), ["reason"]);
    let request_id = "0190c5a8-0000-7000-8000-0000000000e2";
    let reason = "客户要求转接，并非推诿";
    let appealed = appeal(&agent, &finals[0], reason, request_id)
        .await
        .unwrap();
    assert_eq!(appealed.state(), InspectionState::Appealed);
    let repeated = appeal(&agent, &finals[0], reason, request_id)
        .await
        .unwrap();
    assert_eq!(repeated, appealed);
    let twice = appeal(&agent, &appealed, reason, "").await.unwrap_err();
    assert_eq!(refusal(&twice).1, "STATE_NOT_ALLOWED");

    let ticket = &appealed.ticket;
    let (_, task) = given(&[&head.after(&agent)], ticket, InspectionTaskKind::Appeal).await;
    assert_eq!(
        (task.appeal_reason.as_str(), task.results[0].score),
        (reason, 6_000)
    );
    let refused = complete(&head, sheet(&task, 5, "")).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    let mut scored = upheld(&task, "维持");
    scored.scores = sheet(&task, 5, "").scores;
    let refused = decide(&head, scored.clone()).await.unwrap_err();
    assert_eq!(violations(&refused), ["scores"]);
    scored.set_outcome(AppealOutcome::Changed);
    scored.knock_outs = sheet(&task, 5, "").knock_outs;
    scored.reason = "录音证实".into();
    decide(&head, scored).await.unwrap();
    let closed = get(&agent.after(&head), &appealed.name).await.unwrap();
    assert_eq!(
        (closed.score, closed.state()),
        (10_000, InspectionState::Closed)
    );
    assert_eq!(closed.appeal_outcome(), AppealOutcome::Changed);
    assert_eq!(closed.decision_reason, "录音证实");
    let twice = appeal(&agent, &closed, reason, "").await.unwrap_err();
    assert_eq!(refusal(&twice).1, "STATE_NOT_ALLOWED");

    let appealed = appeal(&agent, &finals[1], reason, "").await.unwrap();
    let ticket = &appealed.ticket;
    let (_, task) = given(&[&head.after(&agent)], ticket, InspectionTaskKind::Appeal).await;
    decide(&head, upheld(&task, "录音不支持")).await.unwrap();
    let closed = get(&agent.after(&head), &appealed.name).await.unwrap();
    assert_eq!(
        (closed.score, closed.appeal_outcome()),
        (6_000, AppealOutcome::Upheld)
    );

    suite.clock.advance(Duration::from_secs(7 * 86_400 + 1));
    suite.policy_is_fresh().await;
    let agent = for_quality(&suite, AGENT);
    let late = appeal(&agent, &finals[2], reason, "").await.unwrap_err();
    assert_eq!(said(&late, "state"), "APPEAL_OVER");
}
