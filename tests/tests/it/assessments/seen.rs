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

/// Clause OP-4.2: two looks, before and after a colleague gave, do not tell what that one gave; when
/// no colleague can give any more, what all of them gave is told together.
#[tokio::test(flavor = "multi_thread")]
async fn what_colleagues_gave_is_told_when_none_can_give_any_more() {
    let suite = suite().await;
    let erp = work(&suite, ASSESSED, 4, 3).await;
    let head = of(&suite, HEAD).after(&erp);
    let mut request = asked(&suite);
    request.people[0].colleagues.push(employee("lin.na"));
    let opened = begin(&head, request).await.unwrap().remove(0);
    score(&suite, HEAD, 60, "产品知识不够").await;
    let mut told = Vec::new();
    for (login, given) in COLLEAGUES.into_iter().zip([90, 80, 90]) {
        score(&suite, login, given, &format!("来自 {login}")).await;
        told.push(looked(&head, &opened.name).await);
    }
    score(&suite, "lin.na", 10, "来自 lin.na").await;
    let ready = get(&head, &opened.name).await.unwrap();
    assert_eq!(ready.state(), AssessmentState::Ready);
    told.push(looked(&head, &opened.name).await);
    score(&suite, "lin.na", 100, "还是好的").await;
    told.push(looked(&head, &opened.name).await);
    // (50 × 80 + 30 × 60) / 80, as if no colleague had scored.
    let without = (7_250, true, (0, 0, 0, 0), vec!["产品知识不够".to_owned()]);
    assert_eq!(told, vec![without; 5]);
    let before = preview(&head, &opened.name).await.unwrap();
    assert_eq!(before.colleagues_missing, 0);

    pass(&suite, 5).await;
    let head = of(&suite, HEAD).after(&head);
    let (score, missing, points, comments) = looked(&head, &opened.name).await;
    // (50 × 80 + 30 × 60 + 20 × 90) / 100
    assert_eq!((score, missing, points), (7_600, false, (4, 90, 1, 9_000)));
    assert_eq!(comments.len(), 5);
}

/// What the line above is told of colleagues: the score, whether there are points of them, who gave
/// and what it comes to, and what was said.
async fn looked(head: &Caller, name: &str) -> (i32, bool, (i32, i64, i64, i32), Vec<String>) {
    let result = preview(head, name).await.unwrap().result.unwrap();
    let of = &result.criteria[2];
    let points = (
        of.rater_count,
        of.points_numerator,
        of.points_denominator,
        of.points,
    );
    let comments = get(head, name).await.unwrap().comments.into_iter();
    let texts = comments.map(|one| one.text).collect();
    (result.score, of.missing, points, texts)
}
