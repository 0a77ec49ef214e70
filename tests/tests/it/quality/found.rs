//! What is found of data by itself: contradicted, old, or not to be measured.

use kefu_contracts::profile::{
    IntakeChannel, Mismatch, QualityFindingKind, Verification, VerificationCheck,
    VerificationOutcome,
};

use super::*;
use crate::verifications::record;

/// Clauses CF-7.3, SG-1.2: what a check contradicts is not valid until it is changed.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_check_makes_a_field_invalid() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let file = enter(&agent, person()).await;
    let keeper = suite
        .caller_for("feng.yulan", "administration")
        .after(&agent);
    let wrong = Verification {
        outcome: VerificationOutcome::Mismatch.into(),
        mismatches: vec![Mismatch {
            field: "id_card".into(),
            text: String::new(),
        }],
        ..found(&file.name, VerificationCheck::Identity, false)
    };
    record(&keeper, wrong).await.unwrap();
    measure_now(&suite).await;
    let invalid = eventually(async || {
        let found = findings(&suite.caller("li.wei"), "kind = INVALID")
            .await
            .ok()?;
        found.into_iter().next()
    })
    .await;
    assert_eq!(
        (invalid.field.as_str(), invalid.kind()),
        ("id_card", QualityFindingKind::Invalid)
    );
    // Seven fields are filled, one of them is wrong.
    let got = quality(&suite.caller("li.wei"), &file.name).await.unwrap();
    assert_eq!(
        (got.validity, got.invalid_fields),
        (Some(85), vec!["id_card".to_owned()])
    );
    let head = suite.caller_for("zhang.min", "quality");
    assert!(
        quality(&head, &file.name)
            .await
            .unwrap()
            .invalid_fields
            .is_empty()
    );
    assert!(findings(&head, "kind = INVALID").await.unwrap().is_empty());

    let agent = suite.caller("li.wei");
    let other = Customer {
        id_card: "110101199003076632".into(),
        ..file
    };
    if let Err(refused) = update(&agent, other.clone(), &["id_card"], "看错了").await {
        panic!("{refused:?}");
    }
    measure_now(&suite).await;
    eventually(async || {
        let agent = suite.caller("li.wei");
        let state = finding(&agent, &invalid.name).await.ok()?.state();
        (state == QualityFindingState::Resolved).then_some(())
    })
    .await;
}

/// Clauses CF-7.3, IH-7: data that nobody confirms gets old, and is found to be.
#[tokio::test(flavor = "multi_thread")]
async fn data_that_nobody_confirms_is_found_outdated() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let file = enter(&erp, person()).await;
    suite.clock.advance(DAY * 360);
    let half = eventually(async || {
        let keeper = suite.caller_for("feng.yulan", "administration");
        let got = quality(&keeper, &file.name).await.ok()?;
        got.freshness
            .is_some_and(|fresh| fresh <= 50)
            .then_some(got)
    })
    .await;
    assert!(half.freshness >= Some(49), "{half:?}");
    suite.clock.advance(DAY * 181);
    eventually(async || {
        let keeper = suite.caller_for("feng.yulan", "administration");
        let filter = "kind = OUTDATED AND state = OPEN";
        findings(&keeper, filter).await.ok()?.pop()
    })
    .await;
    let keeper = suite.caller_for("feng.yulan", "administration");
    assert_eq!(
        quality(&keeper, &file.name).await.unwrap().freshness,
        Some(0)
    );
    let file = get(&keeper, &file.name).await.unwrap();
    complete(&keeper, completed(&file, "")).await.unwrap();
    measure_now(&suite).await;
    eventually(async || {
        let keeper = suite.caller_for("feng.yulan", "administration");
        let got = quality(&keeper, &file.name).await.ok()?;
        (got.freshness == Some(100)).then_some(())
    })
    .await;
}

/// Drafts are not measured; a file that cannot be measured is put off, and others are.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_measured_keeps_nobody_waiting() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let spoilt = enter(&erp, person()).await;
    let mut sql = suite.database.connect().await.unwrap();
    sqlx::raw_sql(
        "UPDATE profile.customer SET sealed = 'x', revision = revision + 1;
         DELETE FROM profile.quality",
    )
    .execute(&mut sql)
    .await
    .unwrap();
    let draft = kefu_contracts::profile::CreateDraftRequest {
        customer: Some(Customer {
            intake_channel: IntakeChannel::Sales.into(),
            ..person()
        }),
        request_id: String::new(),
    };
    let sales = suite.caller_for("wu.peng", "sales");
    let draft = crate::records::intake(&sales).create_draft(draft).await;
    draft.unwrap();
    let whole = enter(&erp, person()).await;
    measure_now(&suite).await;
    eventually(async || {
        let keeper = suite.caller_for("feng.yulan", "administration");
        let got = listed(&keeper, "").await.ok()?;
        (got.len() == 1 && got[0].customer == whole.name).then_some(())
    })
    .await;
    let waiting: Vec<String> = eventually(async || {
        let mut sql = suite.database.connect().await.unwrap();
        let waiting: Vec<String> = sqlx::query_scalar(
            "SELECT customer_id::text FROM profile.quality_due WHERE due_at > '-infinity' AND customer_id NOT IN
                 (SELECT customer_id FROM profile.quality)",
        )
        .fetch_all(&mut sql)
        .await
        .unwrap();
        (!waiting.is_empty()).then_some(waiting)
    })
    .await;
    assert_eq!(waiting, [spoilt.name.trim_start_matches("customers/")]);
    let drafts = "SELECT count(*) FROM profile.quality_due d JOIN profile.customer c ON c.id = d.customer_id WHERE c.state = 1";
    assert_eq!(count(&suite, drafts).await, 0);
}
