//! Files that may be of one customer.

use kefu_contracts::profile::{
    Customer, DismissDuplicateRequest, Duplicate, DuplicateSignalKind, DuplicateState,
    GetDuplicateRequest, GetFileQualityRequest, ListDepartmentQualitiesRequest,
    ListDuplicatesRequest, Phone, duplicate_service_client::DuplicateServiceClient,
    quality_service_client::QualityServiceClient,
};
use kefu_testkit::{Caller, TestSuite, eventually};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    destruction::{COOLING, certificate, form, scheduled},
    merges::{again, archived, asks, keeper, merge, undo},
    records::{enter, get, person, refusal, said, update, violations},
    retention::{ago, last_met},
};

fn duplicates(caller: &Caller) -> DuplicateServiceClient<Caller> {
    DuplicateServiceClient::new(caller.clone())
}

async fn list(caller: &Caller, filter: &str) -> Result<Vec<Duplicate>, Status> {
    let request = ListDuplicatesRequest {
        filter: filter.into(),
        ..ListDuplicatesRequest::default()
    };
    let listed = duplicates(caller).list_duplicates(request).await?;
    let listed = listed.into_inner();
    assert_eq!(
        usize::try_from(listed.total_size).unwrap(),
        listed.duplicates.len()
    );
    Ok(listed.duplicates)
}

/// Waits until every file was compared.
async fn compared(suite: &TestSuite) {
    let mut sql = suite.database.connect().await.unwrap();
    eventually(async || {
        let due: i64 = sqlx::query_scalar("SELECT count(*) FROM profile.duplicate_due")
            .fetch_one(&mut sql)
            .await
            .unwrap();
        (due == 0).then_some(())
    })
    .await;
}

async fn dismiss(caller: &Caller, pair: &Duplicate, request_id: &str) -> Result<Duplicate, Status> {
    let request = DismissDuplicateRequest {
        name: pair.name.clone(),
        etag: pair.etag.clone(),
        reason: "father and son".into(),
        request_id: request_id.into(),
    };
    let dismissed = duplicates(caller).dismiss_duplicate(request).await;
    dismissed.map(tonic::Response::into_inner)
}

/// How unique a file is, once it was measured.
async fn quality(caller: &Caller, file: &str) -> Option<i32> {
    eventually(async || {
        let request = GetFileQualityRequest {
            parent: file.to_owned(),
        };
        let mut client = QualityServiceClient::new(caller.clone());
        let found = client.get_file_quality(request).await.unwrap().into_inner();
        found.overall.map(|_| found.uniqueness)
    })
    .await
}

/// Somebody else altogether.
fn other() -> Customer {
    Customer {
        display_name: "李四".into(),
        phones: vec![Phone {
            number: "13500001111".into(),
            ..Phone::default()
        }],
        id_card: String::new(),
        bank_card: String::new(),
        ..person()
    }
}

