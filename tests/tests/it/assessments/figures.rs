//! What is counted of whom.

use std::collections::{BTreeMap, BTreeSet};

use kefu_contracts::{
    analytics::{
        Dimension, ListFigureRecordsRequest, ListStaffRecordsRequest, MeasureStaffRequest,
        QueryMetricRequest, metrics_service_client::MetricsServiceClient,
    },
    common::Channel,
    ticket::{GetTicketRequest, ReopenTicketRequest},
};

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

/// Clause OP-4.2: answers count for who gave the resolution, inspections for who was inspected, and
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

/// The answers that customers gave, by employee.
fn by_employee() -> QueryMetricRequest {
    QueryMetricRequest {
        metric: "satisfaction".into(),
        group_by: vec![Dimension::Employee.into()],
        ..Default::default()
    }
}

/// The same ticket in somebody else's hands, resolved again.
async fn redo(erp: &Caller, name: String, login: &str) {
    let request = GetTicketRequest { name };
    let resolved = tickets(erp).get_ticket(request).await.unwrap().into_inner();
    let reopen = ReopenTicketRequest {
        name: resolved.name,
        etag: resolved.etag,
        reason: "又坏了".into(),
        ..Default::default()
    };
    let reopened = tickets(erp).reopen_ticket(reopen).await.unwrap();
    let reopened = reopened.into_inner();
    let assign = AssignTicketRequest {
        name: reopened.name,
        etag: reopened.etag,
        assignee: employee(login),
        ..Default::default()
    };
    let assigned = tickets(erp).assign_ticket(assign).await.unwrap();
    let assigned = assigned.into_inner();
    let resolve = ResolveTicketRequest {
        name: assigned.name,
        etag: assigned.etag,
        resolution: "已换新机".into(),
        ..Default::default()
    };
    tickets(erp).resolve_ticket(resolve).await.unwrap();
}

/// Clause OP-4.2: what a customer says of a resolution counts for who gave it, whoever has the ticket afterwards;
/// and the number opens into the answer.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_for_who_gave_the_resolution() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = LONG).await;
    revise(&suite, vec![asked_of_customers()]).await.unwrap();
    let mut known = BTreeSet::new();
    let erp = work(&suite, ASSESSED, 1, 1).await;
    answer(&erp, &mut known, &[(1, 1)]).await;
    let first = surveys::listed(&erp, "").await.remove(0);
    redo(&erp, first.ticket, "wang.fang").await;
    answer(&erp, &mut known, &[(5, 5)]).await;
    let all = surveys::listed(&erp, "").await;
    let second = all.iter().find(|one| one.attempt == 2).unwrap();

    let head = of(&suite, HEAD).after(&erp);
    let mut metrics = MetricsServiceClient::new(head);
    let query = Some(by_employee());
    let measured = metrics.measure_staff(MeasureStaffRequest { query }).await;
    let figure = measured.unwrap().into_inner().figure.unwrap();
    let rows = figure.rows.iter();
    let rows: BTreeMap<_, _> = rows
        .map(|row| (row.dimensions[0].clone(), (row.count, row.mean)))
        .collect();
    let expected = [(ASSESSED, (1, Some(0.0))), ("wang.fang", (1, Some(1.0)))];
    let expected = expected.map(|(login, row)| (employee(login), row));
    assert_eq!(rows, BTreeMap::from(expected));
    for (login, survey) in [(ASSESSED, &first.name), ("wang.fang", &second.name)] {
        let row = ListFigureRecordsRequest {
            query: Some(by_employee()),
            dimensions: vec![employee(login)],
            ..Default::default()
        };
        let request = ListStaffRecordsRequest { row: Some(row) };
        let opened = metrics.list_staff_records(request).await.unwrap();
        let records = opened.into_inner().records.unwrap();
        assert_eq!((records.named_count, records.hidden_count), (1, 0));
        assert_eq!(&records.records[0].name, survey, "{login}");
    }

    pass(&suite, 1).await;
    let head = of(&suite, HEAD).after(&erp);
    let mut request = asked(&suite);
    request.people[0].colleagues.clear();
    let opened = begin(&head, request).await.unwrap().remove(0);
    let result = preview(&head, &opened.name).await.unwrap().result.unwrap();
    let answers = &result.criteria[0];
    assert_eq!((answers.numerator, answers.denominator), (0, 1));
}
