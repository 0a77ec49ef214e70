//! What is refused, and what the refusal says.

use kefu_contracts::access::{
    CustomerSelection, RejectShareRequest, ReturnShareRequest, UpdateShareRequest,
};

use super::*;

/// Clause CF-6.2: everything that is wrong with a form, at once.
#[tokio::test]
async fn a_form_with_faults_says_all_of_them() {
    let house = House::new().await;
    let applicant = house.person("song.yue");
    let empty = create(&applicant, Share::default()).await.unwrap_err();
    assert_eq!(
        violations(&empty),
        [
            "share.purpose REQUIRED",
            "share.mode REQUIRED",
            "share.justification REQUIRED",
            "share.requested REQUIRED"
        ]
    );
    let bad = Share {
        requested: Some(ShareTerms {
            customers: vec![customer(1), customer(1), "orders/1".into()],
            classes: vec![DataClass::System as i32, 99],
            receivers: vec![
                house.employee("erp"),
                format!("employees/{}", Uuid::from_u128(5)),
            ],
            start_time: in_hours(&house, 50),
            end_time: in_hours(&house, 48),
            duration: Some(prost_types::Duration {
                seconds: 0,
                nanos: 0,
            }),
            companion: house.employee("tang.wei"),
            selection: None,
        }),
        ..form(&house)
    };
    assert_eq!(
        violations(&create(&applicant, bad).await.unwrap_err()),
        [
            "share.requested.customers[1] DUPLICATE",
            "share.requested.customers[2] RESOURCE_NAME",
            "share.requested.classes[0] UNKNOWN_VALUE",
            "share.requested.classes[1] UNKNOWN_VALUE",
            "share.requested.start_time CONTRADICTION",
            "share.requested.duration TIME",
            "share.requested.receivers[0] UNKNOWN",
            "share.requested.receivers[1] UNKNOWN",
            "share.requested.companion UNKNOWN",
        ]
    );
    for hours in [-1, 366 * 24 + 1] {
        let mut form = form(&house);
        form.requested.as_mut().unwrap().end_time = in_hours(&house, hours);
        let refused = create(&applicant, form).await.unwrap_err();
        assert_eq!(violations(&refused), ["share.requested.end_time TIME"]);
    }
    let nothing = CreateShareRequest {
        share: None,
        request_id: "x".into(),
    };
    let refused = applicant.shares().create_share(nothing).await.unwrap_err();
    assert_eq!(violations(&refused), ["request_id UUID", "share REQUIRED"]);
}

/// Clause CF-6.2: a rule that nobody can read now is neither kept nor agreed to unread.
#[tokio::test]
async fn a_rule_waits_for_the_service_that_reads_it() {
    let house = House::new().await;
    let mut form = form(&house);
    let requested = form.requested.as_mut().unwrap();
    requested.customers.clear();
    requested.selection = Some(CustomerSelection {
        filter: "type = PERSON".into(),
        max_files: 5,
        ..CustomerSelection::default()
    });
    let refused = create(&house.person("song.yue"), form).await.unwrap_err();
    assert_eq!(reason(&refused), "UPSTREAM_UNAVAILABLE");
    assert_eq!(house.count("SELECT count(*) FROM access.share").await, 0);
}

/// Clause CF-6.2: narrowing is fine, and each field that is wider is named.
#[tokio::test]
async fn nobody_widens_what_was_asked_for() {
    let house = House::new().await;
    let share = handed_in(&house, form(&house)).await;
    let head = house.person("qian.hua");
    let wider = ShareTerms {
        customers: vec![customer(0xFF)],
        classes: vec![DataClass::Identity as i32],
        receivers: vec![house.employee("tang.wei")],
        end_time: in_hours(&house, 49),
        ..ShareTerms::default()
    };
    let refused = approve(&head, &share, Some(wider)).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        [
            "terms.customers WIDER",
            "terms.classes WIDER",
            "terms.receivers WIDER",
            "terms.end_time WIDER"
        ]
    );
    let none = approve(&head, &share, Some(ShareTerms::default()))
        .await
        .unwrap_err();
    assert_eq!(
        violations(&none),
        [
            "terms.customers REQUIRED",
            "terms.receivers REQUIRED",
            "terms.classes REQUIRED",
            "terms.end_time REQUIRED"
        ]
    );
    let untouched = get(&head, &share.name).await.unwrap();
    assert_eq!(untouched, share);
}

