//! What cannot be merged, and what is merged once.

use std::time::Duration;

use kefu_contracts::{
    google::r#type::Date,
    profile::{
        Customer, CustomerType, GetMergeRequest, Merge, MergeFilesRequest, UndoMergeRequest,
    },
};
use kefu_testkit::TestSuite;
use tonic::Code;
use uuid::Uuid;

use super::{again, archived, asks, keeper, merge, merges, preview, undo, undoing};
use crate::records::{enter, get, person, refusal, said, violations};

/// Clause IH-2.2: everything that is wrong is told, and nothing is done.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_merged_is_refused() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let one = archived(&suite, &erp, person()).await;
    let other = archived(&suite, &erp, again()).await;
    let fresh = enter(&suite.caller("li.wei"), person()).await;
    let firm = Customer {
        r#type: CustomerType::Enterprise.into(),
        display_name: "上海静音科技有限公司".into(),
        phones: person().phones,
        ..Customer::default()
    };
    let firm = archived(&suite, &erp, firm).await;
    let keeper = keeper(&suite, &erp);

    let wrong = MergeFilesRequest {
        survivor: one.name.clone(),
        absorbed: one.name.clone(),
        take_absorbed: vec!["owner".into(), "region".into(), "region".into()],
        ..MergeFilesRequest::default()
    };
    let told = violations(&merge(&keeper, wrong).await.unwrap_err());
    let expected = [
        "absorbed",
        "survivor_etag",
        "absorbed_etag",
        "take_absorbed[0]",
        "take_absorbed[2]",
        "reason",
    ];
    assert_eq!(told, expected);
    let unlike = merge(&keeper, asks(&one, &firm)).await.unwrap_err();
    assert_eq!(violations(&unlike), ["absorbed"]);
    let refused = merge(&keeper, asks(&one, &fresh)).await.unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::FailedPrecondition, "STATE_NOT_ALLOWED".into())
    );
    assert_eq!(said(&refused, "allowed"), "ARCHIVED");
    let mut old = asks(&one, &other);
    old.absorbed_etag = "r99".into();
    let refused = merge(&keeper, old).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::Aborted, "ETAG_MISMATCH".into()));
    assert_eq!(said(&refused, "resource"), other.name);
    let nobody = Customer {
        name: format!("customers/{}", Uuid::nil()),
        ..other.clone()
    };
    for pair in [asks(&one, &nobody), asks(&nobody, &one)] {
        let refused = merge(&keeper, pair.clone()).await.unwrap_err();
        assert_eq!(refusal(&refused).0, Code::NotFound);
        let refused = preview(&keeper, &pair).await.unwrap_err();
        assert_eq!(refusal(&refused).0, Code::NotFound);
    }
    // Posts without the permission, whatever else they may do with files.
    for (login, purpose) in [("li.wei", "service"), ("lin.na", "service")] {
        let caller = suite.caller_for(login, purpose);
        let refused = merge(&caller, asks(&one, &other)).await.unwrap_err();
        let expected = (Code::PermissionDenied, "PERMISSION_MISSING".into());
        assert_eq!(refusal(&refused), expected);
        let refused = preview(&caller, &asks(&one, &other)).await.unwrap_err();
        assert_eq!(refusal(&refused), expected);
    }
    let mut sql = suite.database.connect().await.unwrap();
    let made: i64 = sqlx::query_scalar("SELECT count(*) FROM profile.merge")
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert_eq!(made, 0);

    let made = merge(&keeper, asks(&one, &other)).await.unwrap();
    let stale = Merge {
        etag: "r7".into(),
        ..made.clone()
    };
    let refused = undo(&keeper, &stale).await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::Aborted, "ETAG_MISMATCH".into()));
    let undone = undo(&keeper, &made).await.unwrap();
    let refused = undo(&keeper, &undone).await.unwrap_err();
    assert_eq!(said(&refused, "allowed"), "STANDING");
    let unnamed = UndoMergeRequest::default();
    let refused = merges(&keeper).undo_merge(unnamed).await.unwrap_err();
    assert_eq!(violations(&refused), ["name", "etag", "reason"]);
    let request = GetMergeRequest {
        name: format!("merges/{}", Uuid::nil()),
    };
    let refused = merges(&keeper).get_merge(request).await.unwrap_err();
    assert_eq!(refusal(&refused).0, Code::NotFound);
}

/// Clause CF-6.1: whose secrecy training lapsed is told by no preview whether somebody's birth date
/// agrees with an ID card.
#[tokio::test(flavor = "multi_thread")]
async fn a_preview_tells_nothing_of_a_hidden_card() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let one = archived(&suite, &erp, person()).await;
    let born = |day| Customer {
        id_card: String::new(),
        birth_date: Some(Date {
            year: 1949,
            month: 12,
            day,
        }),
        ..person()
    };
    let right = archived(&suite, &erp, born(31)).await;
    let wrong = archived(&suite, &erp, born(30)).await;
    let told = preview(&keeper(&suite, &erp), &asks(&one, &wrong)).await;
    assert_eq!(violations(&told.unwrap_err()), ["customer.birth_date"]);

    suite.clock.advance(Duration::from_secs(181 * 86_400));
    suite.policy_is_fresh().await;
    let lapsed = keeper(&suite, &erp);
    for other in [&right, &wrong] {
        let refused = preview(&lapsed, &asks(&one, other)).await.unwrap_err();
        assert_eq!(refusal(&refused).1, "PERMISSION_MISSING");
        assert_eq!(said(&refused, "classes"), "DATA_CLASS_IDENTITY");
        assert!(violations(&refused).is_empty());
    }
}

/// Clause IH-2.2: a request that comes again, and two at once: it is done once.
#[tokio::test(flavor = "multi_thread")]
async fn files_are_merged_once() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let one = archived(&suite, &erp, person()).await;
    let other = archived(&suite, &erp, again()).await;
    let keeper = keeper(&suite, &erp);
    let (there, back) = tokio::join!(
        merge(&keeper, asks(&one, &other)),
        merge(&keeper, asks(&other, &one))
    );
    assert!(there.is_ok() != back.is_ok(), "one way or the other");
    let made = there.or(back).unwrap();
    undo(&keeper, &made).await.unwrap();

    let (one, other) = (
        get(&keeper, &one.name).await.unwrap(),
        get(&keeper, &other.name).await.unwrap(),
    );
    let asked = MergeFilesRequest {
        request_id: "0190c5a8-0000-7000-8000-0000000000d1".into(),
        ..asks(&one, &other)
    };
    let first = merge(&keeper, asked.clone()).await.unwrap();
    assert_eq!(merge(&keeper, asked.clone()).await.unwrap(), first);
    let another = MergeFilesRequest {
        reason: "something else".into(),
        ..asked
    };
    let refused = merge(&keeper, another).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "REQUEST_ID_REUSED");
    let undoing = UndoMergeRequest {
        request_id: "0190c5a8-0000-7000-8000-0000000000d2".into(),
        ..undoing(&first)
    };
    let undone = merges(&keeper)
        .undo_merge(undoing.clone())
        .await
        .unwrap()
        .into_inner();
    let repeated = merges(&keeper)
        .undo_merge(undoing)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(repeated, undone);
}
