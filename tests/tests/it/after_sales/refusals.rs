//! What is wrong, and what is somebody else's.

use super::*;

/// Clauses IH-6, CF-6.1, CF-9.1: everything that is wrong is told at once, nothing is done upon an
/// old revision, and who does not reach a case learns nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_or_somebody_elses_is_refused() {
    let suite = TestSuite::start().await;
    let (li, head) = (suite.caller(LI), suite.caller(HEAD));
    let bought = delivered(&suite, &li).await;
    let wrong = Case {
        order: name("orders", uuid::Uuid::nil()),
        assignee: employee(WANG),
        kind: CaseKind::Return.into(),
        ..Case::default()
    };
    let refused = register(&li, wrong).await.unwrap_err();
    let fields = ["customer", "assignee", "problem", "lines"].map(|field| format!("case.{field}"));
    assert_eq!(violations(&refused), fields);
    let nowhere = Case {
        order: name("orders", uuid::Uuid::nil()),
        ..case(CaseKind::Return, &bought, 1)
    };
    assert_eq!(
        violations(&register(&li, nowhere).await.unwrap_err()),
        ["case.order"]
    );
    let other = enter(
        &li,
        kefu_contracts::profile::Customer {
            id_card: String::new(),
            ..person()
        },
    );
    let theirs = Case {
        customer: other.await.name,
        ..case(CaseKind::Return, &bought, 1)
    };
    assert_eq!(
        violations(&register(&li, theirs).await.unwrap_err()),
        ["case.customer"]
    );
    let mut beyond = case(CaseKind::Return, &bought, 1);
    beyond.lines[0].line = 2;
    assert_eq!(
        violations(&register(&li, beyond).await.unwrap_err()),
        ["case.lines[0].line"]
    );
    let refused = register(&head, case(CaseKind::Return, &bought, 1))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "PERMISSION_MISSING");

    let one = register(&li, case(CaseKind::Return, &bought, 1))
        .await
        .unwrap();
    let past = Some(to_proto(suite.clock.now()));
    let told = [
        (
            plan_case(&li, &one, "", past, Some(Money::default())).await,
            &["plan", "deadline", "cost.currency_code", "cost"][..],
        ),
        (answer_plan(&li, &one, false, "").await, &["words"]),
        (
            add_case_step(&li, &one, "", true, "", "x", past).await,
            &["task", "place", "assignee", "due_time"],
        ),
        (
            complete_case_step(&li, &one, 0, "").await,
            &["number", "result"],
        ),
        (finish_case(&li, &one, "").await, &["result"]),
        (confirm_case(&li, &one, false, "").await, &["words"]),
        (evaluate_case(&li, &one, 6, "").await, &["score"]),
        (cancel_case(&li, &one, false, "").await, &["reason"]),
        (assign_case(&li, &one, "").await, &["assignee"]),
        (
            assign_case(&li, &one, &employee("song.yue")).await,
            &["assignee"],
        ),
    ];
    for (answer, fields) in told {
        assert_eq!(violations(&answer.unwrap_err()), fields);
    }
    let too_early = [
        plan_case(&li, &one, "退货", None, None).await,
        answer_plan(&li, &one, true, "").await,
        add_case_step(&li, &one, "取件", false, "", "", None).await,
        complete_case_step(&li, &one, 1, "已取").await,
        finish_case(&li, &one, "已退").await,
        confirm_case(&li, &one, true, "").await,
        evaluate_case(&li, &one, 5, "").await,
    ];
    for answer in too_early {
        assert_eq!(
            state(&answer.unwrap_err()),
            ("STATE_NOT_ALLOWED".into(), "REGISTERED".into())
        );
    }
    let checked = check_cover(&li, &one).await.unwrap();
    let (left, right) = tokio::join!(
        plan_case(&li, &checked, "上门取件", None, None),
        plan_case(&li, &checked, "自行寄回", None, None),
    );
    assert!(left.is_ok() != right.is_ok());
    let refused = [&left, &right]
        .into_iter()
        .find_map(|tried| tried.as_ref().err())
        .unwrap();
    assert_eq!(reason(refused), "ETAG_MISMATCH");

    // Team mates and other departments know nothing of it, whatever they try.
    for login in [WANG, "ma.chao", "guo.jing"] {
        let stranger = suite.caller(login).after(&li);
        let hidden = [
            get(&stranger, &one).await,
            check_cover(&stranger, &one).await,
            plan_case(&stranger, &one, "退货", None, None).await,
            cancel_case(&stranger, &one, false, "不办").await,
            propose(&stranger, &one, 1).await,
        ];
        for answer in hidden {
            let refused = refusal(&answer.unwrap_err());
            assert!(
                matches!(refused.0, Code::NotFound | Code::PermissionDenied),
                "{login}: {refused:?}"
            );
        }
    }
    let wang = suite.caller(WANG).after(&li);
    assert_eq!(
        refusal(&get(&wang, &one).await.unwrap_err()).0,
        Code::NotFound
    );
    assert!(list(&wang, "").await.is_empty());
    // It is given to who may work on it, and then is theirs alone.
    let now = left.or(right).unwrap();
    let given = assign_case(&head.after(&li), &now, &employee(WANG))
        .await
        .unwrap();
    let wang = suite.caller(WANG).after(&head);
    assert_eq!(get(&wang, &given).await.unwrap().problem, "开机有异响");
    assert_eq!(
        refusal(&get(&li.after(&head), &given).await.unwrap_err()).0,
        Code::NotFound
    );
    assert_eq!(due(&wang, &given).await[0].assignee, employee(WANG));
    let mut elsewhere = case(CaseKind::Repair, &bought, 1);
    elsewhere.department = name("departments", department_id("sales"));
    let elsewhere = register(&li, elsewhere).await.unwrap();
    assert_eq!(
        refusal(&get(&head, &elsewhere).await.unwrap_err()).0,
        Code::NotFound
    );
}
