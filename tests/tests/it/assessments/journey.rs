//! From opening to publishing.

use sqlx::{Connection, PgConnection};

use super::*;

const LOOKS: &str = "SELECT count(*) FROM analytics.journal WHERE type = 'assessment.viewed'";
const LOOKS_AT_RATINGS: &str =
    "SELECT count(*) FROM analytics.journal WHERE type = 'assessment_rating.viewed'";

/// Clause OP-4.2: data, the one above and colleagues score, with weights; the result is counted
/// exactly and kept with what it was counted of.
#[tokio::test(flavor = "multi_thread")]
async fn staff_is_assessed_by_figures_superior_and_colleagues() {
    let suite = suite().await;
    let erp = work(&suite, ASSESSED, 4, 3).await;
    let head = of(&suite, HEAD).after(&erp);
    let request = OpenAssessmentsRequest {
        request_id: ID.into(),
        ..asked(&suite)
    };
    let opened = begin(&head, request.clone()).await.unwrap();
    let looked = counted(&suite, LOOKS).await;
    assert_eq!(begin(&head, request.clone()).await.unwrap(), opened, "once");
    assert_eq!(counted(&suite, LOOKS).await, looked + 1, "shown again");
    let other = OpenAssessmentsRequest {
        first_day: wire(yesterday(&suite).yesterday().unwrap()),
        ..request
    };
    let reused = begin(&head, other).await.unwrap_err();
    assert_eq!(refusal(&reused).1, "REQUEST_ID_REUSED");
    let again = begin(&head, asked(&suite)).await.unwrap_err();
    assert_eq!(refusal(&again).1, "ALREADY_EXISTS");
    let opened = &opened[0];
    assert_eq!(opened.state(), AssessmentState::Collecting);
    assert_eq!(opened.origin(), AssessmentOrigin::AdHoc);
    assert_eq!((opened.rules_version, opened.result.as_ref()), (1, None));
    assert_eq!(
        (&opened.superior, &opened.opener),
        (&employee(HEAD), &employee(HEAD))
    );
    let department = name("departments", department_id("call_centre"));
    assert_eq!(opened.department, department);

    // What was not given is said, and nothing is published.
    let before = preview(&head, &opened.name).await.unwrap();
    assert!(before.superior_missing);
    assert_eq!(before.colleagues_missing, 3);
    let early = before.result.unwrap();
    assert_eq!((early.score, early.consequence), (0, 0));
    assert_eq!(
        (early.criteria[0].numerator, early.criteria[0].denominator),
        (300, 4)
    );
    let refused = publish(&head, publishing(opened)).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");

    let asked_of = rating(&suite, HEAD).await;
    assert_eq!(asked_of.kind(), AssessmentRatingKind::Superior);
    assert!(asked_of.open && asked_of.criteria.len() == 1);
    let mut wrong = points(&asked_of, 62, "");
    wrong.points.push(GivenPoints {
        criterion: "teamwork".into(),
        ..Default::default()
    });
    let refused = give(&head, wrong).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        [
            "points[0].points",
            "points[0].comment",
            "points[1].criterion"
        ]
    );
    let first = score(&suite, HEAD, 55, "先打一次").await;
    let stale = give(&head, points(&asked_of, 60, "x")).await.unwrap_err();
    assert_eq!(refusal(&stale).1, "ETAG_MISMATCH");
    let repeated = GiveAssessmentRatingRequest {
        request_id: ID.replace("a501", "a502"),
        ..points(&first, 60, "产品知识不够")
    };
    let second = give(&head, repeated.clone()).await.unwrap();
    let looked = counted(&suite, LOOKS_AT_RATINGS).await;
    assert_eq!(give(&head, repeated).await.unwrap(), second);
    let again = counted(&suite, LOOKS_AT_RATINGS).await;
    assert_eq!(again, looked + 1, "shown again");
    for (login, given) in COLLEAGUES.into_iter().zip([90, 80, 90]) {
        score(&suite, login, given, &format!("来自 {login}")).await;
    }
    let ready = get(&head, &opened.name).await.unwrap();
    assert_eq!(ready.state(), AssessmentState::Ready);
    let shown = preview(&head, &opened.name).await.unwrap().result.unwrap();
    assert_eq!(
        get(&head, &opened.name).await.unwrap(),
        ready,
        "nothing is kept of it"
    );
    // (50 × 80 + 30 × 60) / 80, as colleagues can still give otherwise.
    assert_eq!((shown.score, shown.counted_weight), (7_250, 80));

    let lacking = publish(&head, publishing(&ready)).await.unwrap_err();
    assert_eq!(violations(&lacking), ["owner", "due_day"]);
    let request = PublishAssessmentRequest {
        owner: employee(ASSESSED),
        due_day: wire(yesterday(&suite)),
        ..publishing(&ready)
    };
    let wrong = publish(&head, request).await.unwrap_err();
    assert_eq!(
        violations(&wrong),
        ["owner", "due_day"],
        "not themselves, not in the past"
    );
    let request = PublishAssessmentRequest {
        owner: employee(HEAD),
        due_day: wire(today(&suite)),
        request_id: ID.replace("a501", "a503"),
        ..publishing(&ready)
    };
    let published = publish(&head, request.clone()).await.unwrap();
    let looked = counted(&suite, LOOKS).await;
    assert_eq!(publish(&head, request).await.unwrap(), published);
    assert_eq!(counted(&suite, LOOKS).await, looked + 1, "shown again");
    assert_eq!(published.state(), AssessmentState::Published);
    let result = published.result.as_ref().unwrap();
    // (50 × 80 + 30 × 60 + 20 × 260/3) / 100
    assert_eq!((result.score, result.counted_weight), (7_533, 100));
    assert_eq!(result.criteria[..2], shown.criteria[..2]);
    assert_eq!(result.consequence(), AssessmentConsequence::Coaching);
    assert_eq!(result.sources.len(), 5);
    assert!(result.count_time.is_some() && result.generation > 0);
    let exact: Vec<_> = result
        .criteria
        .iter()
        .map(|one| (one.weight, one.points_numerator, one.points_denominator))
        .collect();
    assert_eq!(exact, [(50, 80, 1), (30, 60, 1), (20, 260, 3)]);
    let late = give(&head, points(&second, 100, "x")).await.unwrap_err();
    assert_eq!(refusal(&late).1, "STATE_NOT_ALLOWED");

    // Kept: not even the service may change it.
    let mut own = PgConnection::connect(&suite.database.url_of("analytics").unwrap())
        .await
        .unwrap();
    for change in [
        "UPDATE analytics.assessment_result SET content = ''",
        "DELETE FROM analytics.assessment_result",
    ] {
        let refused = sqlx::query(change).execute(&mut own).await.unwrap_err();
        assert!(
            refused.to_string().contains("permission denied"),
            "{refused}"
        );
    }
}
