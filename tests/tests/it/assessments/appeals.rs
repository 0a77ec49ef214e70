//! Objections, decisions, and what follows.

use super::*;

/// Clause OP-4.2: the person concerned objects once and in time; somebody above decides who
/// neither scored nor published it, and what was published stays beside what was decided.
#[tokio::test(flavor = "multi_thread")]
async fn an_assessment_is_objected_to_once_and_decided_above() {
    let suite = suite().await;
    let published = published(&suite).await;
    let (own, head) = (of(&suite, ASSESSED), of(&suite, HEAD));
    // To the head it is somebody else's.
    assert_eq!(
        refusal(&appeal(&head, &published).await.unwrap_err()),
        hidden()
    );
    let early = decide(&of(&suite, ABOVE), upholding(&published))
        .await
        .unwrap_err();
    assert_eq!(refusal(&early).1, "STATE_NOT_ALLOWED");
    let appealed = appeal(&own, &published).await.unwrap();
    assert_eq!(appealed.state(), AssessmentState::Appealed);
    assert_eq!(
        refusal(&appeal(&own, &appealed).await.unwrap_err()).1,
        "STATE_NOT_ALLOWED"
    );
    let stale = decide(&of(&suite, ABOVE), upholding(&published))
        .await
        .unwrap_err();
    assert_eq!(refusal(&stale).1, "ETAG_MISMATCH");
    let who_scored = decide(&head, upholding(&appealed)).await.unwrap_err();
    assert_eq!(refusal(&who_scored).1, "SECOND_PERSON_REQUIRED");
    let elsewhere = decide(&of(&suite, "zhou.ting"), upholding(&appealed))
        .await
        .unwrap_err();
    assert_eq!(refusal(&elsewhere), hidden());
    let mut wrong = upholding(&appealed);
    wrong.points.push(DecidedPoints::default());
    wrong.owner = employee(HEAD);
    let wrong = decide(&of(&suite, ABOVE), wrong).await.unwrap_err();
    assert_eq!(violations(&wrong), ["points", "owner"]);
    let changing = DecideAssessmentAppealRequest {
        outcome: AssessmentAppealOutcome::Changed.into(),
        points: vec![DecidedPoints {
            criterion: "resolution".into(),
            points: 100,
        }],
        ..upholding(&appealed)
    };
    let mut too_much = changing.clone();
    too_much.points[0].points = 101;
    too_much.points.push(DecidedPoints {
        criterion: "height".into(),
        points: 1,
    });
    let too_much = decide(&of(&suite, ABOVE), too_much).await.unwrap_err();
    assert_eq!(
        violations(&too_much),
        ["points[0].points", "points[1].criterion"]
    );
    let decided = decide(&of(&suite, ABOVE), changing).await.unwrap();
    assert_eq!(decided.state(), AssessmentState::Final);
    assert_eq!(decided.decider, employee(ABOVE));
    let (result, earlier) = (decided.result.unwrap(), decided.earlier_result.unwrap());
    assert_eq!(
        Some(&earlier),
        published.result.as_ref(),
        "what was published stays"
    );
    // (50 × 100 + 30 × 60 + 20 × 260/3) / 100
    assert_eq!((result.score, earlier.score), (8_533, 7_533));
    assert_eq!(result.consequence(), AssessmentConsequence::None);
    assert!(decided.owner.is_empty(), "nothing follows any more");
    let changed = &result.criteria[0];
    assert!(
        changed.decided && changed.numerator == 300,
        "figures are what they were"
    );
    let seen = get(&own, &published.name).await.unwrap();
    assert_eq!(seen.decision_reason, "查过了");
    assert_eq!(seen.appeal_outcome(), AssessmentAppealOutcome::Changed);
    assert_eq!(
        refusal(&appeal(&own, &seen).await.unwrap_err()).1,
        "STATE_NOT_ALLOWED"
    );
    let done = complete(&head, &seen).await.unwrap_err();
    assert_eq!(said(&done, "state"), "NOTHING_FOLLOWS");
    let acts = "SELECT count(*) FROM analytics.journal WHERE kind = 1 AND type IN
                ('assessment.opened', 'assessment.ready', 'assessment.published',
                 'assessment.appealed', 'assessment.appeal_decided')";
    assert_eq!(counted(&suite, acts).await, 5, "each once");
}

/// Clause OP-4.2: who publishes has a hand in it, also where they scored nothing; then the next
/// above decides.
#[tokio::test(flavor = "multi_thread")]
async fn who_published_a_result_does_not_decide_upon_it() {
    let suite = suite().await;
    let ready = scored(&suite).await;
    let request = PublishAssessmentRequest {
        owner: employee(HEAD),
        due_day: wire(today(&suite)),
        ..publishing(&ready)
    };
    let published = publish(&of(&suite, ABOVE), request).await.unwrap();
    let appealed = appeal(&of(&suite, ASSESSED), &published).await.unwrap();
    for login in [HEAD, ABOVE] {
        let refused = decide(&of(&suite, login), upholding(&appealed)).await;
        assert_eq!(
            refusal(&refused.unwrap_err()).1,
            "SECOND_PERSON_REQUIRED",
            "{login}"
        );
    }
    let leader = of(&suite, "chen.guodong");
    let upheld = decide(&leader, upholding(&appealed)).await.unwrap();
    assert_eq!(upheld.appeal_outcome(), AssessmentAppealOutcome::Upheld);
    assert_eq!(upheld.result, published.result);
    assert_eq!(
        (upheld.earlier_result, upheld.owner),
        (None, employee(HEAD))
    );
}

/// Clause OP-4.2: what nobody objects to in time stands, and what follows is done once.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_nobody_objects_to_stands_and_is_carried_out() {
    let suite = suite().await;
    let published = published(&suite).await;
    let (own, head) = (of(&suite, ASSESSED), of(&suite, HEAD));
    let early = complete(&head, &published).await.unwrap_err();
    assert_eq!(refusal(&early).1, "STATE_NOT_ALLOWED");
    pass(&suite, 5).await;
    let (own, head) = (
        of(&suite, ASSESSED).after(&own),
        of(&suite, HEAD).after(&head),
    );
    until(
        &suite,
        "SELECT count(*) FROM analytics.assessment WHERE state = 5",
        1,
    )
    .await;
    let late = appeal(&own, &published).await.unwrap_err();
    assert_eq!(refusal(&late).1, "ETAG_MISMATCH");
    let stands = get(&own, &published.name).await.unwrap();
    assert_eq!(stands.state(), AssessmentState::Final);
    assert_eq!(
        refusal(&appeal(&own, &stands).await.unwrap_err()).1,
        "STATE_NOT_ALLOWED"
    );
    let done = complete(&head, &stands).await.unwrap();
    assert!(done.complete_time.is_some());
    let again = complete(&head, &done).await.unwrap_err();
    assert_eq!(said(&again, "state"), "COMPLETED");
    assert_eq!(
        get(&own, &done.name).await.unwrap().completion_note,
        "辅导两次"
    );
    let lapsed = "SELECT count(*) FROM analytics.journal WHERE type = 'assessment.lapsed'";
    assert_eq!(counted(&suite, lapsed).await, 1);
}
