//! What is counted of whom.

use std::collections::BTreeSet;

use kefu_contracts::common::Channel;

use super::*;
use crate::surveys;

/// Half customers' answers and inspections each, but for a fifth of the one above.
fn asked_of_customers() -> AssessmentScheme {
    let mut scheme = small();
    let [first, second, third] = scheme.criteria.as_mut_slice() else {
        unreachable!()
    };
    first.source = AssessmentSource::Customer.into();
    first.metric = "satisfaction".into();
    first.steps[0].at_least = 5_000;
    first.steps[0].points = 70;
    first.weight = 40;
    second.weight = 20;
    *third = AssessmentCriterion {
        id: "inspections".into(),
        source: AssessmentSource::Inspection.into(),
        metric: "inspection_score".into(),
        weight: 40,
        step: 0,
        ..third.clone()
    };
    scheme.colleagues = 0;
    scheme
}

/// The customers of all resolved tickets that nobody has answered for answer.
async fn answer(erp: &Caller, known: &mut BTreeSet<String>, marks: &[(i32, i32)]) {
    let all = surveys::listed(erp, "").await;
    let open = all.into_iter().filter(|one| known.insert(one.name.clone()));
    let open: Vec<_> = open.collect();
    assert_eq!(open.len(), marks.len());
    for (survey, marks) in open.iter().zip(marks) {
        let issued = surveys::issue(erp, survey, Channel::Phone).await.unwrap();
        surveys::give(erp, &issued.token, *marks, "").await.unwrap();
    }
}

/// Results of inspections, in hundredths, as their facts are kept.
async fn inspected(suite: &TestSuite, results: &[(&str, &str, i16)]) {
    let mut connection = suite.database.connect().await.unwrap();
    let now = suite.clock.now().to_string();
    sqlx::query(
        "SELECT analytics.make_partition(number, 14::int2, $1::timestamptz::date)
         FROM analytics.generation WHERE state = 2",
    )
    .bind(&now)
    .execute(&mut connection)
    .await
    .unwrap();
    for (login, department, score) in results {
        sqlx::query(
            "INSERT INTO analytics.fact (generation, kind, at, id, part, employee_id, department_id, score, outcome, merged)
             SELECT number, 14, $1::timestamptz, gen_random_uuid(), 0, $2, $3, $4, 1, false
             FROM analytics.generation WHERE state = 2",
        )
        .bind(&now)
        .bind(employee_id(login))
        .bind(department_id(department))
        .bind(score)
        .execute(&mut connection)
        .await
        .unwrap();
    }
}

/// Clause OP-4.2: answers count for whoever has the ticket, inspections for who was inspected, and
/// of both what the one above may see.
#[tokio::test(flavor = "multi_thread")]
async fn answers_and_inspections_count_for_whose_they_are() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = LONG).await;
    revise(&suite, vec![asked_of_customers()]).await.unwrap();
    let mut known = BTreeSet::new();
    let erp = work(&suite, ASSESSED, 2, 2).await;
    answer(&erp, &mut known, &[(5, 4), (2, 2)]).await;
    let other = work(&suite, "wang.fang", 1, 1).await;
    answer(&other, &mut known, &[(5, 5)]).await;
    inspected(
        &suite,
        &[
            (ASSESSED, "call_centre", 8_000),
            (ASSESSED, "technical_support", 9_000),
            (ASSESSED, "call_centre", 8_501),
            (ASSESSED, "complaints", 7_500),
            // The head is not above what is done there.
            (ASSESSED, "sales", 100),
            ("wang.fang", "call_centre", 100),
        ],
    )
    .await;
    pass(&suite, 1).await;
    let head = of(&suite, HEAD).after(&erp).after(&other);
    let mut request = asked(&suite);
    request.people[0].colleagues.clear();
    let opened = begin(&head, request).await.unwrap().remove(0);
    score(&suite, HEAD, 50, "一般").await;
    let result = preview(&head, &opened.name).await.unwrap().result.unwrap();
    let counted: Vec<_> = result
        .criteria
        .iter()
        .map(|one| {
            (
                one.criterion.as_str(),
                one.numerator,
                one.denominator,
                one.points,
            )
        })
        .collect();
    assert_eq!(
        counted,
        [
            ("resolution", 100, 2, 7_000),
            ("knowledge", 0, 0, 5_000),
            // 80, 90, 85.01 and 75 points.
            ("inspections", 33_001, 4, 8_250),
        ]
    );
    // 40 × 70 + 20 × 50 + 40 × 82.5025 of 100.
    assert_eq!((result.counted_weight, result.score), (100, 7_100));
}
