//! How good files are: what falls short becomes somebody's task, resolves by itself, and every
//! file is gone through regularly.

mod found;

use std::time::Duration;

use kefu_contracts::{
    google::r#type::Date,
    profile::{
        Address, AssignQualityFindingRequest, CompleteFileReviewRequest, Customer,
        DepartmentQuality, DismissQualityFindingRequest, Email, FileQuality, FileReview,
        FileReviewEvidence, FileReviewOutcome, GetFileQualityRequest, GetQualityFindingRequest,
        ListDepartmentQualitiesRequest, ListFileQualitiesRequest, ListFileReviewsRequest,
        ListQualityFindingsRequest, QualityFinding, QualityFindingState, Sex, SourceChannel,
        quality_service_client::QualityServiceClient,
    },
};
use kefu_service::{clock::Clock, time::to_proto};
use kefu_testkit::{Caller, TestSuite, employee_id, eventually};
use tonic::{Code, Status};

use crate::{
    records::{enter, get, person, refusal, update, violations},
    verifications::found,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn qualities(caller: &Caller) -> QualityServiceClient<Caller> {
    QualityServiceClient::new(caller.clone())
}

async fn quality(caller: &Caller, file: &str) -> Result<FileQuality, Status> {
    let request = GetFileQualityRequest {
        parent: file.into(),
    };
    let got = qualities(caller).get_file_quality(request).await?;
    Ok(got.into_inner())
}

async fn listed(caller: &Caller, filter: &str) -> Result<Vec<FileQuality>, Status> {
    let request = ListFileQualitiesRequest {
        filter: filter.into(),
        ..ListFileQualitiesRequest::default()
    };
    let page = qualities(caller).list_file_qualities(request).await?;
    Ok(page.into_inner().qualities)
}

async fn findings(caller: &Caller, filter: &str) -> Result<Vec<QualityFinding>, Status> {
    let request = ListQualityFindingsRequest {
        filter: filter.into(),
        ..ListQualityFindingsRequest::default()
    };
    let page = qualities(caller).list_quality_findings(request).await?;
    let page = page.into_inner();
    assert_eq!(
        usize::try_from(page.total_size).unwrap(),
        page.findings.len()
    );
    Ok(page.findings)
}

/// Fields of open findings, once the file is measured so that there are so many.
async fn open_fields(suite: &TestSuite, login: &str, purpose: &str, count: usize) -> Vec<String> {
    // While it is being measured a page and its total may differ.
    let request = ListQualityFindingsRequest {
        filter: "state = OPEN AND kind = MISSING".into(),
        ..ListQualityFindingsRequest::default()
    };
    let open = eventually(async || {
        let caller = suite.caller_for(login, purpose);
        let mut client = qualities(&caller);
        let page = client.list_quality_findings(request.clone()).await.ok()?;
        let open = page.into_inner().findings;
        (open.len() == count).then_some(())?;
        Some(findings(&caller, &request.filter).await.unwrap())
    })
    .await;
    assert_eq!(open.len(), count);
    let mut fields: Vec<String> = open.into_iter().map(|one| one.field).collect();
    fields.sort();
    fields
}

async fn figures(caller: &Caller) -> Result<Vec<DepartmentQuality>, Status> {
    let request = ListDepartmentQualitiesRequest {};
    let answer = qualities(caller).list_department_qualities(request).await?;
    Ok(answer.into_inner().departments)
}

fn completed(file: &Customer, request_id: &str) -> CompleteFileReviewRequest {
    CompleteFileReviewRequest {
        name: file.name.clone(),
        etag: file.etag.clone(),
        outcome: FileReviewOutcome::Confirmed.into(),
        evidence: FileReviewEvidence::Call.into(),
        reference: "录音 2027-02-25/3".into(),
        request_id: request_id.into(),
    }
}

async fn complete(
    caller: &Caller,
    request: CompleteFileReviewRequest,
) -> Result<FileReview, Status> {
    let done = qualities(caller).complete_file_review(request).await?;
    Ok(done.into_inner())
}

async fn reviews(caller: &Caller, filter: &str) -> Result<Vec<FileReview>, Status> {
    let request = ListFileReviewsRequest {
        filter: filter.into(),
        ..ListFileReviewsRequest::default()
    };
    let page = qualities(caller).list_file_reviews(request).await?;
    Ok(page.into_inner().reviews)
}

async fn finding(caller: &Caller, name: &str) -> Result<QualityFinding, Status> {
    let request = GetQualityFindingRequest { name: name.into() };
    let got = qualities(caller).get_quality_finding(request).await?;
    Ok(got.into_inner())
}

async fn assign(
    caller: &Caller,
    finding: &QualityFinding,
    login: &str,
    request_id: &str,
) -> Result<QualityFinding, Status> {
    let request = AssignQualityFindingRequest {
        name: finding.name.clone(),
        etag: finding.etag.clone(),
        assignee: format!("employees/{}", employee_id(login)),
        request_id: request_id.into(),
    };
    let done = qualities(caller).assign_quality_finding(request).await?;
    Ok(done.into_inner())
}

async fn dismiss(
    suite: &TestSuite,
    caller: &Caller,
    finding: &QualityFinding,
    days: u32,
) -> Result<QualityFinding, Status> {
    let request = DismissQualityFindingRequest {
        name: finding.name.clone(),
        etag: finding.etag.clone(),
        reason: "客户不愿提供".into(),
        until_time: Some(to_proto(suite.clock.now() + DAY * days)),
        request_id: String::new(),
    };
    let done = qualities(caller).dismiss_quality_finding(request).await?;
    Ok(done.into_inner())
}

/// What is expected of a person beside `person()`: without an ID card and a bank card.
fn with_gaps() -> Customer {
    Customer {
        id_card: String::new(),
        bank_card: String::new(),
        ..person()
    }
}

async fn measure_now(suite: &TestSuite) {
    suite.clock.advance(Duration::from_secs(11));
}

async fn count(suite: &TestSuite, statement: &'static str) -> i64 {
    let mut sql = suite.database.connect().await.unwrap();
    sqlx::query_scalar(statement)
        .fetch_one(&mut sql)
        .await
        .unwrap()
}

/// Clauses CF-7.1, CF-7.3, IH-2.2, IH-7, OP-7.1: gaps of a file become its owner's tasks, each
/// is seen by whom its class is cleared to, resolves when it is mended, and the file is gone
/// through after its months, with evidence.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_gaps_is_mended_and_gone_through() {
    let suite = TestSuite::start().await;
    let file = enter(&suite.caller("li.wei"), with_gaps()).await;
    measure_now(&suite).await;
    let fields = open_fields(&suite, "li.wei", "service", 8).await;
    assert_eq!(
        fields,
        [
            "addresses",
            "birth_date",
            "emails",
            "id_card",
            "region",
            "sex",
            "signing_date",
            "source_channel"
        ]
    );
    // A head is cleared for no identity data, and nobody but the archive for bank data.
    let fields = open_fields(&suite, "zhang.min", "quality", 7).await;
    assert!(!fields.contains(&"id_card".to_owned()));
    let fields = open_fields(&suite, "feng.yulan", "administration", 9).await;
    assert!(fields.contains(&"bank_card".to_owned()));

    let agent = suite.caller("li.wei");
    let got = quality(&agent, &file.name).await.unwrap();
    let scores = (
        got.completeness,
        got.validity,
        got.freshness,
        got.uniqueness,
        got.overall,
    );
    assert_eq!(
        scores,
        (Some(30), Some(100), Some(100), Some(100), Some(76))
    );
    assert_eq!((got.missing_fields.len(), got.invalid_fields.len()), (8, 0));
    assert_eq!(got.owner, file.owner);
    let head = suite.caller_for("zhang.min", "quality");
    assert_eq!(
        quality(&head, &file.name)
            .await
            .unwrap()
            .missing_fields
            .len(),
        7
    );
    for (filter, size) in [
        ("completeness < 50", 1),
        ("completeness < 30", 0),
        ("overall >= 76 AND validity = 100", 1),
    ] {
        assert_eq!(listed(&head, filter).await.unwrap().len(), size, "{filter}");
    }
    let refused = listed(&head, "overall < good").await.unwrap_err();
    assert_eq!(violations(&refused), ["filter"]);
    let mine = format!("assignee = {} AND customer = {}", file.owner, file.name);
    assert_eq!(findings(&agent, &mine).await.unwrap().len(), 8);

    // Nobody else learns that there is anything.
    let stranger = suite.caller("ma.chao");
    assert_eq!(
        refusal(&quality(&stranger, &file.name).await.unwrap_err()).0,
        Code::NotFound
    );
    assert!(listed(&stranger, "").await.unwrap().is_empty());
    assert!(findings(&stranger, "").await.unwrap().is_empty());
    let other = suite.caller_for("zhao.lei", "quality");
    assert!(figures(&other).await.unwrap().is_empty());
    let sales = suite.caller_for("wu.peng", "sales");
    for refused in [
        quality(&sales, &file.name).await.unwrap_err(),
        findings(&sales, "").await.unwrap_err(),
        listed(&sales, "").await.unwrap_err(),
        reviews(&sales, "").await.unwrap_err(),
        figures(&sales).await.unwrap_err(),
        complete(&sales, completed(&file, "")).await.unwrap_err(),
    ] {
        assert_eq!(refusal(&refused).0, Code::PermissionDenied);
    }

    // Mended, they resolve by themselves.
    let mended = Customer {
        sex: Sex::Female.into(),
        birth_date: Some(Date {
            year: 1949,
            month: 12,
            day: 31,
        }),
        region: "北京".into(),
        emails: vec![Email {
            address: "z@example.com".into(),
            ..Email::default()
        }],
        addresses: vec![Address {
            province: "北京市".into(),
            ..Address::default()
        }],
        id_card: "11010519491231002X".into(),
        source_channel: SourceChannel::WordOfMouth.into(),
        signing_date: Some(Date {
            year: 2026,
            month: 1,
            day: 5,
        }),
        ..file.clone()
    };
    let paths = [
        "sex",
        "birth_date",
        "region",
        "emails",
        "addresses",
        "id_card",
        "source_channel",
        "signing_date",
    ];
    let file = update(&agent, mended, &paths, "回访").await.unwrap();
    measure_now(&suite).await;
    open_fields(&suite, "li.wei", "service", 0).await;
    let agent = suite.caller("li.wei");
    let closed = findings(&agent, "state = RESOLVED").await.unwrap();
    assert_eq!(closed.len(), 8);
    assert!(
        closed
            .iter()
            .all(|one| one.close_time.is_some() && one.closer.is_empty())
    );
    assert_eq!(
        quality(&agent, &file.name).await.unwrap().completeness,
        Some(95)
    );

    // The quarter passes.
    suite.clock.advance(DAY * 93);
    let due = eventually(async || {
        let agent = suite.caller("li.wei");
        let filter = "kind = REVIEW_DUE AND state = OPEN";
        findings(&agent, filter).await.ok()?.pop()
    })
    .await;
    let keeper = suite.caller_for("feng.yulan", "administration");
    let all = figures(&keeper).await.unwrap();
    assert_eq!(all.len(), 1);
    let counted = |one: &DepartmentQuality| {
        [
            one.file_count,
            one.open_finding_count,
            one.overdue_finding_count,
            one.review_due_count,
            one.reviewed_count,
        ]
    };
    assert_eq!(
        (counted(&all[0]), all[0].completeness),
        ([1, 2, 1, 1, 0], Some(95))
    );
    // The bank card is not counted where it is not cleared.
    let head = suite.caller_for("zhang.min", "quality");
    assert_eq!(counted(&figures(&head).await.unwrap()[0]), [1, 1, 0, 1, 0]);
    let refused = dismiss(&suite, &head, &due, 5).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");

    let agent = suite.caller("li.wei");
    let empty = CompleteFileReviewRequest {
        name: file.name.clone(),
        etag: file.etag.clone(),
        ..CompleteFileReviewRequest::default()
    };
    let refused = complete(&agent, empty).await.unwrap_err();
    assert_eq!(violations(&refused), ["outcome", "evidence", "reference"]);
    let old = CompleteFileReviewRequest {
        etag: kefu_service::fields::etag(1),
        ..completed(&file, "")
    };
    let refused = complete(&agent, old).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "ETAG_MISMATCH");
    let refused = complete(&suite.caller("ma.chao"), completed(&file, "")).await;
    assert_eq!(refusal(&refused.unwrap_err()).0, Code::NotFound);
    let request = completed(&file, "0190c5a8-0000-7000-8000-0000000000f7");
    let (once, twice) = tokio::join!(
        complete(&agent, request.clone()),
        complete(&agent, request.clone())
    );
    let done = complete(&agent, request.clone()).await.unwrap();
    for one in [once, twice] {
        // Two at once: one may have to try again.
        one.map_or_else(
            |refused| assert_eq!(refusal(&refused).1, "CONFLICT"),
            |one| assert_eq!(one, done),
        );
    }
    let reused = CompleteFileReviewRequest {
        reference: "录音 4".into(),
        ..request
    };
    let refused = complete(&agent, reused).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "REQUEST_ID_REUSED");
    let filter = format!("customer = {} AND reviewer = {}", file.name, done.reviewer);
    assert_eq!(
        reviews(&agent, &filter).await.unwrap(),
        std::slice::from_ref(&done)
    );
    assert!(
        reviews(&suite.caller("ma.chao"), "")
            .await
            .unwrap()
            .is_empty()
    );
    let state = finding(&agent, &due.name).await.unwrap().state();
    assert_eq!(state, QualityFindingState::Resolved);

    measure_now(&suite).await;
    let after = eventually(async || {
        let head = suite.caller_for("zhang.min", "quality");
        let found = figures(&head).await.ok()?.pop()?;
        (found.reviewed_count == 1).then_some(found)
    })
    .await;
    assert_eq!(counted(&after), [1, 0, 0, 0, 1]);
    let after = quality(&suite.caller("li.wei"), &file.name).await.unwrap();
    assert_eq!(
        (after.review_time, after.confirm_time),
        (done.review_time, done.review_time)
    );
    assert!(after.review_due_time.unwrap().seconds > done.review_time.unwrap().seconds);

    // What happened is journaled, and what is overdue once.
    for (kind, expected) in [
        (
            "SELECT count(*) FROM profile.journal WHERE type = 'quality_finding.found'",
            10,
        ),
        (
            "SELECT count(*) FROM profile.journal WHERE type = 'quality_finding.resolved'",
            9,
        ),
        (
            "SELECT count(*) FROM profile.journal WHERE type = 'quality_finding.overdue'",
            1,
        ),
        (
            "SELECT count(*) FROM profile.journal WHERE type = 'file_review.completed'",
            1,
        ),
        ("SELECT count(*) FROM profile.file_review", 1),
    ] {
        assert_eq!(count(&suite, kind).await, expected, "{kind}");
    }
}

