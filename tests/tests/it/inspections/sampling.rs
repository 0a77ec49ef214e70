//! What is drawn, and by which rules.

use std::{collections::BTreeMap, time::Duration};

use kefu_contracts::ticket::{InspectionPeriod, SamplingRule};

use super::*;

/// Clauses OP-5, SG-7: when a period is over so many of each agent are drawn, once however many
/// instances look, none twice; what was drawn is scored on the sheet of that time.
#[tokio::test(flavor = "multi_thread")]
async fn so_many_of_each_agent_are_drawn_when_a_period_is_over() {
    let suite = TestSuite::start().await;
    let _twin = suite.twin();
    let usual = SamplingRule {
        id: "usual".into(),
        sheet: "norms".into(),
        count: 2,
        ..SamplingRule::default()
    };
    staffed(&suite, |rules| {
        rules.set_period(InspectionPeriod::Day);
        rules.second_percent = 0;
        rules.sampling = vec![usual];
    })
    .await;
    let erp = suite.caller_for("erp", "integration");
    let customer = enter(&erp, person()).await.name;
    for login in [AGENT, AGENT, AGENT, "li.wei", "ma.chao"] {
        resolved(&suite, &erp, &customer, login).await;
    }
    let drawn = async |days: i64| {
        suite.clock.advance(Duration::from_secs(86_400));
        eventually(async || (journaled(&suite, "inspections.drawn").await >= days).then_some(()))
            .await;
        suite.policy_is_fresh().await;
        let mut sql = suite.database.connect().await.unwrap();
        let found: Vec<(uuid::Uuid, i64)> =
            sqlx::query_as("SELECT agent_id, count(*) FROM ticket.inspection GROUP BY agent_id")
                .fetch_all(&mut sql)
                .await
                .unwrap();
        found.into_iter().collect::<BTreeMap<_, _>>()
    };
    let of = |counts: &[(&str, i64)]| -> BTreeMap<_, _> {
        counts
            .iter()
            .map(|(login, count)| (employee_id(login), *count))
            .collect()
    };
    let first = of(&[(AGENT, 2), ("li.wei", 1), ("ma.chao", 1)]);
    assert_eq!(drawn(1).await, first);
    // Nothing was resolved on the next day, and what is left of the first stays undrawn.
    assert_eq!(drawn(2).await, first);
    assert_eq!(journaled(&suite, "inspections.drawn").await, 2);
    assert_eq!(journaled(&suite, "inspection.drawn").await, 4);
    let mut sql = suite.database.connect().await.unwrap();
    let draws: Vec<(i32, i32, i32)> = sqlx::query_as(
        "SELECT candidate_count, sample_count, octet_length(seed) FROM ticket.inspection_draw ORDER BY start_at",
    )
    .fetch_all(&mut sql)
    .await
    .unwrap();
    assert_eq!(draws, [(5, 4, 32), (0, 0, 32)]);

    // Both have as many; a sheet that is changed since is not the one that counts.
    staffed(&suite, |rules| rules.sheets[0].pass_score = 10_000).await;
    let [gao, ding] = INSPECTORS.map(|login| for_quality(&suite, login));
    eventually(async || (tasks(&gao).await.len() + tasks(&ding).await.len() == 4).then_some(()))
        .await;
    let mine = tasks(&gao).await;
    assert_eq!(mine.len(), 2);
    let done = complete(&gao, sheet(&mine[0], 4, "x")).await.unwrap();
    assert_eq!(
        (done.score, done.passed, done.rules_version),
        (8_000, true, 1)
    );
}

/// Clause OP-5: sheets and sampling are the company's, in versions.
#[tokio::test(flavor = "multi_thread")]
async fn rules_of_inspection_have_versions() {
    let suite = TestSuite::start().await;
    let administrator = suite.caller("han.bing");
    let shipped = rules(&suite.caller("qian.hua")).await;
    let definition = shipped.versions[0].definition.clone().unwrap();
    let refused = revise(&suite.caller(HEAD), &shipped.etag, definition.clone()).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let mut wrong = definition.clone();
    wrong.sheets[0].items[0].weight = 21;
    wrong.inspectors = vec![employee("gao.yuan")];
    let refused = revise(&administrator, &shipped.etag, wrong)
        .await
        .unwrap_err();
    assert_eq!(
        violations(&refused),
        ["definition.sheets[0].items", "definition.department"]
    );
    let revised = revise(&administrator, &shipped.etag, definition.clone())
        .await
        .unwrap();
    assert_eq!(revised.versions.len(), 2);
    let stale = revise(&administrator, &shipped.etag, definition)
        .await
        .unwrap_err();
    assert_eq!(refusal(&stale).1, "ETAG_MISMATCH");
}
