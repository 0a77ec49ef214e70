//! Whether what stands in a file is true: who finds out, how long it holds, how often it is so.

mod connected;

use kefu_contracts::profile::{
    CheckState, Customer, GetVerificationRequest, ListOutstandingChecksRequest,
    ListVerificationsRequest, MeasureAccuracyRequest, MeasureAccuracyResponse, Mismatch,
    OutstandingReason, RecordVerificationRequest, RunVerificationRequest, Verification,
    VerificationCheck, VerificationMethod, VerificationOutcome,
    verification_service_client::VerificationServiceClient,
};
use kefu_testkit::{Caller, TestSuite};
use tonic::{Code, Status};

use crate::records::{enter, get, person, refusal, update, violations};

fn verifications(caller: &Caller) -> VerificationServiceClient<Caller> {
    VerificationServiceClient::new(caller.clone())
}

/// A result that passed: of a check by hand, or of the customer's word in a company system.
pub(crate) fn found(customer: &str, check: VerificationCheck, confirms: bool) -> Verification {
    let (method, who) = if confirms {
        (VerificationMethod::System, "张三丰")
    } else {
        (VerificationMethod::Manual, "")
    };
    Verification {
        customer: customer.into(),
        check: check.into(),
        method: method.into(),
        outcome: VerificationOutcome::Passed.into(),
        evidence: "扫描件 2026-11-23/4".into(),
        confirmed_by: who.into(),
        ..Verification::default()
    }
}

/// Enters a result about the file as it is now.
pub(crate) async fn record(
    caller: &Caller,
    verification: Verification,
) -> Result<Verification, Status> {
    let request = RecordVerificationRequest {
        customer_etag: get(caller, &verification.customer).await?.etag,
        verification: Some(verification),
        request_id: String::new(),
    };
    let recorded = verifications(caller).record_verification(request).await?;
    Ok(recorded.into_inner())
}

async fn run(
    caller: &Caller,
    customer: &str,
    check: VerificationCheck,
) -> Result<Verification, Status> {
    let document = check == VerificationCheck::Document;
    let request = RunVerificationRequest {
        customer: customer.into(),
        check: check.into(),
        evidence: if document {
            "扫描件 4".into()
        } else {
            String::new()
        },
        request_id: String::new(),
    };
    let run = verifications(caller).run_verification(request).await?;
    Ok(run.into_inner())
}

async fn listed(caller: &Caller, filter: &str) -> Vec<Verification> {
    let request = ListVerificationsRequest {
        filter: filter.into(),
        page_size: 200,
        ..ListVerificationsRequest::default()
    };
    let listed = verifications(caller).list_verifications(request).await;
    listed.unwrap().into_inner().verifications
}

/// Files of which the check is to be made, and why.
async fn outstanding(
    caller: &Caller,
    check: VerificationCheck,
) -> Vec<(String, OutstandingReason)> {
    let request = ListOutstandingChecksRequest {
        check: check.into(),
        ..ListOutstandingChecksRequest::default()
    };
    let listed = verifications(caller).list_outstanding_checks(request).await;
    let checks = listed.unwrap().into_inner().checks;
    checks
        .into_iter()
        .map(|one| (one.customer.clone(), one.reason()))
        .collect()
}

/// What the file says of the check: its result, and whether that is stale.
async fn standing(
    caller: &Caller,
    customer: &str,
    check: VerificationCheck,
) -> Option<(VerificationOutcome, bool)> {
    let checks = get(caller, customer).await.unwrap().checks;
    let state = checks.iter().find(|one| one.check() == check);
    state.map(|one: &CheckState| (one.outcome(), one.stale))
}

async fn measured(caller: &Caller, filter: &str, department: &str) -> MeasureAccuracyResponse {
    let request = MeasureAccuracyRequest {
        filter: filter.into(),
        department: department.into(),
    };
    let measured = verifications(caller).measure_accuracy(request).await;
    measured.unwrap().into_inner()
}

