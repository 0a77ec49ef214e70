//! Money and goods that go back: within what was paid, by rule or by a second person, and once.

use super::*;

/// Clause IH-6: of two cases that want the same pieces or the same money at once, one gets them;
/// what is cancelled is free again.
#[tokio::test(flavor = "multi_thread")]
async fn money_and_goods_are_never_returned_twice() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let bought = delivered(&suite, &li).await;
    let (one, two) = tokio::join!(
        register(&li, case(CaseKind::Return, &bought, 2)),
        register(&li, case(CaseKind::Exchange, &bought, 1)),
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    let pieces = if one.is_ok() { 2 } else { 1 };
    let refused = [&one, &two]
        .into_iter()
        .find_map(|tried| tried.as_ref().err())
        .unwrap();
    assert_eq!(reason(refused), "BEYOND_LIMIT");
    assert_eq!(said(refused, "limit"), (2 - pieces).to_string());
    assert_eq!(booked(&suite).await.0, pieces);
    let first = one.or(two).unwrap();
    let gone = cancel_case(&li, &first, true, "客户改变主意")
        .await
        .unwrap();
    assert!(gone.withdrawn && gone.state() == CaseState::Cancelled);
    assert_eq!(booked(&suite).await.0, 0);
    let back = register(&li, case(CaseKind::Return, &bought, 2))
        .await
        .unwrap();
    let refused = register(&li, case(CaseKind::Return, &bought, 1))
        .await
        .unwrap_err();
    assert_eq!(said(&refused, "limit"), "0");

    // Paid were 2599; a piece may be worth a case, its money only once.
    let other = register(&li, case(CaseKind::Refund, &bought, 2))
        .await
        .unwrap();
    let (back, other) = (
        check_cover(&li, &back).await.unwrap(),
        check_cover(&li, &other).await.unwrap(),
    );
    let (left, right) = tokio::join!(propose(&li, &back, 2000), propose(&li, &other, 2000));
    assert!(left.is_ok() != right.is_ok(), "{left:?} {right:?}");
    let refused = [&left, &right]
        .into_iter()
        .find_map(|tried| tried.as_ref().err())
        .unwrap();
    assert_eq!(
        (reason(refused), said(refused, "limit")),
        ("BEYOND_LIMIT".into(), "599.000000000".into())
    );
    let (won, lost) = match left {
        Ok(won) => (won, other),
        Err(_) => (right.unwrap(), back),
    };
    let lost = propose(&li, &lost, 599).await.unwrap();
    assert_eq!(booked(&suite).await, (2, "2599000000000".into()));
    let refused = propose(&li, &won, 1).await.unwrap_err();
    assert_eq!(said(&refused, "limit"), "0.000000000");
    // A second person refuses the one, and its money is free.
    let head = suite.caller(HEAD).after(&li);
    let won = decide_on_case_payment(&head, &won, 1, false, "超过标准")
        .await
        .unwrap();
    assert_eq!(won.payments[0].state(), CasePaymentState::Refused);
    assert_eq!(booked(&suite).await.1, "599000000000");
    let lost = decide_on_case_payment(&head, &lost, 1, true, "同意")
        .await
        .unwrap();
    let li = li.after(&head);
    let lost = plan_case(&li, &lost, "退款", None, None).await.unwrap();
    let lost = answer_plan(&li, &lost, true, "").await.unwrap();
    let erp = suite.caller_for("erp", "integration").after(&li);
    // Paid at once by two, or again: once.
    let (one, two) = tokio::join!(
        record_case_payment(&erp, &lost, 1, "TK-2026-1"),
        record_case_payment(&erp, &lost, 1, "TK-2026-2"),
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    let paid = one.or(two).unwrap();
    let again = record_case_payment(&erp, &paid, 1, "TK-2026-3")
        .await
        .unwrap_err();
    assert_eq!(state(&again), ("STATE_NOT_ALLOWED".into(), "PAID".into()));
    assert_eq!(journaled(&suite, "case_payment.paid").await, 1);
    // The reference of one payment is not that of another, whichever case it is of.
    let li = li.after(&erp);
    let won = propose(&li, &won, 7).await.unwrap();
    let won = decide_on_case_payment(&suite.caller(HEAD).after(&li), &won, 2, true, "同意")
        .await
        .unwrap();
    let won = plan_case(&li, &won, "退货", None, None).await.unwrap();
    let won = answer_plan(&li, &won, true, "").await.unwrap();
    let reference = paid.payments[0].reference.clone();
    let taken = record_case_payment(&erp, &won, 2, &reference)
        .await
        .unwrap_err();
    assert_eq!(reason(&taken), "ALREADY_EXISTS");
    assert_eq!(
        get(&li, &won).await.unwrap(),
        won,
        "nothing is left of what was refused"
    );
    // A case of which something was carried out is not cancelled.
    let refused = cancel_case(&li, &paid, true, "晚了").await.unwrap_err();
    assert_eq!(
        state(&refused),
        ("STATE_NOT_ALLOWED".into(), "CARRIED_OUT".into())
    );
}

/// Clauses IH-4, IH-6: little by the company's rule, more by a second person who had no hand in it,
/// nothing beyond, nothing of what was not paid.
#[tokio::test(flavor = "multi_thread")]
async fn payments_are_by_rule_or_by_a_second_person() {
    let suite = TestSuite::start().await;
    let (li, administrator) = (suite.caller(LI), suite.caller(ADMINISTRATOR));
    let rule = |kind: CasePaymentKind| CasePaymentRule {
        kind: kind.into(),
        currency: "CNY".into(),
        granted_units: 100,
        approved_units: 500,
    };
    let payments = [CasePaymentKind::Refund, CasePaymentKind::Compensation].map(rule);
    revise(&administrator, |rules| rules.payments = payments.to_vec())
        .await
        .unwrap();
    let li = li.after(&administrator);
    let customer = enter(&li, person()).await;
    let bought = place(&li, order(&customer.name)).await;
    let one = register(&li, case(CaseKind::Refund, &bought, 1))
        .await
        .unwrap();
    let early = propose(&li, &one, 1).await.unwrap_err();
    assert_eq!(
        state(&early),
        ("STATE_NOT_ALLOWED".into(), "REGISTERED".into())
    );
    let one = check_cover(&li, &one).await.unwrap();
    let unpaid = propose(&li, &one, 1).await.unwrap_err();
    assert_eq!(
        state(&unpaid),
        ("STATE_NOT_ALLOWED".into(), "UNPAID".into())
    );
    told(&li, &bought, OrderStage::Paid, suite.clock.now()).await;
    let mut odd = of_line(5);
    odd[0].line = 2;
    odd.push(RefundLine {
        line: 2,
        amount: None,
    });
    let refund = CasePaymentKind::Refund;
    let wrong = propose_case_payment(&li, &one, refund, odd, Some(money(1)), "")
        .await
        .unwrap_err();
    let expected = [
        "amount",
        "lines[1].line",
        "lines[1].amount.currency_code",
        "lines[1].amount.currency_code",
        "lines[1].amount",
        "reason",
    ];
    assert_eq!(violations(&wrong), expected);
    let mut foreign = of_line(5);
    foreign[0].amount.as_mut().unwrap().currency_code = "USD".into();
    let wrong = propose_case_payment(&li, &one, refund, foreign, None, "退款")
        .await
        .unwrap_err();
    assert_eq!(violations(&wrong), ["lines[0].amount.currency_code"]);
    let one = propose(&li, &one, 100).await.unwrap();
    assert_eq!(
        (one.payments[0].state(), one.payments[0].by_rule),
        (CasePaymentState::Granted, true)
    );
    let one = propose(&li, &one, 1).await.unwrap();
    assert_eq!(one.payments[1].state(), CasePaymentState::Asked);
    let beyond = propose(&li, &one, 400).await.unwrap_err();
    assert_eq!(
        (reason(&beyond), said(&beyond, "limit")),
        ("BEYOND_LIMIT".into(), "500".into())
    );
    let loss = CasePaymentKind::Compensation;
    let one = propose_case_payment(&li, &one, loss, Vec::new(), Some(money(60)), "误工")
        .await
        .unwrap();
    assert_eq!(one.payments[2].state(), CasePaymentState::Granted);

    let refused = decide_on_case_payment(&li, &one, 2, true, "自己同意")
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "PERMISSION_MISSING");
    let head = suite.caller(HEAD).after(&li);
    let wrong = decide_on_case_payment(&head, &one, 0, true, "")
        .await
        .unwrap_err();
    assert_eq!(violations(&wrong), ["number", "reason"]);
    let wrong = decide_on_case_payment(&head, &one, 9, true, "同意")
        .await
        .unwrap_err();
    assert_eq!(violations(&wrong), ["number"]);
    // Whoever decided on the cover had a hand in it.
    let other = override_cover(&head, &one, Cover::Covered, "特批")
        .await
        .unwrap();
    let refused = decide_on_case_payment(&head, &other, 2, true, "同意")
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "SECOND_PERSON_REQUIRED");
    let li = li.after(&head);
    let open = register(&li, case(CaseKind::Refund, &bought, 1))
        .await
        .unwrap();
    let open = check_cover(&li, &open).await.unwrap();
    let open = propose(&li, &open, 300).await.unwrap();
    let open = plan_case(&li, &open, "退款", None, None).await.unwrap();
    let open = answer_plan(&li, &open, true, "").await.unwrap();
    let erp = suite.caller_for("erp", "integration").after(&li);
    let early = record_case_payment(&erp, &open, 1, "TK-1")
        .await
        .unwrap_err();
    assert_eq!(state(&early), ("STATE_NOT_ALLOWED".into(), "ASKED".into()));
    let refused = record_case_payment(&li, &open, 1, "TK-1")
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "PERMISSION_MISSING");
    let head = suite.caller(HEAD).after(&erp);
    let decision = DecideOnCasePaymentRequest {
        name: open.name.clone(),
        etag: open.etag.clone(),
        request_id: id(),
        number: 1,
        approve: true,
        reason: "属实".into(),
    };
    let mut client = cases(&head);
    let granted = client.decide_on_case_payment(decision.clone()).await;
    let granted = granted.unwrap().into_inner();
    let viewed = journaled(&suite, "case.viewed").await;
    let again = client.decide_on_case_payment(decision).await;
    assert_eq!(again.unwrap().into_inner(), granted);
    assert_eq!(journaled(&suite, "case.viewed").await, viewed + 1);
    assert_eq!(granted.payments[0].decider, employee(HEAD));
    let open = add_case_step(&li.after(&head), &granted, "通知财务", false, "", "", None)
        .await
        .unwrap();
    let open = complete_case_step(&li, &open, 1, "已通知").await.unwrap();
    let early = finish_case(&li, &open, "已退").await.unwrap_err();
    assert_eq!(said(&early, "needs"), "PAYMENTS");
    let paid = record_case_payment(&erp.after(&li), &open, 1, "TK-2026-0042")
        .await
        .unwrap();
    let done = finish_case(&li.after(&erp), &paid, "已退").await.unwrap();
    assert_eq!(done.payments[0].reference, "TK-2026-0042");
    for (kind, times) in [
        ("case_payment.asked", 2),
        ("case_payment.granted", 3),
        ("case_payment.paid", 1),
    ] {
        assert_eq!(journaled(&suite, kind).await, times, "{kind}");
    }
}

