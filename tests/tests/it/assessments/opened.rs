//! Whom it is opened for, and by whom; two at once.

use super::*;

/// Clause OP-4.2: of two who act at once one does.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_publish_at_once_one_does() {
    let suite = suite().await;
    let erp = work(&suite, ASSESSED, 4, 3).await;
    let head = of(&suite, HEAD).after(&erp);
    let opened = begin(&head, asked(&suite)).await.unwrap().remove(0);
    let all = [HEAD, COLLEAGUES[0], COLLEAGUES[1], COLLEAGUES[2]];
    let scores = all.map(|login| score(&suite, login, 80, "一起打分"));
    let [a, b, c, d] = scores;
    tokio::join!(a, b, c, d);
    let ready = get(&head, &opened.name).await.unwrap();
    assert_eq!(ready.state(), AssessmentState::Ready);
    let turned = "SELECT count(*) FROM analytics.journal WHERE type = 'assessment.ready'";
    assert_eq!(counted(&suite, turned).await, 1);
    // All 80 points: nothing follows.
    let above = of(&suite, ABOVE);
    let (one, other) = tokio::join!(
        publish(&head, publishing(&ready)),
        publish(&above, publishing(&ready))
    );
    let lost: Vec<Status> = [one, other].into_iter().filter_map(Result::err).collect();
    assert_eq!(lost.len(), 1);
    assert_eq!(refusal(&lost[0]).1, "ETAG_MISMATCH");
    assert_eq!(
        counted(&suite, "SELECT count(*) FROM analytics.assessment_result").await,
        1
    );
}

/// Clause OP-4.2: what was opened by mistake is ended, and can be opened anew; who heads people is
/// assessed by who is above them, out of sight of their own people and of themselves.
#[tokio::test(flavor = "multi_thread")]
async fn heads_are_assessed_by_those_above_them() {
    let suite = suite().await;
    let of_head = OpenAssessmentsRequest {
        people: vec![AssessedPerson {
            employee: employee("zhao.lei"),
            colleagues: Vec::new(),
        }],
        ..asked(&suite)
    };
    for login in ["zhao.lei", "zhou.ting"] {
        let refused = begin(&of(&suite, login), of_head.clone())
            .await
            .unwrap_err();
        assert_eq!(refusal(&refused), hidden(), "{login} is not above");
    }
    let head = of(&suite, HEAD);
    let opened = begin(&head, of_head.clone()).await.unwrap().remove(0);
    assert_eq!(opened.superior, employee(HEAD));
    assert_eq!(
        opened.department,
        name("departments", department_id("call_centre"))
    );
    let own = of(&suite, "zhao.lei");
    for hidden_from in [&own, &of(&suite, "ma.chao")] {
        assert_eq!(
            refusal(&get(hidden_from, &opened.name).await.unwrap_err()),
            hidden()
        );
        assert_eq!(list(hidden_from, "").await.unwrap(), []);
    }
    assert_eq!(
        refusal(&withdraw(&own, &opened).await.unwrap_err()),
        hidden()
    );
    let withdrawn = withdraw(&head, &opened).await.unwrap();
    assert_eq!(withdrawn.state(), AssessmentState::Withdrawn);
    assert_eq!(withdrawn.withdrawal_reason, "选错了日期");
    let closed = rating(&suite, HEAD).await;
    assert!(!closed.open);
    let late = give(&head, points(&closed, 50, "x")).await.unwrap_err();
    assert_eq!(refusal(&late).1, "STATE_NOT_ALLOWED");
    assert_eq!(
        refusal(&get(&own, &opened.name).await.unwrap_err()),
        hidden(),
        "for good"
    );
    let anew = begin(&head, of_head).await.unwrap().remove(0);
    assert_ne!(anew.name, opened.name);
}

/// Clause OP-4.2: everything that is wrong about what is opened is told at once.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_opened_is_of_people_below_and_of_days_that_are_over() {
    let suite = suite().await;
    let head = of(&suite, HEAD);
    let wrong = OpenAssessmentsRequest {
        scheme: "none".into(),
        people: vec![
            AssessedPerson {
                employee: "employees/x".into(),
                colleagues: vec![employee("wang.fang")],
            },
            AssessedPerson {
                employee: employee(ASSESSED),
                colleagues: ["wang.fang", "wang.fang", "hu.tao"].map(employee).to_vec(),
            },
            AssessedPerson {
                employee: employee(ASSESSED),
                colleagues: Vec::new(),
            },
        ],
        first_day: None,
        last_day: wire(today(&suite)),
        request_id: "x".into(),
    };
    let refused = begin(&head, wrong).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        [
            "request_id",
            "scheme",
            "first_day",
            "people[0].employee",
            "people[0].colleagues",
            "people[1].colleagues[1]",
            "people[2].employee",
        ]
    );
    let mut unfit = asked(&suite);
    unfit.last_day = wire(today(&suite));
    let refused = begin(&head, unfit).await.unwrap_err();
    assert_eq!(violations(&refused), ["last_day"], "it is not over");
    let mut unfit = asked(&suite);
    // The one above, themselves, and somebody of elsewhere.
    unfit.people[0].colleagues = [HEAD, ASSESSED, "ma.chao"].map(employee).to_vec();
    let refused = begin(&head, unfit).await.unwrap_err();
    let each = [0, 1, 2].map(|at| format!("people[0].colleagues[{at}]"));
    assert_eq!(violations(&refused), each);
    let absent = OpenAssessmentsRequest {
        people: vec![AssessedPerson {
            employee: name("employees", Uuid::from_u128(1)),
            colleagues: Vec::new(),
        }],
        ..asked(&suite)
    };
    assert_eq!(refusal(&begin(&head, absent).await.unwrap_err()), hidden());
    let mut elsewhere = asked(&suite);
    elsewhere.people[0].employee = employee("wu.peng");
    assert_eq!(
        refusal(&begin(&head, elsewhere).await.unwrap_err()),
        hidden()
    );
    assert_eq!(
        counted(&suite, "SELECT count(*) FROM analytics.assessment").await,
        0
    );
}