/// Clause CF-6.3: each decision is somebody's, and the refusal says whose.
#[tokio::test]
async fn only_the_stages_approver_decides() {
    let house = House::new().await;
    let share = handed_in(&house, form(&house)).await;
    let own = approve(&house.person("song.yue"), &share, None)
        .await
        .unwrap_err();
    assert_eq!(own.code(), Code::PermissionDenied);
    assert!(said(&own, "rule").starts_with("whoever applied, receives"));
    // The company leader sees all shares, and it is not their turn.
    let leader = house.caller(house.id("liu.jianhua"), kefu_access::Scope::All);
    let early = approve(&leader, &share, None).await.unwrap_err();
    assert_eq!(reason(&early), "NOT_THE_CALLERS_TURN");
    assert_eq!(
        said(&early, "ask"),
        format!("{} (department_head)", house.employee("qian.hua"))
    );
    let hidden = approve(&house.person("tang.wei"), &share, None)
        .await
        .unwrap_err();
    assert_eq!(reason(&hidden), "NOT_FOUND_OR_OUT_OF_SCOPE");
    let head = house.person("qian.hua");
    let after = approve(&head, &share, None).await.unwrap();
    let stale = Share {
        etag: share.etag.clone(),
        ..after.clone()
    };
    let stale = approve(&house.person("chen.guodong"), &stale, None)
        .await
        .unwrap_err();
    assert_eq!(reason(&stale), "ETAG_MISMATCH");
    let unread = Share {
        etag: String::new(),
        ..after.clone()
    };
    let unread = approve(&house.person("chen.guodong"), &unread, None)
        .await
        .unwrap_err();
    assert_eq!(violations(&unread), ["etag REQUIRED"]);
    let twice = approve(&head, &after, None).await.unwrap_err();
    assert_eq!(reason(&twice), "NOT_THE_CALLERS_TURN");
}

#[tokio::test]
async fn a_no_needs_a_word_and_ends_it_or_gives_it_back() {
    let house = House::new().await;
    let (head, applicant) = (house.person("qian.hua"), house.person("song.yue"));
    let share = handed_in(&house, form(&house)).await;
    let back = ReturnShareRequest {
        name: share.name.clone(),
        etag: share.etag.clone(),
        ..ReturnShareRequest::default()
    };
    let wordless = head.shares().return_share(back.clone()).await.unwrap_err();
    assert_eq!(violations(&wordless), ["comment REQUIRED"]);
    let back = ReturnShareRequest {
        comment: "范围过大".into(),
        ..back
    };
    let returned = head.shares().return_share(back).await.unwrap().into_inner();
    assert_eq!(returned.state(), ApprovalState::Returned);
    assert_eq!(returned.steps.last().unwrap().comment, "范围过大");

    // The applicant, and only the applicant, writes it again.
    let mut changed = returned.clone();
    changed.requested.as_mut().unwrap().customers.pop();
    let update = UpdateShareRequest {
        share: Some(changed),
        request_id: String::new(),
    };
    let foreign = head
        .shares()
        .update_share(update.clone())
        .await
        .unwrap_err();
    assert_eq!(reason(&foreign), "NOT_THE_CALLERS_TURN");
    let updated = applicant
        .shares()
        .update_share(update.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(updated.terms.as_ref().unwrap().customers.len(), 2);
    let stale = applicant.shares().update_share(update).await.unwrap_err();
    assert_eq!(reason(&stale), "ETAG_MISMATCH");

    let share = submit(&applicant, &share.name).await.unwrap();
    let in_review = UpdateShareRequest {
        share: Some(share.clone()),
        request_id: String::new(),
    };
    let in_review = applicant
        .shares()
        .update_share(in_review)
        .await
        .unwrap_err();
    assert_eq!(said(&in_review, "state"), "IN_REVIEW");
    let no = RejectShareRequest {
        name: share.name.clone(),
        etag: share.etag.clone(),
        comment: "不需要".into(),
        request_id: String::new(),
    };
    let rejected = head.shares().reject_share(no).await.unwrap().into_inner();
    assert_eq!(rejected.state(), ApprovalState::Rejected);
    let over = submit(&applicant, &share.name).await.unwrap_err();
    assert_eq!(said(&over, "state"), "REJECTED");
}

#[tokio::test]
async fn only_who_receives_puts_it_to_use_and_only_who_asked_takes_it_back() {
    let house = House::new().await;
    let share = handed_in(&house, form(&house)).await;
    let early = activate(&house.person("song.yue"), &share.name)
        .await
        .unwrap_err();
    assert_eq!(said(&early, "state"), "IN_REVIEW");
    let share = approved(&house, form(&house)).await;
    let head = activate(&house.person("qian.hua"), &share.name)
        .await
        .unwrap_err();
    assert_eq!(said(&head, "rule"), "only whoever applied or receives");
    let request = WithdrawShareRequest {
        name: share.name.clone(),
        ..WithdrawShareRequest::default()
    };
    let mut applicant = house.person("song.yue").shares();
    let withdrawn = applicant
        .withdraw_share(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(withdrawn.state(), ApprovalState::Withdrawn);
    for name in [
        "shares/x",
        "customers/0190c5a8-0000-7000-8000-0000000000ab",
        "",
    ] {
        assert!(!violations(&get(&house.person("song.yue"), name).await.unwrap_err()).is_empty());
    }
}
