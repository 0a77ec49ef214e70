//! What is refused, and what the refusal says.

use kefu_contracts::access::{
    RejectBorrowingRequest, ReturnBorrowingFormRequest, UpdateBorrowingRequest,
    WithdrawBorrowingRequest,
};

use super::*;

/// Clause CF-9.2: everything that is wrong with an application, at once.
#[tokio::test]
async fn an_application_with_faults_says_all_of_them() {
    let house = House::new().await;
    let applicant = house.person("song.yue");
    let empty = create(&applicant, Borrowing::default()).await.unwrap_err();
    assert_eq!(
        violations(&empty),
        [
            "borrowing.purpose REQUIRED",
            "borrowing.justification REQUIRED",
            "borrowing.requested REQUIRED"
        ]
    );
    let bad = Borrowing {
        requested: Some(BorrowingTerms {
            items: vec![
                copy(1),
                copy(1),
                BorrowedCopy::default(),
                BorrowedCopy {
                    medium: 9,
                    label: "长".repeat(61),
                    ..copy(2)
                },
            ],
            start_time: in_hours(&house, 50),
            end_time: in_hours(&house, 48),
        }),
        extends: "shares/1".into(),
        ..form(&house)
    };
    assert_eq!(
        violations(&create(&applicant, bad).await.unwrap_err()),
        [
            "borrowing.requested.items[1] DUPLICATE",
            "borrowing.requested.items[2].customer REQUIRED",
            "borrowing.requested.items[2].medium REQUIRED",
            "borrowing.requested.items[2].label REQUIRED",
            "borrowing.requested.items[3].medium UNKNOWN_VALUE",
            "borrowing.requested.items[3].label TOO_LONG",
            "borrowing.requested.start_time CONTRADICTION",
            "borrowing.extends RESOURCE_NAME",
        ]
    );
    let mut many = form(&house);
    many.requested.as_mut().unwrap().items = (0..101).map(copy).collect();
    let refused = create(&applicant, many).await.unwrap_err();
    assert_eq!(violations(&refused), ["borrowing.requested.items TOO_MANY"]);
    for hours in [-1, 366 * 24 + 1] {
        let mut form = form(&house);
        form.requested.as_mut().unwrap().end_time = in_hours(&house, hours);
        let refused = create(&applicant, form).await.unwrap_err();
        assert_eq!(violations(&refused), ["borrowing.requested.end_time TIME"]);
    }
}