/// Clause SG-1.2: whoever had a hand in a file does not verify it, nor does anybody who may
/// not see what is looked at; results are there where their file is.
#[tokio::test(flavor = "multi_thread")]
async fn files_are_verified_by_somebody_else() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let hand = suite.caller("hu.tao");
    // In the department of those who answer customers, where the reviewer is.
    let file = enter(&hand, person()).await;
    let reviewer = suite.caller("lin.na").after(&hand);
    let document = found(&file.name, VerificationCheck::Document, false);

    let passed = record(&reviewer, document.clone()).await.unwrap();
    assert_eq!(passed.customer_revision, 1);
    assert!(passed.current && !passed.stale);
    assert_eq!(
        standing(&reviewer, &file.name, VerificationCheck::Document).await,
        Some((VerificationOutcome::Passed, false))
    );
    let account = found(&file.name, VerificationCheck::Account, false);
    let refused = record(&reviewer, account).await.unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::PermissionDenied, "PERMISSION_MISSING".into())
    );

    let archivist = suite
        .caller_for("feng.yulan", "administration")
        .after(&hand);
    let now = get(&archivist, &file.name).await.unwrap();
    let changed = Customer {
        special_needs: "周日联系".into(),
        ..now
    };
    update(&archivist, changed, &["special_needs"], "客户来电")
        .await
        .unwrap();
    let refused = record(&archivist, document.clone()).await.unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::PermissionDenied, "NOT_THE_CALLERS_TURN".into())
    );

    let request = GetVerificationRequest {
        name: passed.name.clone(),
    };
    let mut client = verifications(&reviewer.after(&archivist));
    let got = client
        .get_verification(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (got.evidence, got.stale),
        (document.evidence.clone(), false)
    );
    let mut stranger = verifications(&suite.caller("ma.chao"));
    let refused = stranger.get_verification(request).await.unwrap_err();
    assert_eq!(refusal(&refused).0, Code::NotFound);
    let request = RecordVerificationRequest {
        verification: Some(document),
        customer_etag: "r1".into(),
        request_id: String::new(),
    };
    let refused = stranger.record_verification(request).await.unwrap_err();
    assert_eq!(refusal(&refused).0, Code::NotFound);
    assert!(listed(&suite.caller("ma.chao"), "").await.is_empty());
    let seller = suite.caller_for("wu.peng", "sales");
    let refused = verifications(&seller)
        .list_verifications(ListVerificationsRequest::default())
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).0, Code::PermissionDenied);
    assert_eq!(
        listed(&erp.after(&archivist), "check = DOCUMENT")
            .await
            .len(),
        1
    );
}

/// Clause SG-1.2: a result says something of the revision that was checked; a change of what
/// was looked at, and no other, makes it stale, and the check is to be made again.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_is_true_until_what_it_looked_at_changes() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let file = enter(&erp, person()).await;
    let archivist = suite.caller_for("feng.yulan", "administration").after(&erp);
    let check = VerificationCheck::Identity;
    assert_eq!(
        outstanding(&archivist, check).await,
        [(file.name.clone(), OutstandingReason::NeverMade)]
    );
    assert_eq!(standing(&archivist, &file.name, check).await, None);
    let undone = Verification {
        outcome: VerificationOutcome::CouldNotBeDone.into(),
        evidence: String::new(),
        note: "公安接口维护中".into(),
        ..found(&file.name, check, false)
    };
    record(&archivist, undone).await.unwrap();
    assert_eq!(
        outstanding(&archivist, check).await,
        [(file.name.clone(), OutstandingReason::CouldNotBeDone)]
    );
    let first = record(&archivist, found(&file.name, check, false))
        .await
        .unwrap();
    assert_eq!(outstanding(&archivist, check).await, []);

    let erp = erp.after(&archivist);
    let file = get(&erp, &file.name).await.unwrap();
    let other = Customer {
        occupation: "医生".into(),
        ..file
    };
    let file = update(&erp, other, &["occupation"], "来电更正")
        .await
        .unwrap();
    assert!(file.checks.iter().all(|one| !one.stale));
    let other = Customer {
        display_name: "张君宝".into(),
        ..file
    };
    let file = update(&erp, other, &["display_name"], "来电更正")
        .await
        .unwrap();
    // The answer to the change says so already.
    assert!(file.checks.iter().all(|one| one.stale));
    let archivist = archivist.after(&erp);
    assert_eq!(
        standing(&archivist, &file.name, check).await,
        Some((VerificationOutcome::Passed, true))
    );
    assert_eq!(
        outstanding(&archivist, check).await,
        [(file.name.clone(), OutstandingReason::Stale)]
    );
    let request = RecordVerificationRequest {
        verification: Some(found(&file.name, check, false)),
        customer_etag: "r1".into(),
        request_id: String::new(),
    };
    let refused = verifications(&archivist).record_verification(request).await;
    assert_eq!(refusal(&refused.unwrap_err()).1, "ETAG_MISMATCH");

    let again = record(&archivist, found(&file.name, check, false))
        .await
        .unwrap();
    assert_eq!(again.customer_revision, 3);
    assert_eq!(
        standing(&archivist, &file.name, check).await,
        Some((VerificationOutcome::Passed, false))
    );
    let all = listed(&archivist, &format!("customer = {}", file.name)).await;
    let shown: Vec<_> = all.iter().map(|one| (one.stale, one.current)).collect();
    assert_eq!(shown, [(false, true), (true, false), (true, false)]);
    assert_eq!(all[1].name, first.name);
}

/// Clause SG-1.3: the customer confirms the file: when, by whom, how.
#[tokio::test(flavor = "multi_thread")]
async fn the_customer_confirms_the_file() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let file = enter(&erp, person()).await;
    let check = VerificationCheck::Confirmation;
    let word = found(&file.name, check, true);
    let confirmed = record(&erp, word.clone()).await.unwrap();
    assert_eq!(confirmed.method(), VerificationMethod::System);
    assert_eq!(confirmed.confirmed_by, "张三丰");
    let archivist = suite.caller_for("feng.yulan", "administration").after(&erp);
    let refused = record(&archivist, word.clone()).await.unwrap_err();
    assert_eq!(violations(&refused), ["verification.method"]);
    let signed = Verification {
        method: VerificationMethod::Signature.into(),
        outcome: VerificationOutcome::Mismatch.into(),
        mismatches: vec![Mismatch {
            field: "phones".into(),
            text: "客户改号".into(),
        }],
        ..word
    };
    record(&archivist, signed).await.unwrap();
    assert_eq!(
        standing(&archivist, &file.name, check).await,
        Some((VerificationOutcome::Mismatch, false))
    );
}

