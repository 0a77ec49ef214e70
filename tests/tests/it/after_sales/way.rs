//! A case from its registration to the customer's word.

use super::*;

/// Clauses OP-3.4.6, IH-6, IH-4, SG-4, CF-9.1, CF-2.3: registered, covered, planned, agreed, sent
/// somebody, done, closed by the customer's word and evaluated; what is due is one list all along.
#[tokio::test(flavor = "multi_thread")]
async fn a_repair_goes_its_way_to_the_customers_word() {
    let suite = TestSuite::start().await;
    let (li, head) = (suite.caller(LI), suite.caller(HEAD));
    let bought = delivered(&suite, &li).await;
    let wanted = RegisterCaseRequest {
        case: Some(case(CaseKind::Repair, &bought, 1)),
        request_id: id(),
    };
    let mut client = cases(&li);
    let one = client
        .register_case(wanted.clone())
        .await
        .unwrap()
        .into_inner();
    let again = client
        .register_case(wanted.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(again, one, "a repeated request is answered alike");
    // What is shown again is a view.
    assert_eq!(journaled(&suite, "case.viewed").await, 1);
    let other = RegisterCaseRequest {
        case: Some(case(CaseKind::Repair, &bought, 2)),
        ..wanted
    };
    let reused = client.register_case(other).await.unwrap_err();
    assert_eq!(reason(&reused), "REQUEST_ID_REUSED");
    assert!(one.number.starts_with("C1"), "{}", one.number);
    assert_eq!(
        (one.state(), one.lines[0].product.as_str()),
        (CaseState::Registered, "空气净化器")
    );
    assert_eq!(
        (one.assignee.as_str(), one.registrar.as_str()),
        (&*employee(LI), &*employee(LI))
    );
    let open = due(&li, &one).await;
    assert_eq!((open.len(), open[0].kind()), (1, FollowUpKind::CaseStep));
    assert_eq!(open[0].due_time, one.due_time);

    let one = check_cover(&li, &one).await.unwrap();
    assert_eq!(one.cover(), Cover::Covered);
    assert_eq!(one.findings[0].ground(), CoverGround::WithinTerm);
    assert!(one.findings[0].until_time.is_some() && one.delivered_time.is_some());
    let deadline = suite.clock.now() + 5 * DAY;
    let one = plan_case(&li, &one, "上门更换风扇", Some(to_proto(deadline)), None)
        .await
        .unwrap();
    let one = answer_plan(&li, &one, true, "周六可以").await.unwrap();
    assert_eq!(
        (one.state(), one.due_time),
        (CaseState::Agreed, Some(to_proto(deadline)))
    );
    let soon = suite.clock.now() + DAY;
    let worker = employee(WANG);
    let visit = add_case_step(
        &li,
        &one,
        "上门更换风扇",
        true,
        "海淀区知春路1号",
        &worker,
        Some(to_proto(soon)),
    );
    let one = visit.await.unwrap();
    let one = add_case_step(&li, &one, "寄送旧件", false, "", "", None)
        .await
        .unwrap();
    assert_eq!(
        (one.state(), one.due_time),
        (CaseState::UnderWay, Some(to_proto(soon)))
    );
    // Whoever is sent sees the case, and what they have to do is theirs.
    let wang = suite.caller(WANG).after(&li);
    assert_eq!(
        get(&wang, &one).await.unwrap().steps[0].place,
        "海淀区知春路1号"
    );
    let theirs = due(&wang, &one).await;
    let theirs: Vec<_> = theirs
        .iter()
        .filter(|due| due.assignee == employee(WANG))
        .collect();
    assert_eq!(theirs.len(), 1);
    assert_eq!(theirs[0].subject, format!("{}/steps/1", one.name));
    let early = finish_case(&li, &one, "好了").await.unwrap_err();
    assert_eq!(
        (reason(&early), said(&early, "needs")),
        ("STEP_MISSING".into(), "STEPS".into())
    );
    let one = complete_case_step(&wang, &one, 1, "已更换，运转正常")
        .await
        .unwrap();
    let li = li.after(&wang);
    // Their work is done, and so is their duty.
    assert_eq!(
        refusal(&get(&wang, &one).await.unwrap_err()).0,
        Code::NotFound
    );
    let again = complete_case_step(&li, &one, 1, "再来").await.unwrap_err();
    assert_eq!(state(&again), ("STATE_NOT_ALLOWED".into(), "DONE".into()));
    let one = complete_case_step(&li, &one, 2, "已寄出").await.unwrap();
    let one = finish_case(&li, &one, "更换风扇").await.unwrap();
    let open = due(&li, &one).await;
    assert_eq!((open.len(), open[0].kind()), (1, FollowUpKind::CaseClosing));

    let one = confirm_case(&li, &one, false, "还是有声音").await.unwrap();
    assert_eq!((one.state(), one.reopen_count), (CaseState::Checked, 1));
    let one = plan_case(&li, &one, "整机检修", None, None).await.unwrap();
    let declined = answer_plan(&li, &one, false, "太久了").await.unwrap();
    assert_eq!(
        (declined.state(), declined.plan_count),
        (CaseState::Checked, 2)
    );
    let one = plan_case(&li, &declined, "次日检修", None, None)
        .await
        .unwrap();
    let one = answer_plan(&li, &one, true, "").await.unwrap();
    let one = add_case_step(&li, &one, "检修", false, "", "", None)
        .await
        .unwrap();
    let one = complete_case_step(&li, &one, 3, "轴承已换").await.unwrap();
    let one = finish_case(&li, &one, "轴承已换").await.unwrap();

    // Found by number, order, state, kind, whose it is and when it is due, in the one scope.
    let filters = [
        format!("number = {}", one.number),
        format!("order = {} AND kind = REPAIR", one.order),
        format!("customer = {} AND state = DONE", one.customer),
        format!(
            "assignee = {} AND due_time > \"{}\"",
            employee(LI),
            suite.clock.now()
        ),
        "cover = COVERED".into(),
    ];
    for filter in filters {
        assert_eq!(
            list(&li, &filter).await,
            std::slice::from_ref(&one),
            "{filter}"
        );
    }
    assert!(list(&li, "state = CLOSED").await.is_empty());
    let on_duty = async || {
        let request = ListDutiesRequest {
            filter: format!("resource = \"{}\"", one.name),
            ..Default::default()
        };
        let mut duties = TimelineServiceClient::new(head.clone());
        let duties = duties
            .list_duties(request)
            .await
            .unwrap()
            .into_inner()
            .duties;
        let standing = duties.into_iter().filter(|duty| duty.end_time.is_none());
        standing.map(|duty| duty.employee).collect::<Vec<_>>()
    };
    eventually(async || (on_duty().await == [employee(LI)]).then_some(())).await;

    let one = confirm_case(&li, &one, true, "很安静").await.unwrap();
    assert_eq!(
        (one.state(), one.close_time),
        (CaseState::Closed, one.update_time)
    );
    let one = evaluate_case(&li, &one, 5, "师傅很专业").await.unwrap();
    assert_eq!((one.state(), one.score), (CaseState::Evaluated, 5));
    assert!(due(&li, &one).await.is_empty());
    eventually(async || on_duty().await.is_empty().then_some(())).await;
    let kinds = [
        ("case.registered", 1),
        ("case.cover_checked", 1),
        ("case.planned", 3),
        ("case.plan_agreed", 2),
        ("case.plan_declined", 1),
        ("case.step_added", 3),
        ("case.step_done", 3),
        ("case.finished", 2),
        ("case.reopened", 1),
        ("case.closed", 1),
        ("case.evaluated", 1),
    ];
    for (kind, times) in kinds {
        assert_eq!(journaled(&suite, kind).await, times, "{kind}");
    }
    // It is in the customer's history.
    let history = async || {
        let request = ListTimelineRequest {
            parent: bought.customer.clone(),
            filter: "kind = AFTER_SALES".into(),
            ..Default::default()
        };
        let answer = TimelineServiceClient::new(head.clone())
            .list_timeline(request)
            .await;
        let entries = answer.unwrap().into_inner().entries;
        let told = entries
            .iter()
            .all(|entry| entry.kind() == TimelineKind::AfterSales);
        (told && entries.len() == 19).then_some(())
    };
    eventually(history).await;
}
