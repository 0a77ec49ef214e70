//! The monthly rounds.

use std::collections::BTreeSet;

use super::*;

/// First day of the month after, a second past midnight.
async fn end_month(suite: &TestSuite) {
    let (now, day) = (suite.clock.now(), today(suite));
    let next = day.last_of_month().tomorrow().unwrap();
    let midnight = next.in_tz("Asia/Shanghai").unwrap().timestamp();
    let left = Duration::try_from(midnight.duration_since(now)).unwrap();
    suite.clock.advance(left + Duration::from_secs(1));
    suite.policy_is_fresh().await;
}

/// Clause OP-4.2: once a month is over everybody whom the scheme is for is assessed over it, once,
/// by whichever instance; who scores is waited for so long.
#[tokio::test(flavor = "multi_thread")]
async fn months_are_assessed_once_by_whichever_instance() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = LONG).await;
    let _twin = suite.twin();
    until(
        &suite,
        "SELECT count(*) FROM analytics.assessment_schedule",
        1,
    )
    .await;
    let month = today(&suite);
    end_month(&suite).await;
    let moved = "SELECT count(*) FROM analytics.assessment_schedule
                 WHERE first_day = (SELECT max(last_day) + 1 FROM analytics.assessment)";
    until(&suite, moved, 1).await;
    let leader = of(&suite, "chen.guodong");
    let all = list(&leader, "").await.unwrap();
    let people: BTreeSet<&str> = all.iter().map(|one| one.employee.as_str()).collect();
    assert_eq!(people.len(), all.len(), "one for each person");
    for login in [ASSESSED, "wang.fang", "ma.chao", "zhao.lei"] {
        assert!(people.contains(employee(login).as_str()), "{login}");
    }
    for login in [HEAD, "song.yue", "chen.guodong", "erp"] {
        assert!(!people.contains(employee(login).as_str()), "{login}");
    }
    for one in &all {
        assert_eq!(one.origin(), AssessmentOrigin::Monthly);
        assert_eq!(
            (one.scheme.as_str(), one.rules_version),
            ("service_staff", 0)
        );
        assert_eq!(one.first_day, wire(month.first_of_month()));
        assert_eq!(one.last_day, wire(month.last_of_month()));
        assert_eq!(one.opener, "");
        assert_ne!(one.superior, one.employee);
    }
    let opened = "SELECT count(*) FROM analytics.journal WHERE type = 'assessment.opened'";
    assert_eq!(counted(&suite, opened).await, all.len() as i64);
    // Somebody of a department without three colleagues is scored by none.
    let raters = "SELECT count(*) FROM analytics.assessment_rating r JOIN analytics.assessment a ON a.id = r.assessment_id
                  WHERE r.rater_id = a.employee_id OR (r.kind = 2 AND r.rater_id = a.superior_id)";
    assert_eq!(counted(&suite, raters).await, 0, "never oneself");

    // The one above scores in time, and not all colleagues.
    let head = of(&suite, HEAD);
    let of_assessed = ratings(&head).await;
    let own = of_assessed
        .iter()
        .find(|one| one.employee == employee(ASSESSED));
    let own = own.unwrap();
    assert_eq!(own.criteria.len(), 2, "knowledge and communication");
    give(&head, points(own, 80, "稳")).await.unwrap();
    let filter = format!("employee = {}", employee(ASSESSED));
    let early = list(&head, &filter).await.unwrap().remove(0);
    assert_eq!(
        early.state(),
        AssessmentState::Collecting,
        "colleagues have not scored"
    );
    pass(&suite, 5).await;
    let ready = "SELECT count(*) FROM analytics.assessment WHERE state = 2";
    until(&suite, ready, 1).await;
    let head = of(&suite, HEAD);
    let ready = list(&head, &filter).await.unwrap().remove(0);
    assert_eq!(ready.state(), AssessmentState::Ready);
    // Of figures there is nothing to count: 20 of 100 are too little.
    let refused = publish(&head, publishing(&ready)).await.unwrap_err();
    assert_eq!(said(&refused, "needs"), "LEAST_WEIGHT");
    let shown = preview(&head, &ready.name).await.unwrap();
    let result = shown.result.unwrap();
    assert_eq!((result.counted_weight, result.score), (20, 0));

    // The one above may be late, colleagues not.
    let colleagues = eventually(async || {
        for login in ["wang.fang", "xu.jing", "hu.tao", ASSESSED] {
            let all = ratings(&of(&suite, login)).await;
            let of_colleague = all
                .into_iter()
                .find(|one| one.kind() == AssessmentRatingKind::Colleague);
            if let Some(rating) = of_colleague {
                return Some((login, rating));
            }
        }
        None
    });
    let (login, late) = colleagues.await;
    assert!(!late.open);
    let refused = give(&of(&suite, login), points(&late, 50, "x")).await;
    assert_eq!(said(&refused.unwrap_err(), "state"), "SCORING_OVER");
    let other = of_assessed
        .iter()
        .find(|one| one.employee == employee("wang.fang"));
    give(&head, points(other.unwrap(), 80, "稳")).await.unwrap();
    let filter = format!("employee = {}", employee("wang.fang"));
    let ready = list(&head, &filter).await.unwrap().remove(0);
    assert_eq!(
        ready.state(),
        AssessmentState::Ready,
        "there is nothing more to wait for"
    );

    // The month after is another.
    let before = all.len();
    end_month(&suite).await;
    let twice = "SELECT count(*) FROM analytics.assessment_schedule
                 WHERE first_day = (SELECT max(last_day) + 1 FROM analytics.assessment)
                   AND (SELECT count(DISTINCT first_day) FROM analytics.assessment) = 2";
    until(&suite, twice, 1).await;
    assert_eq!(
        list(&of(&suite, "chen.guodong"), "").await.unwrap().len(),
        2 * before
    );
}