/// Clause SG-1.2.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_result_is_not_entered() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let file = enter(&erp, person()).await;
    let archivist = suite.caller_for("feng.yulan", "administration").after(&erp);
    let mut client = verifications(&archivist);
    let nothing = RecordVerificationRequest::default();
    let refused = client.record_verification(nothing).await.unwrap_err();
    assert_eq!(violations(&refused), ["verification", "customer_etag"]);
    let refused = client
        .run_verification(RunVerificationRequest::default())
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["customer", "check"]);
    let refused = client
        .list_outstanding_checks(ListOutstandingChecksRequest::default())
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["check"]);
    let refused = client
        .measure_accuracy(MeasureAccuracyRequest {
            filter: "verifier = 1".into(),
            department: "departments/x".into(),
        })
        .await
        .unwrap_err();
    assert_eq!(violations(&refused), ["filter", "department"]);
    // No connector is configured.
    let refused = run(&archivist, &file.name, VerificationCheck::Account)
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::FailedPrecondition, "NO_CONNECTOR".into())
    );

    let request = RecordVerificationRequest {
        verification: Some(found(&file.name, VerificationCheck::Account, false)),
        customer_etag: file.etag.clone(),
        request_id: "0190c5a8-0000-7000-8000-0000000000f2".into(),
    };
    let first = client
        .record_verification(request.clone())
        .await
        .unwrap()
        .into_inner();
    let again = client
        .record_verification(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first, again);
    assert_eq!(listed(&archivist, "").await.len(), 1);
    let other = RecordVerificationRequest {
        verification: Some(found(&file.name, VerificationCheck::Document, false)),
        ..request
    };
    let refused = client.record_verification(other).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "REQUEST_ID_REUSED");
}

/// Clause SG-1.2: the rate is of exactly those results that the list shows.
#[tokio::test(flavor = "multi_thread")]
async fn accuracy_is_of_what_the_list_shows() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let agent = suite.caller("hu.tao");
    let near = enter(&agent, person()).await;
    let far = enter(&erp.after(&agent), person()).await;
    assert_ne!(near.department, far.department);
    let archivist = suite.caller_for("feng.yulan", "administration").after(&erp);
    for (file, outcome) in [
        (&near, VerificationOutcome::Passed),
        (&near, VerificationOutcome::Passed),
        (&near, VerificationOutcome::Mismatch),
        (&near, VerificationOutcome::CouldNotBeDone),
        (&far, VerificationOutcome::Passed),
    ] {
        let mismatch = Mismatch {
            field: "id_card".into(),
            text: String::new(),
        };
        let mismatches = (outcome == VerificationOutcome::Mismatch).then_some(mismatch);
        let one = Verification {
            outcome: outcome.into(),
            mismatches: mismatches.into_iter().collect(),
            note: "x".into(),
            ..found(&file.name, VerificationCheck::Document, false)
        };
        record(&archivist, one).await.unwrap();
    }
    record(
        &archivist,
        found(&far.name, VerificationCheck::Account, false),
    )
    .await
    .unwrap();
    record(
        &erp,
        found(&far.name, VerificationCheck::Confirmation, true),
    )
    .await
    .unwrap();
    let archivist = archivist.after(&erp);
    let all = measured(&archivist, "", "").await;
    let counts = |answer: &MeasureAccuracyResponse| {
        let total = answer.total.unwrap();
        (
            total.passed_count,
            total.made_count,
            total.not_done_count,
            total.met,
        )
    };
    assert_eq!(counts(&all), (4, 5, 1, false));
    assert_eq!(all.checks.len(), 2);
    assert_eq!(
        counts(&measured(&archivist, "check = ACCOUNT", "").await),
        (1, 1, 0, true)
    );
    let here = measured(&archivist, "", &near.department).await;
    assert_eq!(counts(&here), (2, 3, 1, false));
    // Whoever sees fewer counts fewer, and as many as the list has for them.
    let head = suite.caller_for("zhang.min", "quality").after(&archivist);
    let seen = listed(&head, "").await;
    assert_eq!(
        (seen.len(), counts(&measured(&head, "", "").await)),
        (4, (2, 3, 1, false))
    );
    assert_eq!(
        outstanding(&head, VerificationCheck::Account).await,
        [(near.name.clone(), OutstandingReason::NeverMade)]
    );
    for filter in [
        "outcome = PASSED",
        "outcome = MISMATCH",
        "check_time < \"2000-01-01T00:00:00Z\"",
    ] {
        let shown = listed(&archivist, &format!("{filter} AND check = DOCUMENT"))
            .await
            .len();
        let counted = measured(&archivist, &format!("{filter} AND check = DOCUMENT"), "").await;
        assert_eq!(
            i64::try_from(shown).unwrap(),
            counts(&counted).1,
            "{filter}"
        );
    }
}
