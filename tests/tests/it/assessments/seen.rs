//! Who sees an assessment.

use super::*;

/// Clauses OP-4.2, CF-6.1: the person concerned sees a result once it is published, and never who
/// of the colleagues said what; the line above sees it; to others there is none.
#[tokio::test(flavor = "multi_thread")]
async fn assessments_are_seen_by_the_person_concerned_and_the_line_above() {
    let suite = suite().await;
    let ready = scored(&suite).await;
    let (own, head) = (of(&suite, ASSESSED), of(&suite, HEAD));
    let absent = get(&own, NOBODY).await.unwrap_err();
    assert_eq!(refusal(&absent), hidden());
    // Before it is published.
    let others = [
        "zhou.ting",
        "zhao.lei",
        "wang.fang",
        ADMINISTRATOR,
        "song.yue",
        ASSESSED,
    ];
    for login in others {
        let caller = of(&suite, login);
        assert_eq!(
            refusal(&get(&caller, &ready.name).await.unwrap_err()),
            hidden(),
            "{login}"
        );
        assert_eq!(list(&caller, "").await.unwrap(), [], "{login}");
    }
    let objection = appeal(&own, &ready).await.unwrap_err();
    assert_eq!(refusal(&objection), hidden());
    assert_eq!(ratings(&own).await, []);
    let foreign = GetAssessmentRatingRequest {
        name: rating(&suite, "wang.fang").await.name,
    };
    let foreign = client(&head)
        .get_assessment_rating(foreign)
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&foreign),
        hidden(),
        "not even the head sees what one gave"
    );
    for (login, hidden_from) in [("zhou.ting", true), (HEAD, false), (ABOVE, false)] {
        let looked = preview(&of(&suite, login), &ready.name).await;
        assert_eq!(looked.is_err(), hidden_from, "{login}");
    }
    let wrong = suite.caller_for(HEAD, "service");
    assert_eq!(
        get(&wrong, &ready.name).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let unsaid = suite.caller_for(HEAD, "");
    assert_eq!(
        refusal(&get(&unsaid, &ready.name).await.unwrap_err()).1,
        "PURPOSE_REQUIRED"
    );

    let request = PublishAssessmentRequest {
        owner: employee(HEAD),
        due_day: wire(today(&suite)),
        ..publishing(&ready)
    };
    publish(&head, request).await.unwrap();
    for login in &others[..5] {
        let caller = of(&suite, login);
        assert_eq!(
            refusal(&get(&caller, &ready.name).await.unwrap_err()),
            hidden(),
            "{login}"
        );
        assert_eq!(list(&caller, "").await.unwrap(), [], "{login}");
    }
    let seen = get(&own, &ready.name).await.unwrap();
    assert_eq!(
        (seen.note.as_str(), seen.owner.as_str()),
        ("继续努力", employee(HEAD).as_str())
    );
    let colleagues = &seen.result.as_ref().unwrap().criteria[2];
    assert_eq!((colleagues.points, colleagues.rater_count), (8_667, 3));
    let told: Vec<&str> = seen.comments.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(told, ["产品知识不够"], "nothing of what colleagues said");
    let listed = list(&own, "").await.unwrap();
    assert_eq!((listed.len(), listed[0].note.as_str()), (1, ""));
    for login in [HEAD, ABOVE, "chen.guodong"] {
        let seen = get(&of(&suite, login), &ready.name).await.unwrap();
        assert_eq!(seen.comments.len(), 4, "{login}");
        let filter = format!("employee = {} AND state = PUBLISHED", employee(ASSESSED));
        assert_eq!(list(&of(&suite, login), &filter).await.unwrap().len(), 1);
    }
    // Whoever it is about does nothing to it but object.
    for refused in [
        complete(&own, &seen).await.unwrap_err(),
        decide(&own, upholding(&seen)).await.unwrap_err(),
        withdraw(&own, &seen).await.unwrap_err(),
        publish(&own, publishing(&seen)).await.unwrap_err(),
        preview(&own, &seen.name).await.unwrap_err(),
        begin(&own, asked(&suite)).await.unwrap_err(),
    ] {
        assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
    }
    let looks =
        "SELECT count(*) FROM analytics.journal WHERE type = 'assessment.viewed' AND kind = 2
                 AND resource LIKE 'assessments/%'";
    assert!(counted(&suite, looks).await >= 9, "every look is journaled");
    let refused = "SELECT count(*) FROM analytics.journal WHERE type = 'assessment.refused'";
    assert!(
        counted(&suite, refused).await >= 12,
        "and every one in vain"
    );
}