/// Clause CF-7.3: whoever is handed a finding sees the file until it is closed; what is left
/// as it is is found again.
#[tokio::test(flavor = "multi_thread")]
async fn a_finding_is_handed_over_or_left_until_a_date() {
    let suite = TestSuite::start().await;
    let file = enter(&suite.caller("li.wei"), with_gaps()).await;
    measure_now(&suite).await;
    open_fields(&suite, "zhang.min", "quality", 7).await;
    let head = suite.caller_for("zhang.min", "quality");
    let all = findings(&head, "kind = MISSING").await.unwrap();
    let about = |field: &str| all.iter().find(|one| one.field == field).unwrap().clone();
    let region = about("region");

    let agent = suite.caller("li.wei");
    let refused = assign(&agent, &region, "ma.chao", "").await.unwrap_err();
    assert_eq!(refusal(&refused).0, Code::PermissionDenied);
    let refused = dismiss(&suite, &agent, &region, 5).await.unwrap_err();
    assert_eq!(refusal(&refused).0, Code::PermissionDenied);
    let other = suite.caller_for("zhao.lei", "quality");
    for refused in [
        assign(&other, &region, "ma.chao", "").await.unwrap_err(),
        dismiss(&suite, &other, &region, 5).await.unwrap_err(),
        finding(&other, &region.name).await.unwrap_err(),
    ] {
        assert_eq!(refusal(&refused).0, Code::NotFound);
    }
    // A finding of a class that is not cleared is not there.
    let keeper = suite.caller_for("feng.yulan", "administration");
    let hidden = findings(&keeper, "kind = MISSING").await.unwrap();
    let hidden = hidden
        .into_iter()
        .find(|one| one.field == "id_card")
        .unwrap();
    for refused in [
        finding(&head, &hidden.name).await.unwrap_err(),
        assign(&head, &hidden, "ma.chao", "").await.unwrap_err(),
        dismiss(&suite, &head, &hidden, 5).await.unwrap_err(),
    ] {
        assert_eq!(refusal(&refused).0, Code::NotFound);
    }

    let helper = suite.caller("ma.chao");
    assert_eq!(
        refusal(&get(&helper, &file.name).await.unwrap_err()).0,
        Code::NotFound
    );
    let head = suite.caller_for("zhang.min", "quality");
    let id = "0190c5a8-0000-7000-8000-0000000000f8";
    let given = assign(&head, &region, "ma.chao", id).await.unwrap();
    assert_eq!(assign(&head, &region, "ma.chao", id).await.unwrap(), given);
    let refused = assign(&head, &region, "li.wei", "").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "ETAG_MISMATCH");
    let helper = suite.caller("ma.chao").after(&head);
    assert_eq!(finding(&helper, &region.name).await.unwrap(), given);
    let seen = get(&helper, &file.name).await.unwrap();
    update(
        &helper,
        Customer {
            region: "上海".into(),
            ..seen
        },
        &["region"],
        "来电",
    )
    .await
    .unwrap();
    measure_now(&suite).await;
    eventually(async || {
        let helper = suite.caller("ma.chao");
        let gone = get(&helper, &file.name).await.err()?;
        (gone.code() == Code::NotFound).then_some(())
    })
    .await;

    let head = suite.caller_for("zhang.min", "quality");
    let emails = about("emails");
    for days in [0, 91] {
        let refused = dismiss(&suite, &head, &emails, days).await.unwrap_err();
        assert_eq!(violations(&refused), ["until_time"], "{days}");
    }
    let silent = DismissQualityFindingRequest {
        name: emails.name.clone(),
        etag: emails.etag.clone(),
        ..DismissQualityFindingRequest::default()
    };
    let refused = qualities(&head).dismiss_quality_finding(silent).await;
    assert_eq!(violations(&refused.unwrap_err()), ["reason", "until_time"]);
    let left = dismiss(&suite, &head, &emails, 5).await.unwrap();
    assert_eq!(left.state(), QualityFindingState::Dismissed);
    assert_eq!(
        left.closer,
        format!("employees/{}", employee_id("zhang.min"))
    );
    let refused = dismiss(&suite, &head, &left, 5).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    let refused = assign(&head, &left, "li.wei", "").await.unwrap_err();
    assert_eq!(refusal(&refused).1, "STATE_NOT_ALLOWED");
    measure_now(&suite).await;
    open_fields(&suite, "zhang.min", "quality", 5).await;
    suite.clock.advance(DAY * 5);
    let fields = open_fields(&suite, "zhang.min", "quality", 6).await;
    assert!(fields.contains(&"emails".to_owned()));
}