/// Clause CF-9.2: each decision is somebody's, none widens, and the form goes back and
/// forth like any other.
#[tokio::test]
async fn an_application_is_decided_by_its_approvers_alone() {
    let house = House::new().await;
    let (applicant, head) = (house.person("song.yue"), house.person("qian.hua"));
    let borrowing = handed_in(&house, form(&house)).await;
    let own = approve(&applicant, &borrowing, None).await.unwrap_err();
    assert_eq!(reason(&own), "NOT_THE_CALLERS_TURN");
    let keeper = approve(&archive(&house), &borrowing, None)
        .await
        .unwrap_err();
    assert_eq!(
        said(&keeper, "ask"),
        format!("{} (department_head)", house.employee("qian.hua"))
    );
    let wider = BorrowingTerms {
        items: vec![copy(9)],
        end_time: in_hours(&house, 49),
        ..BorrowingTerms::default()
    };
    let refused = approve(&head, &borrowing, Some(wider)).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        ["terms.items WIDER", "terms.end_time WIDER"]
    );
    let stale = Borrowing {
        etag: "r1".into(),
        ..borrowing.clone()
    };
    assert_eq!(
        reason(&approve(&head, &stale, None).await.unwrap_err()),
        "ETAG_MISMATCH"
    );
    let back = ReturnBorrowingFormRequest {
        name: borrowing.name.clone(),
        etag: borrowing.etag.clone(),
        ..ReturnBorrowingFormRequest::default()
    };
    let mut client = head.borrowings();
    let wordless = client
        .return_borrowing_form(back.clone())
        .await
        .unwrap_err();
    assert_eq!(violations(&wordless), ["comment REQUIRED"]);
    let back = ReturnBorrowingFormRequest {
        comment: "范围过大".into(),
        ..back
    };
    let mut returned = client
        .return_borrowing_form(back)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(returned.state(), ApprovalState::Returned);
    returned.requested.as_mut().unwrap().items.pop();
    let update = UpdateBorrowingRequest {
        borrowing: Some(returned.clone()),
        request_id: String::new(),
    };
    let foreign = client.update_borrowing(update.clone()).await.unwrap_err();
    assert_eq!(said(&foreign, "rule"), "only whoever applied");
    let mut own = applicant.borrowings();
    let updated = own
        .update_borrowing(update.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(updated.lines.len(), 1);
    assert_eq!(
        reason(&own.update_borrowing(update).await.unwrap_err()),
        "ETAG_MISMATCH"
    );
    let itself = UpdateBorrowingRequest {
        borrowing: Some(Borrowing {
            extends: updated.name.clone(),
            ..updated.clone()
        }),
        request_id: String::new(),
    };
    let itself = own.update_borrowing(itself).await.unwrap_err();
    assert_eq!(violations(&itself), ["borrowing.extends UNKNOWN"]);
    let borrowing = submit(&applicant, &updated.name).await.unwrap();
    let no = RejectBorrowingRequest {
        name: borrowing.name.clone(),
        etag: borrowing.etag.clone(),
        comment: "不需要".into(),
        request_id: String::new(),
    };
    let rejected = client.reject_borrowing(no).await.unwrap().into_inner();
    assert_eq!(rejected.state(), ApprovalState::Rejected);
    assert_eq!(states(&rejected), [BorrowedItemState::Dropped]);
    let over = submit(&applicant, &borrowing.name).await.unwrap_err();
    assert_eq!(said(&over, "state"), "REJECTED");
}

/// Clause CF-9.2: the register is the archive manager's, and never on what they borrow
/// themselves.
#[tokio::test]
async fn the_register_is_kept_by_the_archive_manager_and_never_by_the_borrower() {
    let house = House::new().await;
    let borrowing = approved(&house, form(&house)).await;
    let name = borrowing.name.as_str();
    let (keeper, borrower) = (archive(&house), house.person("song.yue"));
    let outsider = house.caller(house.id("liu.jianhua"), Scope::All);
    assert_eq!(
        reason(&hand_out(&outsider, name, &[]).await.unwrap_err()),
        "NOT_THE_CALLERS_TURN"
    );
    let refused = hand_out(&outsider, name, &[]).await.unwrap_err();
    assert_eq!(
        said(&refused, "ask"),
        format!("{} (archive_manager)", house.employee("feng.yulan"))
    );
    hand_out(&keeper, name, &[copy(1)]).await.unwrap();
    let rule = "nobody hands out, inspects or follows up what they borrow themselves";
    for refused in [
        hand_out(&borrower, name, &[]).await,
        take_back(&borrower, name, copy(1), CopyCondition::Intact).await,
        follow_up(&borrower, name, copy(1)).await,
        close(&borrower, name).await,
    ] {
        assert_eq!(said(&refused.unwrap_err(), "rule"), rule);
    }
    let foreign = report_lost(&outsider, name, copy(1)).await.unwrap_err();
    assert_eq!(said(&foreign, "rule"), "only whoever keeps the files");
    // An archive manager who borrows needs another.
    let mut own = form(&house);
    own.requested.as_mut().unwrap().items = vec![copy(5)];
    let own = create(&keeper, own).await.unwrap();
    assert_eq!(
        said(
            &hand_out(&keeper, &own.name, &[]).await.unwrap_err(),
            "rule"
        ),
        rule
    );
}