/// Clause IH-6: whoever dies while a refund is booked leaves nothing of it; asked once more under the
/// same request id, it is booked once.
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_is_cut_off_leaves_nothing_hanging() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let bought = delivered(&suite, &li).await;
    let one = register(&li, case(CaseKind::Refund, &bought, 1))
        .await
        .unwrap();
    let one = check_cover(&li, &one).await.unwrap();
    // It stops after its accounts are written, until it is let go on.
    let mut sql = suite.database.connect().await.unwrap();
    sqlx::raw_sql(
        "CREATE FUNCTION orders.stop() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END';
         CREATE TRIGGER stop BEFORE UPDATE ON orders.after_sales_case FOR EACH ROW EXECUTE FUNCTION orders.stop();
         SELECT pg_advisory_lock(4711);",
    )
    .execute(&mut sql)
    .await
    .unwrap();
    let request = ProposeCasePaymentRequest {
        name: one.name.clone(),
        etag: one.etag.clone(),
        request_id: id(),
        kind: CasePaymentKind::Refund.into(),
        lines: of_line(100),
        amount: None,
        reason: "退款".into(),
    };
    let (mut client, sent) = (cases(&li), request.clone());
    let asked = tokio::spawn(async move { client.propose_case_payment(sent).await });
    let cut_off = eventually(|| async {
        let mut admin = suite.database.connect().await.unwrap();
        sqlx::query_scalar::<_, bool>(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory'",
        )
        .fetch_optional(&mut admin)
        .await
        .unwrap()
    })
    .await;
    assert!(cut_off);
    assert!(asked.await.unwrap().is_err());
    assert_eq!(booked(&suite).await.1, "0");
    sqlx::raw_sql("SELECT pg_advisory_unlock(4711)")
        .execute(&mut sql)
        .await
        .unwrap();
    assert_eq!(get(&li, &one).await.unwrap(), one);
    for _ in 0..2 {
        let answer = cases(&li).propose_case_payment(request.clone()).await;
        assert_eq!(answer.unwrap().into_inner().payments.len(), 1);
    }
    assert_eq!(booked(&suite).await.1, "100000000000");
    assert_eq!(journaled(&suite, "case_payment.asked").await, 1);
}
