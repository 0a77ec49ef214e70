//! What the company owes, by its rules and otherwise.

use super::*;

/// Clause IH-6: cover goes by the rule of kind and category that is in force, from delivery, says
/// why, and is decided otherwise only by who may.
#[tokio::test(flavor = "multi_thread")]
async fn cover_is_by_rule_and_otherwise_by_who_may() {
    let suite = TestSuite::with(|gateway| gateway.max_snapshot_age_seconds = 3_000_000).await;
    let (li, administrator) = (suite.caller(LI), suite.caller(ADMINISTRATOR));
    let customer = enter(&li, person()).await;
    let mut wanted = order(&customer.name);
    wanted.lines = vec![
        OrderLine {
            category: "filters".into(),
            ..wanted.lines[0].clone()
        },
        wanted.lines[0].clone(),
    ];
    let bought = place(&li, wanted).await;
    let mut back = case(CaseKind::Return, &bought, 1);
    back.lines.push(CaseLine {
        line: 2,
        ..back.lines[0].clone()
    });
    let one = register(&li, back.clone()).await.unwrap();
    let one = check_cover(&li, &one).await.unwrap();
    assert_eq!(
        (one.cover(), one.findings[0].ground()),
        (Cover::Refused, CoverGround::NotDelivered)
    );
    told(&li, &bought, OrderStage::Delivered, suite.clock.now()).await;
    let one = check_cover(&li, &one).await.unwrap();
    assert_eq!((one.cover(), one.rules_version), (Cover::Covered, 0));

    let li = li.after(&administrator);
    let refused = revise(&li, |_| {}).await.unwrap_err();
    assert_eq!(reason(&refused), "PERMISSION_MISSING");
    let wrong = revise(&administrator, |rules| rules.covers[0].months = -1)
        .await
        .unwrap_err();
    assert_eq!(violations(&wrong), ["definition.covers[0].months"]);
    let stricter = revise(&administrator, |rules| {
        rules.covers.push(CoverRule {
            kind: CaseKind::Return.into(),
            category: "filters".into(),
            days: 1,
            ..CoverRule::default()
        });
    });
    let now = stricter.await.unwrap();
    assert_eq!((now.versions.len(), now.etag.as_str()), (2, "r2"));
    let stale = ReviseAfterSalesRulesRequest {
        etag: "r1".into(),
        definition: now.versions[0].definition.clone(),
        reason: "晚了".into(),
        ..Default::default()
    };
    let stale = cases(&administrator)
        .revise_after_sales_rules(stale)
        .await
        .unwrap_err();
    assert_eq!(reason(&stale), "ETAG_MISMATCH");
    suite.clock.advance(2 * DAY);
    let li = suite.caller(LI).after(&administrator);
    let one = check_cover(&li, &one).await.unwrap();
    assert_eq!((one.cover(), one.rules_version), (Cover::Refused, 1));
    let grounds: Vec<_> = one.findings.iter().map(|one| one.ground()).collect();
    assert_eq!(grounds, [CoverGround::AfterTerm, CoverGround::WithinTerm]);
    let refused = plan_case(&li, &one, "退货", None, None).await.unwrap_err();
    assert_eq!(
        state(&refused),
        ("STATE_NOT_ALLOWED".into(), "REFUSED".into())
    );
    let refused = override_cover(&li, &one, Cover::Covered, "老客户")
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "PERMISSION_MISSING");
    let head = suite.caller(HEAD).after(&li);
    let wrong = override_cover(&head, &one, Cover::Unspecified, "")
        .await
        .unwrap_err();
    assert_eq!(violations(&wrong), ["cover", "reason"]);
    let one = override_cover(&head, &one, Cover::Chargeable, "老客户，付运费")
        .await
        .unwrap();
    assert_eq!(
        (one.cover(), one.cover_decider.as_str()),
        (Cover::Chargeable, &*employee(HEAD))
    );
    let li = li.after(&head);
    let one = plan_case(&li, &one, "退货", None, Some(money(12)))
        .await
        .unwrap();
    assert_eq!(one.cost, Some(money(12)));

    // Of goods without an order as the customer says.
    let bought_there = suite.clock.now() - 400 * DAY;
    let mut strange = Case {
        kind: CaseKind::Repair.into(),
        customer: customer.name.clone(),
        lines: vec![CaseLine {
            quantity: 1,
            product: "旧净化器".into(),
            serial_number: "SN-7".into(),
            ..CaseLine::default()
        }],
        problem: "不通电".into(),
        delivered_time: Some(to_proto(bought_there)),
        ..Case::default()
    };
    let old = register(&li, strange.clone()).await.unwrap();
    let old = check_cover(&li, &old).await.unwrap();
    assert_eq!(
        (old.cover(), old.findings[0].ground()),
        (Cover::Chargeable, CoverGround::AfterTerm)
    );
    // Guidance is finished by giving it.
    strange.kind = CaseKind::Guidance.into();
    let asked = register(&li, strange).await.unwrap();
    let told = finish_case(&li, &asked, "长按复位键").await.unwrap();
    assert_eq!(told.state(), CaseState::Done);
}