#[tokio::test]
async fn each_copy_is_handed_out_and_taken_back_where_it_stands() {
    let house = House::new().await;
    let (keeper, borrower) = (archive(&house), house.person("song.yue"));
    let early = handed_in(&house, form(&house)).await;
    assert_eq!(
        said(
            &hand_out(&keeper, &early.name, &[]).await.unwrap_err(),
            "state"
        ),
        "IN_REVIEW"
    );
    let name = approved(&house, form(&house)).await.name;
    let waiting = take_back(&keeper, &name, copy(1), CopyCondition::Intact).await;
    let waiting = waiting.unwrap_err();
    assert_eq!(
        (said(&waiting, "state"), said(&waiting, "item")),
        ("APPROVED".into(), copy(1).label)
    );
    let unknown = hand_out(&keeper, &name, &[copy(9)]).await.unwrap_err();
    assert_eq!(violations(&unknown), ["items[0] UNKNOWN"]);
    hand_out(&keeper, &name, &[copy(1)]).await.unwrap();
    let twice = hand_out(&keeper, &name, &[copy(1)]).await.unwrap_err();
    assert_eq!(said(&twice, "state"), "OUT");
    let sound = follow_up(&keeper, &name, copy(1)).await.unwrap_err();
    assert_eq!(said(&sound, "state"), "OUT");
    let withdraw = WithdrawBorrowingRequest {
        name: name.clone(),
        ..WithdrawBorrowingRequest::default()
    };
    let mut client = borrower.borrowings();
    let gone = client.withdraw_borrowing(withdraw).await.unwrap_err();
    assert_eq!(said(&gone, "state"), "HANDED_OUT");
    let bare = TakeBackItemsRequest {
        name: name.clone(),
        items: vec![
            ReturnedCopy {
                item: Some(copy(1)),
                ..ReturnedCopy::default()
            },
            ReturnedCopy {
                item: None,
                condition: CopyCondition::Damaged.into(),
                note: String::new(),
            },
        ],
        ..TakeBackItemsRequest::default()
    };
    let bare = keeper.borrowings().take_back_items(bare).await.unwrap_err();
    assert_eq!(
        violations(&bare),
        [
            "items[0].condition REQUIRED",
            "items[1].note REQUIRED",
            "items[1].customer REQUIRED",
            "items[1].medium REQUIRED",
            "items[1].label REQUIRED",
        ]
    );
    let nothing = ReportItemsLostRequest {
        name: name.clone(),
        ..ReportItemsLostRequest::default()
    };
    let nothing = client.report_items_lost(nothing).await.unwrap_err();
    assert_eq!(violations(&nothing), ["comment REQUIRED", "items REQUIRED"]);
    let nothing = RecordFollowUpRequest {
        name: "borrowings/x".into(),
        ..RecordFollowUpRequest::default()
    };
    let nothing = keeper
        .borrowings()
        .record_follow_up(nothing)
        .await
        .unwrap_err();
    assert_eq!(
        violations(&nothing),
        ["name RESOURCE_NAME", "comment REQUIRED", "items REQUIRED"]
    );
    // Before its time nothing is handed out.
    let mut later = form(&house);
    later.requested.as_mut().unwrap().start_time = in_hours(&house, 1);
    later.requested.as_mut().unwrap().items = vec![copy(7)];
    let later = approved(&house, later).await;
    let soon = hand_out(&keeper, &later.name, &[]).await.unwrap_err();
    assert_eq!(said(&soon, "state"), "SCHEDULED");
    let draft = create(&borrower, form(&house)).await.unwrap();
    let withdraw = WithdrawBorrowingRequest {
        name: draft.name.clone(),
        ..WithdrawBorrowingRequest::default()
    };
    let withdrawn = client
        .withdraw_borrowing(withdraw)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(withdrawn.state(), ApprovalState::Withdrawn);
    for missing in [
        close(&house.person("tang.wei"), &name).await,
        hand_out(&house.person("tang.wei"), &name, &[]).await,
        report_lost(&house.person("tang.wei"), &name, copy(1)).await,
    ] {
        assert_eq!(missing.unwrap_err().code(), Code::NotFound);
    }
}