/// Clauses IH-2.2, CF-7.3: two files of one customer are found with what speaks for it, until
/// they are merged, are no longer alike, or are found to be of two.
#[tokio::test(flavor = "multi_thread")]
async fn files_of_one_customer_are_found() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let one = archived(&suite, &erp, person()).await;
    let two = archived(&suite, &erp, again()).await;
    archived(&suite, &erp, other()).await;
    compared(&suite).await;
    let keeper = keeper(&suite, &erp);
    let found = list(&keeper, "").await.unwrap();
    assert_eq!(found.len(), 1);
    let pair = &found[0];
    let mut files = [one.name.clone(), two.name.clone()];
    files.sort();
    assert_eq!(pair.customers, files);
    assert_eq!((pair.state(), pair.score), (DuplicateState::Open, 100));
    let signals: Vec<_> = pair
        .signals
        .iter()
        .map(|one| (one.kind(), one.points))
        .collect();
    let expected = [
        (DuplicateSignalKind::SameIdCard, 90),
        (DuplicateSignalKind::SamePhone, 40),
        (DuplicateSignalKind::SimilarName, 15),
    ];
    assert_eq!(signals, expected);
    for file in &files {
        let filter = format!("customer = {file} AND state = OPEN");
        assert_eq!(list(&keeper, &filter).await.unwrap(), found);
    }

    // And their quality says so, to who may see both.
    let unique = quality(&keeper, &one.name).await;
    assert_eq!(unique, Some(0));
    let agent = suite.caller("li.wei").after(&keeper);
    assert_eq!(quality(&agent, &one.name).await, Some(0), "both are theirs");

    // One now has neither in common.
    let (one, two) = (
        get(&keeper, &one.name).await.unwrap(),
        get(&keeper, &two.name).await.unwrap(),
    );
    let changed = Customer {
        phones: other().phones,
        id_card: String::new(),
        ..two.clone()
    };
    let two = update(&keeper, changed, &["phones", "id_card"], "mistaken")
        .await
        .unwrap();
    compared(&suite).await;
    let resolved = list(&keeper, "state = RESOLVED").await.unwrap();
    assert_eq!(resolved.len(), 1);
    // And with the other customer it shares a telephone alone, which families do.
    assert_eq!(list(&keeper, "state = OPEN").await.unwrap().len(), 0);

    let back = Customer {
        phones: again().phones,
        ..two
    };
    let two = update(&keeper, back, &["phones"], "mistaken again")
        .await
        .unwrap();
    compared(&suite).await;
    let found = list(&keeper, "state = OPEN").await.unwrap();
    assert_eq!((found.len(), found[0].score), (1, 55));
    let made = merge(&keeper, asks(&one, &two)).await.unwrap();
    assert!(list(&keeper, "").await.unwrap().is_empty(), "they are one");
    undo(&keeper, &made).await.unwrap();
    compared(&suite).await;
    let pair = list(&keeper, "").await.unwrap().remove(0);
    assert_eq!(pair.state(), DuplicateState::Dismissed, "two, as was said");
    assert_eq!(pair.dismiss_reason, "two people after all");

    // Who is shown a pair is in the looks at both files, and finding one in the history of none.
    let mut sql = suite.database.connect().await.unwrap();
    let told: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT type, count(DISTINCT customer_id), count(*) FILTER (WHERE customer_id IS NULL)
         FROM profile.journal WHERE type IN ('duplicate.viewed', 'duplicate.found', 'duplicate.resolved')
         GROUP BY type ORDER BY type",
    )
    .fetch_all(&mut sql)
    .await
    .unwrap();
    let expected = [
        ("duplicate.found".to_owned(), 0, 2),
        ("duplicate.resolved".to_owned(), 0, 1),
        // Two lists were empty.
        ("duplicate.viewed".to_owned(), 2, 2),
    ];
    assert_eq!(told, expected);
}

/// Clause IH-2.2: what was found to be two customers is found again only by something else.
#[tokio::test(flavor = "multi_thread")]
async fn two_customers_are_not_found_again() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let plain = || Customer {
        id_card: String::new(),
        ..person()
    };
    archived(&suite, &erp, plain()).await;
    let two = archived(&suite, &erp, plain()).await;
    compared(&suite).await;
    let keeper = keeper(&suite, &erp);
    let pair = list(&keeper, "").await.unwrap().remove(0);
    assert_eq!(pair.score, 70);

    // Everything that is wrong, and who may not.
    let refused = duplicates(&keeper)
        .dismiss_duplicate(DismissDuplicateRequest::default())
        .await;
    assert_eq!(
        violations(&refused.unwrap_err()),
        ["name", "etag", "reason"]
    );
    let stale = Duplicate {
        etag: "r7".into(),
        ..pair.clone()
    };
    let refused = dismiss(&keeper, &stale, "").await.unwrap_err();
    assert_eq!(refusal(&refused), (Code::Aborted, "ETAG_MISMATCH".into()));
    let nobody = Duplicate {
        name: format!("duplicates/{}", Uuid::nil()),
        ..pair.clone()
    };
    let refused = dismiss(&keeper, &nobody, "").await.unwrap_err();
    assert_eq!(refusal(&refused).0, Code::NotFound);
    let request = GetDuplicateRequest { name: nobody.name };
    let refused = duplicates(&keeper)
        .get_duplicate(request)
        .await
        .unwrap_err();
    assert_eq!(refusal(&refused).0, Code::NotFound);
    for login in ["li.wei", "lin.na"] {
        let caller = suite.caller(login);
        let expected = (Code::PermissionDenied, "PERMISSION_MISSING".to_owned());
        assert_eq!(refusal(&list(&caller, "").await.unwrap_err()), expected);
        let refused = dismiss(&caller, &pair, "").await.unwrap_err();
        assert_eq!(refusal(&refused), expected);
    }

    let id = "0190c5a8-0000-7000-8000-0000000000d3";
    let dismissed = dismiss(&keeper, &pair, id).await.unwrap();
    assert_eq!(dismissed.state(), DuplicateState::Dismissed);
    assert_eq!(dismiss(&keeper, &pair, id).await.unwrap(), dismissed);
    let refused = dismiss(&keeper, &dismissed, "").await.unwrap_err();
    assert_eq!(said(&refused, "allowed"), "OPEN");
    let request = GetDuplicateRequest {
        name: pair.name.clone(),
    };
    let shown = duplicates(&keeper).get_duplicate(request).await.unwrap();
    assert_eq!(shown.into_inner(), dismissed);

    let file = get(&keeper, &two.name).await.unwrap();
    let moved = Customer {
        occupation: "医生".into(),
        ..file
    };
    let file = update(&keeper, moved, &["occupation"], "x").await.unwrap();
    compared(&suite).await;
    let same = list(&keeper, "").await.unwrap();
    assert_eq!(same, [dismissed]);
    // The same ID card is something else.
    let number = person().id_card;
    for file in [
        file,
        get(&keeper, &other_of(&pair, &two.name)).await.unwrap(),
    ] {
        let with = Customer {
            id_card: number.clone(),
            ..file
        };
        update(&keeper, with, &["id_card"], "x").await.unwrap();
    }
    compared(&suite).await;
    let found = list(&keeper, "state = OPEN").await.unwrap();
    assert_eq!((found.len(), found[0].score), (1, 100));
    assert_eq!(found[0].dismiss_reason, "");
}

fn other_of(pair: &Duplicate, file: &str) -> String {
    let other = pair.customers.iter().find(|one| *one != file);
    other.unwrap().clone()
}

/// Clause CF-7.3: that a file is alike to one that the reader may not see is told by no score.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_alike_out_of_sight_is_not_told() {
    let suite = TestSuite::start().await;
    let (one, other) = (suite.caller("li.wei"), suite.caller("ma.chao"));
    let file = enter(&one, person()).await;
    let twin = enter(&other.after(&one), person()).await;
    compared(&suite).await;
    let keeper = keeper(&suite, &one);
    assert_eq!(list(&keeper, "").await.unwrap().len(), 1);
    for name in [&file.name, &twin.name] {
        assert_eq!(quality(&keeper, name).await, Some(0));
    }
    assert_eq!(quality(&one, &file.name).await, Some(100));
    let mut client = QualityServiceClient::new(keeper);
    let request = ListDepartmentQualitiesRequest {};
    let departments = client.list_department_qualities(request).await.unwrap();
    let departments = departments.into_inner().departments;
    let all: i64 = departments.iter().map(|one| one.file_count).sum();
    assert_eq!(all, 2);
    assert!(departments.iter().all(|one| one.uniqueness == Some(0)));
}

/// A value that too many files have tells nothing; and what is destroyed is alike with nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_hotline_makes_nobody_alike() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    for number in 0..52 {
        let one = Customer {
            display_name: format!("张三丰{}", number % 2),
            id_card: String::new(),
            ..person()
        };
        enter(&erp, one).await;
    }
    compared(&suite).await;
    let mut sql = suite.database.connect().await.unwrap();
    sqlx::raw_sql("UPDATE profile.customer SET revision = revision + 1")
        .execute(&mut sql)
        .await
        .unwrap();
    compared(&suite).await;
    let keeper = keeper(&suite, &erp);
    assert!(list(&keeper, "state = OPEN").await.unwrap().is_empty());

    let old = || Customer {
        phones: other().phones,
        ..last_met(ago(&suite, 70))
    };
    let one = archived(&suite, &keeper, old()).await;
    archived(&suite, &keeper, old()).await;
    compared(&suite).await;
    assert_eq!(list(&keeper, "state = OPEN").await.unwrap().len(), 1);
    let destruction = scheduled(&suite, form(&[&one.name])).await;
    suite.clock.advance(COOLING);
    certificate(&suite, &destruction).await;
    let left: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM profile.duplicate WHERE one_id = $1 OR other_id = $1)
              + (SELECT count(*) FROM profile.duplicate_key WHERE customer_id = $1)",
    )
    .bind(crate::destruction::id(&one.name))
    .fetch_one(&mut sql)
    .await
    .unwrap();
    assert_eq!(left, 0);
}
